package scenario

import (
	"fmt"
	"maps"
	"slices"

	"bartizan/internal/replay"
)

// Expect is what must and must not happen, by label.
type Expect map[string]Want

// Want is what is expected of the traffic under one label.
type Want struct {
	// AtMost and AtLeast bound the number of requests with a verdict.
	AtMost  map[string]int `yaml:"at_most"`
	AtLeast map[string]int `yaml:"at_least"`
	// StageAtMost is the highest stage that any of its requests may see.
	StageAtMost string `yaml:"stage_at_most"`
	// RefusedWithin says that every client is refused at the latest in this
	// request of its own, from 1.
	RefusedWithin int `yaml:"refused_within"`
	// BlockedWithin is the same for the stage block.
	BlockedWithin int `yaml:"blocked_within"`
	// PassedShare is the least share of requests, 0 to 1, that pass.
	PassedShare float64 `yaml:"passed_share"`
	// Intents are classes that some request must be given.
	Intents []string `yaml:"intents"`
	// Signals are kinds that must be seen; NoSignals must not.
	Signals   []string `yaml:"signals"`
	NoSignals []string `yaml:"no_signals"`
}

// stages in order, for StageAtMost.
var stages = []string{"clear", "watch", "interrogate", "tarpit", "block"}

// tally is what happened under one label.
type tally struct {
	requests int
	would    map[string]int
	stage    int
	signals  map[string]int
	intents  map[string]int
	clients  map[string]*client
}

// client is what happened to one connection's client.
type client struct{ requests, refused, blocked int }

// Check compares verdicts with the expectation and returns what differs.
func (s *Scenario) Check(verdicts []replay.Verdict) (faults []string) {
	clients := make(map[string]string, len(s.Lines))
	for i := range s.Lines {
		clients[s.Lines[i].ID] = s.Lines[i].Client + "/" + s.Lines[i].Conn
	}
	seen := map[string]*tally{}
	for _, v := range verdicts {
		if seen[v.Label] == nil {
			seen[v.Label] = &tally{would: map[string]int{}, signals: map[string]int{}, intents: map[string]int{}, clients: map[string]*client{}}
		}
		seen[v.Label].add(clients[v.ID], v)
	}
	if len(verdicts) != len(s.Lines) {
		faults = append(faults, fmt.Sprintf("got %d verdicts; want %d", len(verdicts), len(s.Lines)))
	}
	for _, label := range slices.Sorted(maps.Keys(s.Expect)) {
		if seen[label] == nil {
			faults = append(faults, fmt.Sprintf("%s: no traffic has this label", label))
			continue
		}
		for _, f := range seen[label].compare(s.Expect[label]) {
			faults = append(faults, label+": "+f)
		}
	}
	return faults
}

func (t *tally) add(who string, v replay.Verdict) {
	t.requests++
	t.would[v.Would]++
	t.stage = max(t.stage, slices.Index(stages, v.Stage))
	t.intents[v.Intent]++
	for _, s := range v.Signals {
		t.signals[s.Kind]++
	}
	c := t.clients[who]
	if c == nil {
		c = new(client)
		t.clients[who] = c
	}
	c.requests++
	if v.Would != "pass" && c.refused == 0 {
		c.refused = c.requests
	}
	if v.Stage == "block" && c.blocked == 0 {
		c.blocked = c.requests
	}
}

func (t *tally) compare(w Want) (faults []string) {
	fail := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	for _, a := range slices.Sorted(maps.Keys(w.AtMost)) {
		if t.would[a] > w.AtMost[a] {
			fail("got %d requests with verdict %s; want at most %d", t.would[a], a, w.AtMost[a])
		}
	}
	for _, a := range slices.Sorted(maps.Keys(w.AtLeast)) {
		if t.would[a] < w.AtLeast[a] {
			fail("got %d requests with verdict %s; want at least %d", t.would[a], a, w.AtLeast[a])
		}
	}
	if w.StageAtMost != "" && t.stage > slices.Index(stages, w.StageAtMost) {
		fail("got stage %s; want at most %s", stages[t.stage], w.StageAtMost)
	}
	if share := float64(t.would["pass"]) / float64(t.requests); share < w.PassedShare {
		fail("got %.4f of %d requests passed; want at least %.4f", share, t.requests, w.PassedShare)
	}
	t.compareClients(w, fail)
	for _, k := range w.Signals {
		if t.signals[k] == 0 {
			fail("got no signal %s", k)
		}
	}
	for _, class := range w.Intents {
		if t.intents[class] == 0 {
			fail("got no intent %s, but %v", class, slices.Sorted(maps.Keys(t.intents)))
		}
	}
	for _, k := range w.NoSignals {
		if t.signals[k] > 0 {
			fail("got %d signals %s; want none", t.signals[k], k)
		}
	}
	return faults
}

func (t *tally) compareClients(w Want, fail func(string, ...any)) {
	for _, who := range slices.Sorted(maps.Keys(t.clients)) {
		c := t.clients[who]
		if n := w.RefusedWithin; n > 0 && (c.refused == 0 || c.refused > n) {
			fail("client %s was first refused at its request %d of %d; want at the latest %d", who, c.refused, c.requests, n)
		}
		if n := w.BlockedWithin; n > 0 && (c.blocked == 0 || c.blocked > n) {
			fail("client %s was first blocked at its request %d of %d; want at the latest %d", who, c.blocked, c.requests, n)
		}
	}
}
