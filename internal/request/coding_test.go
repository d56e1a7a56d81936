package request

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

func utf16Bytes(order binary.AppendByteOrder, s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = order.AppendUint16(b, u)
	}
	return b
}

func utf32Bytes(order binary.AppendByteOrder, s string) []byte {
	var b []byte
	for _, r := range s {
		b = order.AppendUint32(b, uint32(r))
	}
	return b
}

func TestToUTF8(t *testing.T) {
	const text = `{"a":"é😀"}`
	le, be := binary.LittleEndian, binary.BigEndian
	tests := []struct {
		name, contentType string
		body              []byte
		want              string
		changed           bool
	}{
		{"UTF-8", "application/json", []byte(text), text, false},
		{"UTF-16LE by its NULs", "", utf16Bytes(le, text), text, true},
		{"UTF-16BE by its NULs", "", utf16Bytes(be, text), text, true},
		{"UTF-16 by its mark", "", utf16Bytes(le, "\ufeff"+text), text, true},
		{"UTF-16BE by its mark", "", utf16Bytes(be, "\ufeff"+text), text, true},
		{"UTF-32LE by its mark", "", utf32Bytes(le, "\ufeff"+text), text, true},
		{"UTF-32BE by its NULs", "", utf32Bytes(be, text), text, true},
		{"declared", "text/plain; charset=\"UTF-16BE\"", utf16Bytes(be, "éé"), "éé", true},
		{"half a pair at the end", "text/plain; charset=utf-16be", []byte{0, 'a', 0xd8, 0x3d}, "a\ufffd", true},
		{"short", "", []byte("ab"), "ab", false},
	}
	for _, tt := range tests {
		out, changed := ToUTF8(tt.contentType, tt.body, nil)
		if string(out) != tt.want || changed != tt.changed {
			t.Errorf("%s: ToUTF8 = %q, %v; want %q, %v", tt.name, out, changed, tt.want, tt.changed)
		}
	}
}

func FuzzToUTF8(f *testing.F) {
	f.Add("text/plain; charset=utf-32", []byte{0, 0, 0, 'a', 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		out, changed := ToUTF8(contentType, body, nil)
		if changed && (!utf8.Valid(out) || len(out) > 2*len(body)) {
			t.Errorf("ToUTF8(%q, %q) = %q", contentType, body, out)
		}
		param(contentType, strings.ToLower(contentType))
	})
}
