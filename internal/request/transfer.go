package request

// Codings of a part's content (Content-Transfer-Encoding, RFC 2045 section 6). RFC 7578
// has done away with them in forms, and some servers undo them all the same.

// walkTransferred visits the content of a part as a server reads it that undoes the
// coding which the part names, if that is one.
func (w *walker) walkTransferred(h partHead, content string, file bool) {
	if content == "" || w.done {
		return
	}
	var undo func(dst []byte, s string) []byte
	switch {
	case fold(h.transfer, "base64"):
		undo = appendBase64
	case fold(h.transfer, "quoted-printable"):
		undo = appendQuotedPrintable
	default:
		return
	}
	if !w.afford(len(content)) {
		return
	}
	w.transfer = undo(w.transfer[:0], content)
	w.walkContent(h, view(w.transfer), file)
}

// appendBase64 decodes base64, its line breaks left out, up to the first byte that is none.
func appendBase64(dst []byte, s string) []byte {
	sum, bits := uint32(0), 0
	for i := 0; i < len(s); i++ {
		v := uint32(0)
		switch c := s[i]; {
		case c-'A' < 26:
			v = uint32(c - 'A')
		case c-'a' < 26:
			v = uint32(c-'a') + 26
		case c-'0' < 10:
			v = uint32(c-'0') + 52
		case c == '+':
			v = 62
		case c == '/':
			v = 63
		case c == '\r' || c == '\n' || c == ' ' || c == '\t':
			continue
		default:
			return dst
		}
		sum = sum<<6 | v
		if bits += 6; bits >= 8 {
			bits -= 8
			dst = append(dst, byte(sum>>bits))
		}
	}
	return dst
}

// appendQuotedPrintable decodes =XX and leaves out line breaks behind an equals sign.
func appendQuotedPrintable(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if s[i] != '=' {
			dst = append(dst, s[i])
			continue
		}
		switch {
		case i+1 < len(s) && s[i+1] == '\n':
			i++
		case i+2 < len(s) && s[i+1] == '\r' && s[i+2] == '\n':
			i += 2
		case i+2 < len(s) && hex(s[i+1]) < 16 && hex(s[i+2]) < 16:
			dst = append(dst, hex(s[i+1])<<4|hex(s[i+2]))
			i += 2
		default:
			dst = append(dst, '=')
		}
	}
	return dst
}
