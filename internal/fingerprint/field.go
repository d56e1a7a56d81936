package fingerprint

// Field is one header line as the client sent it: name in its own letter case,
// value without the white space around it.
type Field struct{ Name, Value string }
