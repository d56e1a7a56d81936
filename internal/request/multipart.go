package request

import "strings"

// boundaryOf returns the boundary that the Content-Type declares or, where it
// declares none that the body uses, the one of the body's first line.
func boundaryOf(contentType, s string) string {
	declared := param(contentType, "boundary")
	if declared != "" && strings.Contains(s, declared) {
		return declared
	}
	if rest, ok := strings.CutPrefix(s, "--"); ok {
		line, _, _ := strings.Cut(rest, "\n")
		return strings.TrimRight(line, "\r \t")
	}
	return declared
}

// param returns a parameter of a header value such as `form-data; name="a"`,
// without quotes; it may point into s. Backslashes stay but before a quote,
// as browsers write file names.
func param(s, name string) string {
	for range 32 {
		_, rest, ok := cutParam(s)
		if !ok {
			return ""
		}
		key, value, _ := strings.Cut(rest, "=")
		if fold(strings.Trim(key, " \t"), name) {
			return unquote(value)
		}
		s = rest
	}
	return ""
}

// cutParam returns what follows the next semicolon outside quotes.
func cutParam(s string) (before, after string, found bool) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quoted:
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ';' && !quoted:
			return s[:i], s[i+1:], true
		}
	}
	if i := strings.IndexByte(s, ';'); quoted && i >= 0 {
		return s[:i], s[i+1:], true // a quote that never closes hides nothing
	}
	return s, "", false
}

// unquote returns a parameter's value up to its closing quote or semicolon.
func unquote(s string) string {
	s = strings.TrimLeft(s, " \t")
	if !strings.HasPrefix(s, `"`) {
		s, _, _ = strings.Cut(s, ";")
		return strings.TrimRight(s, " \t\r")
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return s[1:i]
		case '\\':
			if i+1 < len(s) && s[i+1] == '"' {
				i++
			}
		}
	}
	return s[1:]
}

// walkMultipart visits names, fields and file names of multipart/form-data and
// the beginning of files that are text. It reports whether there was any part.
func (w *walker) walkMultipart(s, boundary string) bool {
	if boundary == "" || len(boundary) > 200 {
		return false
	}
	parts := 0
	rest, last, found := nextPart(s, boundary, true)
	said := found && last // no parts, and it says so
	for found && !w.done {
		start, ended := rest, last
		if ended && strings.TrimSpace(rest) == "" {
			break
		}
		rest, last, found = nextPart(start, boundary, false)
		part := start[:len(start)-len(rest)]
		if found {
			part = trimDelimiter(part, boundary)
		} else if !ended {
			w.info.Truncated = true
		}
		parts++
		w.walkPart(part) // behind the end too: some servers read on
	}
	return parts > 0 || said
}

// walkParts reads a multipart body with each boundary that it may be cut by.
func (w *walker) walkParts(contentType, s string) {
	first := boundaryOf(contentType, s)
	if !w.walkMultipart(s, first) {
		w.info.Malformed = true
		w.walkText(InText, "", s)
	}
	// Agents differ in which of two parameters counts, and in whether they know
	// the continued form (RFC 2231). No honest client sends either.
	for range 8 {
		_, rest, ok := cutParam(contentType)
		if !ok {
			return
		}
		key, value, _ := strings.Cut(rest, "=")
		if value = unquote(value); foldPrefix(strings.TrimLeft(key, " \t"), "boundary") {
			if i := strings.LastIndexByte(value, '\''); i >= 0 && strings.HasSuffix(strings.TrimRight(key, " \t"), "*") {
				value = value[i+1:]
			}
			if value != first {
				w.walkMultipart(s, value)
			}
		}
		contentType = rest
	}
}

// nextPart returns what follows the next delimiter line and whether that was
// the last one. A delimiter stands at the start of a line; at first means that
// s itself is such a start.
func nextPart(s, boundary string, first bool) (rest string, last, found bool) {
	for at := 0; ; {
		i := strings.Index(s[at:], boundary)
		if i < 0 {
			return "", false, false
		}
		i += at
		end := i + len(boundary)
		at = i + 1
		if i < 2 || s[i-2:i] != "--" || !(i == 2 && first || i > 2 && s[i-3] == '\n' || i == 2) {
			continue
		}
		after := s[end:]
		last = strings.HasPrefix(after, "--")
		line, tail, more := strings.Cut(after, "\n")
		if !last && strings.Trim(line, " \t\r") != "" {
			continue // a longer boundary that begins like ours
		}
		if !more {
			return "", last, true
		}
		return tail, last, true
	}
}

// trimDelimiter cuts the delimiter line, and the line break before it, off a part's end.
func trimDelimiter(part, boundary string) string {
	i := strings.LastIndex(part, "--"+boundary)
	if i < 0 {
		return part
	}
	return strings.TrimSuffix(strings.TrimSuffix(part[:i], "\n"), "\r")
}

// walkPart visits one part: its header lines, an empty line, its content.
func (w *walker) walkPart(part string) {
	const maxHeaders, maxHeader = 16, 2048
	var name, disposition, media string
	headers := 0
	for ; ; headers++ {
		var line string
		var more bool
		line, part, more = strings.Cut(part, "\n")
		line = strings.TrimRight(line[:min(len(line), maxHeader)], "\r")
		if line == "" {
			break
		}
		key, value, _ := strings.Cut(line, ":")
		switch {
		case fold(key, "Content-Disposition"):
			name = param(value, "name")
			disposition = value
		case fold(key, "Content-Type"):
			media = strings.TrimSpace(value)
		}
		if !more {
			break
		}
	}
	w.info.Malformed = w.info.Malformed || headers == 0 || headers >= maxHeaders
	if name != "" && !w.give(InPartName, name, name) {
		return
	}
	file, extended := param(disposition, "filename"), param(disposition, "filename*")
	if w.fileName(name, file) && w.fileName(name, extended) {
		w.walkContent(name, media, part, file != "")
	}
}

// fileName visits the name of a file, if there is one.
func (w *walker) fileName(name, file string) bool {
	w.text = w.text[:0]
	return file == "" || w.give(InFileName, name, w.unescapeName(file))
}

// walkContent visits the content of a part: a file only where every server
// takes it for one, which is where a plain file name stands.
func (w *walker) walkContent(name, media, content string, file bool) {
	switch {
	case file:
		if content = content[:min(len(content), maxFileText)]; content != "" && !looksBinary(content) {
			w.give(InFile, name, content)
		}
	case declaredKind(media) == JSONBody:
		w.walkJSON(content, copy(w.key[:], name))
	case declaredKind(media) == XMLBody:
		w.walkXML(content)
	case content != "":
		w.walkText(InPart, name, content)
	}
}

// unescapeName decodes percent escapes: browsers write quotes in names as %22.
func (w *walker) unescapeName(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	w.text, _ = AppendUnescaped(w.text[:0], s, false)
	return view(w.text)
}
