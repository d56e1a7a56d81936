package detect

import (
	"strings"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// Path traversal and system files.
//
// Catches climbs above a directory, known files of operating systems behind
// them or as a whole value, and the stream wrappers that read files. Misses
// names of an application's own files. Relative paths are honest in bodies
// (imports, links), so that only deep climbs or system files count there.
//
// Example: ../../../../etc/passwd
func (d *Detector) traversal(s *scan) finding {
	low := s.lower()
	up, at := climbs(low)
	file, fileAt := d.systemFile(low)
	body := s.value.In.Body()
	band := signal.Hint
	switch {
	case up >= 1 && file > 0:
		band = signal.Certain
	case up >= 3 && !body, up >= 5:
		band = signal.Certain
	case up == 2 && !body && s.value.In != request.InHeader, up >= 3, up >= 1 && s.value.In <= request.InSegment, up >= 1 && s.gate.bits&hasNUL != 0:
		band = signal.Likely
	case file == 2 && whole(low, fileAt):
		at, band = fileAt, signal.Likely
		if !body {
			band = signal.Certain
		}
	case wrapper(low, body), remote(low) && !body:
		band = signal.Likely
	case file == 2 && !body && len(low) < 96 && s.gate.plain <= 6, strings.HasSuffix(low, "\x00") && s.value.In != request.InHeader:
		at, band = fileAt, signal.Likely
	case file > 0 && s.gate.plain < 12:
		at = fileAt
		if whole(low, fileAt) && !body {
			band = signal.Likely
		}
	default:
		return finding{}
	}
	return finding{signal.PathTraversal, s.limit(band), at}
}

func traversalGate(s *scan) bool {
	g := &s.gate
	if s.value.In == request.InHeader && g.bits&hasDots == 0 && g.words&wordFile == 0 {
		return false
	}
	return g.bits&hasDots != 0 || g.words&wordFile != 0 && g.bits&hasSlash != 0 || g.bits&hasNUL != 0 ||
		g.bits&hasSlash != 0 && g.bits&hasColon != 0 && (g.words&wordCode != 0 || strings.HasSuffix(s.text, "?"))
}

// climbs counts the ".." segments, and returns where the first stands.
func climbs(s string) (n, first int) {
	for i := 0; i+1 < len(s); i++ {
		if s[i] != '.' || s[i+1] != '.' {
			continue
		}
		start := i
		for i < len(s) && s[i] == '.' {
			i++
		}
		before := start == 0 || separator(s[start-1])
		after := i == len(s) || separator(s[i]) || s[i] == ';' && i+1 < len(s) && separator(s[i+1])
		two := i-start == 2 && (i < len(s) || start > 0)
		if before && after && (two || i-start <= 4 && i+1 < len(s) && separator(s[i])) {
			if n == 0 {
				first = start
			}
			n++
		}
	}
	return n, first
}

func separator(c byte) bool {
	return c == '/' || c == '\\' || c == 0 || c == '=' || c == '"' || c == '\'' || c >= 0x80
}

// maxStarts bounds how many places of one value are looked up.
const maxStarts = 128

// systemFile looks for a known system file at the start of any path segment.
// It returns 2 for those that attackers ask for first, 1 for others, 0 for none.
func (d *Detector) systemFile(s string) (class, at int) {
	starts := 0
	for i := 0; i < len(s) && starts < maxStarts; i++ {
		if i > 0 && !separator(s[i-1]) && s[i-1] != ':' {
			continue
		}
		starts++
		if favourite(s[i:]) {
			return 2, i
		}
		n := d.files.prefixOf(s[i:])
		if n > 0 && class == 0 && i > 0 && (i+n == len(s) || !wordByte(s[i+n])) {
			class, at = 1, i
		}
	}
	return class, at
}

// favourite reports whether s begins with a file that proves a hole when read.
func favourite(s string) bool {
	for _, f := range [...]string{"etc/passwd", "etc/shadow", "etc/group", "etc/hosts", "etc/issue", "proc/self/", "proc/version", "boot.ini", "win.ini", "windows/win.ini", "windows\\win.ini", "windows/system32/drivers/etc", "windows\\system32\\drivers\\etc", "winnt/", "winnt\\", "web-inf/", ".ssh/id_", "root/.", "etc/httpd/", "etc/apache2/"} {
		if strings.HasPrefix(s, f) {
			return true
		}
	}
	return false
}

// whole reports whether a path fills the value: nothing but its own beginning
// stands before the file.
func whole(s string, at int) bool {
	return at <= 24 && strings.IndexByte(s, ' ') < 0 && strings.IndexAny(s[:at], "{[,(") < 0
}

// wrapper reports whether the value begins with a scheme that reads files.
// In bodies only those of PHP count: clients send file: and data: URLs.
func wrapper(s string, body bool) bool {
	for i, w := range [...]string{"php://filter", "php://input", "expect://", "phar://", "file:///etc", "file:///c:", "file:///proc", "gopher://", "dict://", "file://", "zip://", "zlib:", "glob://", "ogg://", "compress.zlib://", "data://", "data:text/plain", "data:;base64", "netdoc:", "jar:http"} {
		if body && i >= 9 {
			return false
		}
		if strings.HasPrefix(s, w) || strings.Contains(s[:min(len(s), 64)], "="+w) {
			return true
		}
	}
	return false
}

// remote reports whether the value is an address made for inclusion: the '?'
// at its end turns what the application appends into a query.
func remote(s string) bool {
	s = strings.TrimRight(s, "\x00")
	if !strings.HasSuffix(s, "?") || len(s) > 256 {
		return false
	}
	_, rest, ok := strings.Cut(s, "://")
	if !ok || !oneOf(s[:len(s)-len(rest)], "http://", "https://", "ftp://") || rest == "?" {
		return false
	}
	if rest[0]-'0' < 10 && strings.IndexByte(rest, '/') > 0 {
		return true // an address of numbers
	}
	for _, ext := range [...]string{".txt", ".php", ".gif", ".jpg", ".inc", ".dat", ".htm", ".html"} {
		if strings.HasSuffix(strings.TrimRight(s, "?"), ext) {
			return true
		}
	}
	return false
}

// systemRoots are how paths of systems, unlike those of projects, begin.
var systemRoots = [...]string{"etc/", "proc/", "windows/", "winnt/", "var/", "usr/", "root/", "boot.ini", "win.ini", "system.ini", "sys/", "opt/", "inetpub", "apache", "xampp/", "wamp/", "volumes/", "users/", "home/", "php", "mysql/", "program files"}

// systemFiles keeps what is a system's file wherever it stands; the list also
// has files of projects (package.json), which honest relative paths name.
func systemFiles(list []string) []string {
	var out []string
	for _, f := range list {
		f = strings.ToLower(strings.Trim(f, "/"))
		for _, root := range systemRoots {
			if len(f) > 6 && strings.HasPrefix(f, root) {
				out = append(out, f)
				break
			}
		}
	}
	return out
}
