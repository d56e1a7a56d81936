package detect

import (
	"strings"
	"unicode/utf8"

	"bartizan/internal/detect/lex"
	"bartizan/internal/detect/path"
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
	if s.value.In == request.InHeader && s.gate.bits&hasDots == 0 && s.gate.words&wordFile == 0 {
		return finding{}
	}
	raw, low := s.lower(), s.path()
	up, at := path.Climbs(low)
	file, fileAt := 0, 0
	if s.gate.words&wordFile != 0 {
		file, fileAt = d.systemFile(low)
	}
	body := s.value.In.Body()
	band := signal.Hint
	junk := file > 0 && (path.Junk(low[:fileAt]) || path.Junk(raw[:min(len(raw), fileAt)]))
	fills := file > 0 && (whole(low, fileAt) || junk) && !mount(low)
	switch {
	case up >= 1 && file == 0 && body && s.gate.bits&(hasAngle|hasBracket) != 0 && linked(raw):
		return finding{signal.PathTraversal, signal.Hint, at} // the links of a page
	case up >= 1 && file == 1 && body && fileAt < at && !junk && up < 3: // /var/log/app/../app.log
		return finding{signal.PathTraversal, signal.Hint, at}
	case up >= 1 && file > 0, junk && file == 2:
		band = signal.Certain
	case up >= 3 && !body, up >= 5:
		band = signal.Certain
	case up == 2 && !body && s.value.In != request.InHeader && !relative(low), up >= 3, up >= 2 && len(low) < 40 && strings.IndexByte(low, ' ') < 0 && !relative(low), up >= 1 && s.value.In <= request.InSegment, up >= 1 && s.gate.bits&hasNUL != 0, up >= 1 && backslash(s.low):
		band = signal.Likely
	case s.value.In == request.InPath && (strings.Contains(raw, "/.;/") || strings.Contains(raw, "/..;/") || strings.Contains(raw, "/%2e")), strings.HasPrefix(low, "/../") && strings.IndexByte(low, ' ') < 0, strings.Contains(raw, "////////////////") && strings.IndexByte(raw, ' ') < 0 && s.gate.breaks == 0:
		band = signal.Likely
	case up >= 1 && len(low) < 96 && confides(low):
		band = signal.Likely
	case path.Share(raw) == lex.Likely && (s.value.In != request.InHeader):
		band = signal.Likely
	case s.emptied(raw), strings.HasPrefix(raw, "file:////") && len(raw) > 12 &&
		wordByte(raw[9]), strings.HasPrefix(raw, "file://") && len(raw) > 12 && raw[7]-'0' < 10 &&
		strings.IndexByte(raw, ' ') < 0:
		band = signal.Likely
	case file == 2 && fills, file == 2 && rooted(low):
		at, band = fileAt, signal.Likely
		if !body {
			band = signal.Certain
		}
	case wrapper(strings.TrimLeft(raw, " \t\n"), body), base(s.value.Key) && strings.HasPrefix(raw, "http"), remote(raw) && (!body || s.value.In == request.InForm || s.value.In == request.InFormName):
		band = signal.Likely
	case file == 2 && len(low) < 96 && s.gate.plain <= 6 && s.sentence() < 3 && (lex.Prose(low, 1) == 0 || s.gate.words&wordShell != 0 || strings.ContainsAny(raw, ";|&$`<>(\"'=\\%+,")) && (!body || strings.HasPrefix(low, "cat ")), strings.HasSuffix(low, "\x00") && s.value.In != request.InHeader:
		at, band = fileAt, signal.Likely
	case file > 0 && s.gate.plain < 12:
		at = fileAt
		if fills && strings.LastIndexByte(low, '.') > strings.LastIndexAny(low, "/") && s.value.In != request.InPath && (!body || s.value.In == request.InForm) {
			band = signal.Likely
		}
	case strings.HasSuffix(raw, "::$data"): // the stream of NTFS by which IIS shows a script
		band = signal.Likely
	case s.gate.bits&(hasPercent|hasHigh|hasDigit) != 0 && path.Hidden(raw) >= 0:
		at, band = path.Hidden(raw), signal.Likely
	case path.Junk(raw) && strings.Count(raw, "/")+strings.Count(raw, "\\") > 3 && up == 0 && (!body || len(raw) > 32):
		band = signal.Likely
	default:
		if up == 0 || s.value.In == request.InHeader {
			return finding{}
		}
		if (!body || s.value.In == request.InForm) && at <= 1 && !relative(low) && s.value.In != request.InPath && s.value.In != request.InSegment && strings.IndexByte(low, ' ') < 0 {
			band = signal.Likely // a climb with which a parameter begins
		}
	}
	return finding{signal.PathTraversal, s.limit(band), at}
}

// linked reports whether all climbs of a text stand in links of markup: behind the quote
// of an attribute or the bracket of Markdown.
func linked(s string) bool {
	if !strings.Contains(s, "=\"..") && !strings.Contains(s, "='..") && !strings.Contains(s, "](..") {
		return false
	}
	for i := 0; i+1 < len(s); i++ {
		if s[i] != '.' || s[i+1] != '.' {
			continue
		}
		inPath := i > 0 && (s[i-1] == '/' || wordByte(s[i-1]) || s[i-1] == '.')
		if !inPath && (i < 2 || s[i-1] != '"' && s[i-1] != '\'' && s[i-1] != '(' || s[i-2] != '=' && s[i-2] != ']') {
			return false
		}
		for i+2 < len(s) && (s[i+2] == '.' || s[i+2] == '/') {
			i++
		}
	}
	return true
}

// mount reports whether a value is a path here, and one in a container behind a colon.
func mount(s string) bool {
	i := strings.IndexByte(s, ':')
	return i > 1 && s[0] == '/' && i+1 < len(s) && s[i+1] == '/' && strings.IndexByte(s, ' ') < 0
}

// rooted reports whether a value is a path from a root on, and nothing else.
func rooted(s string) bool {
	return !mount(s) && (s[0] == '/' || len(s) > 3 && s[1] == ':' && s[2] == '/') && len(s) < 128 && strings.IndexByte(s, ' ') < 0 && !strings.ContainsAny(s, "{}()<>,;\"'")
}

// confides reports whether a path ends in a file of an application's own secrets.
func confides(low string) bool {
	if strings.ContainsAny(low, " {}()<>,;\"'") {
		return false
	}
	name := low[strings.LastIndexByte(low, '/')+1:]
	for _, end := range [...]string{".sqlite", ".sqlite3", ".inc.php", ".mdb", ".pem", ".key", ".htpasswd", ".kdbx", ".bak", ".log", ".php~", ".swp", ".pgpass"} {
		if strings.HasSuffix(name, end) && len(name) > len(end) && !strings.HasPrefix(name, "npm-debug") {
			return true
		}
	}
	switch name {
	case "web.xml", "error_log", "access_log", "catalina.out", "server.xml", "tomcat-users.xml", "context.xml", "settings.php", "config.php", "configuration.php", "database.php", "settings.inc.php", "db.php", "conf.php",
		"application-prod.yml", "settings.py", "secrets.json", "docker-compose.yml", "machine.config", "global.asax", "nginx.conf", "httpd.conf", "php.ini", "my.cnf", "shadow", "passwd", "local.xml", "env.php",
		"wp-config.php.bak", "db.sql", "backup.sql", "dump.sql", "database.sql", "app.db", "data.db", "database.db", "users.db":
		return true
	case "config":
		return strings.HasSuffix(low, ".git/config") || strings.HasSuffix(low, ".aws/config") || strings.HasSuffix(low, ".kube/config")
	}
	switch name {
	case ".env", ".env.local", ".env.production", "database.yml", "secrets.yml", "master.key", "credentials", ".npmrc", ".netrc", ".pgpass", "id_rsa", "id_ed25519", "application.properties", "application.yml", "appsettings.json", "local_settings.py", "wp-config.php", "web.config", "config.inc.php", "parameters.yml", ".htpasswd", ".passwd":
		return true
	}
	return false
}

// emptied reports whether a value is an address of a file that variables are put into,
// which a template leaves empty.
func (s *scan) emptied(raw string) bool {
	if !strings.HasPrefix(raw, "file:") && !strings.HasPrefix(raw, "url:file:") || len(raw) > 200 {
		return false
	}
	plain, ok := path.Empties(s.flatBuf[:0], raw)
	s.flatBuf = plain
	return ok && !strings.Contains(raw, "${{") && path.System(view(plain))
}

// base reports whether a parameter of this name says where a program's own code is.
func base(key string) bool {
	for _, w := range [...]string{"absolute_path", "_conf[", "basepath", "base_path", "include_path", "root_path", "rootpath", "base_dir", "basedir", "script_path", "lib_path", "docroot", "document_root", "phpbb_root", "globals["} {
		for i := 0; i+len(w) <= len(key); i++ {
			if hasPrefixFold(key[i:], w) {
				return true
			}
		}
	}
	return false
}

// backslash reports whether a climb goes on with a backslash.
func backslash(s string) bool { return strings.Contains(s, "..\\") }

// relative reports whether a path climbs only as modules and links of one
// project do: at its start, then names.
func relative(s string) bool {
	rest := s
	for strings.HasPrefix(rest, "../") {
		rest = rest[3:]
	}
	for _, ext := range [...]string{".php", ".asp", ".aspx", ".jsp", ".conf", ".ini", ".env", ".properties", ".config", ".log", ".bak"} {
		if strings.HasSuffix(rest, ext) {
			return false
		}
	}
	return rest != "" && rest != s && wordByte(rest[0]) && !strings.ContainsAny(rest, "'\"\x00<>;|")
}

func traversalGate(s *scan) bool {
	g := &s.gate
	return g.bits&(hasDots|hasNUL|hasScheme|hasScope|hasBackslash|hasPercent|hasEscape) != 0 || g.words&wordFile != 0 || g.words&wordCode != 0 && g.bits&hasColon != 0 || g.bits&hasHigh != 0 && (g.bits&hasSlash != 0 || !utf8.ValidString(s.text) || strings.Contains(s.text, "\ufffd")) || g.bits&hasDigit != 0 && (strings.Contains(s.text, "0x") || strings.Contains(s.text, "0X"))
}

// path returns the text as a path: in lower case, broken encodings read.
func (s *scan) path() string {
	low := s.lower()
	if s.gate.bits&(hasSlash|hasDots|hasEscape|hasBackslash) == 0 && strings.IndexByte(low, '%') < 0 && !strings.Contains(low, "0x") && !strings.Contains(low, "\ufffd") {
		return low
	}
	s.flatBuf = path.Plain(s.flatBuf[:0], low)
	return view(s.flatBuf)
}

// maxStarts bounds how many places of one value are looked up.
const maxStarts = 128

// systemFile looks for a known system file at the start of any path segment.
// It returns 2 for those that attackers ask for first, 1 for others, 0 for none.
func (d *Detector) systemFile(s string) (class, at int) {
	starts := 0
	for i := 0; i < len(s) && starts < maxStarts; i++ {
		if i > 0 && !path.Separator(s[i-1]) && s[i-1] != ':' {
			continue
		}
		starts++
		if n := d.favourites.prefixOf(s[i:]); n > 0 && (s[i+n-1] == '/' || ends(s[i+n:])) {
			return 2, i
		}
		n := d.files.prefixOf(s[i:])
		if n > 0 && class == 0 && i > 0 && (i+n == len(s) || !wordByte(s[i+n])) {
			class, at = 1, i
		}
	}
	return class, at
}

// ends reports whether a file's name may end before s: etc/passwd-cover is another name.
func ends(s string) bool { return s == "" || s[0] != '-' || len(s) < 2 || !wordByte(s[1]) }

// favourites prove a hole when read.
var favourites = [...]string{"etc/passwd", "etc/shadow", "etc/group", "etc/hosts", "etc/issue", "etc/services", "drivers/etc/services", "proc/self/", "proc/version", "boot.ini", "win.ini", "windows/win.ini", "windows/system32/drivers/etc", "winnt/", "web-inf/", ".ssh/id_", "etc/httpd/", "etc/apache2/", "wp-config.php", ".htpasswd", ".htaccess", ".bash_history", "sys/class", "proc/net/", "proc/1/", "proc/cpuinfo", "proc/mounts", "etc/sudoers", "etc/fstab", "etc/crontab", "etc/resolv.conf", "etc/subuid", "etc/subgid", "etc/ssh/", "etc/mysql/", "var/log/auth.log", "windows/system.ini", "system32/config/sam", "repair/sam", "winnt/repair", "root/.ssh", "root/.bash", ".aws/credentials", ".kube/config", ".docker/config.json", "system32/config/security", "system32/config/software", "var/run/secrets/", "inetpub/wwwroot/web.config"}

// whole reports whether a path fills the value: nothing but its own beginning
// stands before the file.
func whole(s string, at int) bool {
	return at <= 24 && strings.IndexByte(s, ' ') < 0 && !strings.ContainsAny(s[:at], "{[,(")
}

// wrapper reports whether the value begins with a scheme that reads files.
// In bodies only those of PHP count: clients send file: and data: URLs.
func wrapper(s string, body bool) bool {
	for i, w := range [...]string{"php://", "expect://", "phar://", "file:///etc", "file:///c:", "file:///proc", "gopher://", "dict://", "zip://", "glob://", "ogg://", "compress.zlib://", "netdoc:", "jar:http", "file://", "zlib:", "data://", "data:text/plain", "data:;base64"} {
		if body && i >= 14 {
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
	i := strings.Index(s, "://")
	if i < 3 || len(s) > 400 || i > 64 {
		return false
	}
	if head := s[:i]; !strings.HasSuffix(head, "http") && !strings.HasSuffix(head, "https") && !strings.HasSuffix(head, "ftp") {
		return false
	}
	rest := s[i+3:]
	ends := strings.HasSuffix(rest, "?")
	if digits := rest != "" && (rest[0]-'0' < 10 || rest[0] == '[') && strings.IndexByte(rest, '/') > 0; digits && (ends || strings.Contains(rest, ".php") || strings.Contains(rest, ".txt") || strings.Contains(rest, ".gif?")) {
		return true // an address of numbers
	}
	for _, ext := range [...]string{".txt", ".inc", ".dat"} {
		if strings.Contains(rest, ext+"?") {
			return true
		}
	}
	if !ends {
		return strings.Contains(rest, ".php??") || strings.Contains(rest, ".php?cmd=")
	}
	for _, ext := range [...]string{".php", ".asp", ".aspx", ".jsp", ".pl", ".cgi", ".py", ".phtml"} {
		if strings.HasSuffix(strings.TrimRight(rest, "?"), ext) {
			return true
		}
	}
	return strings.HasSuffix(rest, "??")
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
