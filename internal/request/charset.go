package request

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// charset says how the bytes of a charset are read.
type charset uint8

const (
	asciiBased charset = iota // bytes below 0x80 are ASCII, so detectors read it as it stands
	wide16                    // UTF-16, big endian unless it is marked
	wide16le
	wide32
	wide32le
	ebcdic037    // and 1140, which differs in the euro sign
	ebcdic500    // brackets, exclamation mark and bar elsewhere
	ebcdic1047   // brackets elsewhere
	ebcdicOther  // a national variant: some signs elsewhere, and those are not told
	concealing   // its bytes look like ASCII and mean something else: UTF-7
	otherCharset // no name that is known
)

// charsetOf reads the name of a charset as servers do: letter case and signs do
// not matter.
func charsetOf(name string) charset {
	var buf [24]byte
	n := 0
	for i := 0; i < len(name) && n < len(buf); i++ {
		if c := lower(name[i]); c-'a' < 26 || c-'0' < 10 {
			buf[n] = c
			n++
		}
	}
	return charsetNamed(strings.TrimPrefix(string(buf[:n]), "cs"))
}

// asciiNames begin the names of charsets that keep ASCII, and what programs write
// that forget to name one.
var asciiNames = [...]string{"utf8", "usascii", "ascii", "ansi", "iso8859", "88591", "iso646", "latin", "l1",
	"windows125", "windows874", "windows932", "windows31j", "windows936", "windows949", "cp125", "win125", "1252",
	"koi8", "gb", "big5", "euc", "shiftjis", "sjis", "mskanji", "ms932", "ms936", "ms949", "tis620", "mac", "xmac",
	"ksc", "iso2022", "cp437", "cp85", "cp86", "cp87438", "cp932", "cp936", "cp949", "cp950", "ibm437", "ibm85",
	"ibm86",
	"cesu8", "unicode11utf8", "binary", "none", "undefined", "null", "default", "utf", "xsjis", "xgbk", "xuserdefined"}

func charsetNamed(name string) charset {
	switch name {
	case "", "unicode11utf8":
		return asciiBased
	case "utf16", "utf16be", "ucs2", "ucs2be", "iso10646ucs2", "unicodefffe", "unicodebig", "xutf16":
		return wide16
	case "utf16le", "ucs2le", "unicode", "unicodelittle":
		return wide16le
	case "utf32", "utf32be", "ucs4", "ucs4be", "iso10646ucs4":
		return wide32
	case "utf32le", "ucs4le":
		return wide32le
	case "utf7", "utf7imap", "unicode11utf7", "hz", "hzgb2312", "scsu", "bocu1", "utf1", "utfebcdic":
		return concealing
	case "ebcdiccpus", "ebcdiccpca", "ebcdiccpwt", "ebcdiccpnl":
		return ebcdic037
	case "ebcdiccpbe", "ebcdiccpch":
		return ebcdic500
	}
	if strings.HasPrefix(name, "ebcdic") {
		return ebcdicOther
	}
	number := strings.TrimLeft(strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(name, "x"),
		"ibm"), "ccsid"), "cp"), "0")
	switch number {
	case "37", "1140":
		return ebcdic037
	case "500", "1148":
		return ebcdic500
	case "1047", "924":
		return ebcdic1047
	case "273", "277", "278", "280", "284", "285", "290", "297", "420", "423", "424", "833", "838", "870", "871", "875", "880", "905", "918", "930", "933", "935", "937", "939", "1025", "1026", "1097", "1112", "1122", "1123",
		"1141", "1142", "1143", "1144", "1145", "1146", "1147", "1149", "1364", "1371", "1388", "1390", "1399":
		return ebcdicOther
	}
	for _, p := range asciiNames {
		if strings.HasPrefix(name, p) {
			return asciiBased
		}
	}
	return otherCharset
}

// isEBCDIC reports whether letters and digits stand where EBCDIC has them.
func (c charset) isEBCDIC() bool { return c >= ebcdic037 && c <= ebcdicOther }

// ebcdic is code page 037 as characters of Latin-1 (IBM CDRA, CCSID 37). Letters,
// digits and the signs that programs need stand there in all variants.
const ebcdic = "" +
	"\x00\x01\x02\x03\x9c\x09\x86\x7f\x97\x8d\x8e\x0b\x0c\x0d\x0e\x0f" +
	"\x10\x11\x12\x13\x9d\x85\x08\x87\x18\x19\x92\x8f\x1c\x1d\x1e\x1f" +
	"\x80\x81\x82\x83\x84\x0a\x17\x1b\x88\x89\x8a\x8b\x8c\x05\x06\x07" +
	"\x90\x91\x16\x93\x94\x95\x96\x04\x98\x99\x9a\x9b\x14\x15\x9e\x1a" +
	"\x20\xa0\xe2\xe4\xe0\xe1\xe3\xe5\xe7\xf1\xa2\x2e\x3c\x28\x2b\x7c" +
	"\x26\xe9\xea\xeb\xe8\xed\xee\xef\xec\xdf\x21\x24\x2a\x29\x3b\xac" +
	"\x2d\x2f\xc2\xc4\xc0\xc1\xc3\xc5\xc7\xd1\xa6\x2c\x25\x5f\x3e\x3f" +
	"\xf8\xc9\xca\xcb\xc8\xcd\xce\xcf\xcc\x60\x3a\x23\x40\x27\x3d\x22" +
	"\xd8\x61\x62\x63\x64\x65\x66\x67\x68\x69\xab\xbb\xf0\xfd\xfe\xb1" +
	"\xb0\x6a\x6b\x6c\x6d\x6e\x6f\x70\x71\x72\xaa\xba\xe6\xb8\xc6\xa4" +
	"\xb5\x7e\x73\x74\x75\x76\x77\x78\x79\x7a\xa1\xbf\xd0\xdd\xde\xae" +
	"\x5e\xa3\xa5\xb7\xa9\xa7\xb6\xbc\xbd\xbe\x5b\x5d\xaf\xa8\xb4\xd7" +
	"\x7b\x41\x42\x43\x44\x45\x46\x47\x48\x49\xad\xf4\xf6\xf2\xf3\xf5" +
	"\x7d\x4a\x4b\x4c\x4d\x4e\x4f\x50\x51\x52\xb9\xfb\xfc\xf9\xfa\xff" +
	"\x5c\xf7\x53\x54\x55\x56\x57\x58\x59\x5a\xb2\xd4\xd6\xd2\xd3\xd5" +
	"\x30\x31\x32\x33\x34\x35\x36\x37\x38\x39\xb3\xdb\xdc\xd9\xda\x9f"

// fromEBCDIC returns the character of one byte.
func (c charset) fromEBCDIC(b byte) rune {
	switch {
	case c == ebcdic500:
		switch b {
		case 0x4a:
			return '['
		case 0x4f:
			return '!'
		case 0x5a:
			return ']'
		case 0x5f:
			return '^'
		case 0xbb:
			return '|'
		}
	case c == ebcdic1047:
		switch b {
		case 0x5f:
			return '^'
		case 0xad:
			return '['
		case 0xbd:
			return ']'
		}
	}
	return rune(ebcdic[b])
}

// appendEBCDIC appends body as UTF-8.
func (c charset) appendEBCDIC(dst, body []byte) []byte {
	for _, b := range body {
		dst = utf8.AppendRune(dst, c.fromEBCDIC(b))
	}
	return dst
}

// ebcdicOf returns the variant of EBCDIC that body is declared to be in, by its
// type or by the first line of an XML document; asciiBased if it is none.
func ebcdicOf(contentType string, body []byte) charset {
	if c := charsetOf(param(contentType, "charset")); c.isEBCDIC() {
		return c
	}
	if bytes.HasPrefix(body, []byte("\x4c\x6f\xa7\x94\x93")) { // <?xml
		if c := charsetOf(declaredEncoding(view(ebcdic037.appendEBCDIC(nil,
			body[:min(len(body), 128)])))); c.isEBCDIC() {
			return c
		}
		return ebcdic037
	}
	return asciiBased
}

// declaredEncoding returns the encoding that an XML declaration names (XML 1.0,
// 4.3.3), or "".
func declaredEncoding(s string) string {
	if !strings.HasPrefix(s, "<?xml") {
		return ""
	}
	s, _, _ = strings.Cut(s[:min(len(s), 256)], ">")
	_, rest, ok := strings.Cut(s, "encoding")
	if rest = strings.TrimLeft(rest, " \t\r\n="); !ok || rest == "" {
		return ""
	}
	name, _, _ := strings.Cut(rest[1:], rest[:1]) // in quotes of either kind
	return name
}

// AppendForm appends a form in EBCDIC whose signs of structure, and percent
// escapes, are ASCII, as a form in UTF-8: that is how servers read it that take
// it apart before they decode it. ok says that body is declared so.
func AppendForm(dst []byte, contentType string, body []byte) (out []byte, ok bool) {
	c := charsetOf(param(contentType, "charset"))
	if !c.isEBCDIC() || declaredKind(contentType) != FormBody {
		return dst, false
	}
	for i := 0; i < len(body); i++ {
		b := body[i]
		switch {
		case b == '&' || b == '=' || b == '+':
			dst = append(dst, b)
			continue
		case b == '%' && i+2 < len(body) && hex(body[i+1]) < 16 && hex(body[i+2]) < 16:
			b = hex(body[i+1])<<4 | hex(body[i+2])
			i += 2
		}
		if r := c.fromEBCDIC(b); r == '&' || r == '=' || r == '+' || r == '%' {
			dst = append(dst, '%', "0123456789ABCDEF"[r>>4], "0123456789ABCDEF"[r&15])
		} else {
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst, true
}

// UnreadCharset reports whether body says that it is in a charset that is not
// read, or not all of whose signs are: then what detectors see of it is not what
// its server may. Unknown names count only where the bytes are neither ASCII nor
// UTF-8, since many programs misspell one.
func UnreadCharset(contentType string, body []byte) bool {
	switch charsetOf(param(contentType, "charset")) {
	case concealing, ebcdicOther:
		return true
	case otherCharset:
		return !utf8.Valid(body[:uncut(body)])
	}
	// Programs write utf-16 into documents that they then send in UTF-8.
	c := charsetOf(declaredEncoding(view(body[:min(len(body), 256)])))
	return c == concealing || c.isEBCDIC()
}

// concealed reports whether a form's own field names a charset whose bytes are not
// what they look like (HTML, "_charset_").
func concealed(name string) bool {
	c := charsetOf(name)
	return c == concealing || c.isEBCDIC()
}

// uncut returns the length of b without a character that its end may have cut.
func uncut(b []byte) int {
	n := len(b)
	for n > 0 && len(b)-n < utf8.UTFMax-1 && b[n-1]&0xc0 == 0x80 {
		n--
	}
	if n > 0 && b[n-1] >= 0xc0 {
		return n - 1
	}
	return len(b)
}
