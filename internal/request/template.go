package request

import "strings"

const (
	maxTemplateSegments = 32
	maxWord             = 48
)

// Template returns the path with its variable segments named by type:
// "/users/17/orders/0b0f…" gives "/users/{int}/orders/{uuid}". It returns path
// itself where nothing varies. Deep paths end in "/{more}".
//
// It looks at one path and nothing else, so a word stays a word even where it
// is a user's name: that is for the API model to learn.
func Template(path string) string {
	if constant(path) {
		return path
	}
	return string(AppendTemplate(make([]byte, 0, len(path)+16), path))
}

// constant reports whether no segment of path varies.
func constant(path string) bool {
	segments := 0
	for path != "" {
		var seg string
		seg, path, _ = strings.Cut(path, "/")
		if segments > maxTemplateSegments || segmentType(seg) != "" {
			return false
		}
		segments++
	}
	return true
}

// AppendTemplate appends the template of path to dst.
func AppendTemplate(dst []byte, path string) []byte {
	for segments := 0; ; segments++ {
		seg, rest, more := strings.Cut(path, "/")
		if segments > maxTemplateSegments {
			return append(dst, "{more}"...)
		}
		if t := segmentType(seg); t != "" {
			dst = append(dst, t...)
		} else {
			dst = append(dst, seg...)
		}
		if !more {
			return dst
		}
		dst = append(dst, '/')
		path = rest
	}
}

// segmentType returns the placeholder for a variable segment, or "" for a word.
func segmentType(s string) string {
	if s == "" {
		return ""
	}
	var digits, hexes, lowers, uppers, at, hyphens, other int
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c-'0' < 10:
			digits++
			hexes++
		case c|0x20-'a' < 26:
			if c|0x20 <= 'f' {
				hexes++
			}
			if c < 'a' {
				uppers++
			} else {
				lowers++
			}
		case c == '-':
			hyphens++
		case c == '_' || c == '.' || c == '~', c == '+' || c == '/' || c == '=': // also those of base64
		case c == '@':
			at++
		case c == '%' && i+2 < len(s) && s[i+1] == '4' && s[i+2] == '0':
			at++
			i += 2
		default:
			other++
		}
	}
	n := len(s)
	switch {
	case digits == n:
		return "{int}"
	case n == 36 && hexes == 32 && hyphens == 4 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-':
		return "{uuid}"
	case isDate(s):
		return "{date}"
	case hexes == n && n >= 16 && digits > 0:
		return "{hex}"
	case at == 1 && other == 0 && strings.IndexByte(s, '.') > 0:
		return "{email}"
	case s[0] == '-' && digits == n-1 && digits > 0:
		return "{int}"
	case other == 0 && n >= 16 && digits >= 2 && uppers >= 2 && lowers >= 2:
		return "{token}"
	case other == 0 && n >= 20 && digits >= 4 && digits*4 >= n && hyphens <= 1:
		return "{token}"
	case n > maxWord || other > 0 && n > 24 || strings.IndexByte(s, '%') >= 0:
		return "{text}"
	}
	return ""
}

// isDate reports whether s begins as 2006-01-02 does and is a date or a time.
func isDate(s string) bool {
	if len(s) < 10 || len(s) > 35 || s[4] != '-' || s[7] != '-' {
		return false
	}
	for _, i := range [...]int{0, 1, 2, 3, 5, 6, 8, 9} {
		if s[i]-'0' >= 10 {
			return false
		}
	}
	return len(s) == 10 || s[10] == 'T' || s[10] == 't' || s[10] == '_'
}
