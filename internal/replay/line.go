// Package replay reads and writes recorded traffic and runs it through the same
// engine that judges live traffic, in virtual time.
//
// It is an edge: it decides nothing. A Recorder is safe for concurrent use; a
// Run belongs to one goroutine.
package replay

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"bartizan/internal/addr"
	"bartizan/internal/digest"
	"bartizan/internal/request"
)

// Line is one recorded exchange. All fields but Time, Client, Method and Target
// are optional.
type Line struct {
	Time   time.Time `json:"time"`
	ID     string    `json:"id,omitempty"`
	Conn   string    `json:"conn,omitempty"`
	Client string    `json:"client"`
	Port   uint16    `json:"port,omitempty"`
	TLS    *TLS      `json:"tls,omitempty"`
	H2     string    `json:"h2,omitempty"`
	Proto  string    `json:"proto,omitempty"`
	Method string    `json:"method"`
	Host   string    `json:"host,omitempty"`
	Target string    `json:"target"`

	Headers [][2]string `json:"headers,omitempty"`
	// Sorted says that order and letter case of Headers are not the client's own.
	Sorted bool   `json:"sorted,omitempty"`
	Fault  string `json:"fault,omitempty"` // why the message was refused before it was judged
	// Cut is why its body was not read to the end, spelt as faults are.
	Cut string `json:"cut,omitempty"`

	Body     string `json:"body,omitempty"`
	BodyB64  string `json:"body_b64,omitempty"`
	BodySize int64  `json:"body_size,omitempty"`
	// Laid says that a form that was laid with the site's decoy field sends its body here.
	Laid bool `json:"laid,omitempty"`
	// Trailers are the fields behind the body that went upstream.
	Trailers [][2]string `json:"trailers,omitempty"`

	ASN     uint32 `json:"asn,omitempty"`
	Country string `json:"country,omitempty"`
	Bot     string `json:"bot,omitempty"`

	// Pass is what became of the pass or answer that the request carried, as
	// request.Pass spells it: tokens are masked, and their key is not here.
	Pass string `json:"pass,omitempty"`
	// PassID names it, as Issued names ids; PassAt is when it was handed out, s since the epoch.
	PassID string `json:"pass_id,omitempty"`
	PassAt uint32 `json:"pass_at,omitempty"`
	// Cookie says that the answer handed one out.
	Cookie bool `json:"cookie,omitempty"`

	Answered       bool   `json:"answered,omitempty"`
	Status         int    `json:"status,omitempty"`
	GRPC           int    `json:"grpc_status,omitempty"` // of a gRPC answer, if it is not OK
	ResponseType   string `json:"response_type,omitempty"`
	ResponseSchema string `json:"response_schema,omitempty"`
	ResponseHash   string `json:"response_hash,omitempty"`
	ResponseLeak   string `json:"response_leak,omitempty"` // what in an error's text said that a payload got through
	ResponseSize   int64  `json:"response_size,omitempty"`
	// Object is the id of the object that was asked for, if Target does not say it
	// as Issued does; Issued are the ids that the exchange showed to the client,
	// Unread says that it may have shown others.
	Object string   `json:"object,omitempty"`
	Issued []string `json:"issued,omitempty"`
	Unread bool     `json:"unread,omitempty"`
	// Handed are the credentials that the answer to a login hands out, masked as those
	// of requests are.
	Handed []string `json:"handed,omitempty"`

	// Login is what the answer said of an attempt to log in beyond its status: "refused" or
	// "entered".
	Login string `json:"login,omitempty"`

	DurationMS float64 `json:"duration_ms,omitempty"`
	Label      string  `json:"label,omitempty"`
}

// TLS are the facts of a TLS connection.
type TLS struct {
	JA4     string `json:"ja4,omitempty"`
	ALPN    string `json:"alpn,omitempty"`
	SNI     string `json:"sni,omitempty"`
	Resumed bool   `json:"resumed,omitempty"`
}

// MaxLine bounds one line, in bytes.
const MaxLine = 4 << 20

// maxIssued bounds the ids that one exchange shows to a client.
const maxIssued = request.MaxIssued + request.MaxPosted + 1

// Parse reads one line and says what is wrong with it.
func Parse(b []byte) (*Line, error) {
	var l Line
	if err := json.Unmarshal(b, &l); err != nil {
		return nil, fmt.Errorf("reading line: %w", err)
	}
	switch {
	case l.Time.IsZero():
		return nil, errors.New(`reading line: "time" is missing`)
	case l.Method == "" || l.Target == "":
		return nil, errors.New(`reading line: "method" and "target" are needed`)
	}
	if _, err := netip.ParseAddr(l.Client); err != nil {
		return nil, fmt.Errorf("reading line: client %q: want an address", l.Client)
	}
	for _, f := range [...]string{l.Fault, l.Cut} {
		if _, ok := request.FaultNamed(f); !ok && f != "" {
			return nil, fmt.Errorf("reading line: unknown fault %q", f)
		}
	}
	if len(l.Issued) > maxIssued {
		return nil, fmt.Errorf("reading line: %d issued ids: want at most %d", len(l.Issued), maxIssued)
	}
	if len(l.Handed) > request.MaxHanded {
		return nil, fmt.Errorf("reading line: %d credentials handed out: want at most %d", len(l.Handed), request.MaxHanded)
	}
	if _, ok := request.PassNamed(l.Pass); !ok {
		return nil, fmt.Errorf("reading line: unknown pass %q", l.Pass)
	}
	return &l, nil
}

// duration returns how long the exchange took.
func (l *Line) duration() time.Duration {
	return time.Duration(l.DurationMS * float64(time.Millisecond))
}

// body returns the recorded prefix of the body and whether it is all of it.
func (l *Line) body() (b []byte, complete bool) {
	b = []byte(l.Body)
	if l.BodyB64 != "" {
		if raw, err := base64.StdEncoding.DecodeString(l.BodyB64); err == nil {
			b = raw
		}
	}
	return b, int64(len(b)) >= l.BodySize
}

// fill makes r the view of the recorded request. number counts the requests of
// its connection.
func (l *Line) fill(r *request.Request, number int) {
	r.Reset()
	a, _ := netip.ParseAddr(l.Client) // Parse has checked it
	r.ID, r.Client, r.Number = l.ID, addr.Of(a), number
	r.Conn = request.Conn{ID: numeric(l.Conn), Peer: r.Client, Port: l.Port, H2: l.H2}
	h := &r.Head
	h.Method, h.Target, h.Host, h.Proto, h.Scheme = l.Method, l.Target, l.Host, cmp.Or(l.Proto, "HTTP/1.1"), "http"
	h.ContentLength, h.Ordered = l.BodySize, !l.Sorted
	if l.TLS != nil {
		r.Conn.Secure, h.Scheme = true, "https"
		r.Conn.TLS = request.TLS{JA4: l.TLS.JA4, ALPN: l.TLS.ALPN, SNI: l.TLS.SNI, Resumed: l.TLS.Resumed}
	}
	for _, f := range l.Headers {
		h.Fields = append(h.Fields, request.Field{Name: f[0], Value: f[1]})
		if h.Host == "" && strings.EqualFold(f[0], "Host") {
			h.Host = f[1]
		}
	}
	for _, f := range l.Trailers {
		r.Trailers = append(r.Trailers, request.Field{Name: f[0], Value: f[1]})
	}
	r.Laid = l.Laid
	h.Fault, _ = request.FaultNamed(l.Fault)
	r.Pass, _ = request.PassNamed(l.Pass)
	r.Pass.Handed = l.Cookie
	if r.Pass.Issued = l.PassAt; l.PassID != "" {
		r.Pass.ID = digest.String(0, l.PassID) | 1
	}
	r.Network = request.Network{ASN: l.ASN, Country: l.Country, Bot: l.Bot}
}

func (l *Line) outcome() request.Outcome {
	return request.Outcome{
		Answered: l.Answered || l.Status > 0 && l.Fault == "", Status: l.Status, GRPC: l.GRPC, Duration: l.duration(),
		ResponseType: l.ResponseType, ResponseSize: l.ResponseSize, RequestSize: l.BodySize,
		Prefix: []byte(l.ResponseLeak), Schema: numeric(l.ResponseSchema), Body: numeric(l.ResponseHash), Unread: l.Unread,
		Login: request.LoginResultNamed(l.Login),
	}
}

// numeric turns a recorded name or digest into the number that the core keeps; 0
// for none.
func numeric(s string) uint64 {
	if s == "" {
		return 0
	}
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64()
}

// setBody stores b as text where it is text.
func (l *Line) setBody(b []byte) {
	if utf8.Valid(b) {
		l.Body = string(b)
		return
	}
	l.BodyB64 = base64.StdEncoding.EncodeToString(b)
}
