package request

// Location says what part of a request a value stands in.
type Location uint8

// The locations.
const (
	InPath      Location = iota // the whole decoded path
	InSegment                   // one segment of it
	InQueryName                 // a parameter's name
	InQuery
	InHeader
	InCookie
	InFormName // application/x-www-form-urlencoded
	InForm
	InJSONKey
	InJSON
	InPartName // multipart/form-data
	InPart
	InFileName
	InFile      // text of an uploaded file
	InXML       // text and attributes
	InText      // a body of no known kind
	InFileValue // a value of a document that was uploaded as a file
	Locations   = iota
)

var locationNames = [Locations]string{
	"path", "segment", "query-name", "query", "header", "cookie", "form-name", "form", "json-key", "json",
	"multipart-name", "multipart", "file-name", "file", "xml", "text", "file-value",
}

// String returns the location's name.
func (l Location) String() string {
	if int(l) < len(locationNames) {
		return locationNames[l]
	}
	return "unknown"
}

// Body reports whether the location is in the body.
func (l Location) Body() bool { return l >= InFormName }

// Name reports whether the value is a name that the sender chose.
func (l Location) Name() bool { return names>>l&1 != 0 }

const names = 1<<InQueryName | 1<<InFormName | 1<<InJSONKey | 1<<InPartName

// Value is one decoded value and where it stands. Key and Text are valid only
// during the visit: they may point into memory that the next value overwrites.
type Value struct {
	In   Location
	Key  string // parameter, header, or path in a document: "user.items[].name"
	Text string
}

// set fills in v field by field: a composite would be made elsewhere and copied in
// words wider than those it was written in, which the processor waits for.
func (v *Value) set(in Location, key, text string) { v.In, v.Key, v.Text = in, key, text }
