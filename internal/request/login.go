package request

import "strings"

// LoginPath reports whether one of the path's last two segments speaks of a login.
func (r *Request) LoginPath() bool {
	for i := max(len(r.Steps())-2, 0); i < len(r.Steps()); i++ {
		if loginWord(r.Steps()[i].Value) {
			return true
		}
	}
	return false
}

// loginWord reports whether a segment says so, with or without the ending of a script's file.
func loginWord(s string) bool {
	s, _, _ = strings.Cut(s, ".")
	if len(s) > 3 && s[2] == '-' && strings.EqualFold(s[:3], "wp-") {
		s = s[3:]
	}
	if s == "" || strings.IndexByte("alst", s[0]|0x20) < 0 {
		return false
	}
	for _, w := range [...]string{"login", "log-in", "log_in", "signin", "sign-in", "sign_in", "logon", "auth",
		"authenticate", "authentication", "token", "tokens", "session", "sessions"} {
		if strings.EqualFold(s, w) {
			return true
		}
	}
	return false
}

// ForgetPath reports whether one of the path's last two segments speaks of a
// password that was forgotten.
func (r *Request) ForgetPath() bool {
	for i := max(len(r.Steps())-2, 0); i < len(r.Steps()); i++ {
		s := r.Steps()[i].Value
		if len(s) > 64 {
			continue
		}
		s = strings.ToLower(s)
		if strings.Contains(s, "forgot") || strings.Contains(s, "recover") || strings.Contains(s,
			"reset") && (strings.Contains(s,
			"passw") || i > 0 && strings.Contains(strings.ToLower(r.Steps()[i-1].Value), "passw")) {
			return true
		}
	}
	return false
}

// TakesPassword reports whether people send their passwords to where r goes, as tags
// or one of the path's last two segments say: to log in, to sign up, to choose another.
func (r *Request) TakesPassword() bool {
	if r.Endpoint.Tags&(TagLogin|TagSignup|TagReset|TagOTP) != 0 || r.LoginPath() || r.ForgetPath() {
		return true
	}
	for i := max(len(r.Steps())-2, 0); i < len(r.Steps()); i++ {
		for _, w := range [...]string{"signup", "sign-up", "sign_up", "register", "registration", "password",
			"passwords", "unlock"} {
			if strings.EqualFold(r.Steps()[i].Value, w) {
				return true
			}
		}
	}
	return false
}
