package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"bartizan/internal/config"
	"bartizan/internal/demo"
	"bartizan/internal/engine"
)

type demoCommand struct {
	Listen string        `help:"Address of the plain listener; the next port serves TLS." default:"127.0.0.1:8080"`
	Admin  string        `help:"Address of the admin listener." default:"127.0.0.1:7070"`
	For    time.Duration `help:"How long to play; 0s plays until interrupted." default:"90s"`
	Smoke  bool          `help:"Play shortly on free ports, print the result only, and fail if it is not as it should be."`
}

const smokeFor = demo.BotnetStop + 3*time.Second

// Run plays and shows who is watched and blocked, and why.
func (c *demoCommand) Run() error {
	dir, err := os.MkdirTemp("", "bartizan-demo-")
	if err != nil {
		return fmt.Errorf("making a folder for the demo's state: %w", err)
	}
	defer os.RemoveAll(dir)
	shop, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("starting the shop: %w", err)
	}
	server := &http.Server{Handler: demo.NewShop().Handler(), ReadHeaderTimeout: 5 * time.Second}
	go server.Serve(shop) //nolint:errcheck // it ends with Close below
	defer server.Close()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if c.Smoke {
		c.Listen, c.Admin, c.For = "127.0.0.1:0", "127.0.0.1:0", smokeFor
	}
	board := &board{}
	g, err := newGateway(setup{override: c.configure(shop.Addr().String(), dir), log: slog.New(slog.NewTextHandler(io.Discard, nil)), stdout: io.Discard, report: board.take})
	if err != nil {
		return err
	}
	return c.play(ctx, g, board)
}

// configure returns the demo's settings: everything at its default, but that it
// enforces, and judges loopback clients too.
func (c *demoCommand) configure(upstream, dir string) func(*config.File) {
	return func(f *config.File) {
		secure := "127.0.0.1:0"
		if host, port, err := net.SplitHostPort(c.Listen); err == nil && port == "8080" {
			secure = net.JoinHostPort(host, "8443")
		}
		f.Listen = []config.Listen{{Address: c.Listen}, {Address: secure, TLS: &config.TLS{SelfSigned: true}}}
		f.Sites = []config.Site{{Hosts: []string{"*"}, Upstreams: []string{"http://" + upstream}, Mode: "enforce"}}
		f.ProtectPrivate, f.Data, f.Admin.Address = true, filepath.Join(dir, "data"), c.Admin
		f.Timeouts.Drain = config.Duration(2 * time.Second)
		f.Learning.MinimumTime = config.Duration(20 * time.Second) // who watches a demo has not five minutes
	}
}

func (c *demoCommand) play(ctx context.Context, g *gateway, b *board) error {
	serving, stopServing := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- g.run(serving) }()
	playing := ctx
	if c.For > 0 {
		var cancel context.CancelFunc
		playing, cancel = context.WithTimeout(ctx, c.For)
		defer cancel()
	}
	at := g.addresses()
	stage := demo.Stage{Plain: at[0].Address, Secure: at[1].Address}
	cast := demo.NewCast(stage)
	cast.AddBotnet(stage)
	live := !c.Smoke && isTerminal(os.Stdout)
	if !c.Smoke {
		say(os.Stdout, "gateway http://%s and https://%s, admin http://%s/metrics; try your own requests",
			at[0].Address, at[1].Address, g.admin.Addr())
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.show(playing, g.engine, cast, live, c.Smoke)
	}()
	cast.Play(playing)
	<-done
	stopServing()
	err := <-served
	return errors.Join(err, conclude(cast.Tallies()))
}

// conclude prints the result and says what is not as it should be.
func conclude(tallies []demo.Tally) error {
	var faults []error
	var t table
	fmt.Println()
	t.addf("player\taddress\tsent\tpassed\trefused\theld\tfailed\tfirst refusal")
	for _, p := range tallies {
		first := "-"
		if p.First > 0 {
			first = fmt.Sprintf("request %d", p.First)
		}
		address := p.Address.String()
		if p.Many {
			address = "many"
		}
		t.addf("%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s", p.Name, address, p.Sent, p.Passed, p.Refused, p.Held, p.Failed, first)
		switch {
		case p.Sent == 0:
			faults = append(faults, fmt.Errorf("%s sent nothing", p.Name))
		case p.Good && p.Many && p.Refused*10_000 <= p.Sent && p.Failed == 0: // what a signature is allowed to hit
		case p.Good && (p.Refused > 0 || p.Failed > 0):
			faults = append(faults, fmt.Errorf("%s is a good visitor and was refused %d times, failed %d times: %s", p.Name, p.Refused, p.Failed, p.Error))
		case !p.Good && p.Refused+p.Held < p.Sent/2:
			faults = append(faults, fmt.Errorf("%s is an attacker and was refused or held %d of %d times only", p.Name, p.Refused+p.Held, p.Sent))
		}
	}
	faults = append(faults, t.print(os.Stdout))
	for _, p := range tallies {
		if p.Before > 0 && p.During > 0 {
			say(os.Stdout, "%s: 99 of 100 answers within %.1f ms before the botnet, %.1f ms while it was searched "+
				"and stopped", p.Name, ms(p.Before), ms(p.During))
		}
	}
	return errors.Join(faults...)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// board shows events as they come.
type board struct {
	mu     sync.Mutex
	recent []engine.Event
}

const boardLines = 12 // shown at the foot of a frame, each cut to the width

func (b *board) take(events []engine.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.recent = append(b.recent, events...)
	if n := len(b.recent); n > 256 {
		b.recent = b.recent[n-256:]
	}
}

// drain returns the events since the last call.
func (b *board) drain() []engine.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.recent
	b.recent = nil
	return out
}

// show draws until ctx is done: a live picture on a terminal, lines elsewhere.
func (b *board) show(ctx context.Context, e *engine.Engine, cast *demo.Cast, live, silent bool) {
	t := time.NewTicker(500 * time.Millisecond)
	defer t.Stop()
	var lines []string
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		for _, ev := range b.drain() {
			line := eventLine(ev)
			lines = append(lines, line)
			if !live && !silent {
				say(os.Stdout, "%s", line)
			}
		}
		lines = lines[max(len(lines)-boardLines, 0):]
		if live {
			fmt.Print("\x1b[H\x1b[2J", picture(e, cast, lines))
		}
	}
}

const clock = "15:04:05"

func eventLine(ev engine.Event) string {
	if ev.Botnet != nil {
		return botnetLine(ev)
	}
	what := ev.Type
	if ev.Type == "stage" {
		what = fmt.Sprintf("%s %s -> %s", ev.Scope, ev.From, ev.Stage)
	}
	var why []string
	if ev.Signature != "" {
		why = append(why, "matches "+ev.Signature+" of botnet "+ev.Campaign)
	}
	for _, s := range ev.Signals {
		why = append(why, fmt.Sprintf("%s (%s) at %s", s.Kind, s.Band, s.Where))
	}
	return fmt.Sprintf("%s %-11s risk %3.0f %s %s %s: %s", ev.Time.Format(clock), ev.Client, ev.Risk, what, ev.Method,
		printable(ev.Path), printable(strings.Join(why, ", ")))
}

func botnetLine(ev engine.Event) string {
	line := fmt.Sprintf("%s BOTNET %s %s: %d addresses", ev.Time.Format(clock), ev.Campaign, ev.Botnet.Kind,
		ev.Botnet.Campaign.Addresses)
	if g := ev.Botnet.Signature; g != nil {
		line += fmt.Sprintf("; %s %s: %s", g.Name, g.Action, g.Why)
	}
	return line
}

// picture is one frame.
func picture(e *engine.Engine, cast *demo.Cast, lines []string) string {
	var out strings.Builder
	var t table
	t.addf("BARTIZAN\tsent\tpassed\trefused\theld\tstage\trisk\twhy")
	for _, p := range cast.Tallies() {
		stage, risk, why := "clear", 0.0, ""
		if p.Many {
			t.addf("%s\t%d\t%d\t%d\t%d\t\t\t", p.Name, p.Sent, p.Passed, p.Refused, p.Held)
			continue
		}
		for _, r := range e.ExplainAddress(time.Now(), p.Address) {
			if r.Risk > risk {
				stage, risk, why = r.Stage, r.Risk, reasons(r)
			}
		}
		t.addf("%s\t%d\t%d\t%d\t%d\t%s\t%.1f\t%s", p.Name, p.Sent, p.Passed, p.Refused, p.Held, stage, risk, why)
	}
	_ = t.print(&out) // a Builder takes everything
	for _, c := range e.Campaigns(3) {
		out.WriteString("\n")
		say(&out, "%s %s: %d addresses, %d requests, %d stopped", c.Name, c.Intent+" "+c.Named, c.Addresses, c.Requests, c.Stopped)
		for _, g := range c.Signatures {
			say(&out, "%s %s: %s", g.Name, g.Action, g.Why)
		}
	}
	out.WriteString("\n")
	for _, line := range lines {
		out.WriteString(cut(line, columns) + "\n")
	}
	return out.String()
}

func reasons(r engine.Record) string {
	var out []string
	for _, p := range r.Parts {
		out = append(out, fmt.Sprintf("%s %+.1f", p.Name, p.Nats))
	}
	return strings.Join(out, ", ")
}
