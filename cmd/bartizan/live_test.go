package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"bartizan/internal/config"
	"bartizan/internal/control"
	"bartizan/internal/demo"
	"bartizan/internal/replay"
	"bartizan/internal/sink"
)

// running is a gateway before the demo's shop, on free ports.
type running struct {
	*gateway
	dir    string
	log    *bytes.Buffer
	cancel context.CancelFunc
	done   chan error
	once   sync.Once
}

// serve starts one. edit may change its settings.
func serve(t *testing.T, dir string, edit func(*config.File)) *running {
	t.Helper()
	shop, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: demo.NewShop().Handler()}
	go server.Serve(shop)
	t.Cleanup(func() { server.Close() })
	r := &running{dir: dir, log: new(bytes.Buffer), done: make(chan error, 1)}
	r.gateway, err = newGateway(setup{
		override: func(f *config.File) {
			(&demoCommand{Listen: "127.0.0.1:0", Admin: "127.0.0.1:0"}).configure(shop.Addr().String(), dir)(f)
			f.Access.File = filepath.Join(dir, "access.jsonl")
			if edit != nil {
				edit(f)
			}
		},
		record: filepath.Join(dir, "traffic.jsonl"), log: slog.New(slog.NewTextHandler(r.log, nil)), stdout: io.Discard,
	})
	if err != nil {
		t.Fatal(err)
	}
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(context.Background())
	go func() { r.done <- r.run(ctx) }()
	t.Cleanup(func() { r.stop(t) })
	waitReady(t, r.admin.Addr().String())
	return r
}

// stop ends it and waits; a second call does nothing.
func (r *running) stop(t *testing.T) {
	t.Helper()
	r.once.Do(func() {
		r.cancel()
		select {
		case err := <-r.done:
			if err != nil {
				t.Errorf("stopping: %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("the gateway did not stop")
		}
	})
}

func waitReady(t *testing.T, admin string) {
	t.Helper()
	for range 2000 {
		if resp, err := http.Get("http://" + admin + "/-/ready"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == 200 {
				return
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("not ready within 20 s")
}

// Recording a live run and replaying it gives the same verdicts.
func TestReplayEqualsLive(t *testing.T) {
	r := serve(t, t.TempDir(), nil)
	at := r.addresses()
	play(t, demo.NewCast(demo.Stage{Plain: at[0].Address, Secure: at[1].Address}), 300)
	r.stop(t)

	live := map[string]sink.Access{}
	each(t, filepath.Join(r.dir, "access.jsonl"), func(line []byte) {
		var a sink.Access
		if err := json.Unmarshal(line, &a); err != nil {
			t.Fatal(err)
		}
		live[a.ID] = a
	})
	e, err := replayEngine(policyOf(t, "protect_private: true\nsites: [{hosts: [\"*\"], upstreams: [\"http://127.0.0.1:1\"]}]\n"), true, 99)
	if err != nil {
		t.Fatal(err)
	}
	in, err := replay.Open(filepath.Join(r.dir, "traffic.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	same, refused := 0, 0
	err = replay.Run(e, in, func(v replay.Verdict) error {
		l, ok := live[v.ID]
		if !ok {
			return fmt.Errorf("request %s is in the recording only", v.ID)
		}
		if v.Would != l.Would || v.Action != l.Action {
			t.Errorf("%s %s %s at %s: replay says %s at stage %s (risk %.1f), live said %s at stage %s (risk %.1f)", l.Client, l.Method, l.Path, v.Time, v.Would, v.Stage, v.Risk, l.Would, l.Stage, l.Risk)
		}
		if v.Would != "pass" {
			refused++
		}
		same++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if same != len(live) || refused < 50 {
		t.Errorf("got %d verdicts with %d refusals from the replay; want %d and many refusals", same, refused, len(live))
	}
}

// play runs the cast until it has sent so many requests.
func play(t *testing.T, cast *demo.Cast, requests int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	done := make(chan struct{})
	go func() { cast.Play(ctx); close(done) }()
	for sent := 0; sent < requests && ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		sent = 0
		for _, p := range cast.Tallies() {
			sent += p.Sent
		}
	}
	if ctx.Err() != nil {
		t.Fatalf("not %d requests within a minute", requests)
	}
	cancel()
	<-done
}

func each(t *testing.T, name string, f func([]byte)) {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, replay.MaxLine)
	for lines.Scan() {
		f(lines.Bytes())
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

func policyOf(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// ask sends one request and returns status and reference.
func ask(t *testing.T, r *running, target string) (status int, reference string) {
	t.Helper()
	resp, err := http.Get("http://" + r.addresses()[0].Address + target)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, resp.Header.Get("Bartizan-Reference")
}

const attack = "/api/search?q=1%27%20UNION%20SELECT%20password%20FROM%20users--"

// Everything that an operator does over the control socket.
func TestControl(t *testing.T) {
	r := serve(t, t.TempDir(), nil)
	client := control.Dial(r.store.Socket())
	ask(t, r, attack)
	status, id := ask(t, r, strings.Replace(attack, "1", "2", 1))
	if status != 403 || id == "" {
		t.Fatalf("second exploit: got %d, reference %q; want 403 with a reference", status, id)
	}
	x, err := client.Explain(id)
	if err != nil || x.Stage != "block" || len(x.Signals) == 0 || len(x.Undo) == 0 {
		t.Fatalf("explain %s: got %+v, %v; want the block, its signals and how to undo it", id, x, err)
	}
	if status, _ := ask(t, r, "/api/products"); status != 403 {
		t.Errorf("while blocked: got %d; want 403", status)
	}
	if records, err := client.Address("127.0.0.1"); err != nil || len(records) != 2 {
		t.Errorf("explain-address: got %d records, %v; want the client's and the address's", len(records), err)
	}
	if records, err := client.Attackers(); err != nil || len(records) == 0 || records[0].Stage != "block" {
		t.Errorf("attackers: got %+v, %v", records, err)
	}
	if _, err := client.PassAll(time.Minute); err != nil {
		t.Fatal(err)
	}
	if status, _ := ask(t, r, "/api/products"); status != 200 {
		t.Errorf("during pass-all: got %d; want 200", status)
	}
	if _, err := client.PassAll(0); err != nil {
		t.Fatal(err)
	}
	if status, _ := ask(t, r, "/api/products"); status != 403 {
		t.Errorf("after pass-all: got %d; want 403", status)
	}
	if u, err := client.Unblock("127.0.0.1"); err != nil || u.Records != 2 {
		t.Errorf("unblock: got %+v, %v; want 2 records", u, err)
	}
	if status, _ := ask(t, r, "/api/products"); status != 200 {
		t.Errorf("after unblock: got %d; want 200", status)
	}
	if _, err := client.Approve("*"); err == nil || !strings.Contains(err.Error(), "nothing has been learned") {
		t.Errorf("approve: got %v; want to be told that nothing is known yet", err)
	}
	for range 60 { // one client's path is believed then
		ask(t, r, "/api/products")
	}
	if a, err := client.Approve("*"); err != nil || a.Endpoints != 1 {
		t.Errorf("approve: got %+v, %v; want one endpoint", a, err)
	}
	if u, err := client.Unblock("127.0.0.0/24"); err != nil || u.Records != 2 {
		t.Errorf("unblock a network: got %+v, %v; want the 2 records in it", u, err)
	}
	if _, err := client.Evidence(); err != nil {
		t.Errorf("evidence: got %v", err)
	}
	for _, bad := range []string{"nobody", "a-", "300.1.2.3", "10.0.0.0/40"} {
		if _, err := client.Unblock(bad); err == nil || !strings.Contains(err.Error(), "want an address") {
			t.Errorf("unblock %q: got %v; want a hint", bad, err)
		}
	}
	if _, err := client.Explain("nonesuch"); err == nil || !strings.Contains(err.Error(), "no such reference") {
		t.Errorf("explain of an unknown id: got %v", err)
	}
}

// A block, an unblock and break-glass survive a restart; a kill loses no block.
func TestStateSurvivesRestart(t *testing.T) {
	dir := t.TempDir()
	first := serve(t, dir, nil)
	ask(t, first, attack)
	ask(t, first, strings.Replace(attack, "1", "2", 1))
	first.stop(t)

	second := serve(t, dir, nil)
	if status, _ := ask(t, second, "/api/products"); status != 403 {
		t.Fatalf("after a restart: got %d; want the block to hold", status)
	}
	if _, err := control.Dial(second.store.Socket()).Unblock("127.0.0.1"); err != nil {
		t.Fatal(err)
	}
	copied := crash(t, dir) // what a kill would leave: no snapshot since the unblock
	second.stop(t)

	third := serve(t, copied, nil)
	if status, _ := ask(t, third, "/api/products"); status != 200 {
		t.Errorf("after a kill: got %d; want the unblock to hold", status)
	}
	ask(t, third, attack)
	ask(t, third, strings.Replace(attack, "1", "3", 1))
	again := crash(t, copied)
	fourth := serve(t, again, nil)
	if status, _ := ask(t, fourth, "/api/products"); status != 403 {
		t.Errorf("after a kill right after a block: got %d; want the block", status)
	}
}

// crash copies the state as it stands while the process runs: what SIGKILL leaves.
func crash(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.Mkdir(filepath.Join(to, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"seed", "state.snapshot", "journal.jsonl"} {
		b, err := os.ReadFile(filepath.Join(dir, "data", name))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, "data", name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// A snapshot that cannot be read is set aside, with a clear message.
func TestCorruptSnapshot(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir, nil).stop(t)
	name := filepath.Join(dir, "data", "state.snapshot")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	r := serve(t, dir, nil)
	if status, _ := ask(t, r, "/api/products"); status != 200 {
		t.Errorf("got %d; want the gateway to serve", status)
	}
	aside, _ := filepath.Glob(name + ".unusable-*")
	if len(aside) != 1 {
		t.Errorf("got %v set aside; want the one", aside)
	}
	r.stop(t)
	if !strings.Contains(r.log.String(), "cannot be used") || !strings.Contains(r.log.String(), "checksum") {
		t.Errorf("got log\n%s\nwant it to say what happened", r.log)
	}
}

// A full disk costs the recording lines, not the service an answer.
func TestRecordingOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("/dev/full", filepath.Join(dir, "traffic.jsonl")); err != nil {
		t.Fatal(err)
	}
	r := serve(t, dir, nil)
	for range 20 {
		if status, _ := ask(t, r, "/api/products"); status != 200 {
			t.Fatalf("got %d; want 200", status)
		}
	}
	r.stop(t)
	if s := r.traffic.Stats(); s.Dropped == 0 {
		t.Errorf("got %+v; want drops counted", s)
	}
	if got := strings.Count(r.log.String(), "no space left"); got != 1 {
		t.Errorf("the log says so %d times; want once:\n%s", got, r.log)
	}
}

// Two processes cannot share a folder.
func TestDataFolderIsLocked(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir, nil)
	_, err := newGateway(setup{override: (&demoCommand{Listen: "127.0.0.1:0", Admin: "127.0.0.1:0"}).configure("127.0.0.1:1", dir), log: slog.New(slog.DiscardHandler), stdout: io.Discard})
	if err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("got %v; want it to say that another process uses the folder", err)
	}
}

// A configuration file that changes is put in force; a bad one is not.
func TestReload(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "bartizan.yaml")
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	shop, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: demo.NewShop().Handler()}
	go server.Serve(shop)
	defer server.Close()
	base := fmt.Sprintf("listen: [{address: \"127.0.0.1:0\"}]\nadmin: {address: \"127.0.0.1:0\"}\ndata: data\nsites: [{hosts: [\"*\"], upstreams: [\"http://%s\"], mode: enforce}]\n", shop.Addr())
	put(base)
	log := new(bytes.Buffer)
	g, err := newGateway(setup{configFile: file, log: slog.New(slog.NewTextHandler(log, nil)), stdout: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.run(ctx) }()
	waitReady(t, g.admin.Addr().String())
	r := &running{gateway: g}
	if status, _ := ask(t, r, attack); status != 200 {
		t.Fatalf("a private client: got %d; want 200", status)
	}
	until := func(want int) bool {
		for range 100 {
			if status, _ := ask(t, r, "/api/products"); status == want {
				return true
			}
			time.Sleep(50 * time.Millisecond)
		}
		return false
	}
	put(base + "deny: [{prefix: 127.0.0.0/8}]\n")
	if !until(403) {
		t.Errorf("the deny list did not come into force:\n%s", log)
	}
	put(base + "dney: []\n")
	time.Sleep(3 * lookEvery / 2)
	if status, _ := ask(t, r, "/api/products"); status != 403 {
		t.Errorf("after a bad file: got %d; want the good one to stay", status)
	}
	put(base)
	if !until(200) {
		t.Error("the good file did not come back into force")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "did you mean deny?") {
		t.Errorf("the log does not name the bad key:\n%s", log)
	}
}

// A flood of HTTP/2 frames is evidence on replay as it was live.
func TestReplayOfFloods(t *testing.T) {
	r := serve(t, t.TempDir(), nil)
	conn, err := net.Dial("tcp", r.addresses()[0].Address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ping := "\x00\x00\x08\x06\x00\x00\x00\x00\x00bartizan"
	go io.Copy(io.Discard, conn)
	for range 100 { // it is closed on the way
		if _, err = io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"+strings.Repeat(ping, 3000)); err != nil {
			break
		}
	}
	deadline := time.Now().Add(10 * time.Second)
	for len(r.engine.ExplainAddress(time.Now(), netip.MustParseAddr("127.0.0.1"))) == 0 {
		if time.Now().After(deadline) {
			t.Fatal("no evidence within 10 s")
		}
		time.Sleep(10 * time.Millisecond)
	}
	r.stop(t)
	e, err := replayEngine(policyOf(t, "protect_private: true\nsites: [{hosts: [\"*\"], upstreams: [\"http://127.0.0.1:1\"]}]\n"), true, 99)
	if err != nil {
		t.Fatal(err)
	}
	in, err := replay.Open(filepath.Join(r.dir, "traffic.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var got []string
	if err := replay.Run(e, in, func(v replay.Verdict) error {
		for _, s := range v.Signals {
			got = append(got, s.Kind+" "+v.Stage+" "+v.Reason)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0] != "stream-abuse watch malformed" {
		t.Errorf("got %q; want stream-abuse, once, and its client watched", got)
	}
}
