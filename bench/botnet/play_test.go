package main

import (
	"os"
	"path/filepath"
	"testing"

	"bartizan/internal/simulate"
)

// Five plans stand for all in the tests; `make bench-botnet` plays every one.
func TestPlans(t *testing.T) {
	if testing.Short() || racing {
		t.Skip("a plan takes seconds, and a minute under the race detector")
	}
	r, err := play("go-browser.yaml", 1, false)
	if err != nil {
		t.Fatal(err)
	}
	if !r.found || r.before > 300 && r.after.Seconds() > 5 {
		t.Errorf("go-browser: found %t after %v and %d requests; want 5 s or 300 requests", r.found, r.after, r.before)
	}
	if r.stopped*100 < r.rest*99 {
		t.Errorf("go-browser: got %d of %d later requests stopped; want 99 %%", r.stopped, r.rest)
	}
	if r.hit*10_000 > r.good {
		t.Errorf("go-browser: %d of %d good requests were hit; want at most 0.01 %%", r.hit, r.good)
	}
	if r, err = play("returning.yaml", 1, false); err != nil {
		t.Fatal(err)
	}
	if r.stopped*100 < r.rest*97 || r.signatures > 4 {
		t.Errorf("returning: got %d of %d requests stopped with %d signatures; want what slept to wake", r.stopped, r.rest, r.signatures)
	}
	for _, plan := range []string{"one-key.yaml", "one-app.yaml"} {
		if r, err = play(plan, 1, false); err != nil {
			t.Fatal(err)
		}
		if !r.found || r.stopped*100 < r.rest*97 || r.refused*1000 > r.good {
			t.Errorf("%s: found %t, %d of %d requests stopped, %d of %d good ones refused; want 97 %% and 0.1 %%", plan,
				r.found, r.stopped, r.rest, r.refused, r.good)
		}
	}
	if r, err = play("good-flash.yaml", 1, false); err != nil {
		t.Fatal(err)
	}
	if r.hit > 0 || r.blocking > 0 {
		t.Errorf("good-flash: %d requests hit, %d blocking signatures; want none", r.hit, r.blocking)
	}
}

// Every plan can be read and says what it is.
func TestPlansParse(t *testing.T) {
	files, err := filepath.Glob("*.yaml")
	if err != nil || len(files) < 15 {
		t.Fatalf("found %d plans, %v; want at least 15", len(files), err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := simulate.Parse(raw); err != nil {
			t.Errorf("%s: %v", f, err)
		}
		if raw[0] != '#' {
			t.Errorf("%s does not begin with a comment that says what happens", f)
		}
	}
}
