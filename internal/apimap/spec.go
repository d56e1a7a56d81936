package apimap

import "bartizan/internal/request"

// Validator compares a request with what the API's own document says. Both
// methods are safe for concurrent use, keep nothing of what they are given and
// return nothing that points into it. r must be parsed (request.Parse).
//
// Head judges method, path and parameters; Body judges a decoded body in UTF-8,
// of which complete says that it is the whole. Call Body with an empty body too:
// it may be a required one.
type Validator interface {
	Head(r *request.Request) Finding
	Body(r *request.Request, body []byte, complete bool) Finding
}

// MaxProblems is how many problems one Finding holds at most.
const MaxProblems = 8

// Finding is what a Validator has to say of one request. The zero value says
// that the path is not in the document.
type Finding struct {
	// Documented says that path and method are in the document, PathDocumented
	// that the path is.
	Documented, PathDocumented bool
	// Template is the documented path, base path included: "/v1/users/{id}".
	Template string
	// Deprecated says that the operation is documented as going away.
	Deprecated bool
	// Allow are the path's methods, sorted; set where PathDocumented holds and
	// Documented does not. It is shared: do not change it.
	Allow []string
	// Problems are departures from the document, at most MaxProblems.
	Problems []Problem
	// TooLarge says that the body is longer than what is inspected, which the route refuses.
	TooLarge bool
	// Unread says that the body is in a coding or charset that is not read, which the
	// route refuses.
	Unread bool
	// Learned says that the law is what was learned of the API, not its document.
	Learned bool
	// Skipped says why something was not validated, or is empty: "body longer
	// than inspected", "content type not documented".
	Skipped string
}

// Problem is one departure from the document.
type Problem struct {
	Kind ProblemKind
	// Where names the place as signal.Signal.Where does: "query:page",
	// "body:items[0].price"; at most 96 bytes.
	Where string
	// What says what is wrong, without the value; at most 96 bytes.
	What string
}

// ProblemKind is a class of departure: what honest clients do by accident differs.
type ProblemKind uint8

// The kinds.
const (
	ProblemValue     ProblemKind = iota // of a wrong type, format or range
	ProblemMissing                      // required and not there
	ProblemUnknown                      // a parameter, field or body that the document does not have
	ProblemReadOnly                     // a field that only answers may have
	ProblemMalformed                    // a body that is not what its type says, a path with empty segments or encoded slashes
	ProblemMedia                        // a content type that the document does not have
	ProblemRepeated                     // a single-valued parameter or a key given twice
	ProblemKinds     = iota
)

var problemNames = [ProblemKinds]string{"value", "missing", "unknown", "read-only", "malformed", "content-type", "repeated"}

// String returns the kind's name.
func (k ProblemKind) String() string { return problemNames[min(int(k), ProblemKinds-1)] }
