package simulate

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"bartizan/internal/replay"
)

const plan = `
duration: 40s
good: {rate: 100, clients: 500}
events: [{kind: flash, at: 10s, for: 10s, rate: 50}]
botnets: [{at: 20s, for: 10s, rate: 30, addresses: 1000, tool: go-browser, target: login}]
`

func linesOf(t *testing.T, text string, seed uint64) (out []*replay.Line) {
	t.Helper()
	p, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p.Seed = seed
	for l := range p.Lines() {
		out = append(out, l)
	}
	return out
}

func TestLinesAreInOrderAndLabelled(t *testing.T) {
	lines := linesOf(t, plan, 1)
	count, addresses := map[string]int{}, map[string]bool{}
	for i, l := range lines {
		if i > 0 && l.Time.Before(lines[i-1].Time) {
			t.Fatalf("line %d is earlier than the one before it", i)
		}
		raw, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := replay.Parse(raw); err != nil {
			t.Fatalf("line %d cannot be replayed: %v", i, err)
		}
		count[l.Label]++
		if l.Label == "attack" {
			addresses[l.Client] = true
			if at := l.Time.Sub(lines[0].Time); at < 19*time.Second || at > 31*time.Second {
				t.Fatalf("an attack request comes after %v", at)
			}
		}
	}
	for label, want := range map[string]int{"good": 4000, "flash": 500, "attack": 300} {
		if got := count[label]; got < want*8/10 || got > want*12/10 {
			t.Errorf("got %d requests labelled %s; want about %d", got, label, want)
		}
	}
	if len(addresses) < count["attack"]*99/100 {
		t.Errorf("%d attack requests came from %d addresses; want one each", count["attack"], len(addresses))
	}
}

func TestSameSeedSameTraffic(t *testing.T) {
	text := func(seed uint64) string {
		raw, err := json.Marshal(linesOf(t, plan, seed)[:500])
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	first, again, other := text(1), text(1), text(2)
	if first != again {
		t.Error("one seed made two traffics")
	}
	if first == other {
		t.Error("two seeds made one traffic")
	}
}

// Every tool can attack everything, and every event happens.
func TestEveryToolAndTarget(t *testing.T) {
	for _, tool := range tools {
		for _, target := range targets {
			lines := linesOf(t, "duration: 2s\ngood: {rate: 5, clients: 10}\nbotnets: [{rate: 50, addresses: 50, mutate: 1s, tool: "+tool+", target: "+target+"}]", 1)
			if len(lines) < 50 {
				t.Errorf("%s at %s: got %d lines", tool, target, len(lines))
			}
		}
	}
	for _, kind := range occurrences {
		if lines := linesOf(t, "duration: 4s\ngood: {rate: 20, clients: 50, poison: 0.1, plain: true}\nevents: [{kind: "+kind+", at: 1s, for: 3s, rate: 20}]", 1); len(lines) < 50 {
			t.Errorf("%s: got %d lines", kind, len(lines))
		}
	}
}

func TestPlansAreChecked(t *testing.T) {
	for want, text := range map[string]string{
		"duration":      "good: {rate: 1}",
		"unknown field": "duration: 1s\nspeed: 3",
		"tool":          "duration: 1s\nbotnets: [{rate: 1, addresses: 1, tool: magic, target: login}]",
		"target":        "duration: 1s\nbotnets: [{rate: 1, addresses: 1, tool: app, target: moon}]",
		"want a rate":   "duration: 1s\nbotnets: [{tool: app, target: login}]",
		"kind":          "duration: 1s\nevents: [{kind: party}]",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%q): got %v; want an error that says %q", text, err, want)
		}
	}
}
