package request

import (
	"encoding/base64"
	"strings"
)

// WalkHead visits every value of the head that an attacker would put a payload
// in: path, segments, query, cookies, and headers. It stops when visit returns
// false. Parse must have run.
//
// Credentials that are opaque (bearer tokens, API keys) are not visited: there
// is nothing to decode in them and they must not end up in evidence. Basic
// credentials are visited decoded.
func (r *Request) WalkHead(visit func(*Value) bool) {
	_ = r.walkPath(visit) && r.walkQuery(visit) && r.walkHeaders(visit) && r.walkCookies(visit)
}

// visit visits one value.
func (r *Request) visit(visit func(*Value) bool, in Location, key, text string) bool {
	r.visited.set(in, key, text)
	return visit(&r.visited)
}

func (r *Request) walkPath(visit func(*Value) bool) bool {
	if !r.visit(visit, InPath, "", r.decoded) {
		return false
	}
	if len(r.Segments) == 1 {
		return true // the path has said it all
	}
	for i := range r.Segments {
		if !r.visit(visit, InSegment, "", r.Segments[i].Value) {
			return false
		}
	}
	return true
}

func (r *Request) walkQuery(visit func(*Value) bool) bool {
	for i := range r.Query {
		q := &r.Query[i]
		if q.Name != "" && !r.visit(visit, InQueryName, q.Name, q.Name) {
			return false
		}
		if q.Value != "" && !r.visit(visit, InQuery, q.Name, q.Value) {
			return false
		}
	}
	return true
}

// WalkTrailers calls visit for the value of each trailer, as WalkHead does for headers.
func (r *Request) WalkTrailers(visit func(*Value) bool) { r.walkFields(r.Trailers, visit) }

func (r *Request) walkHeaders(visit func(*Value) bool) bool {
	return r.walkFields(r.Head.Fields, visit)
}

func (r *Request) walkFields(fields []Field, visit func(*Value) bool) bool {
	for i := range fields {
		f := &fields[i]
		text := f.Value
		switch {
		case fold(f.Name, "Cookie"):
			continue
		case fold(f.Name, "Authorization"):
			text = r.basic(text)
		case SecretHeader(f.Name):
			text = transparent(text)
		}
		if text != "" && !r.visit(visit, InHeader, f.Name, text) {
			return false
		}
	}
	return true
}

func (r *Request) walkCookies(visit func(*Value) bool) bool {
	mark := len(r.scratch)
	for i := range r.Cookies {
		c := &r.Cookies[i]
		text, flag := c.Value, r.BadEscapes
		if strings.IndexByte(text, '%') >= 0 {
			text = r.unescape(text, false)
			r.BadEscapes = flag // said of the target only
		}
		if len(text) > 2 && text[0] == '"' && strings.IndexByte(text, '\\') > 0 {
			text = r.unquoteCookie(text)
		}
		ok := PlainName(c.Name) || r.visit(visit, InCookie, c.Name, c.Name)
		ok = ok && (text == "" || r.visit(visit, InCookie, c.Name, text))
		r.scratch = r.scratch[:mark]
		if !ok {
			return false
		}
	}
	return true
}

// unquoteCookie undoes the octal escapes of a quoted cookie (RFC 2109, as Python
// writes and reads them).
func (r *Request) unquoteCookie(s string) string {
	start := len(r.scratch)
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\\' && i+3 < len(s) && s[i+1]-'0' < 4 && s[i+2]-'0' < 8 && s[i+3]-'0' < 8 {
			c = (s[i+1]-'0')<<6 | (s[i+2]-'0')<<3 | (s[i+3] - '0')
			i += 3
		}
		r.scratch = append(r.scratch, c)
	}
	return view(r.scratch[start:])
}

// PlainName reports whether s has nothing but letters, digits, '_' and '-'.
func PlainName(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c-'0' >= 10 && c|0x20-'a' >= 26 && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// transparent returns a secret's text if it cannot be an honest one (it holds
// quotes, brackets, spaces, control bytes, or words that are a path or an option), or "".
func transparent(s string) string {
	_, rest, _ := strings.Cut(s, " ") // after a scheme such as Bearer
	if strings.ContainsAny(rest, "'\"<>() `;|{}\\$%") || strings.HasPrefix(rest, "/") || strings.HasPrefix(rest, "-") || strings.Contains(s, "../") || rest == "" && strings.ContainsAny(s, "'\"<>()`;|{}\\") {
		return s
	}
	return ""
}

// basic returns the decoded "user:password" of Basic credentials; of other
// schemes what transparent returns.
func (r *Request) basic(s string) string {
	scheme, rest, _ := strings.Cut(s, " ")
	if !fold(scheme, "basic") || len(rest) > 4096 {
		return transparent(s)
	}
	// The decoded bytes stand behind what Parse put into scratch and are not
	// kept: the next value may overwrite them.
	start := len(r.scratch)
	buf, err := base64.StdEncoding.AppendDecode(r.scratch, []byte(strings.TrimSpace(rest)))
	if err != nil || len(buf) == start {
		return transparent(s)
	}
	return view(buf[start:])
}

// HeadLogin returns what the head holds of a login attempt: the user name in
// Basic credentials or in the query, and whether a password stands beside it.
// The name is valid until the next method call on r.
func (r *Request) HeadLogin() (user string, password bool) {
	if auth := r.Header("Authorization"); auth != "" {
		scheme, _, _ := strings.Cut(auth, " ")
		if fold(scheme, "basic") {
			u, _, found := strings.Cut(r.basic(auth), ":")
			return u, found
		}
	}
	best := 0
	for i := range r.Query {
		rank, secret := LoginField(r.Query[i].Name)
		if rank > best {
			best, user = rank, r.Query[i].Value
		}
		password = password || secret && r.Query[i].Value != ""
	}
	return user, password
}
