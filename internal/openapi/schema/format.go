package schema

import (
	"strconv"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// hasFormat asks the library, but for the format that most paths hold.
func hasFormat(f *jsonschema.Format, s string) bool {
	if f.Name == "uuid" {
		return isUUID(s)
	}
	return f.Validate(s) == nil
}

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case c-'0' >= 10 && c|0x20-'a' >= 6:
			return false
		}
	}
	return true
}

// fitsBits reports whether an integer fits int32 or int64, if the format is one.
func fitsBits(format, s string) bool {
	bits := 0
	switch format {
	case "int32":
		bits = 32
	case "int64":
		bits = 64
	default:
		return true
	}
	if !plain(s) {
		return true
	}
	_, err := strconv.ParseInt(s, 10, bits)
	return err == nil
}
