package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// gateway is the way through bartizan.
type gateway struct {
	place     *place
	port      int
	log, said string // files of access and events
	read      int    // answers that were asked for
}

const gatewayConfig = `listen: [{address: "127.0.0.1:%d"}]
sites: [{hosts: ["*"], upstreams: ["http://127.0.0.1:%d"], mode: enforce}]
protect_private: true
admin: {address: "127.0.0.1:%d"}
data: %q
events: {file: %q, stdout: false, rate: 0}
access: {file: %q}
`

func newGateway(p *place, more string) (*gateway, error) {
	g := &gateway{place: p, port: freePort(), log: filepath.Join(p.dir, "access.jsonl"), said: filepath.Join(p.dir,
		"events.jsonl")}
	if p.keep != "" {
		g.said = filepath.Join(p.keep, filepath.Base(p.dir)+".events.jsonl")
		if err := os.RemoveAll(g.said); err != nil {
			return nil, fmt.Errorf("removing old events: %w", err)
		}
	}
	text := fmt.Sprintf(gatewayConfig, g.port, p.port, freePort(), filepath.Join(p.dir, "data"), g.said, g.log)
	config, err := p.file("bartizan.yaml", text+more)
	if err != nil {
		return nil, err
	}
	return g, p.serve(g.port, "", nil, p.bartizan, "run", "--config", config)
}

func (g *gateway) name() string    { return "gateway" }
func (g *gateway) address() string { return fmt.Sprintf("127.0.0.1:%d", g.port) }

// accessLine is what is read of a line of the access log.
type accessLine struct {
	Method, Path string
	Status       int
	Risk         float64
}

// answers waits until the access log is quiet.
func (g *gateway) answers() []answer {
	lines := g.access()
	for quiet := 0; quiet < 3; quiet++ {
		time.Sleep(150 * time.Millisecond)
		if now := g.access(); len(now) != len(lines) {
			lines, quiet = now, 0
		}
	}
	var got []answer
	for _, l := range lines[g.read:] {
		got = append(got, answer{l.Method, l.Path, l.Status})
	}
	g.read = len(lines)
	return got
}

func (g *gateway) access() []accessLine {
	var lines []accessLine
	eachLine(g.log, func(b []byte) {
		var l accessLine
		if json.Unmarshal(b, &l) == nil {
			lines = append(lines, l)
		}
	})
	return lines
}

// risk returns the highest that the gateway had of the client.
func (g *gateway) risk() float64 {
	risk := 0.0
	for _, l := range g.access() {
		risk = max(risk, l.Risk)
	}
	return risk
}

// event is what is read of a line of events.
type event struct {
	Type, Scope, Stage, Method, Path, Reason string
	Status                                   int
	Signals                                  []struct{ Kind, Band, Where, Note string }
}

// events returns the gateway's events, equal ones once.
func (g *gateway) events() (said []string, err error) {
	seen := map[string]bool{}
	err = eachLine(g.said, func(b []byte) {
		var e event
		if json.Unmarshal(b, &e) != nil {
			return
		}
		text := fmt.Sprintf("%s %s %s %s %d %s %s", e.Type, e.Scope, e.Stage, e.Method, e.Status, e.Path, e.Reason)
		for _, s := range e.Signals {
			text += fmt.Sprintf(" [%s %s %s %q]", s.Kind, s.Band, s.Where, s.Note)
		}
		if text = strings.Join(strings.Fields(text), " "); !seen[text] {
			said = append(said, text)
		}
		seen[text] = true
	})
	return said, err
}

// eachLine hands the lines of a file over; a file that is not there has none.
func eachLine(name string, take func([]byte)) error {
	f, err := os.Open(name)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading a log: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		take(lines.Bytes())
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading a log: %w", err)
	}
	return nil
}
