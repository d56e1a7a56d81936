package request

import (
	"slices"
	"strings"

	"bartizan/internal/digest"
)

// AnswerPrefix is how many bytes of an answer AnswerShape wants to see.
const AnswerPrefix = 16 << 10

// ErrorPrefix is how many bytes of an error's text are looked at.
const ErrorPrefix = 8 << 10

// maxAnswerKeys bounds the keys that make a shape.
const maxAnswerKeys = 64

// AnswerShape digests what kind of answer this is: schema from the media type and
// the set of JSON key paths down to depth two, body from the very bytes. Two
// answers of one endpoint about two objects have one schema and two bodies; a
// page that a site shows for anything has one body. schema is 0 for what is no
// JSON, body for nothing.
func AnswerShape(contentType string, prefix []byte, scratch *Scratch) (schema, body uint64) {
	if len(prefix) == 0 {
		return 0, 0
	}
	body = digest.String(0, view(prefix)) | 1
	if !mediaIs(contentType, "application/json") && !strings.Contains(contentType, "+json") {
		return 0, body
	}
	var keys [maxAnswerKeys]uint64
	n := 0
	WalkBody(contentType, prefix, false, scratch, func(v *Value) bool {
		if v.In != InJSON || strings.Count(v.Key, ".") > 1 {
			return true
		}
		if k := digest.String(1, v.Key); !slices.Contains(keys[:n], k) {
			keys[n] = k
			n++
		}
		return n < len(keys)
	})
	slices.Sort(keys[:n])
	schema = digest.String(2, "json")
	for _, k := range keys[:n] {
		schema = digest.Mix(schema, k)
	}
	return schema | 1, body
}
