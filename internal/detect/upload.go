package detect

import (
	"strings"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// upload judges the name of an uploaded file.
//
// Catches names that climb out of the directory, that a server would run as a
// script (also behind a second extension, a dot or a NUL), and files that
// change how a server works. Misses scripts under an innocent name; what is in
// them is judged as any other text.
//
// Example: filename="shell.php.jpg"
func (d *Detector) upload(v *request.Value) (finding, bool) {
	name := v.Text
	if v.In != request.InFileName && !(v.In == request.InHeader && fileHeader(v.Key)) || len(name) > 1024 {
		return finding{}, false
	}
	base := name[strings.LastIndexAny(name, `/\`)+1:]
	switch {
	case scriptName(base):
		return finding{signal.UploadAbuse, signal.Likely, 0}, true
	case hasPrefixFold(base, "sess_") && len(base) > 12:
		return finding{signal.UploadAbuse, signal.Likely, 0}, true
	case v.In == request.InFileName && strings.Contains(name, "..") && strings.ContainsAny(name, `/\`):
		return finding{signal.PathTraversal, signal.Likely, 0}, true
	}
	if n := d.uploads.prefixOf(base); n > 0 && base[0] == '.' && boundary(base, n) {
		return finding{signal.UploadAbuse, signal.Likely, 0}, true
	}
	return finding{}, false
}

// fileHeader reports whether a header of this name holds an uploaded file's name.
func fileHeader(key string) bool {
	for _, h := range [...]string{"x-filename", "x_filename", "x.filename", "x-file-name"} {
		if len(key) == len(h) && hasPrefixFold(key, h) {
			return true
		}
	}
	return false
}

// scriptName reports whether any extension of a file's name is one that a
// server runs.
func scriptName(base string) bool {
	for i := 0; i < len(base); i++ {
		if base[i] != '.' {
			continue
		}
		ext := strings.TrimLeft(base[i+1:], " .")
		for _, e := range [...]string{"php", "phtml", "phar", "pht", "phps", "asp", "aspx", "ashx", "asmx", "asa", "cer", "jsp", "jspx", "jspf", "jsw", "jsv", "cfm", "cfml", "cgi", "shtml", "htaccess", "htpasswd", "user.ini"} {
			if !hasPrefixFold(ext, e) {
				continue
			}
			rest := strings.TrimLeft(ext[len(e):], "0123456789")
			if rest == "" || !wordByte(rest[0]) {
				return true
			}
		}
	}
	return false
}
