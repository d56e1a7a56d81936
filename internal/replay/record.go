package replay

import (
	"strconv"
	"sync"
	"time"

	"bartizan/internal/digest"
	"bartizan/internal/engine"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// Recorder turns exchanges that have ended into lines, with secrets masked, and
// offers them to whatever writes them.
type Recorder struct {
	mask    masker
	offer   func(any)
	scratch sync.Pool // of *request.Scratch
}

// NewRecorder returns a recorder that offers *Line values; offer must not block.
// seed keys the digests of secrets.
func NewRecorder(seed uint64, offer func(any)) *Recorder {
	r := &Recorder{mask: masker{strconv.AppendUint(nil, digest.Mix(seed, 0x7265636f7264), 16)}, offer: offer}
	r.scratch.New = func() any { return new(request.Scratch) }
	return r
}

// Record takes one exchange that has ended. body is the prefix that was judged.
func (r *Recorder) Record(q *request.Request, _ engine.Verdict, o request.Outcome, body []byte) {
	r.offer(r.line(q, o, body))
}

func (r *Recorder) line(q *request.Request, o request.Outcome, body []byte) *Line {
	f := flags(q)
	l := &Line{
		Time: q.Time.UTC(), ID: q.ID, Conn: "c" + strconv.FormatUint(q.Conn.ID, 36), Client: q.Client.Addr.String(), Port: q.Conn.Port,
		H2: q.Conn.H2, Proto: q.Head.Proto, Method: q.Head.Method, Host: q.Head.Host, Target: r.mask.target(q.Head.Target, f),
		Sorted: !q.Head.Ordered, ASN: q.Network.ASN, Country: q.Network.Country, Bot: q.Network.Bot,
		Pass: q.Pass.String(), Cookie: q.Pass.Handed, Answered: o.Answered, Status: o.Status, GRPC: o.GRPC, ResponseType: o.ResponseType, ResponseSize: o.ResponseSize,
		DurationMS: float64(o.Duration) / float64(time.Millisecond), Unread: o.Unread, BodySize: o.RequestSize, Login: o.Login.String(),
	}
	if !o.Answered {
		l.Status = 0
	}
	for _, s := range q.Signals {
		if s.Kind == signal.ErrorLeak {
			l.ResponseLeak = s.Note
		}
	}
	if q.Object.ID != 0 {
		l.Object = r.mask.object(q.Object.ID)
	}
	if q.Pass.ID != 0 {
		l.PassID, l.PassAt = r.mask.object(q.Pass.ID), q.Pass.Issued
	}
	for _, secret := range o.Handed {
		l.Handed = append(l.Handed, r.mask.digest(secret))
	}
	for _, ids := range [...][]uint64{o.Issued, q.Posted} {
		for _, id := range ids {
			l.Issued = append(l.Issued, r.mask.object(id))
		}
	}
	if o.Schema != 0 {
		l.ResponseSchema = strconv.FormatUint(o.Schema, 16)
	}
	if o.Body != 0 {
		l.ResponseHash = strconv.FormatUint(o.Body, 16)
	}
	if q.Head.Fault != request.Fine {
		l.Fault = q.Head.Fault.String()
	}
	if o.Fault != q.Head.Fault {
		l.Cut = o.Fault.String()
	}
	if q.Conn.Secure {
		l.TLS = &TLS{q.Conn.TLS.JA4, q.Conn.TLS.ALPN, q.Conn.TLS.SNI, q.Conn.TLS.Resumed}
	}
	for _, h := range q.Head.Fields {
		l.Headers = append(l.Headers, [2]string{h.Name, r.mask.header(h.Name, h.Value, f)})
	}
	l.Laid = q.Laid
	for _, t := range q.Trailers {
		l.Trailers = append(l.Trailers, [2]string{t.Name, r.mask.header(t.Name, t.Value, f)})
	}
	if len(body) > 0 {
		scratch := r.scratch.Get().(*request.Scratch)
		if b, ok := r.mask.body(q.Header("Content-Type"), body, f, scratch); ok {
			l.setBody(b)
		}
		r.scratch.Put(scratch)
	}
	return l
}
