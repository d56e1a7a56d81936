package main

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestDifference(t *testing.T) {
	get := func(status int) answer { return answer{"GET", "/a", status} }
	for name, x := range map[string]struct {
		direct, gateway step
		want            string // in the difference; empty: none
	}{
		"same": {step{outcome: "200", answers: []answer{get(200), get(404)}}, step{outcome: "200",
			answers: []answer{get(404), get(200)}}, ""},
		"refused": {step{outcome: "ok", answers: []answer{get(200)}}, step{outcome: "ok",
			answers: []answer{get(403)}}, "+1 GET 403 /a"},
		"once more": {step{answers: []answer{get(200)}}, step{answers: []answer{get(200), get(200)}},
			"+1 GET 200 /a"},
		"another outcome": {step{outcome: "pushed"}, step{outcome: "FAILED: 403"}, "gateway FAILED: 403"},
		"both failed": {step{outcome: "FAILED: x", failed: true}, step{outcome: "FAILED: x", failed: true},
			"direct  FAILED: x"},
	} {
		got := difference(&x.direct, &x.gateway)
		if (x.want == "") != (got == "") || !strings.Contains(got, x.want) {
			t.Errorf("%s: difference %q; want %q in it", name, got, x.want)
		}
	}
}

// silent is a way on which nothing is answered.
type silent struct{}

func (silent) name() string      { return "silent" }
func (silent) address() string   { return "" }
func (silent) answers() []answer { return nil }

func TestClientGivesUp(t *testing.T) {
	f := &flow{source: silent{}}
	tried := 0
	for range 5 {
		f.step("push", func() (string, error) { tried++; return "", errors.New("refused") })
	}
	if tried != 3 || len(f.steps) != 5 || !f.steps[4].failed {
		t.Errorf("tried %d times, steps %v; want three tries and five steps that failed", tried, f.steps)
	}
}

func TestMissingIsSaid(t *testing.T) {
	a := app{name: "a", needs: []need{{"/no/such/file", "apt-get install it"}}}
	_, err := play(&place{ctx: context.Background(), dir: t.TempDir()}, a)
	var missing missingError
	if !errors.As(err, &missing) || err.Error() != "/no/such/file is missing: apt-get install it" {
		t.Errorf("got %v; want that the file is missing, and what to install", err)
	}
}

// What a process started in its group ends with it.
func TestProcessesEnd(t *testing.T) {
	p := &place{ctx: context.Background(), dir: t.TempDir()}
	l, err := net.Listen("tcp", "127.0.0.1:0") // serve waits for a port: this one answers
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	beats := filepath.Join(p.dir, "beats")
	script := "(while :; do echo x >> beats; sleep 0.02; done) & wait"
	if err := p.serve(l.Addr().(*net.TCPAddr).Port, p.dir, nil, "sh", "-c", script); err != nil {
		t.Fatal(err)
	}
	size := func() int64 {
		i, err := os.Stat(beats)
		if err != nil {
			return 0
		}
		return i.Size()
	}
	for size() == 0 { // it has begun
		time.Sleep(10 * time.Millisecond)
	}
	p.end()
	before := size()
	time.Sleep(300 * time.Millisecond)
	if after := size(); after != before {
		t.Errorf("a process of the group still writes: %d bytes, then %d", before, after)
	}
}
