package engine

import (
	"fmt"
	"runtime/debug"
	"slices"

	"bartizan/internal/request"
)

// Answer is what is read of one answer of the upstream, for ids of objects in its
// first 64 KiB. It belongs to one goroutine at a time; pool it.
type Answer struct {
	ids    request.IDScan
	issued []uint64
	read   int // bytes, as they were sent, that show no other ids
}

// Reset makes a ready for another answer.
func (a *Answer) Reset() {
	a.issued, a.read = a.issued[:0], 0
	a.ids.Reset()
}

// Read looks at the next piece of a good JSON answer that is not coded.
func (e *Engine) Read(a *Answer, piece []byte) {
	piece = piece[:min(len(piece), request.MaxBody-a.read)]
	a.read += len(piece)
	e.scan(a, piece)
}

func (e *Engine) scan(a *Answer, piece []byte) {
	if len(a.issued) < request.MaxIssued {
		a.ids.Scan(piece, func(id string) bool { return e.show(a, id) })
	}
}

// Decode decodes the beginning of a coded answer into plain, as far as that has
// room for, at most 64 KiB. ids says that it is good JSON, to be read for ids, and
// that no other piece comes. What is corrupt or cut is read as far as it was
// decoded. fault says that a decoder failed, which is to be logged.
func (e *Engine) Decode(a *Answer, coding string, held []byte, ids bool, plain []byte) (out []byte, fault error) {
	defer func() {
		if cause := recover(); cause != nil {
			e.faults.Add(1)
			out, fault = plain[:0], fmt.Errorf("decoding an answer: %v\n%s", cause, debug.Stack())
		}
	}()
	out, err := request.Decode(e.codings, coding, held, cap(plain), plain)
	if ids {
		e.scan(a, out)
		if err == nil {
			a.read += len(held)
		}
	}
	return out, nil
}

// show keeps an id and reports whether there is room for more. Lists name the same
// owner in each row.
func (e *Engine) show(a *Answer, id string) bool {
	d := e.ObjectDigest(id)
	if !slices.Contains(a.issued[max(len(a.issued)-32, 0):], d) {
		a.issued = append(a.issued, d)
	}
	return len(a.issued) < request.MaxIssued
}

// Issued completes o by the ids that were read, and by location, where the answer
// sends the client to. read says that all pieces were handed to Read, or their
// beginning to Decode. What it gives o is valid until Reset.
func (e *Engine) Issued(a *Answer, o *request.Outcome, location string, read bool) {
	if location != "" && o.Status/100 <= 3 {
		request.EachLinkID(location, func(id string) bool { return e.show(a, id) })
	}
	o.Issued = a.issued
	switch {
	case read:
		o.Unread = o.ResponseSize > int64(a.read) || len(a.issued) >= request.MaxIssued
	case o.Status/100 == 2:
		o.Unread = o.ResponseSize > 0 && !request.Silent(o.ResponseType)
	default:
		o.Unread = o.Status == 101
	}
}
