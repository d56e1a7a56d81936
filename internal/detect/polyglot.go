package detect

import (
	"strings"

	"bartizan/internal/detect/lex"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// polyglot judges the text of an uploaded file by what a converter of pictures, films and
// documents does with it, whatever its name is.
//
// Catches PostScript that opens a pipe (CVE-2018-16509), drawings and scripts of
// ImageMagick that read and write files (CVE-2016-3714), annotations of DjVu that run
// Perl (CVE-2021-22204), playlists that join files of the server's. Misses what stands
// among compressed bytes.
//
// Example: (%pipe%id) (w) file
func polyglot(v *request.Value) bool {
	if v.In != request.InFile && v.In != request.InPart && v.In != request.InText && v.In != request.InFileValue {
		return false
	}
	head := strings.TrimLeft(v.Text[:min(len(v.Text), 96)], "\ufeff \t\r\n")
	text := v.Text
	switch {
	case strings.HasPrefix(head, "(%pipe%"):
		return true
	case strings.HasPrefix(head, "%!"):
		return strings.Contains(text, "%pipe%")
	case strings.HasPrefix(head, "%PDF-"):
		return strings.Contains(text, "(%pipe%")
	case hasPrefixFold(head, "push graphic-context"), hasPrefixFold(head, "viewbox "):
		for _, w := range [...]string{"ephemeral:", "msl:", "label:@", "caption:@", "text:/", "|", "file:/",
			"inline:", "https://", "http://", "mvg:", "show:", "win:", "plt:"} {
			if strings.Contains(text, w) {
				return true
			}
		}
	case strings.HasPrefix(head, "AT&TFORM"):
		return lex.Any(text[8:], "`") || strings.Contains(text, "qx{") || strings.Contains(text, "qx(") ||
			strings.Contains(text, "system") || strings.Contains(text, "exec") || strings.Contains(text, "\\\n\"")
	case strings.HasPrefix(head, "#EXTM3U"):
		return strings.Contains(text, "file://") || strings.Contains(text, "concat:") || strings.Contains(text,
			"subfile,") || strings.Contains(text, "\n/etc/")
	case strings.HasPrefix(head, "<"):
		if strings.Contains(text, "<read filename=") && strings.Contains(text, "<write filename=") {
			return true
		}
		return strings.Contains(head, "<svg") && references(text)
	}
	return false
}

// references reports whether a picture refers to what only ImageMagick reads.
func references(text string) bool {
	for _, w := range [...]string{"href=\"msl:", "href=\"text:", "href=\"ephemeral:", "href=\"mvg:", "href=\"label:",
		"href=\"caption:", "href='msl:", "href='text:", "href=\"vid:", "href=\"file:///etc", "href=\"file:///proc"} {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

// put judges where a request puts a file: a name by which a server runs it.
//
// Catches names behind which a sign hides what they are (CVE-2017-12615), scripts at the
// top of a site, and harmless files that WebDAV is to rename or copy so. Misses scripts in
// folders, which people keep in stores of files.
//
// Example: PUT /a.jsp/
func (d *Detector) put(r *request.Request) {
	method := r.Head.Method
	if len(method) < 3 || len(method) > 4 {
		return
	}
	path := r.Decoded()
	path = path[:min(len(path), 1024)]
	switch method {
	case "PUT":
		bare := strings.TrimRight(path, "/ .")
		hidden := bare != path
		if stream, ok := cutFold(bare, "::$data"); ok {
			bare, hidden = stream, true
		}
		base := bare[strings.LastIndexByte(bare, '/')+1:]
		if scriptName(base) && (hidden || strings.Count(bare, "/") <= 1) {
			d.add(r, finding{signal.UploadAbuse, signal.Likely, 0}, &request.Value{In: request.InPath, Text: path},
				path)
		}
	case "MOVE", "COPY":
		to := r.Header("Destination")
		to = to[:min(len(to), 1024)]
		base := to[strings.LastIndexByte(to, '/')+1:]
		if scriptName(base) && harmless(path) {
			d.add(r, finding{signal.UploadAbuse, signal.Likely, 0}, &request.Value{In: request.InHeader,
				Key: "Destination", Text: to}, to)
		}
	}
}

// cutFold cuts low, which is lower case, from the end of s in any case.
func cutFold(s, low string) (string, bool) {
	if len(s) >= len(low) && hasPrefixFold(s[len(s)-len(low):], low) {
		return s[:len(s)-len(low)], true
	}
	return s, false
}

// harmless reports whether a path ends as files do that no server runs.
func harmless(path string) bool {
	for _, ext := range [...]string{".txt", ".htm", ".html", ".jpg", ".jpeg", ".png", ".gif", ".xml", ".csv", ".log",
		".zip", ".css", ".js", ".json", ".md", ".bak", ".ico", ".svg", ".pdf"} {
		if _, ok := cutFold(path, ext); ok {
			return true
		}
	}
	return false
}
