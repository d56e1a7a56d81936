// Package challenge makes and checks the questions that suspects are asked:
// challenges, whose answer is a proof of work, and the passes that an answer
// earns. It decides whether an answer or a pass is good and of whom; who is
// asked, and what a pass is worth, is for others.
//
// Issuing keeps nothing: a challenge is a signed value that the client brings
// back. What is kept is bounded: the nonces of answers, in two time buckets, and
// the addresses that use one pass. Tokens are signed under a key that comes in
// with New, so they hold over a restart and on every node that has the key.
//
// A Keeper is safe for concurrent use. There is no HTTP and no HTML in here.
package challenge

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"sync/atomic"
	"time"

	"bartizan/internal/request"
)

// Rules are the operator's say. They may change between any two calls.
type Rules struct {
	// Pass is how long a pass is good that was earned at the lowest difficulty;
	// each two bits above it halve that.
	Pass time.Duration
	// Answer is how long a challenge may be answered.
	Answer time.Duration
	// Wait is how long who runs no script waits.
	Wait time.Duration
	// Difficulty is the work asked at the interrogate threshold, in leading zero
	// bits, 1 to 28: about 2^Difficulty hashes.
	Difficulty int
	// From and To are the risks between which difficulty grows by Growth bits.
	From, To float64
	// Epoch is part of every token; a change revokes all that are out.
	Epoch uint16
}

const (
	// Growth is how many bits the difficulty grows from the lowest risk asked to
	// the highest.
	Growth = 4
	// MostBits bounds the difficulty: above it phones work for minutes.
	MostBits = 28
	// PageBits bounds the work of a page: a person waits for it.
	PageBits = 15
	// PageTries is how many hashes a page tries at most for each that it should
	// need; then it waits like one without scripts.
	PageTries = 4
	// MostPages is how many pages a browser window is shown that answers none.
	MostPages = 10
	// followed is how long its cookie counts them.
	followed = 10 * time.Minute
	// Skew is how far the clocks of two nodes may be apart.
	Skew = 30 * time.Second
)

// DefaultRules are the documented defaults.
func DefaultRules() Rules {
	return Rules{Pass: time.Hour, Answer: 2 * time.Minute, Wait: 10 * time.Second, Difficulty: 17, From: 30, To: 60}
}

// Keeper makes and checks tokens. Make one with New.
type Keeper struct {
	sign, bind macs
	mark       uint32 // names the key, in every token
	instance   uint64 // tells nonces of two nodes with one key apart
	count      atomic.Uint64
	spent      spent
	uses       uses
	counts     counts
}

// New returns a keeper of tokens under key, which must be secret, the same over
// restarts, and 16 bytes long at least. instance should differ between nodes and runs.
func New(key []byte, instance uint64) *Keeper {
	if len(key) < 16 {
		panic("challenge: New needs a key of at least 16 bytes")
	}
	k := &Keeper{instance: instance}
	derive := func(label string) []byte {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte("bartizan/challenge/1 " + label))
		return mac.Sum(nil)
	}
	k.sign.key, k.bind.key, k.mark = derive("sign"), derive("bind"), binary.BigEndian.Uint32(derive("mark"))
	return k
}

// Question is one challenge, as the client gets it.
type Question struct {
	// Nonce is what the work is about: an opaque token of URL-safe letters.
	Nonce   string
	Bits    int
	Expires time.Time
	// Wait is how long the client may wait instead, where that is offered.
	Wait time.Duration
}

// Ask returns a question to the sender of r, at the risk that it has now. page
// says that a browser window shows it.
func (k *Keeper) Ask(now time.Time, rules Rules, r *request.Request, page bool) Question {
	bits := rules.bits(r.Standing.Risk)
	q := Question{Bits: bits, Expires: now.Add(rules.Answer)}
	t := k.token(now, rules, r, kindQuestion)
	t.bits, t.expires = uint8(bits), uint32(q.Expires.Unix())
	if page {
		k.counts.pages.Add(1)
		q.Bits, q.Wait = min(max(bits-2, 1), PageBits), rules.wait(bits)
		t.kind, t.how, t.class = kindPage, uint8(q.Bits), k.user(r)
	} else {
		k.counts.asked.Add(1)
		t.class = k.class(r)
	}
	q.Nonce = k.seal(t)
	return q
}

// bits returns the difficulty at risk.
func (r Rules) bits(risk float64) int {
	share := (risk - r.From) / max(r.To-r.From, 1)
	return min(r.Difficulty+int(Growth*min(max(share, 0), 1)), MostBits)
}

// wait returns how long to wait instead of work of so many bits: twice as long
// for each two bits above the lowest.
func (r Rules) wait(bits int) time.Duration { return r.Wait << r.steps(bits) }

// steps is how often the difficulty has grown by two bits.
func (r Rules) steps(bits int) int { return min(max(bits-r.Difficulty, 0)/2, Growth/2) }

// lasting returns how long a pass is good.
func (r Rules) lasting(how request.PassHow, bits int) time.Duration {
	switch how {
	case request.PassSolved:
		return r.Pass >> r.steps(bits)
	case request.PassWaited:
		return r.Pass >> (r.steps(bits) + 1)
	case request.PassFollowed:
		return min(r.Pass, followed)
	}
	return r.Pass
}

// token returns a new token for r's client.
func (k *Keeper) token(now time.Time, rules Rules, r *request.Request, kind uint8) token {
	t := token{kind: kind, epoch: rules.Epoch, key: k.mark, issued: uint32(now.Unix()), bound: k.bound(r)}
	m := k.bind.get('i')
	for _, v := range [...]uint64{k.instance, k.count.Add(1), uint64(now.UnixNano())} {
		m.number(v)
	}
	id := k.bind.put(m)
	t.id = binary.BigEndian.Uint64(id[:]) | 1
	return t
}

// Cookie returns a pass that only shows whether it comes back.
func (k *Keeper) Cookie(now time.Time, rules Rules, r *request.Request) string {
	k.counts.earned[request.PassKept].Add(1)
	return k.pass(k.token(now, rules, r, kindPass), now, rules, request.PassKept, 0)
}

// Shown returns the cookie of a browser window that is shown a page: it counts
// them, where the client keeps it, so that nobody else's pages count.
func (k *Keeper) Shown(now time.Time, rules Rules, r *request.Request) (cookie string, lasting time.Duration) {
	pages := 1
	if p := r.Pass; p.Result == request.PassValid && p.How == request.PassFollowed {
		pages = int(min(p.Bits, MostPages)) + 1
	}
	return k.pass(k.token(now, rules, r, kindPass), now, rules, request.PassFollowed, pages), rules.lasting(request.PassFollowed, pages)
}

// pass turns t into a pass.
func (k *Keeper) pass(t token, now time.Time, rules Rules, how request.PassHow, bits int) string {
	t.kind, t.how, t.bits, t.class = kindPass, uint8(how), uint8(bits), 0
	t.expires = uint32(now.Add(rules.lasting(how, bits)).Unix())
	return k.seal(t)
}

// Grant returns the pass that r has earned by what Read or Waited found, and
// until when it is good. The same answer earns the same pass, however often it
// is given: a retry gains nothing.
func (k *Keeper) Grant(rules Rules, r *request.Request) (pass string, until time.Time) {
	p := r.Pass
	k.counts.earned[min(p.How, request.PassSolved)].Add(1)
	t := token{
		kind: kindPass, epoch: rules.Epoch, key: k.mark, bound: k.bound(r), id: p.ID, expires: p.Until,
		how: uint8(p.How), bits: p.Bits, issued: p.Until - uint32(rules.lasting(p.How, int(p.Bits))/time.Second),
	}
	return k.seal(t), time.Unix(int64(p.Until), 0)
}
