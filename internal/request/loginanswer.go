package request

import "strings"

// LoginResult is what became of an attempt to log in, as far as the answer says more
// than its status does.
type LoginResult uint8

// The results.
const (
	LoginUnknown LoginResult = iota // as the status says
	LoginRefused                    // refused, whatever the status
	LoginEntered                    // somebody got in
	// LoginUnclear: neither, where others' answers say which. It may be none: one endpoint
	// may do other things too, and such requests must not pass for logins that succeed.
	LoginUnclear
)

var loginResults = [...]string{"", "refused", "entered", "unclear"}

// String returns "refused", "entered" or "unclear", or "" where nothing is known, as
// recordings spell it.
func (l LoginResult) String() string { return loginResults[min(int(l), len(loginResults)-1)] }

// LoginResultNamed reads what String writes; anything else is unknown.
func LoginResultNamed(s string) LoginResult {
	for i, n := range loginResults {
		if n == s {
			return LoginResult(i)
		}
	}
	return LoginUnknown
}

// MaxLoginAnswer is how many bytes of an answer to a login are looked at.
const MaxLoginAnswer = 64 << 10

// FormAgain reports whether a page shows a form with a password that sends it to path
// again, as pages do that refuse a login. It reads at most MaxLoginAnswer bytes, each of
// them a bounded number of times. path is as it was sent.
func FormAgain(page []byte, path string) bool {
	s := view(page[:min(len(page), MaxLoginAnswer)])
	for forms := 0; forms < maxForms; forms++ {
		at := indexFold(s, "<form")
		if at < 0 {
			return false
		}
		s = s[at+len("<form"):]
		open, rest, ok := strings.Cut(s, ">")
		if !ok || len(open) > maxTag {
			continue
		}
		end := indexFold(rest, "</form")
		if end < 0 {
			end = len(rest)
		}
		action := attribute(open, "action")
		own := action == "" || samePath(action, path)
		if own && asksPassword(rest[:end]) {
			return true
		}
		s = rest[end:]
	}
	return false
}

// maxForms bounds the forms of a page that are looked at, maxTag the bytes of a tag.
const maxForms, maxTag = 16, 4096

// asksPassword reports whether a form has a field for a password.
func asksPassword(form string) bool {
	for fields := 0; fields < 64; fields++ {
		at := indexFold(form, "<input")
		if at < 0 {
			return false
		}
		form = form[at+len("<input"):]
		tag, rest, _ := strings.Cut(form, ">")
		if len(tag) <= maxTag && strings.EqualFold(attribute(tag, "type"), "password") {
			return true
		}
		form = rest
	}
	return false
}

// attribute returns the value of an attribute in a tag; empty if there is none.
func attribute(tag, name string) string {
	for len(tag) > len(name) {
		at := indexFold(tag, name)
		if at < 0 {
			return ""
		}
		before := at == 0 || tag[at-1] <= ' ' || tag[at-1] == '"' || tag[at-1] == '\''
		tag = strings.TrimLeft(tag[at+len(name):], " \t\r\n")
		if !before || tag == "" || tag[0] != '=' {
			continue
		}
		tag = strings.TrimLeft(tag[1:], " \t\r\n")
		if tag == "" {
			return ""
		}
		if q := tag[0]; q == '"' || q == '\'' {
			value, _, _ := strings.Cut(tag[1:], string(q))
			return strings.TrimSpace(value)
		}
		end := strings.IndexAny(tag, " \t\r\n")
		if end < 0 {
			end = len(tag)
		}
		return tag[:end]
	}
	return ""
}

// samePath reports whether a link leads to path: by a path, a relative name, a query
// alone, or with a host before it.
func samePath(link, path string) bool {
	link = LinkPath(link)
	if link == "" || link == path {
		return true
	}
	return link[0] != '/' && strings.HasSuffix(path, "/"+strings.TrimPrefix(link, "./"))
}

// LinkPath returns the path of a link: absolute, with a host alone, or relative; empty if
// it has none.
func LinkPath(link string) string {
	if strings.HasPrefix(link, "//") {
		link = "http:" + link
	}
	if scheme, _, ok := strings.Cut(link, "://"); ok && !strings.ContainsAny(scheme, "/?#") {
		link = PathOf(link)
	}
	if at := strings.IndexAny(link, "?#"); at >= 0 {
		link = link[:at]
	}
	return link
}

// indexFold returns where s has word, which is in lower case and begins with a byte that
// has none or one of two cases; -1 if it has not.
func indexFold(s, word string) int {
	first := word[0]
	for i := 0; i+len(word) <= len(s); i++ {
		if c := s[i]; c != first && (c|0x20 != first || first-'a' >= 26) {
			continue
		}
		if strings.EqualFold(s[i:i+len(word)], word) {
			return i
		}
	}
	return -1
}

// JSONLogin reads what a JSON answer to a login says: that a token was handed out, or
// that it failed, by errors or by a member that says so.
func JSONLogin(contentType string, prefix []byte, scratch *Scratch) (token, failed bool) {
	walked, most := scratch.Walked, scratch.Most
	scratch.Most = 0
	WalkBody(contentType, prefix[:min(len(prefix), MaxLoginAnswer)], false, scratch, func(v *Value) bool {
		if v.In != InJSON || len(v.Key) > 128 {
			return true
		}
		switch name := lastName(v.Key); {
		case len(v.Text) >= leastToken && tokenName(name):
			token = true
		case saysFailed(v.Key, name, v.Text):
			failed = true
		}
		return true
	})
	scratch.Walked, scratch.Most = walked, most
	return token, failed
}

// leastToken is how long a token at least is, in bytes.
const leastToken = 16

// lastName returns the last name of a key's path, without brackets.
func lastName(key string) string {
	key = strings.TrimRight(key, "[]")
	if dot := strings.LastIndexByte(key, '.'); dot >= 0 {
		key = key[dot+1:]
	}
	return strings.TrimRight(key, "[]")
}

func tokenName(name string) bool {
	for _, w := range [...]string{"token", "accesstoken", "access_token", "idtoken", "id_token", "jwt", "sessiontoken",
		"session_token", "authtoken", "auth_token", "refreshtoken", "refresh_token", "sessionid", "session_id", "bearer"} {
		if strings.EqualFold(name, w) {
			return true
		}
	}
	return false
}

// saysFailed reports whether a member says that what was asked failed.
func saysFailed(key, name, text string) bool {
	if text == "" || text == "null" || strings.Count(key, ".") > 3 {
		return false
	}
	no := text == "false" || text == "0"
	top, _, _ := strings.Cut(strings.TrimPrefix(key, "[]."), ".")
	switch {
	case strings.HasPrefix(top, "errors"), strings.Contains(key, "rrors[]."): // GraphQL, section 7.1.2; userErrors
		return !no
	case strings.EqualFold(name, "success"), strings.EqualFold(name, "ok"), strings.EqualFold(name, "authenticated"),
		strings.EqualFold(name, "loggedIn"), strings.EqualFold(name, "logged_in"):
		return no
	case key == "error" || key == "err":
		return !no
	case key == "status" || key == "result":
		for _, w := range [...]string{"error", "fail", "failed", "failure", "denied", "unauthorized", "invalid"} {
			if strings.EqualFold(text, w) {
				return true
			}
		}
	}
	return false
}

// CookieSet returns the name of the cookie that a Set-Cookie field sets and its value; ok
// is false if it takes one away.
func CookieSet(line string) (name, value string, ok bool) {
	pair, attributes, _ := strings.Cut(line, ";")
	name, value, ok = strings.Cut(pair, "=")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if !ok || name == "" || value == "" || value == `""` || strings.EqualFold(value, "deleted") {
		return name, value, false
	}
	for a := range strings.SplitSeq(attributes, ";") {
		a = strings.ToLower(strings.TrimSpace(a))
		if age, is := strings.CutPrefix(a, "max-age="); is && (age == "0" || strings.HasPrefix(age, "-")) {
			return name, value, false
		}
		if date, is := strings.CutPrefix(a, "expires="); is && strings.Contains(date, "1970") {
			return name, value, false
		}
	}
	return name, value, true
}

// SaysError reports whether the query of a link says that something failed.
func SaysError(link string) bool {
	_, query, _ := strings.Cut(link[:min(len(link), 2048)], "?")
	query, _, _ = strings.Cut(query, "#")
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if strings.Contains(value, "%2F") || strings.Contains(value, "/") {
			value = "" // where to go on
		}
		for _, w := range [...]string{"error", "fail", "invalid", "denied", "incorrect", "wrong"} {
			if indexFold(name, w) >= 0 || indexFold(value, w) >= 0 {
				return true
			}
		}
	}
	return false
}

// ChoosesPassword reports whether people choose a password where r goes, as tags or one
// of the path's last two segments say: then it is no attempt to log in.
func (r *Request) ChoosesPassword() bool {
	if r.Endpoint.Tags&(TagSignup|TagReset) != 0 {
		return true
	}
	if r.Endpoint.Tags.Has(TagLogin) || r.LoginPath() {
		return false
	}
	if r.ForgetPath() {
		return true
	}
	for i := max(len(r.Steps())-2, 0); i < len(r.Steps()); i++ {
		word, _, _ := strings.Cut(r.Steps()[i].Value, ".")
		for _, w := range [...]string{"signup", "sign-up", "sign_up", "register", "registration", "password",
			"passwords", "profile", "install"} {
			if strings.EqualFold(word, w) {
				return true
			}
		}
	}
	return false
}
