package request

// SegmentType returns the placeholder for a variable path segment ("{int}",
// "{uuid}", "{token}"…), or "" for a word.
func SegmentType(s string) string { return segmentType(s) }

// Seen is one parameter of a request as the API model looks at it: where it
// stands, of what type and how long its value is. Writer: apimap.
type Seen struct {
	Key  uint64 // keyed digest of location and name
	Name string // valid until Request.Reset
	In   Location
	Type uint8 // as apimap numbers types
	// Literal says that all values are numbers and truths of JSON, not texts.
	Literal bool
	Signs   uint8  // sorts of signs that code is written with, of the value with the most; at most 8
	Times   uint32 // further values of the same parameter
	Length  int    // bytes of the longest value
}

// MaxSeen bounds Request.Shape.
const MaxSeen = 64
