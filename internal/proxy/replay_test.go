package proxy_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bartizan/internal/detect"
	"bartizan/internal/engine"
	"bartizan/internal/policy"
	"bartizan/internal/proxy"
	"bartizan/internal/replay"
	"bartizan/internal/request"
	"bartizan/internal/scenario"
	"bartizan/internal/unpack"
)

// judgement is what is compared of one request.
type judgement struct {
	Stage, Would string
	Signals      []engine.Signal
}

// taught plays traffic through a front end, one request after the other in virtual
// time. Every other list is coded.
type taught struct {
	t         *testing.T
	now, tick time.Time
	line      *replay.Line // that is being sent
	sent      int
	coded     int
	recording bytes.Buffer
	live      map[string]judgement
	ended     chan struct{} // one for each request
	conn      io.ReadWriter
	in        *bufio.Reader
	g         *gateway
}

// answer is the upstream: it answers as the line says.
func (p *taught) answer(w http.ResponseWriter, _ *http.Request) {
	p.now = p.now.Add(time.Millisecond)
	h, body := w.Header(), "{}"
	h.Set("Content-Type", p.line.ResponseType)
	if len(p.line.Issued) > 0 {
		body = `{"orders":[{"id":"` + strings.Join(p.line.Issued, `"},{"id":"`) + `"}]}`
		if coding := [...]string{"", "gzip", "br", "zstd"}[p.sent%4]; coding != "" {
			h.Set("Content-Encoding", coding)
			body = packed(p.t, coding, body)
			p.coded++
		}
	}
	w.WriteHeader(p.line.Status)
	io.WriteString(w, body)
}

func (p *taught) send(l *replay.Line) {
	p.line = l
	p.sent++
	if l.Time.After(p.now) {
		p.now = l.Time
	}
	for ; !p.tick.After(p.now); p.tick = p.tick.Add(250 * time.Millisecond) {
		p.g.engine.Tick(p.tick)
	}
	var head strings.Builder
	fmt.Fprintf(&head, "%s %s HTTP/1.1\r\n", l.Method, l.Target)
	for _, h := range l.Headers {
		fmt.Fprintf(&head, "%s: %s\r\n", h[0], h[1])
	}
	send(p.t, p.conn, head.String()+"X-Forwarded-For: "+l.Client+"\r\n\r\n")
	res, err := http.ReadResponse(p.in, nil)
	read(p.t, res, err)
	if res.StatusCode != l.Status {
		p.t.Fatalf("%s %s: got %d; want %d", l.Client, l.Target, res.StatusCode, l.Status)
	}
	<-p.ended
}

// What answers teach is judged on replay as it was live, coded answers too.
func TestReplayOfAnswers(t *testing.T) {
	s, err := scenario.Read("testdata/taught.txtar")
	if err != nil {
		t.Fatal(err)
	}
	start := s.Lines[0].Time.Truncate(time.Second)
	p := &taught{t: t, now: start, tick: start, live: map[string]judgement{}, ended: make(chan struct{}, 1)}
	enc := json.NewEncoder(&p.recording)
	recorder := replay.NewRecorder(1, func(l any) {
		if err := enc.Encode(l); err != nil {
			t.Error(err)
		}
	})
	up := upstream(t, "http", p.answer)
	var policied policy.Options
	p.g = proxyFront{}.start(t, setup{upstreams: []string{up}, trusted: []string{"127.0.0.1/32"}, policy: func(o *policy.Options) { policied = *o }, proxy: func(o *proxy.Options) {
		o.Now, o.Record = func() time.Time { return p.now }, recorder.Record
		o.Access = func(r *request.Request, v engine.Verdict, _ request.Outcome) {
			p.live[r.ID] = judgement{r.Standing.Stage.String(), v.Would.String(), engine.Signals(r.Signals)}
			p.ended <- struct{}{}
		}
	}})
	conn := dial(t, p.g.plain)
	conn.SetDeadline(time.Now().Add(2 * time.Minute))
	p.conn, p.in = conn, bufio.NewReader(conn)
	for i := range s.Lines {
		p.send(&s.Lines[i])
	}
	p.compare(policied)
}

func (p *taught) compare(o policy.Options) {
	t := p.t
	n, kinds := compareReplay(t, o, &p.recording, p.live)
	if n != p.sent || kinds["foreign-object"] == 0 || kinds["odd-course"] == 0 || kinds["bare-pages"] == 0 || p.coded < 500 {
		t.Errorf("got %d verdicts of %d requests, %d answers coded, signals %v; want all, at least 500, and foreign-object, odd-course and bare-pages", n, p.sent, p.coded, kinds)
	}
}

// compareReplay replays a recording and compares it with what was judged live. It
// returns how many requests and signals there are.
func compareReplay(t *testing.T, o policy.Options, recording io.Reader, live map[string]judgement) (n int, kinds map[string]int) {
	t.Helper()
	again, problems := policy.Compile(o)
	if problems != nil {
		t.Fatal(problems)
	}
	l, err := lists()
	if err != nil {
		t.Fatal(err)
	}
	e := engine.New(engine.Options{Policy: again, Detector: detect.New(2, l), Codings: unpack.Codings(), Clients: 1000, Seed: 2})
	kinds = map[string]int{}
	if err := replay.Run(e, recording, func(v replay.Verdict) error {
		n++
		for _, s := range v.Signals {
			kinds[s.Kind]++
		}
		if diff := cmp.Diff(live[v.ID], judgement{v.Stage, v.Would, v.Signals}); diff != "" {
			t.Errorf("%s at %s: live and replay differ:\n%s", v.Client, v.Time, diff)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return n, kinds
}

// A body that is cut, for slowness or for its framing, is evidence on replay too.
func TestReplayOfCutBodies(t *testing.T) {
	up := upstream(t, "http", func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })
	var recording bytes.Buffer
	recorder := replay.NewRecorder(1, func(l any) {
		if err := json.NewEncoder(&recording).Encode(l); err != nil {
			t.Error(err)
		}
	})
	live, ended := map[string]judgement{}, make(chan struct{}, 1)
	var policied policy.Options
	g := proxyFront{}.start(t, setup{upstreams: []string{up}, policy: func(o *policy.Options) { policied = *o }, proxy: func(o *proxy.Options) {
		o.BodyGrace, o.Record = 100*time.Millisecond, recorder.Record
		o.Access = func(r *request.Request, v engine.Verdict, _ request.Outcome) {
			live[r.ID] = judgement{r.Standing.Stage.String(), v.Would.String(), engine.Signals(r.Signals)}
			ended <- struct{}{}
		}
	}})
	const to = "Host: a\nContent-Type: application/json\n"
	for _, raw := range []string{
		head("POST / HTTP/1.1\n"+to+"Content-Length: 1000\n") + `{"a":"' UNION SELECT password FROM users--",`,
		head("POST / HTTP/1.1\n"+to+"Transfer-Encoding: chunked\n") + "2\r\n{}\r\nnone\r\n",
	} {
		c := dial(t, g.plain)
		send(t, c, raw)
		<-ended
		c.Close()
	}
	if n, kinds := compareReplay(t, policied, &recording, live); n != 2 || kinds["slow-request"] != 1 || kinds["smuggling"] != 1 || kinds["sql-injection"] != 1 {
		t.Errorf("got %d requests with %v; want 2 with one slow-request, smuggling and sql-injection each", n, kinds)
	}
}
