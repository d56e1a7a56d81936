package engine

import (
	"math"
	"slices"
	"sync"
	"time"

	"bartizan/internal/digest"
	"bartizan/internal/policy"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// A path that scanners ask for (signal.ProbePath) is what some applications have, and the
// answer tells which: phpMyAdmin's people ask for nothing else. So this evidence waits for
// the answer. A good one takes it away, unless the site gives the same answer to whatever
// is asked for.

// beforehand returns the signals that may be observed before the answer is known. It reorders
// found.
func beforehand(found []signal.Signal) []signal.Signal {
	for i := range found {
		if found[i].Kind == signal.ProbePath { // at most one
			last := len(found) - 1
			found[i], found[last] = found[last], found[i]
			return found[:last]
		}
	}
	return found
}

// probed judges what r's path is evidence of, by the answer to it.
func (e *Engine) probed(now time.Time, s *compiled, r *request.Request, v Verdict, o request.Outcome) {
	at := slices.IndexFunc(r.Signals, func(s signal.Signal) bool { return s.Kind == signal.ProbePath })
	if at < 0 {
		e.answersLike.other(r, o)
		return
	}
	sig := &r.Signals[at]
	if v.Reason == policy.Allowed {
		return
	}
	a := e.answersLike.probe(r, sig.Digest, v, o)
	if a == probeServed {
		e.attackers.Served(now, r, *sig)
		r.Signals = slices.Delete(r.Signals, at, at+1)
		return
	}
	lacks := sig.Band > signal.Hint && a != probeUnclear
	if a != probeLacks {
		sig.Band = signal.Hint
	}
	e.attackers.Probed(now, s.rules, r, *sig, lacks)
}

// probeAnswer is what an answer makes of a path that scanners ask for.
type probeAnswer uint8

const (
	probeUnclear   probeAnswer = iota // nobody knows: no answer, an empty one, an ill service
	probeServed                       // the site has it
	probeLacks                        // the site does not have it, or gives it to nobody
	probeElsewhere                    // log in first, or ask elsewhere
)

// answersLike remembers which answers a site has given, to tell a page that it has from
// one that it shows whatever is asked for; and what of the things that scanners look for
// it has. Both tables forget: then an answer counts as one of a kind again. 24 KiB.
type answersLike struct {
	mu     sync.Mutex
	seed   uint64
	shown  [1024]shownFor
	served [256]uint64 // digests of site and name
}

// shownFor says for what an answer was given first.
type shownFor struct{ answer, name uint64 }

// probe judges the answer o to r, which asks for the thing that scanners know by name.
func (a *answersLike) probe(r *request.Request, name uint64, v Verdict, o request.Outcome) probeAnswer {
	a.mu.Lock()
	defer a.mu.Unlock()
	site := digest.String(a.seed, r.Site)
	has, lacks, elsewhere := a.has(site, name), probeLacks, probeElsewhere
	if *has == known(site, name) {
		lacks, elsewhere = probeUnclear, probeServed // one of its files may be missing
	}
	switch {
	case v.Refused():
		return lacks
	case !o.Answered || o.Status >= 500 || o.Status == 408 || o.Status == 429:
		return probeUnclear
	case o.Status == 304:
		return probeServed // the client has had it
	case o.Status/100 == 3, o.Status == 401, o.Status == 407:
		return elsewhere
	case o.Status/100 != 2:
		return lacks
	case o.ResponseSize == 0:
		return probeUnclear
	}
	if a.same(site, name, o) {
		return probeLacks
	}
	*has = known(site, name)
	return probeServed
}

// other notes a good answer to r, which asks for nothing that scanners look for, where
// its path is not known: it may be made up.
func (a *answersLike) other(r *request.Request, o request.Outcome) {
	if o.Body == 0 || o.Status/100 != 2 || !o.Answered || r.Endpoint.PathKnown {
		return
	}
	name := uint64(0)
	if len(r.Steps()) > 0 {
		name = digest.String(a.seed, r.Steps()[0].Value)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.note(digest.Mix(digest.String(a.seed, r.Site), o.Body), name|1)
}

// same reports whether the site has given this answer to another name: the same bytes, or
// another page of that length, in which there is a number of its own. Then it has neither.
func (a *answersLike) same(site, name uint64, o request.Outcome) bool {
	kind := digest.Mix(site, digest.String(a.seed, o.ResponseType))
	length := uint64(lengthSteps * math.Log2(float64(o.ResponseSize+64)))
	first := a.note(digest.Mix(kind, length), name)
	for _, l := range [...]uint64{length - 1, length + 1} {
		if s := a.at(digest.Mix(kind, l)); s.answer == digest.Mix(kind, l) && s.name != name {
			first = s.name
		}
	}
	if o.Body != 0 {
		if other := a.note(digest.Mix(site, o.Body), name); other != name {
			first = other
		}
	}
	if has := a.has(site, first); first != name && *has == known(site, first) {
		*has = 0
	}
	return first != name
}

// lengthSteps is how finely lengths are told apart: 1/16 of an octave, some 4 %.
const lengthSteps = 16

// note remembers that an answer was given for a name, and returns the name that it was
// given for first.
func (a *answersLike) note(answer, name uint64) (first uint64) {
	s := a.at(answer)
	if s.answer != answer {
		*s = shownFor{answer, name}
	}
	return s.name
}

func (a *answersLike) at(answer uint64) *shownFor { return &a.shown[digest.Scramble(answer)>>54] }

// has returns the place where it is kept that a site has what scanners know by name.
func (a *answersLike) has(site, name uint64) *uint64 {
	return &a.served[digest.Scramble(known(site, name))>>56]
}

func known(site, name uint64) uint64 { return digest.Mix(site, name) | 1 }
