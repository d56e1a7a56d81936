package request

import "strings"

// SecretHeader reports whether the header's value is a secret, which leaves the
// process only as "~" or a keyed digest.
func SecretHeader(name string) bool {
	for _, h := range secretHeaders {
		if fold(name, h) {
			return true
		}
	}
	return len(name) > 4 && foldSuffix(name, "-token") || foldSuffix(name, "-key") && foldPrefix(name, "x-") ||
		foldSuffix(name, "-secret") || foldSuffix(name, "-signature") || foldSuffix(name, "-password")
}

var secretHeaders = [...]string{
	"authorization", "proxy-authorization", "cookie", "set-cookie", "api-key", "apikey", "x-api-key", "x-auth-token", "x-csrf-token",
	"x-xsrf-token", "x-amz-security-token", "private-token", "x-auth", "x-access-token", "x-session-id", "x-session", "x-wp-nonce", "x-goog-api-key",
	"bartizan-pass", "bartizan-answer", "x-vault-token", "ocp-apim-subscription-key", "sec-websocket-key", "x-functions-key", "x-auth-key", "authentication-info",
}

func foldPrefix(s, low string) bool { return len(s) >= len(low) && fold(s[:len(low)], low) }
func foldSuffix(s, low string) bool { return len(s) >= len(low) && fold(s[len(s)-len(low):], low) }

// SecretField reports whether a parameter, cookie or document key of this name
// holds a secret or personal number. name may be a path: the last key counts.
func SecretField(name string) bool {
	var buf [48]byte
	n := flatten(&buf, name)
	if n == "" {
		return false
	}
	switch n {
	case "pin", "pan", "otp", "ssn", "cvv", "cvc", "cvv2", "cvc2", "csc", "pwd", "auth", "sig", "sid", "jwt", "key", "code", "cc", "iban", "session":
		return true
	}
	for _, w := range secretWords {
		if strings.Contains(n, w) {
			return true
		}
	}
	return false
}

var secretWords = [...]string{
	"passw", "passphrase", "passcode", "token", "secret", "apikey", "accesskey", "privatekey", "credential", "cardnumber", "creditcard", "ccnumber",
	"securitycode", "onetime", "socialsecurity", "authorization", "sessionid", "sessid", "signature", "mfacode", "otpcode", "totp", "pinnumber", "cookie",
}

// flatten writes the last key of name in lower case without '_', '-' and
// brackets into buf and returns it: "session[user_name]" gives "username".
func flatten(buf *[48]byte, name string) string {
	name = strings.TrimSuffix(name, "[]")
	if strings.HasSuffix(name, "]") {
		name = name[:len(name)-1]
		if i := strings.LastIndexByte(name, '['); i >= 0 {
			name = name[i+1:]
		}
	}
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		name = name[i+1:]
	}
	n := 0
	for i := 0; i < len(name) && n < len(buf); i++ {
		switch c := lower(name[i]); c {
		case '_', '-', '[', ']', ' ', '$':
		default:
			buf[n] = c
			n++
		}
	}
	return view(buf[:n])
}

// LoginField returns how surely a field of this name holds a user name (0 not
// at all, 3 surely) and whether it holds a password.
func LoginField(name string) (user int, password bool) {
	if len(name) > 256 {
		return 0, false
	}
	var buf [48]byte
	switch flatten(&buf, name) {
	case "password", "passwd", "pwd", "pass", "passphrase", "passcode", "pin", "pincode", "jpassword", "userpassword", "loginpassword", "currentpassword", "userpass", "pswd", "psw", "passwort", "motdepasse", "contrasena", "senha":
		return 0, true
	case "username", "user", "login", "userid", "loginid", "uname", "jusername", "loginname", "userlogin", "usernameoremail", "emailorusername", "log", "signin":
		return 3, false
	case "email", "mail", "emailaddress", "useremail", "loginemail", "identifier", "identity", "account", "accountid", "accountname", "accountnumber":
		return 2, false
	case "phone", "phonenumber", "mobile", "mobilenumber", "msisdn", "customerid", "memberid", "cardno", "membernumber", "name":
		return 1, false
	}
	return 0, false
}

// Excerpt returns at most max bytes of s that are safe to show: control and
// non-UTF-8 bytes escaped, numbers that pass as payment cards and tokens
// masked. A cut is marked by an ellipsis.
func Excerpt(s string, max int) string {
	const window = 1024
	if max <= 0 {
		return ""
	}
	s = s[:min(len(s), window)]
	if plain(s) && len(s) <= max {
		return s
	}
	out := make([]byte, 0, min(max, window)+8)
	for i := 0; i < len(s); {
		if n := secretRun(s, i); n > 0 {
			out = append(out, '~')
			i += n
		} else {
			out = appendSafe(out, s, &i)
		}
		if len(out) > max {
			return cut(out, max)
		}
	}
	return string(out)
}

// cut shortens out to max bytes, at a rune boundary, with an ellipsis if there is room.
func cut(out []byte, max int) string {
	const ellipsis = "…"
	n := max
	if max > 2*len(ellipsis) {
		n = max - len(ellipsis)
	}
	for n > 0 && n < len(out) && out[n]&0xC0 == 0x80 {
		n--
	}
	if n < len(out) && max > 2*len(ellipsis) {
		return string(out[:n]) + ellipsis
	}
	return string(out[:n])
}

// plain reports whether s is short words of printable ASCII: nothing to mask.
func plain(s string) bool {
	run := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c < ' ' || c > '~' || c == '\\' {
			return false
		}
		if tokenByte(c) {
			if run++; run >= 13 {
				return false
			}
		} else if c != ' ' && c != '-' {
			run = 0
		}
	}
	return true
}

func tokenByte(c byte) bool {
	return c-'0' < 10 || c|0x20-'a' < 26 || c == '_' || c == '-' || c == '.' || c == '+'
}

// secretRun returns how many bytes at s[i:] are a card number or a token, if a
// word starts there.
func secretRun(s string, i int) int {
	if i > 0 && tokenByte(s[i-1]) || !tokenByte(s[i]) {
		return 0
	}
	if n := cardRun(s[i:]); n > 0 {
		return n
	}
	j, digits, upper, lowers, dots := i, 0, 0, 0, 0
	for j < len(s) && (tokenByte(s[j]) || s[j] == '/' && digits > 0) {
		switch c := s[j]; {
		case c-'0' < 10:
			digits++
		case c-'A' < 26:
			upper++
		case c-'a' < 26:
			lowers++
		case c == '.':
			dots++
		}
		j++
	}
	n := j - i
	switch {
	case n >= 20 && strings.HasPrefix(s[i:], "eyJ"): // a JWT's header, {" in base64
		return n
	case n >= 20 && digits >= 3 && upper >= 3 && lowers >= 3 && dots <= 2:
		return n
	case n >= 32 && digits >= 6 && (upper >= 6 || lowers >= 6) && dots == 0:
		return n
	}
	return 0
}

// cardRun returns the length of 13 to 19 digits, spaces or hyphens allowed
// between them, that pass Luhn's check.
func cardRun(s string) int {
	var digits [20]byte
	n, end := 0, 0
	for i := 0; i < len(s) && n < len(digits); i++ {
		if s[i]-'0' < 10 {
			digits[n] = s[i] - '0'
			n++
			end = i + 1
		} else if (s[i] != ' ' && s[i] != '-') || n == 0 || i > 0 && s[i-1]-'0' >= 10 {
			break
		}
	}
	if n < 13 || n > 19 {
		return 0
	}
	sum := 0
	for i := range n {
		d := int(digits[n-1-i])
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	if sum%10 != 0 {
		return 0
	}
	return end
}
