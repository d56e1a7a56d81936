package request

import "strings"

// walkForm visits names and values of application/x-www-form-urlencoded, as
// the URL standard's parser splits them.
func (w *walker) walkForm(s string) {
	s = strings.TrimRight(s, "\r\n")
	for s != "" {
		var pair string
		var more bool
		pair, s, more = strings.Cut(s, "&")
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		w.text = w.text[:0]
		name = w.unescape(name)
		if name != "" && !w.give(InFormName, name, name) {
			return
		}
		if value = w.unescape(value); name == "_charset_" {
			w.info.Unread = w.info.Unread || concealed(value)
		}
		w.cut = !more && w.partial
		ok := value == "" || w.give(InForm, name, value)
		if w.cut = false; !ok {
			return
		}
	}
}

// unescape decodes s into text, or returns s itself where nothing is escaped.
// The room suffices: decoding never makes longer.
func (w *walker) unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s
	}
	start := len(w.text)
	out, bad := AppendUnescaped(w.text, s, true)
	w.text = out
	w.info.Malformed = w.info.Malformed || bad
	return view(out[start:])
}
