// Package scenario reads scenario files and makes their traffic: labelled lines
// in the replay format, in virtual time, the same for the same seed. It judges
// nothing; Check compares verdicts with what a scenario expects.
//
// A file is a txtar archive of scenario.yaml (populations to simulate) or
// traffic.jsonl (lines as they are), policy.yaml (a configuration file) and
// expect.yaml.
package scenario

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"bartizan/internal/replay"

	"github.com/goccy/go-yaml"
	"github.com/rogpeppe/go-internal/txtar"
)

// Scenario is one parsed file.
type Scenario struct {
	Name   string
	Lines  []replay.Line // in order of time
	Policy []byte        // configuration file
	Expect Expect
}

// plan is scenario.yaml.
type plan struct {
	Seed        uint64       `yaml:"seed"`
	Start       time.Time    `yaml:"start"`
	Populations []population `yaml:"populations"`
}

// population is a number of clients that behave alike.
type population struct {
	Name     string   `yaml:"name"`
	Label    string   `yaml:"label"`
	Clients  int      `yaml:"clients"`
	From     string   `yaml:"from"`     // prefix; client n has its nth address
	Behind   int      `yaml:"behind"`   // clients to an address; 1
	Subnets  bool     `yaml:"subnets"`  // each address in an IPv6 /64 or IPv4 /24 of its own
	Software string   `yaml:"software"` // a name of softwares; rotates over a comma-separated list
	Begin    string   `yaml:"begin"`    // from the start; 0s
	Spread   string   `yaml:"spread"`   // over which the clients' beginnings are drawn; 0s
	Every    string   `yaml:"every"`    // mean time between requests of a client
	Regular  bool     `yaml:"regular"`  // exactly every, instead of drawn exponentially
	Count    int      `yaml:"count"`    // requests of a client
	Headers  []string `yaml:"headers"`  // "Name: value", added to the software's or in place of one; no value: taken away
	Requests []step   `yaml:"requests"` // taken in turn
}

// step is one request. {n} is the request's number, {c} the client's, {k} how
// often it has come round, {r} a random word, {i} a random number below 10,000;
// {N}, {C} and {K} are the first three in eight hexadecimal digits.
type step struct {
	Method  string   `yaml:"method"`
	Target  string   `yaml:"target"`
	Host    string   `yaml:"host"`
	Headers []string `yaml:"headers"`
	JSON    string   `yaml:"json"`
	Form    string   `yaml:"form"`
	Status  []int    `yaml:"status"` // taken in turn by the client's number of requests
	Size    []int64  `yaml:"size"`   // bytes of the answer, taken like status
	Type    string   `yaml:"type"`   // media type of the answer; application/json
	Issued  []string `yaml:"issued"` // ids that the answer shows
	Unread  bool     `yaml:"unread"` // it may show others
	Handed  []string `yaml:"handed"` // credentials that a good answer to a login hands out, without "Bearer"
	Login   []string `yaml:"login"`  // what the answer says of a login ("refused", "entered"), taken like status
	Fault   string   `yaml:"fault"`
	Laid    bool     `yaml:"laid"` // its body goes where a form with the decoy field sends it
	Pass    []string `yaml:"pass"` // what became of its pass or answer ("solved", "forged"), taken like status
}

// Read reads the file name.
func Read(name string) (*Scenario, error) {
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading scenario: %w", err)
	}
	s, err := Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("reading scenario %s: %w", name, err)
	}
	s.Name = strings.TrimSuffix(filepath.Base(name), ".txtar")
	return s, nil
}

// Parse reads a scenario and makes its traffic.
func Parse(raw []byte) (*Scenario, error) {
	s := new(Scenario)
	expected := false
	for _, f := range txtar.Parse(raw).Files {
		var err error
		switch f.Name {
		case "scenario.yaml":
			var p plan
			if err = yaml.UnmarshalWithOptions(f.Data, &p, yaml.Strict()); err == nil {
				s.Lines, err = p.lines()
			}
		case "traffic.jsonl":
			s.Lines, err = recorded(f.Data)
		case "policy.yaml":
			s.Policy = f.Data
		case "expect.yaml":
			expected = true
			err = yaml.UnmarshalWithOptions(f.Data, &s.Expect, yaml.Strict())
		default:
			err = errors.New("want scenario.yaml, traffic.jsonl, policy.yaml or expect.yaml")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	if len(s.Lines) == 0 || !expected {
		return nil, errors.New("want traffic and expect.yaml")
	}
	return s, nil
}

func recorded(data []byte) (out []replay.Line, err error) {
	n := 0
	for raw := range bytes.Lines(data) {
		n++
		if len(bytes.TrimSpace(raw)) == 0 {
			continue
		}
		l, err := replay.Parse(raw)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if l.ID == "" {
			l.ID = "l" + strconv.Itoa(n)
		}
		out = append(out, *l)
	}
	return out, nil
}

// maxLines bounds one scenario.
const maxLines = 2_000_000

func (p *plan) lines() ([]replay.Line, error) {
	if p.Start.IsZero() {
		p.Start = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)
	}
	var out []replay.Line
	for i, pop := range p.Populations {
		if n := pop.Clients * pop.Count; n <= 0 || len(out)+n > maxLines {
			return nil, fmt.Errorf("population %q: %d clients with %d requests each: want at least one and at most %d in all", pop.Name, pop.Clients, pop.Count, maxLines)
		}
		made, err := pop.lines(p.Start, rand.New(rand.NewPCG(p.Seed, uint64(i))))
		if err != nil {
			return nil, fmt.Errorf("population %q: %w", pop.Name, err)
		}
		out = append(out, made...)
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Time.Before(out[j].Time) })
	for i := range out {
		out[i].ID = "r" + strconv.Itoa(i+1)
	}
	return out, nil
}

func (p *population) lines(start time.Time, r *rand.Rand) ([]replay.Line, error) {
	begin, err := duration(p.Begin)
	if err != nil {
		return nil, err
	}
	spread, err := duration(p.Spread)
	if err != nil {
		return nil, err
	}
	every, err := duration(p.Every)
	if err != nil {
		return nil, err
	}
	prefix, err := netip.ParsePrefix(p.From)
	if err != nil {
		return nil, fmt.Errorf("from: %w", err)
	}
	var sends []software
	for name := range strings.SplitSeq(p.Software, ",") {
		s, ok := softwareNamed(strings.TrimSpace(name))
		if !ok {
			return nil, fmt.Errorf("unknown software %q; known are %s", name, softwareNames())
		}
		sends = append(sends, s)
	}
	address := prefix.Addr()
	var out []replay.Line
	for c := range p.Clients {
		if c > 0 && c%max(p.Behind, 1) == 0 {
			address = next(address, p.Subnets)
		}
		if !prefix.Contains(address) {
			return nil, fmt.Errorf("%s has not %d addresses", p.From, p.Clients)
		}
		at := start.Add(begin)
		if spread > 0 {
			at = at.Add(time.Duration(r.Int64N(int64(spread))))
		}
		for n := range p.Count {
			out = append(out, p.line(at, r, address, sends[(c+n*min(len(sends)-1, 1))%len(sends)], c, n))
			gap := every
			if !p.Regular && every > 0 {
				gap = time.Duration(r.ExpFloat64() * float64(every))
			}
			at = at.Add(gap)
		}
	}
	return out, nil
}

// next returns the next address, or the first one of the next IPv6 /64, or the same
// one of the next IPv4 /24.
func next(a netip.Addr, subnets bool) netip.Addr {
	switch {
	case !subnets:
		return a.Next()
	case a.Is4():
		b := a.As4()
		binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])+256)
		return netip.AddrFrom4(b)
	}
	b := a.As16()
	binary.BigEndian.PutUint64(b[:], binary.BigEndian.Uint64(b[:])+1)
	clear(b[8:])
	return netip.AddrFrom16(b)
}

func duration(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	return time.ParseDuration(s)
}

func (p *population) line(at time.Time, r *rand.Rand, address netip.Addr, s software, c, n int) replay.Line {
	q := p.Requests[n%len(p.Requests)]
	fill := strings.NewReplacer("{n}", strconv.Itoa(n), "{c}", strconv.Itoa(c), "{r}", word(r), "{i}", strconv.Itoa(r.IntN(10000)),
		"{k}", strconv.Itoa(n/len(p.Requests)), "{N}", eight(n), "{C}", eight(c), "{K}", eight(n/len(p.Requests))).Replace
	l := replay.Line{
		Time: at, Conn: fmt.Sprintf("%s-%d", p.Name, c), Client: address.String(), Method: cmp.Or(q.Method, "GET"), Target: fill(q.Target),
		Host: cmp.Or(q.Host, "api.example.com"), Proto: s.proto, H2: s.h2, Fault: q.Fault, Laid: q.Laid,
		Label: cmp.Or(p.Label, p.Name), DurationMS: 5 + r.Float64()*20,
	}
	if s.ja4 != "" {
		l.TLS = &replay.TLS{JA4: s.ja4, ALPN: s.alpn, SNI: l.Host}
	}
	l.Headers = append(l.Headers, s.headers(l.Host)...)
	for _, h := range append(append([]string(nil), p.Headers...), q.Headers...) {
		name, value, _ := strings.Cut(h, ":")
		l.Headers = set(l.Headers, name, fill(strings.TrimSpace(value)))
	}
	if body, kind := q.body(); body != "" {
		l.Body = fill(body)
		l.BodySize = int64(len(l.Body))
		l.Headers = append(l.Headers, [2]string{s.name("Content-Type"), kind})
	}
	if len(q.Pass) > 0 {
		l.Pass, l.PassID, l.PassAt = q.Pass[n/len(p.Requests)%len(q.Pass)], l.Conn, uint32(at.Unix())
	}
	if len(q.Login) > 0 {
		l.Login = q.Login[n/len(p.Requests)%len(q.Login)]
	}
	if len(q.Status) > 0 {
		l.Answered, l.Status, l.ResponseType = true, q.Status[n/len(p.Requests)%len(q.Status)], cmp.Or(q.Type, "application/json")
		l.Unread = q.Unread
		if l.Status < 400 {
			for _, secret := range q.Handed {
				l.Handed = append(l.Handed, fill(secret))
			}
		}
		for _, id := range q.Issued {
			l.Issued = append(l.Issued, fill(id))
		}
	}
	if len(q.Size) > 0 {
		l.ResponseSize = q.Size[n/len(p.Requests)%len(q.Size)]
	}
	return l
}

// set gives a field that the software sends another value, or adds one; an empty value
// takes it away.
func set(fields [][2]string, name, value string) [][2]string {
	i := slices.IndexFunc(fields, func(f [2]string) bool { return strings.EqualFold(f[0], name) })
	switch {
	case i < 0:
		return append(fields, [2]string{name, value})
	case value == "":
		return slices.Delete(fields, i, i+1)
	}
	fields[i][1] = value
	return fields
}

func eight(n int) string { return fmt.Sprintf("%08x", n) }

func (q step) body() (body, kind string) {
	if q.JSON != "" {
		return q.JSON, "application/json"
	}
	return q.Form, "application/x-www-form-urlencoded"
}

func word(r *rand.Rand) string {
	b := make([]byte, 4+r.IntN(6))
	for i := range b {
		b[i] = byte('a' + r.IntN(26))
	}
	return string(b)
}

// Write writes the lines as a recording.
func (s *Scenario) Write(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for i := range s.Lines {
		if err := enc.Encode(&s.Lines[i]); err != nil {
			return fmt.Errorf("writing traffic: %w", err)
		}
	}
	return nil
}
