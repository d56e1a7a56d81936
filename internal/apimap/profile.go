package apimap

import (
	"math/bits"
	"strings"
	"sync"
	"time"

	"bartizan/internal/digest"
	"bartizan/internal/fingerprint"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

const (
	maxParams       = 64 // of a profile
	maxContentTypes = 4
	maxBucket       = 24 // sizes up to 16 MiB in powers of two
)

// profile is what is known of one endpoint.
type profile struct {
	mu       sync.Mutex
	site     string
	method   string
	template string
	first    int64 // ms
	last     int64
	n        float64   // requests that taught
	clients  [4]uint64 // linear counting
	params   map[uint64]*param
	omitted  bool    // there were more than maxParams: none is unknown any more
	novel    float64 // parameters that came up after the first hundred requests
	auth     float64 // requests with a credential
	types    []string
	sizes    [maxBucket]float64 // of request bodies, by log2
	latency  [maxBucket]float64 // of answers, by log2 of microseconds
	machines float64            // requests of software that claims no browser
	departed departed
	names    *names // nil where nothing is named
	flow     flow
	pauses   [maxPause]float32           // since the client's last call, by log2 of ms
	answers  [maxBucket]float32          // sizes of good answers, by log2
	software [fingerprint.Families]uint8 // linear counting bits of the clients that claimed each
	browsers float32                     // requests of browsers
	cookied  float32                     // of those, with cookies
	hurried  uint64                      // the client whose fast step was learned last
	objects  objects
	follow   follow
	by       sources // who has taught it
	approved int64   // ms: when an operator approved it; 0 if none did
}

// maxPause is the number of buckets of pauses: up to a minute.
const maxPause = 17

func pause(gap time.Duration) int { return min(bits.Len64(uint64(gap.Milliseconds())), maxPause-1) }

// learnPause adds the time since the client's last call; p.mu is held. A fast
// step teaches only where it is not the same client's again: what one of them
// does all day does not become normal.
func (p *profile) learnPause(r *request.Request) {
	st := &r.Standing
	if st.Previous == 0 || st.Gap <= 0 || !st.Same || st.Stage > signal.Clear {
		return
	}
	if r.Endpoint.Hasty {
		if p.hurried == st.Keys[0] {
			return
		}
		p.hurried = st.Keys[0]
	}
	p.pauses[pause(st.Gap)]++
}

// flow counts which endpoints a client called before this one.
type flow struct {
	from  [maxFrom]step
	first float64 // none within the visit
	other float64 // endpoints beyond the table
}

type step struct {
	id uint64
	n  float64
}

// maxFrom bounds the predecessors that are told apart. The rarest gives way, by
// counting down (Misra and Gries, 1982), so that a frequent one always gets in.
const maxFrom = 12

func (f *flow) add(id uint64) {
	if id == 0 {
		f.first++
		return
	}
	if !countStep(&f.from, id) {
		f.other++
	}
}

// countStep counts id in a table and reports whether it had, or found, a place there.
func countStep(table *[maxFrom]step, id uint64) bool {
	free := -1
	for i := range table {
		switch s := &table[i]; {
		case s.id == id:
			s.n++
			return true
		case s.n <= 0:
			free = i
		}
	}
	if free >= 0 {
		table[free] = step{id, 1}
		return true
	}
	for i := range table {
		table[i].n--
	}
	return false
}

// odd returns how often, in shares of n, a call came as this one does: first, or
// after an endpoint that is not among the usual.
func (f *flow) odd(id uint64, n float64) float64 {
	if id == 0 {
		return (f.first + 0.5) / (n + 1)
	}
	for _, s := range f.from {
		if s.id == id && s.n > 0 {
			return 1
		}
	}
	return (f.other + 0.5) / (n + 1)
}

// param is what is known of one parameter.
type param struct {
	name    string
	in      request.Location
	literal bool // it has come as a number or a truth of JSON
	n       float64
	first   int64  // ms
	clients uint64 // linear counting bits
	kinds   [kinds]float32
	longest int
	by      sources      // who has taught it
	from    [kinds]uint8 // linear counting bits of the clients that sent each kind
}

// taught reports whether values of kind k are what the parameter has too. From the word on
// it takes several clients: who has found a hole sends one after the other.
func (q *param) taught(k kind) bool {
	return q.kinds[k] > 0 && bits.OnesCount8(q.from[k]) >= kindTeachers
}

// kindTeachers is how many clients must have sent a kind of value.
const kindTeachers = 3

// believed reports whether enough distinct clients have sent the parameter.
func (q *param) believed() bool { return bits.OnesCount64(q.clients) >= teachers }

// certain reports whether the profile may claim anything: enough requests, from
// enough clients, over enough time.
func (p *profile) certain(m *Model, now time.Time) bool {
	return p.n >= float64(m.options.MinimumRequests) && now.UnixMilli()-p.first >= m.options.MinimumTime.Milliseconds() && p.several()
}

// several reports whether enough distinct clients have taught. Linear counting over
// so many bits says as many clients as bits.
func (p *profile) several() bool {
	n := 0
	for _, w := range p.clients {
		n += bits.OnesCount64(w)
	}
	return n >= 2*teachers
}

// learn adds one good exchange; p.mu is held.
func (p *profile) learn(now time.Time, r *request.Request, o request.Outcome) {
	ms := now.UnixMilli()
	client := r.Standing.Keys[0]
	if p.first == 0 {
		p.first = ms
	}
	p.last = ms
	p.n++
	source := sourceOf(r)
	p.by.add(source)
	mark(p.clients[:], digest.Mix(client, 1))
	if r.Standing.Keys[2] != 0 {
		p.auth++
	}
	p.software[r.Software.Claimed] |= 1 << (digest.Mix(client, 4) & 7)
	if !r.Software.Claimed.Browser() {
		p.machines++
	} else {
		p.browsers++
		if len(r.Cookies) > 0 {
			p.cookied++
		}
	}
	if o.ResponseSize > 0 && r.Standing.Stage == signal.Clear {
		p.answers[bucket(o.ResponseSize)]++
	}
	if t := r.Header("Content-Type"); t != "" && o.RequestSize > 0 {
		p.contentType(t)
	}
	p.flow.add(r.Standing.Previous)
	p.learnPause(r)
	p.objects.learn(r)
	p.follow.courses.learn(r)
	p.sizes[bucket(o.RequestSize)]++
	p.latency[bucket(o.Duration.Microseconds())]++
	p.learnNames(client, &r.Graph)
	for i := range r.Shape {
		p.learnParam(ms, client, source, &r.Shape[i])
	}
}

func (p *profile) contentType(t string) {
	t = mediaType(t)
	for _, known := range p.types {
		if known == t {
			return
		}
	}
	if len(p.types) < maxContentTypes {
		p.types = append(p.types, string(append([]byte(nil), t...)))
	}
}

func (p *profile) learnParam(ms int64, client, source uint64, s *request.Seen) {
	q := p.params[s.Key]
	if q == nil {
		if len(p.params) >= maxParams {
			p.omitted = true
			return
		}
		if p.params == nil {
			p.params = map[uint64]*param{}
		}
		q = &param{name: strings.Clone(s.Name), in: s.In, first: ms}
		p.params[s.Key] = q
		if p.n > 100 {
			p.novel++
		}
	}
	q.n++
	q.by.add(source)
	q.clients |= 1 << (digest.Mix(client, 2) & 63)
	k := min(s.Type, kinds-1)
	q.kinds[k]++
	q.from[k] |= 1 << (digest.Mix(client, 3) & 7)
	q.longest = max(q.longest, s.Length)
	q.literal = q.literal || s.Literal
}

// Magnitude is the power of two of n, as Endpoint.Usual counts.
func Magnitude(n int64) int { return bucket(n) }

// bucket is the power of two of n.
func bucket(n int64) int { return min(bits.Len64(uint64(max(n, 0))), maxBucket-1) }

// largest is the highest bucket in use.
func largest(sizes *[maxBucket]float64) int {
	for i := maxBucket - 1; i > 0; i-- {
		if sizes[i] > 0 {
			return i
		}
	}
	return 0
}

// mediaType cuts parameters from a Content-Type.
func mediaType(t string) string {
	for i := range len(t) {
		if t[i] == ';' || t[i] == ' ' {
			return t[:i]
		}
	}
	return t[:min(len(t), 64)]
}
