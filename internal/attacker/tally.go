package attacker

import (
	"math"
	"sync"
	"time"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// tally measures on live traffic what evidence is worth at this site: in how many
// hours of clients known to be good, and of clients known to attack, each kind
// showed. Nothing applies it; it is for people, who see which evidence their own
// customers give. One client in tallied is followed.
type tally struct {
	mu    sync.Mutex
	hour  int64  // since the epoch
	seen  filter // client and kind, this hour; 128 KiB
	hours [2]uint64
	shown [signal.Kinds][3][2]uint64
}

const tallied = 4

// The two sorts of clients that are known otherwise than by the evidence weighed.
const (
	attacking = iota // matches a botnet's signature, or gives hard proof (decoys, forged passes)
	honest           // shows an accepted credential that is clear, or a pass it has worked for
)

// knownAs tells which of the two r's client is; ok is false for most.
func knownAs(r *request.Request) (who int, ok bool) {
	bad := r.Match.Signature != "" && r.Match.Action > signal.Pass
	for _, s := range r.Signals {
		bad = bad || s.Kind.Info().Hard
	}
	good := r.Standing.Known || r.Pass.Answers()
	if bad {
		return attacking, !good
	}
	return honest, good
}

// Weigh counts what r has shown. Call it once for each request that has ended.
func (t *Table) Weigh(now time.Time, r *request.Request) {
	client := r.Standing.Keys[Client]
	if client%tallied != 0 || r.Standing.Elsewhere != 0 {
		return
	}
	who, ok := knownAs(r)
	if !ok {
		return
	}
	y := &t.tally
	y.mu.Lock()
	defer y.mu.Unlock()
	if hour := now.Unix() / 3600; hour != y.hour {
		y.hour = hour
		for i := range y.seen {
			y.seen[i].Store(0)
		}
	}
	first := func(what uint64) bool {
		k := mix(client ^ mix(what<<1|uint64(who)))
		if y.seen.has(k) {
			return false
		}
		y.seen.mark(k)
		return true
	}
	if first(0) {
		y.hours[who]++
	}
	for _, s := range r.Signals {
		if int(s.Kind) < len(y.shown) && int(s.Band) < 3 && first(uint64(s.Kind)<<2|uint64(s.Band)+1) {
			y.shown[s.Kind][s.Band][who]++
		}
	}
}

// Worth is what one kind of evidence is worth, as shipped and as seen live.
type Worth struct {
	Kind            signal.Kind
	Band            signal.Band
	Shipped         float64 // nats
	Measured        float64 // nats, with a Beta(1,1) prior on both shares
	Attacking, Good uint64  // hours of clients in which it showed
}

// Worths returns what showed since the start, in the order of kinds, and the hours
// of clients known to attack and to be good that it was looked for in.
func (t *Table) Worths() (list []Worth, attackers, good uint64) {
	y := &t.tally
	y.mu.Lock()
	defer y.mu.Unlock()
	share := func(n, of uint64) float64 { return math.Log(float64(n+1) / float64(of+2)) }
	for k := range y.shown {
		for b := range y.shown[k] {
			n := y.shown[k][b]
			if n == [2]uint64{} {
				continue
			}
			list = append(list, Worth{
				Kind: signal.Kind(k), Band: signal.Band(b), Shipped: signal.Kind(k).Info().Weight(signal.Band(b)), Attacking: n[attacking], Good: n[honest],
				Measured: share(n[attacking], y.hours[attacking]) - share(n[honest], y.hours[honest]),
			})
		}
	}
	return list, y.hours[attacking], y.hours[honest]
}
