package request

import "strings"

// Credential returns what identifies the caller beyond its address: the
// Authorization header, an API key header, or a session cookie, in this order;
// empty if there is none. It is a secret: only digests of it may be kept.
func (r *Request) Credential() string {
	for _, name := range [...]string{"Authorization", "X-Api-Key", "Api-Key"} {
		if v := r.Header(name); v != "" {
			return v
		}
	}
	for _, c := range r.Cookies {
		if sessionCookie(c.Name) && c.Value != "" {
			return c.Value
		}
	}
	return ""
}

// sessionCookie reports whether a cookie's name is one that frameworks give to
// sessions: sid, session, JSESSIONID, PHPSESSID, ASP.NET_SessionId,
// connect.sid, auth_token, wordpress_logged_in_… and the like.
func sessionCookie(name string) bool {
	if len(name) > 64 {
		return false
	}
	n := strings.ToLower(name)
	for _, part := range [...]string{"sess", "auth", "logged_in", "remember", "identity"} {
		if strings.Contains(n, part) {
			return true
		}
	}
	return strings.HasSuffix(n, "sid") ||
		strings.HasSuffix(n, "token") && !strings.Contains(n, "csrf") && !strings.Contains(n, "xsrf")
}
