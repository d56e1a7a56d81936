package document

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// lineOfJSON returns the line of the key or item that pointer names in a JSON document
// that was read already, or of the last part of it that is there; 0 if there is none.
func lineOfJSON(data []byte, pointer string) int {
	j := jsonText{data: bytes.TrimPrefix(data, []byte("\ufeff"))}
	j.space()
	at := 0
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if pointer == "" || !j.enter(unescape(token)) {
			break
		}
		at = j.at
	}
	if j.i > len(j.data) {
		return 0
	}
	return 1 + bytes.Count(j.data[:at], []byte("\n"))
}

// jsonText is a place in the text of a JSON document.
type jsonText struct {
	data []byte
	i    int
	at   int // where the key or item that enter found begins
}

func (j *jsonText) space() {
	for j.i < len(j.data) && strings.IndexByte(" \t\r\n,:", j.data[j.i]) >= 0 {
		j.i++
	}
}

// enter goes to the value of a key, or to an item, of the container at i. Without one it
// reports false.
func (j *jsonText) enter(key string) bool {
	if j.i >= len(j.data) || j.data[j.i] != '{' && j.data[j.i] != '[' {
		return false
	}
	object := j.data[j.i] == '{'
	j.i++
	for n := 0; ; n++ {
		j.space()
		if j.i >= len(j.data) || j.data[j.i] == '}' || j.data[j.i] == ']' {
			return false
		}
		start := j.i
		found := !object && strconv.Itoa(n) == key
		if object {
			j.value()
			name := ""
			found = json.Unmarshal(j.data[start:min(j.i, len(j.data))], &name) == nil && name == key
			j.space()
		}
		if found {
			j.at = start
			return true
		}
		j.value()
	}
}

// value passes over a value.
func (j *jsonText) value() {
	for depth := 0; j.i < len(j.data); {
		switch c := j.data[j.i]; c {
		case '"':
			j.text()
		case '{', '[':
			depth++
			j.i++
		case '}', ']':
			if depth == 0 {
				return
			}
			depth--
			j.i++
		case ',', ':', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return
			}
			j.i++
			continue
		default:
			j.i++
			if depth > 0 || j.i < len(j.data) && strings.IndexByte(",:}] \t\r\n", j.data[j.i]) < 0 {
				continue
			}
		}
		if depth == 0 {
			return
		}
	}
}

func (j *jsonText) text() {
	for j.i++; j.i < len(j.data); j.i++ {
		switch j.data[j.i] {
		case '\\':
			j.i++
		case '"':
			j.i++
			return
		}
	}
}
