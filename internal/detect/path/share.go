package path

import (
	"strings"

	"bartizan/internal/detect/lex"
)

// Share judges a value in lower case that is a path of Windows to another machine or a
// device: \\host\share, \\?\C:\file, //?/UNC/host. Names of machines in one's own
// network, as people give them to each other, are none; numbers of others' are.
func Share(s string) lex.Strength {
	if len(s) < 5 || len(s) > 300 || s[0] != s[1] || s[0] != '\\' && s[0] != '/' {
		return lex.None
	}
	rest := s[2:]
	device := rest[0] == '?' || rest[0] == '.'
	switch {
	case device && (rest[1] == '/' || rest[1] == '\\'):
		what := rest[2:]
		switch {
		case strings.HasPrefix(what, "unc"), strings.HasPrefix(what, "globalroot"), strings.HasPrefix(what, "pipe"),
			len(what) > 2 && lex.Letter(what[0]) && what[1] == ':':
			return lex.Likely
		}
		return lex.Hint
	case lex.Byte(rest, 0) == '\\':
		return lex.None
	case s[0] == '/':
		if j := strings.IndexByte(rest, '/'); j > 0 && foreign(rest[:j]) && ends(rest, ".dll", ".exe", ".hta", ".scf",
			".ps1", ".bat", ".lnk") {
			return lex.Likely
		}
		return lex.None
	}
	end := strings.IndexAny(rest, "\\/")
	if end < 1 {
		return lex.None
	}
	host, share := rest[:end], rest[end+1:]
	name, _, at := strings.Cut(host, "@")
	if strings.IndexByte(host, ' ') >= 0 || strings.IndexByte(name, ':') >= 0 {
		return lex.None
	}
	if v, ok, odd := number(name); ok {
		if st, _ := address(v, odd, ""); st == lex.Hint && v>>24 != 127 && !at && !strings.HasPrefix(share, "c$") &&
			!strings.HasPrefix(share, "admin$") {
			return lex.Hint // a file server of one's own network
		}
		return lex.Likely
	}
	switch {
	case at, strings.HasPrefix(share, "c$"), strings.HasPrefix(share, "admin$"), strings.HasPrefix(share, "ipc$"):
		return lex.Likely
	case strings.IndexByte(name, '.') > 0 && ends(share, ".dll", ".exe", ".ps1", ".bat", ".hta", ".scr", ".lnk",
		".vbs", ".js", ".xml", ".xsl", ".scf"), ends(share, ".dll", ".hta", ".scf"):
		return lex.Likely
	}
	return lex.Hint
}

// foreign reports whether a host is the number of one outside the network.
func foreign(host string) bool {
	v, ok, odd := number(host)
	if !ok {
		return false
	}
	st, _ := address(v, odd, "")
	return st == lex.None
}

func ends(s string, list ...string) bool {
	for _, w := range list {
		if strings.HasSuffix(s, w) {
			return true
		}
	}
	return false
}

// Empties appends to dst a path without the variables that a template leaves empty:
// file:${x}/et${y}c. ok is false if there are none.
func Empties(dst []byte, s string) (out []byte, ok bool) {
	for i := 0; i < len(s); i++ {
		if s[i] == '$' && lex.Byte(s, i+1) == '{' {
			if j := strings.IndexByte(s[i:min(len(s), i+24)], '}'); j > 0 {
				i += j
				ok = true
				continue
			}
		}
		dst = append(dst, s[i])
	}
	return dst, ok
}

// fetched are schemes that a program which fetches addresses knows, and pages do not.
var fetched = [...]string{"sftp", "tftp", "ldap", "ldaps", "ldapi", "dict", "gopher", "rmi", "iiop", "smb", "nntp",
	"telnet", "imap", "imaps", "pop3", "pop3s", "smtp", "smtps", "netdoc", "scp", "rtsp", "rtmp", "mysql", "redis",
	"memcached", "jar", "phar", "expect", "ogg", "ssh2", "zlib", "glob", "svn", "svn+ssh", "nfs", "fd"}

// Fetched reports whether a value in lower case is an address of such a scheme, and
// whether documents of APIs have addresses of it in their settings.
func Fetched(s string) (yes, common bool) {
	i := strings.Index(s[:min(len(s), 16)], "://")
	if i < 2 || s[0] == 'h' || strings.IndexByte(s, ' ') >= 0 || i+3 >= len(s) {
		return false, false
	}
	scheme := s[:i]
	if !lex.OneOf(scheme, fetched[:]...) {
		return false, false
	}
	host := s[i+3:]
	if j := strings.IndexAny(host, ":/?#"); j >= 0 {
		host = host[:j]
	}
	settled := lex.OneOf(scheme, "sftp", "ldap", "ldaps", "smb", "imap", "imaps", "pop3", "pop3s", "smtp", "smtps",
		"scp", "rtsp", "rtmp", "mysql", "redis", "svn", "svn+ssh")
	return true, settled && !breaks(s[i+3:]) && !foreign(host)
}

// System reports whether a path names a file that proves a hole when it is read.
func System(s string) bool {
	for _, f := range [...]string{"/etc/passwd", "/etc/shadow", "/etc/hosts", "/etc/group", "/etc/hostname",
		"/proc/self", "/proc/version", "win.ini", "boot.ini", "/etc/issue", "/root/"} {
		if strings.Contains(s, f) {
			return true
		}
	}
	return false
}
