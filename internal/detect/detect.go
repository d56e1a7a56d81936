// Package detect looks for attacks in the values that a client sends, and for
// what only attack tools ask for or call themselves.
//
// It looks at each value once. A gate of byte classes and words, one pass over
// the value, decides which of the few detectors may run; benign values seldom
// get past it. What a hit is worth is said in bands: Certain is for shapes that
// mean nothing but an attack, in a value that is no prose; Hint is all that a
// text about attacks, or code, can get. It knows nothing of clients and decides
// on no request.
//
// A Detector is safe for concurrent use. It remembers harmless values; what it
// says of a value does not depend on that. A nil Detector finds nothing.
package detect

import (
	"strings"
	"sync"
	"unicode/utf8"

	"bartizan/internal/detect/code"
	"bartizan/internal/detect/shell"
	"bartizan/internal/digest"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// Lists are the word lists that come from outside. Letter case does not matter.
type Lists struct {
	// ProbePaths are files and directories that scanners ask for, without the
	// leading slash or with it.
	ProbePaths []string
	// ScannerAgents are names of attack tools as they stand in User-Agents.
	ScannerAgents []string
	// SystemFiles are files of operating systems and servers: "etc/passwd".
	SystemFiles []string
	// ShellWords are commands, "bin/" before the name or not.
	ShellWords []string
	// Cmdlets are commands of PowerShell: "Invoke-Expression".
	Cmdlets []string
	// JavaClasses are classes and packages that exploits name.
	JavaClasses []string
	// PHPFunctions and PHPVariables are names that code for PHP uses.
	PHPFunctions, PHPVariables []string
	// Exploits are shapes of published exploits.
	Exploits []Exploit
	// UploadNames are names of files that no one uploads: ".htaccess".
	UploadNames []string
	// SQLErrors, and Errors of languages, are what servers say when something
	// broke: what an attack reached.
	SQLErrors, Errors []string
}

// maxSignals is how many signals one request may carry.
const maxSignals = 16

// Detector holds the compiled lists.
type Detector struct {
	seed       uint64
	words      wordTable
	probes     phrases
	agents     phrases
	files      phrases
	favourites phrases
	leaks      phrases
	uploads    phrases
	commands   shell.Commands
	names      *code.Set
	exploits   exploits
	harmless   memo
	// ungated lets every value through: the oracle that the gate is held to.
	ungated bool
	pool    sync.Pool // of *scan
}

// New compiles the lists. seed keys the digests of values.
func New(seed uint64, l Lists) *Detector {
	agents := append(l.ScannerAgents[:len(l.ScannerAgents):len(l.ScannerAgents)], ownAgents[:]...)
	d := &Detector{seed: seed, probes: newPhrases(probeWords(l.ProbePaths)), agents: newPhrases(agents), files: newPhrases(systemFiles(l.SystemFiles))}
	d.commands = shell.NewCommands(l.ShellWords, l.Cmdlets)
	d.favourites = newPhrases(favourites[:])
	d.names = code.New(l.JavaClasses, l.PHPFunctions, l.PHPVariables)
	d.uploads = newPhrases(l.UploadNames)
	d.leaks = newPhrases(leakWords(l.SQLErrors, l.Errors))
	d.exploits = newExploits(l.Exploits)
	d.words = newWordTable()
	d.words.learn(d, l)
	d.pool.New = func() any { return new(scan) }
	return d
}

// Head judges path, query, cookies and headers of a parsed request and appends
// what it finds to its signals.
func (d *Detector) Head(r *request.Request) {
	if d == nil {
		return
	}
	s := d.scan()
	defer d.pool.Put(s)
	d.probePath(r)
	d.exploitPath(r)
	d.exploitHeader(r)
	d.scannerAgent(r)
	d.tokens(r, s)
	d.put(r)
	r.WalkHead(func(v *request.Value) bool {
		if ownPage(r, v) {
			d.page(r, s, v)
			return true
		}
		d.value(r, s, v)
		return true
	})
}

// page judges the page of the request's own host that v names: its path, and its query as
// that of the request for the page was judged. The host says nothing: the client is there
// already.
func (d *Detector) page(r *request.Request, s *scan, v *request.Value) {
	path, query, _ := strings.Cut(request.PathOf(v.Text), "?")
	if path != "" {
		d.value(r, s, &request.Value{In: v.In, Key: v.Key, Text: path})
	}
	from, key := len(r.Signals), v.Key
	for n := 0; query != "" && n < maxNested; n++ {
		pair := query
		if n+1 < maxNested {
			pair, query, _ = strings.Cut(query, "&")
		}
		name, value, _ := strings.Cut(pair, "=")
		s.asked, _ = request.AppendUnescaped(s.asked[:0], value, true)
		s.named, _ = request.AppendUnescaped(s.named[:0], name, true)
		if len(s.named) > 0 {
			d.value(r, s, &request.Value{In: request.InQueryName, Key: view(s.named), Text: view(s.named)})
		}
		if len(s.asked) > 0 {
			d.value(r, s, &request.Value{In: request.InQuery, Key: view(s.named), Text: view(s.asked)})
		}
	}
	for i := from; i < len(r.Signals); i++ {
		r.Signals[i].Where = "header:" + request.Excerpt(key, maxNote-len("header:"))
	}
}

// Trailers judges the trailers of a request whose body has ended, as Head does its
// headers.
func (d *Detector) Trailers(r *request.Request) {
	if d == nil {
		return
	}
	s := d.scan()
	defer d.pool.Put(s)
	r.WalkTrailers(func(v *request.Value) bool {
		d.value(r, s, v)
		return true
	})
}

// ownPage reports whether v names a page of the host that r is for, as browsers do
// with each request.
func ownPage(r *request.Request, v *request.Value) bool {
	return v.In == request.InHeader && (strings.EqualFold(v.Key, "Referer") || strings.EqualFold(v.Key,
		"Origin")) && request.SameHost(v.Text, r.Head.Host)
}

// Body judges one value of a body and appends what it finds to the request's
// signals. It is made to be called from request.WalkBody's visitor.
func (d *Detector) Body(r *request.Request, v *request.Value) {
	if d != nil {
		d.value(r, nil, v)
	}
}

// scan takes the memory of a look from the pool.
func (d *Detector) scan() *scan {
	s := d.pool.Get().(*scan)
	s.open = d.ungated
	return s
}

// finding is what a detector says of a value.
type finding struct {
	kind signal.Kind
	band signal.Band
	at   int // where the span begins in the scanned text
}

// look looks at one value, a long one in pieces that overlap.
func (d *Detector) look(r *request.Request, s *scan, v *request.Value) {
	if serialised(v.Text) {
		d.add(r, finding{signal.Deserialisation, signal.Likely, 0}, v, v.Text)
	}
	if f, ok := d.upload(v); ok {
		d.add(r, f, v, v.Text)
	}
	if polyglot(v) {
		d.add(r, finding{signal.UploadAbuse, signal.Likely, 0}, v, v.Text)
	}
	if f, ok := d.made(v); ok {
		d.add(r, f, v, v.Text)
	}
	if assign(v) {
		d.add(r, assignment, v, v.Text)
	}
	const overlap = 256
	text, bits := v.Text, uint64(0)
	for len(text) > maxText {
		bits |= d.piece(r, s, v, text[:maxText])
		text = text[maxText-overlap:]
	}
	s.whole = wellFormed(v.Text)
	bits |= d.piece(r, s, v, text)
	if s.whole || document(v.Text) {
		s.whole = false
		d.nested(r, s, v, v.Text)
	}
	d.forms(r, s, v, bits)
}

// piece runs the gate over a piece of a value and what it lets through, and
// over the layers below: text encoded once more than the protocol asks for. It returns
// what bytes the piece has.
func (d *Detector) piece(r *request.Request, s *scan, v *request.Value, text string) (bits uint64) {
	s.begin(v, s.squeeze(text))
	for layer := 0; ; layer++ {
		g := d.words.gate(s.text)
		if layer == 0 {
			bits = g.bits
		}
		if s.open || g.bits&interesting != 0 || g.words != 0 || numbered(s.text) || g.bits&hasHigh != 0 && !utf8.ValidString(s.text) {
			s.gate = g
			d.detectors(r, s, v)
		}
		if layer == maxLayers && s.encoded >= maxLayers {
			d.add(r, finding{signal.DeepEncoding, signal.Hint, 0}, v, text)
		}
		deeper := g.bits&hasEscape != 0 || g.bits&hasPlus != 0 && pluses(s.text) || layer == 0 &&
			(g.bits&hasPercent != 0 && percents(s.text)) ||
			g.bits&(hasBackslash|hasDollar) == hasBackslash|hasDollar && slashed(s.text) ||
			layer == 0 && g.bits&(hasBackslash|hasQuote) == hasBackslash|hasQuote && strings.Contains(s.text, `\'`)
		if layer == maxLayers || !deeper || !s.unescape() {
			return bits
		}
	}
}

// detectors runs those that the gate lets through, in a fixed order.
func (d *Detector) detectors(r *request.Request, s *scan, v *request.Value) {
	for i, run := range [...]struct {
		gate   func(*scan) bool
		detect func(*Detector, *scan) finding
	}{
		{sqlGate, (*Detector).sqlInjection},
		{d.commandGate, (*Detector).command},
		{xssGate, (*Detector).xss},
		{traversalGate, (*Detector).traversal},
		{codeGate, (*Detector).code},
		{injectGate, (*Detector).inject},
		{addressGate, (*Detector).address},
		{d.knownGate, (*Detector).known},
	} {
		if s.whole && i < 2 || !s.open && !run.gate(s) {
			continue // the strings of a document are judged one by one
		}
		if f := run.detect(d, s); f.kind != signal.None {
			d.add(r, f, v, s.span(f.at))
		}
	}
}

// add appends a signal, or raises the band of one of the same kind at the same
// place. When there is no room a weaker one gives way.
func (d *Detector) add(r *request.Request, f finding, v *request.Value, span string) {
	if f.band > signal.Hint && r.Endpoint.FreeText != nil && !v.In.Name() && r.Endpoint.FreeText(v.Key) {
		f.band-- // people write about attacks there
	}
	if f.band > signal.Hint {
		f.band = temper(r, f, v)
	}
	unlowered := signal.Hint // what it would be in a field that is no password's
	if f.band > signal.Hint && password(r, v) {
		unlowered, f.band = f.band, signal.Hint
	}
	if limit, ok := ceiling(f.kind); ok {
		f.band, unlowered = min(f.band, limit), min(unlowered, limit)
	}
	if v.In == request.InFileValue && f.band == signal.Certain {
		f.band = signal.Likely // what is kept in files may be anything
	}
	where := placeOf(v)
	for i := range r.Signals {
		if o := &r.Signals[i]; o.Kind == f.kind && o.Where == where {
			if f.band > o.Band || unlowered > max(o.Unlowered, o.Band) {
				*o = d.signal(f, unlowered, v, where, span)
			}
			return
		}
	}
	if len(r.Signals) < maxSignals {
		r.Signals = append(r.Signals, d.signal(f, unlowered, v, where, span))
		return
	}
	for i := range r.Signals {
		if r.Signals[i].Band < f.band {
			r.Signals[i] = d.signal(f, unlowered, v, where, span)
			return
		}
	}
}

func (d *Detector) signal(f finding, unlowered signal.Band, v *request.Value, where, span string) signal.Signal {
	note := "~"
	if !secret(v) {
		note = strings.Clone(request.Excerpt(span, maxNote)) // the value is only lent
	}
	return signal.Signal{Kind: f.kind, Band: f.band, Where: where, Note: note, Digest: digest.String(d.seed, v.Text),
		Unlowered: unlowered, Spoken: d.spoken(v)}
}

const maxNote = 96

// secret reports whether the value must not be shown.
func secret(v *request.Value) bool {
	if v.In.Name() {
		return false
	}
	return v.In == request.InHeader && request.SecretHeader(v.Key) || v.In != request.InHeader && request.SecretField(v.Key)
}

// placeOf names the place of a value as events print it.
func placeOf(v *request.Value) string {
	var prefix string
	switch {
	case v.In <= request.InSegment:
		return "path"
	case v.In <= request.InQuery:
		prefix = "query:"
	case v.In == request.InHeader:
		prefix = "header:"
	case v.In == request.InCookie:
		prefix = "cookie:"
	case v.Key == "":
		return "body"
	default:
		prefix = "body:"
	}
	return prefix + request.Excerpt(v.Key, maxNote-len(prefix))
}
