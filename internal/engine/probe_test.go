package engine

import (
	"fmt"
	"testing"
	"time"

	"bartizan/internal/detect"
	"bartizan/internal/policy"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// reply is how an upstream answers.
type reply struct {
	status int
	size   int64
	body   uint64 // digest
}

// fetched sends one GET that is answered by a, and returns the client's stage after it.
func fetched(e *Engine, at time.Duration, client, target string, a reply) (Verdict, signal.Stage) {
	r := new(request.Request)
	receive(r, client, "GET", target, "")
	now := epoch.Add(at)
	v := e.Begin(now, r)
	o := request.Outcome{Answered: !v.Refused(), Status: a.status, ResponseType: "text/html", ResponseSize: a.size, Body: a.body}
	if v.Refused() {
		o = request.Outcome{}
	}
	e.End(now.Add(time.Millisecond), r, v, o)
	return v, r.Standing.Stage
}

var probing = detect.Lists{ProbePaths: []string{".env", ".git/config"}}

var scanned = []string{"/.env", "/.git/config", "/phpmyadmin/index.php", "/adminer.php", "/geoserver/web/", "/server-status", "/manager/html"}

// walk asks for all that scanners look for and returns how many requests passed, and
// whether the client was ever watched.
func walk(e *Engine, client string, answer func(i int) reply) (passed int, watched bool) {
	for i := range 4 * len(scanned) {
		v, stage := fetched(e, time.Duration(i)*time.Second, client, scanned[i%len(scanned)], answer(i))
		if !v.Refused() {
			passed++
		}
		watched = watched || stage > signal.Clear
	}
	return passed, watched
}

func TestProbesWaitForTheAnswer(t *testing.T) {
	all := 4 * len(scanned)
	for name, c := range map[string]struct {
		answer func(i int) reply
		most   int // requests that pass; all where nothing may be held against it
	}{
		"an application for each":      {func(i int) reply { return reply{200, int64(1000 << (i % len(scanned))), uint64(i + 1)} }, all},
		"one that the browser has":     {func(int) reply { return reply{304, 0, 0} }, all},
		"nothing is there":             {func(int) reply { return reply{404, 900, 0} }, 4},
		"nothing is for anybody":       {func(int) reply { return reply{403, 900, 0} }, 4},
		"one page for all":             {func(int) reply { return reply{200, 1800, 7} }, 5},
		"one page with another number": {func(i int) reply { return reply{200, 1800 + int64(i%9), uint64(i + 1)} }, 5},
		"everybody is sent on":         {func(int) reply { return reply{302, 0, 0} }, 6},
		"everybody is asked to log in": {func(int) reply { return reply{401, 30, 0} }, 6},
		"the service is ill":           {func(int) reply { return reply{502, 30, 0} }, all},
	} {
		e := newEngine(t, options(policy.Enforce))
		e.Arm(detect.New(1, probing))
		passed, watched := walk(e, "203.0.113.9", c.answer)
		if passed > c.most || c.most == all && (passed < all || watched) {
			t.Errorf("%s: %d of %d requests passed, watched %v; want at most %d, or all and nobody watched", name, passed, all, watched, c.most)
		}
	}
}

// Who made paths up before shows what the site's page for anything is.
func TestMadeUpPathsShowTheOnePage(t *testing.T) {
	e := newEngine(t, options(policy.Enforce))
	fetched(e, 0, "203.0.113.9", "/k3jd8s", reply{200, 1800, 7})
	if _, stage := fetched(e, time.Second, "203.0.113.9", "/.env", reply{200, 1800, 7}); stage == signal.Clear {
		t.Error("the page that the site shows for anything: got stage clear; want watch")
	}
	if _, stage := fetched(e, time.Second, "203.0.113.10", "/.env", reply{200, 90, 8}); stage != signal.Clear {
		t.Errorf("another answer: got stage %v; want clear", stage)
	}
}

// A missing file of an application that the site has is a hint at most.
func TestMissingFileOfAnApplication(t *testing.T) {
	e := newEngine(t, options(policy.Enforce))
	e.Arm(detect.New(1, probing))
	fetched(e, 0, "203.0.113.9", "/phpmyadmin/index.php", reply{200, 18000, 1})
	for i := range 20 {
		v, stage := fetched(e, time.Duration(i)*time.Second, "203.0.113.9", fmt.Sprintf("/phpmyadmin/js/messages-%d.js", i), reply{404, 300, 0})
		if v.Refused() || i < 5 && stage != signal.Clear {
			t.Fatalf("missing file %d: got %v, stage %v; want a pass", i, v.Action, stage)
		}
	}
}
