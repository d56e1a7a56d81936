package engine

import (
	"errors"
	"strings"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// walks bounds the work for one request's body: all looks at it and all readings
// together go over so many times as many bytes as are inspected.
const walks = 4

// budget returns how many bytes may have been gone over after a look at the first n
// of r's body, 0 if it is not worth its cost. Half of all is kept for the last look,
// which decodes and walks; a look before that has a quarter, and one more if the
// body has doubled.
func budget(r *request.Request, inspect, n int, complete bool) int {
	cost := n + r.Inspected
	switch {
	case complete || n >= inspect:
		return walks * inspect
	case r.Looked == 0, r.Walked+cost <= inspect, n >= 2*r.Looked && r.Walked+cost <= 2*inspect:
		return 2 * inspect
	}
	return 0
}

// reading is how a body was made readable.
type reading struct {
	body     []byte // decoded, in UTF-8
	complete bool
	// longer says that the body is longer than what is inspected, as it came or
	// decoded.
	longer bool
	// unread is why it could not be read, or not all of it; empty if it was.
	unread string
	// opaque says that its coding is not undone and that it is no text as it stands.
	opaque bool
	// ambiguous says that it declares different types or boundaries, left that a
	// reading was left out.
	ambiguous, left bool
}

// read decodes the prefix of r's body. Where servers differ in how they read it, it
// looks for payloads in the other readings too.
func (e *Engine) read(s *compiled, r *request.Request, body []byte, complete bool, scratch *Scratch) reading {
	in := reading{body: body, complete: complete, longer: !complete && len(body) >= s.inspect}
	contentType := r.Header("Content-Type")
	if coding := joined(r, "Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		e.decode(s, r, coding, &in, scratch)
	}
	if in.unread == "" && request.UnreadCharset(contentType, in.body) {
		in.unread = "charset"
	}
	raw := in.body
	if text, changed := request.ToUTF8(contentType, raw, scratch.text[:0]); changed {
		if request.Plain(contentType, raw) { // most servers ignore a charset
			in.left = !e.detectOnly(r, contentType, raw, in.complete, scratch) || in.left
		}
		if form, ok := request.AppendForm(scratch.other[:0], contentType, raw); ok {
			scratch.other = form
			in.left = !e.detectOnly(r, contentType, form, in.complete, scratch) || in.left
		}
		scratch.text, in.body = text, text
	}
	return in
}

// decode undoes the content coding of in.body. What of it is text as it stands is
// looked at too, unless the coding holds to the end: many servers do not decode.
// Compressed bytes are no text, and chance finds anything in them.
func (e *Engine) decode(s *compiled, r *request.Request, coding string, in *reading, scratch *Scratch) {
	contentType := r.Header("Content-Type")
	raw, complete := in.body, in.complete
	limit := min(s.inspect, (scratch.walk.Most-scratch.walk.Walked)/2) // decoding is work, and so is the walk behind it
	plain, err := request.Decode(e.codings, coding, raw, limit, scratch.plain[:0])
	scratch.plain = plain
	scratch.walk.Walked += len(plain)
	longer := errors.Is(err, request.ErrLimit)
	if err == nil || len(plain) > 0 {
		in.body = plain
		in.longer = in.longer || longer && limit == s.inspect
		in.complete = complete && !in.longer
	}
	in.opaque = err != nil && !longer && !request.Text(raw)
	switch {
	case err == nil:
		return
	case !longer && request.Textual(contentType) && (len(plain) > 0 || !request.Text(raw)):
		in.unread = "coding"
	}
	if len(plain) > 0 && request.Plain(contentType, raw) {
		scratch.other = request.AppendText(scratch.other[:0], contentType, raw)
		in.left = !e.detectOnly(r, contentType, scratch.other, complete, scratch) || in.left
	}
}

// note appends what the reading says by itself. No honest program sends a text in a
// coding or charset that its server has to guess, or two boundaries.
func (in *reading) note(r *request.Request) {
	if in.left && in.unread == "" {
		in.unread = "more readings than are made"
	}
	if in.unread != "" {
		once(r, signal.Signal{Kind: signal.Unread, Where: "body", Note: in.unread})
	}
	if in.ambiguous {
		once(r, signal.Signal{Kind: signal.ProtocolOddity, Band: signal.Likely, Where: "header:Content-Type",
			Note: "declares two types or boundaries"})
	}
}

// once appends a signal of which there is none of its kind at its place.
func once(r *request.Request, s signal.Signal) {
	for i := range r.Signals {
		if o := &r.Signals[i]; o.Kind == s.Kind && o.Where == s.Where {
			return
		}
	}
	r.Signals = append(r.Signals, s)
}

// detectOnly looks for payloads in a second reading of a body, if the budget allows
// it, and reports whether it did. The first reading is what the API is learned from,
// so this must come before or behind it. What the walk learned of a login is the
// first one's too.
func (e *Engine) detectOnly(r *request.Request, contentType string, body []byte, complete bool, scratch *Scratch) bool {
	w := &scratch.walk
	if len(body) == 0 {
		return true
	}
	if w.Walked+2*len(body) > w.Most { // the first reading may be still to come
		return false
	}
	request.WalkBody(contentType, body, complete, w, func(v *request.Value) bool {
		e.detector.Load().Body(r, v)
		scratch.fields.Patch(r, v, w)
		return true
	})
	return true
}
