package request

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Coding opens a content coding for reading. If the reader is an io.Closer,
// Decode closes it, which may give it back to a pool.
type Coding func(io.Reader) (io.Reader, error)

// Errors of Decode.
var (
	// ErrCodings: more codings than any honest client applies.
	ErrCodings = errors.New("decoding content: more than two codings")
	// ErrCoding: a coding that is not among those given.
	ErrCoding = errors.New("decoding content: unknown coding")
	// ErrLimit: the output was cut at the limit.
	ErrLimit = errors.New("decoding content: output beyond the limit")
)

const maxCodings = 2

// Decode undoes the Content-Encoding of prefix for inspection and returns dst,
// which it overwrites, with at most limit bytes in it. An input that ends early
// gives what there is, without an error: a prefix is the usual case. Where
// nothing is coded it is a copy: out never shares memory with prefix, so that
// a caller may keep it as the next dst.
//
// On ErrCodings and ErrCoding out is empty; on other errors it is what was
// decoded before. The limit bounds the work too: 1,000 to 1 compressors gain
// nothing.
func Decode(codings map[string]Coding, encoding string, prefix []byte, limit int, dst []byte) (out []byte, err error) {
	var chain [maxCodings]Coding
	n := 0
	for part := range strings.SplitSeq(encoding, ",") {
		part = strings.TrimSpace(part)
		if part == "" || fold(part, "identity") {
			continue
		}
		if n == maxCodings {
			return dst[:0], ErrCodings
		}
		c, ok := codings[strings.ToLower(part[:min(len(part), 16)])]
		if !ok {
			return dst[:0], fmt.Errorf("%w %q", ErrCoding, Excerpt(part, 32))
		}
		chain[n] = c
		n++
	}
	if n == 0 {
		if len(prefix) > limit {
			return append(dst[:0], prefix[:limit]...), ErrLimit
		}
		return append(dst[:0], prefix...), nil
	}
	return undo(chain[:n], prefix, limit, dst)
}

// undo applies the codings from the last to the first, as RFC 9110, 8.4 orders them.
func undo(chain []Coding, prefix []byte, limit int, dst []byte) ([]byte, error) {
	var r io.Reader = bytes.NewReader(prefix)
	for i := len(chain) - 1; i >= 0; i-- {
		next, err := chain[i](r)
		if err != nil {
			return dst[:0], early(err)
		}
		if c, ok := next.(io.Closer); ok {
			defer c.Close()
		}
		r = next
	}
	return readUpTo(r, limit, dst[:0])
}

// early returns nil for an input that merely ended, else the error wrapped.
func early(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return fmt.Errorf("decoding content: %w", err)
}

func readUpTo(r io.Reader, limit int, out []byte) ([]byte, error) {
	for {
		if len(out) >= limit {
			return out[:limit], atEnd(r)
		}
		if len(out) == cap(out) {
			grown := make([]byte, len(out), min(limit, max(2*cap(out), 4096)))
			copy(grown, out)
			out = grown
		}
		n, err := r.Read(out[len(out):min(cap(out), limit)])
		out = out[:len(out)+n]
		if err != nil {
			return out, early(err)
		}
	}
}

// atEnd returns ErrLimit unless r has nothing more to give.
func atEnd(r io.Reader) error {
	var one [1]byte
	for range 4 {
		n, err := r.Read(one[:])
		if n > 0 {
			return ErrLimit
		}
		if err != nil {
			return early(err)
		}
	}
	return nil
}

// ToUTF8 returns body as UTF-8. It recognises UTF-16 and UTF-32 by their byte
// order mark, by a declared charset, or by where the NULs of ASCII text stand, and
// EBCDIC by a declared charset or the first bytes of an XML document;
// anything else is returned as it is, and changed is false. The result is
// written to dst, which it overwrites.
//
// A gateway that leaves this out lets {"a":"..."} in UTF-16 pass unread, which
// several JSON parsers accept.
func ToUTF8(contentType string, body, dst []byte) (out []byte, changed bool) {
	dst = dst[:0]
	if c := ebcdicOf(contentType, body); c != asciiBased {
		return c.appendEBCDIC(dst, body), true
	}
	width, order := wideForm(contentType, body)
	if width == 0 {
		return body, false
	}
	for i := 0; i+width <= len(body); i += width {
		var r rune
		if width == 4 {
			r = rune(order.Uint32(body[i:]))
		} else if r = rune(order.Uint16(body[i:])); utf16.IsSurrogate(r) && i+4 <= len(body) {
			if pair := utf16.DecodeRune(r, rune(order.Uint16(body[i+2:]))); pair != utf8.RuneError {
				r = pair
				i += 2
			}
		}
		if i > 1 || r != 0xfeff {
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst, true
}

// wideForm returns the width in bytes of the encoding's units, 0 if it is not
// a wide one, and their order.
func wideForm(contentType string, b []byte) (int, binary.ByteOrder) {
	le, be := binary.ByteOrder(binary.LittleEndian), binary.ByteOrder(binary.BigEndian)
	switch {
	case len(b) < 4:
		return 0, nil
	case bytes.HasPrefix(b, []byte{0xff, 0xfe, 0, 0}):
		return 4, le
	case bytes.HasPrefix(b, []byte{0, 0, 0xfe, 0xff}):
		return 4, be
	case b[0] == 0xff && b[1] == 0xfe:
		return 2, le
	case b[0] == 0xfe && b[1] == 0xff:
		return 2, be
	}
	switch charsetOf(param(contentType, "charset")) { // RFC 2781: big endian without a mark
	case wide16le:
		return 2, le
	case wide16:
		if b[1] == 0 && b[0] != 0 { // many senders mean little endian all the same
			return 2, le
		}
		return 2, be
	case wide32le:
		return 4, le
	case wide32:
		return 4, be
	}
	// RFC 4627, section 3: the first two characters are ASCII.
	switch {
	case b[0] == 0 && b[1] == 0 && b[2] == 0 && b[3] != 0:
		return 4, be
	case b[0] != 0 && b[1] == 0 && b[2] == 0 && b[3] == 0:
		return 4, le
	case b[0] == 0 && b[1] != 0 && b[2] == 0 && b[3] != 0:
		return 2, be
	case b[0] != 0 && b[1] == 0 && b[2] != 0 && b[3] == 0:
		return 2, le
	}
	return 0, nil
}

// Textual reports whether a Content-Type says text of some kind, or says nothing:
// what a server would parse if it could read it.
func Textual(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	return declaredKind(contentType) != NoBody || strings.TrimSpace(media) == "" || foldPrefix(strings.TrimSpace(media),
		"text/") || foldSuffix(strings.TrimSpace(media), "graphql")
}

// Text reports whether a body is text as it stands.
func Text(body []byte) bool {
	if looksBinary(view(body)) {
		return false
	}
	return utf8.Valid(body[:uncut(body)])
}

// SameType reports whether two values of Content-Type mean the same media type and
// boundary.
func SameType(a, b string) bool {
	x, _, _ := strings.Cut(a, ";")
	y, _, _ := strings.Cut(b, ";")
	return fold(strings.TrimSpace(x), strings.TrimSpace(y)) && param(a, "boundary") == param(b, "boundary")
}

// Plain reports whether a body that is coded, or is in a wide charset, may as
// well be read as it stands: it is declared as a form or multipart, whose
// readers skip what they do not know, or it is text.
func Plain(contentType string, body []byte) bool {
	if k := declaredKind(contentType); k == FormBody || k == MultipartBody {
		return true
	}
	return !looksBinary(view(body))
}
