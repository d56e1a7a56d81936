package request

import "unicode/utf8"

// minStretch is how many bytes of text in a row stand for text among bytes that
// are none: chance puts so many together once in five million.
const minStretch = 16

// walkText visits s in pieces that overlap a little, so that nothing hides in a seam;
// of a file only pieces that are text.
func (w *walker) walkText(in Location, key, s string) {
	const overlap = 256
	for first := true; ; {
		n := min(len(s), maxTextValue)
		for n < len(s) && n > maxTextValue-utf8.UTFMax && !utf8.RuneStart(s[n]) {
			n--
		}
		w.cut = !first || n < len(s) || w.open
		ok := in == InFile && noise(s[:n]) || w.give(in, key, s[:n])
		if w.cut = false; !ok || n == len(s) {
			return
		}
		s, first = s[n-overlap:], false
	}
}

// stretches visits what is text in s, most of which is none: in each stretch the
// rest of it that a reader of text would see.
func (w *walker) stretches(in Location, key, s string) {
	for s != "" && !w.done {
		from, to := stretch(s)
		if from < to {
			w.walkText(in, key, s[from:to])
		}
		s = s[to:]
	}
}

// stretch returns where the next stretch of text is in s; both are len(s) if there
// is none.
func stretch(s string) (from, to int) {
	for i := 0; i < len(s); i++ {
		if !printable(s[i]) {
			from = i + 1
			continue
		}
		if i-from+1 < minStretch {
			continue
		}
		for i < len(s) && printable(s[i]) {
			i++
		}
		return from, i
	}
	return len(s), len(s)
}

// printable reports whether c stands in text of ASCII.
func printable(c byte) bool { return c >= ' ' && c < 0x7f || c == '\t' || c == '\r' || c == '\n' }

// AppendText appends what is text in body, most of which is none, with a delimiter
// for what is left out: that of forms, or of parts and lines.
func AppendText(dst []byte, contentType string, body []byte) []byte {
	gap := "\r\n"
	if declaredKind(contentType) == FormBody {
		gap = "&"
	}
	for s := view(body); s != ""; {
		from, to := stretch(s)
		if from < to {
			dst = append(append(dst, gap...), s[from:to]...)
		}
		s = s[to:]
	}
	return dst
}

// noise reports whether more than one byte in 32 is a control byte. Compressed bytes
// have three times as many, all over; text with some at its beginning is none.
func noise(s string) bool {
	control := 0
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' && c != '\n' && c != '\r' && c != '\t' {
			control++
		}
	}
	return control*32 > len(s)
}
