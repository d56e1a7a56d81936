package detect

import (
	"strings"
	"unicode/utf8"

	"bartizan/internal/detect/lex"
	"bartizan/internal/request"
)

// Other forms of a value: what stands in base64, what is left of markup when tags are
// stripped from it, what UTF-7 hides. Each is made at most once for a value, from a
// bounded part of it, and is looked at as the value itself is.

// forms looks at the other forms of a value, of whose bytes bits are known.
func (d *Detector) forms(r *request.Request, s *scan, v *request.Value, bits uint64) {
	text := v.Text
	if len(text) < minArmour {
		return
	}
	if v.In == request.InPath && len(text) > 1 {
		text = text[1:] // a lone segment
	}
	if plain, ok := armoured(&s.decoded, text); ok {
		if again, ok := armoured(&s.again, plain); ok && len(again) >= minWords {
			plain = again
		}
		d.piece(r, s, v, plain)
		if document(plain) {
			d.nested(r, s, v, plain)
		}
	} else {
		d.parts(r, s, v)
	}
	if bits&(hasAngle|hasNUL) != 0 {
		if plain, ok := s.stripped(v.Text); ok {
			d.piece(r, s, v, plain)
		}
	}
	if bits&hasPlus != 0 {
		if plain, ok := s.sevenBits(v.Text); ok {
			d.piece(r, s, v, plain)
		}
	}
}

const (
	maxStripped = 1 << 10 // bytes of a value whose tags are stripped
	maxTag      = 12      // bytes of a tag that may stand inside a word
)

// stripped returns a text without the tags and NULs that stand inside its words, if any
// does, as filters leave it that strip tags: un<b>ion, <scr<script>ipt>.
func (s *scan) stripped(text string) (string, bool) {
	if len(text) > maxStripped || strings.IndexByte(text, '<') < 0 && strings.IndexByte(text, 0) < 0 {
		return "", false
	}
	out, inside, cut := s.formed[:0], false, 0
	for i := 0; i < len(text); {
		n := 0
		switch text[i] {
		case '<':
			n = inlineTag(text, i)
		case 0:
			n = 1
		}
		if n > 0 {
			cut = len(out)
			i += n
			continue
		}
		inside = inside || cut > 0 && cut == len(out) && lex.Letter(out[cut-1]) && lex.Letter(text[i])
		out = append(out, text[i])
		i++
	}
	s.formed = out
	return view(out), inside && len(out) < len(text)
}

// inlineTag returns the length of a short tag at s[i:], 0 for one that parts words.
func inlineTag(s string, i int) int {
	end := strings.IndexAny(s[i+1:min(len(s), i+2+maxTag)], "<>")
	if end < 0 || s[i+1+end] != '>' {
		return 0
	}
	switch name := strings.Trim(s[i+1:i+1+end], "/ "); {
	case hasPrefixFold(name, "br"), hasPrefixFold(name, "hr"), hasPrefixFold(name, "p") && len(name) == 1,
		hasPrefixFold(name, "li"),
		hasPrefixFold(name, "t") && len(name) == 2, hasPrefixFold(name, "h") && len(name) == 2, hasPrefixFold(name,
			"div"), hasPrefixFold(name, "su") && len(name) == 3:
		return 0
	}
	return end + 2
}

// sevenBits returns what a text means in UTF-7 (RFC 2152), if it opens a bracket so.
func (s *scan) sevenBits(text string) (string, bool) {
	text = text[:min(len(text), maxText)]
	if !strings.Contains(text, "+ADw") {
		return "", false
	}
	out := s.formed[:0]
	for i := 0; i < len(text); {
		if text[i] != '+' {
			out = append(out, text[i])
			i++
			continue
		}
		var sum uint32
		bits := 0
		for i++; i < len(text) && text[i] != '-' && text[i] != ' ' && text[i] != '_' && digit64[text[i]] != 0; i++ {
			sum = sum<<6 | uint32(digit64[text[i]]-1)
			if bits += 6; bits >= 16 {
				bits -= 16
				out = utf8.AppendRune(out, rune(sum>>bits&0xffff))
			}
		}
		if i < len(text) && text[i] == '-' {
			i++
		}
	}
	s.formed = out
	return view(out), true
}
