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
		w.open = !found && !ended && w.partial
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
	declared := ""
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
			w.info.Ambiguous = w.info.Ambiguous || declared != "" && value != declared
			declared = value
			if value != first && strings.Contains(s, value) && w.afford(len(s)) {
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

// partHead is what the header lines of a part say.
type partHead struct {
	name, disposition, media string
	transfer                 string // Content-Transfer-Encoding
	dispositions             int
	// odd says that the lines are written in a way that agents read differently.
	odd bool
}

// walkPart visits one part: its header lines, an empty line, its content.
func (w *walker) walkPart(part string) {
	h, content := w.partHead(part)
	if h.name != "" && !w.give(InPartName, h.name, h.name) {
		return
	}
	file, extended := param(h.disposition, "filename"), param(h.disposition, "filename*")
	if w.fileName(h.name, file) && w.fileName(h.name, extended) {
		isFile := !h.odd && h.dispositions == 1 && plainFile(h.disposition)
		w.walkContent(h, content, isFile)
		w.walkTransferred(h, content, isFile)
	}
}

// partHead reads the header lines of a part and returns its content.
func (w *walker) partHead(part string) (h partHead, content string) {
	const maxHeaders, maxHeader = 16, 2048
	headers := 0
	for more := true; more; headers++ {
		var line string
		line, part, more = strings.Cut(part, "\n")
		h.odd = h.odd || len(line) > maxHeader || headers > 0 && line != "" && (line[0] == ' ' || line[0] == '\t')
		line = strings.TrimRight(line[:min(len(line), maxHeader)], "\r")
		if line == "" {
			break
		}
		key, value, _ := strings.Cut(line, ":")
		switch name := strings.TrimSpace(key); {
		case fold(name, "Content-Disposition"):
			h.odd = h.odd || name != key
			h.name = param(value, "name")
			h.disposition = value
			h.dispositions++
		case fold(name, "Content-Type"):
			h.media = strings.TrimSpace(value)
		case fold(name, "Content-Transfer-Encoding"):
			h.transfer = strings.TrimSpace(value)
		}
	}
	w.info.Malformed = w.info.Malformed || headers == 0 || headers >= maxHeaders
	return h, part
}

// plainFile reports whether a Content-Disposition is written in the way in which
// browsers and libraries write that of a file: every server takes the part for
// one. What is written otherwise some server reads as a field.
func plainFile(disposition string) bool {
	rest, ok := strings.CutPrefix(strings.TrimSpace(disposition), "form-data")
	names, files, extended := 0, 0, 0
	for ok && rest != "" {
		if rest, ok = strings.CutPrefix(rest, ";"); !ok {
			return false
		}
		var key, value string
		if key, value, ok = strings.Cut(strings.TrimLeft(rest, " "), "="); !ok {
			return false
		}
		if rest, ok = plainValue(value); !ok {
			return false
		}
		switch key {
		case "name":
			names++
			ok = files == 0
		case "filename":
			files++
			ok = value != rest && value != `""`+rest
		case "filename*":
			extended++
		default:
			return false
		}
	}
	return ok && names == 1 && files == 1 && extended < 2
}

// plainValue returns what follows a parameter's value that is quoted without
// escapes of quotes, or is a token with or without the marks of RFC 8187.
func plainValue(s string) (rest string, ok bool) {
	if quoted, isQuoted := strings.CutPrefix(s, `"`); isQuoted {
		i := strings.IndexByte(quoted, '"')
		if i < 0 || i > 0 && quoted[i-1] == '\\' || strings.ContainsAny(quoted[:i], "\r\x00") {
			return "", false
		}
		return quoted[i+1:], true
	}
	i := 0
	for i < len(s) && s[i] != ';' {
		if c := s[i]; c <= ' ' || c == '"' || c == '\\' || c == '=' {
			return "", false
		}
		i++
	}
	return s[i:], i > 0
}

// fileName visits the name of a file, if there is one.
func (w *walker) fileName(name, file string) bool {
	w.text = w.text[:0]
	return file == "" || w.give(InFileName, name, w.unescapeName(file))
}

// walkContent visits the content of a part: as a file's only where every server
// takes it for one.
func (w *walker) walkContent(h partHead, content string, file bool) {
	switch {
	case content == "":
	case file:
		w.walkFile(h, content)
	case noise(content):
		w.stretches(InPart, h.name, content)
	case declaredKind(h.media) == JSONBody:
		w.walkJSON(InJSON, content, copy(w.key[:], h.name))
	case declaredKind(h.media) == XMLBody:
		w.walkXML(InXML, h.name, content)
	default:
		if fold(h.name, "_charset_") {
			w.info.Unread = w.info.Unread || concealed(strings.TrimSpace(content))
		}
		w.walkText(InPart, h.name, content)
	}
}

// walkFile visits the content of a file that is text, and what stands in a JSON or
// XML document value by value.
func (w *walker) walkFile(h partHead, content string) {
	if noise(content) {
		w.walkHidden(h.name, content)
		return
	}
	w.walkText(InFile, h.name, content)
	before := w.info // a file's document is not the request's
	t := strings.TrimLeft(content[:min(len(content), 64)], "\ufeff \t\r\n")
	kind := declaredKind(h.media)
	switch {
	case w.done || t == "":
	case kind == JSONBody && (t[0] == '{' || t[0] == '[') && w.afford(len(content)):
		w.walkJSON(InFileValue, content, copy(w.key[:], h.name))
	case kind == XMLBody && strings.HasPrefix(t, "<?xml") && !foldSuffix(h.media, "svg+xml") && w.afford(len(content)):
		w.walkXML(InFileValue, h.name, content)
	}
	before.Values, before.Omitted, before.Unread = w.info.Values, w.info.Omitted, w.info.Unread
	w.info = before
}

// hiddenIn are beginnings of code that no compressed bytes have by chance, and aroundIt is
// how much of a file around one is visited.
var hiddenIn = [...]string{"<?php", "(%pipe%", "<script", "AT&TFORM"}

const aroundIt = 256

// walkHidden visits code that stands among the bytes of a file which is no text.
func (w *walker) walkHidden(key, content string) {
	for _, mark := range hiddenIn {
		i := strings.Index(content, mark)
		if i < 0 || w.done {
			continue
		}
		end := min(len(content), i+aroundIt)
		if !w.give(InFile, key, content[i:end]) {
			return
		}
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
