package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// write puts a configuration in a folder of its own and returns its name.
func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "bartizan.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

const small = "sites: [{hosts: [\"*\"], upstreams: [\"http://127.0.0.1:9000\"]}]\n"

func TestDefaultsHold(t *testing.T) {
	f, p, err := Load(write(t, small), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Sites, want.Data = f.Sites, f.Data
	if !reflect.DeepEqual(f, want) {
		t.Errorf("got %+v; want the defaults %+v", f, want)
	}
	if o := p.Options(); o.Sites[0].Mode != 0 || o.BodyInspect != 64<<10 || o.Block.First != 5*time.Minute {
		t.Errorf("policy: got %+v; want observe, 64 KiB, 5m", o)
	}
}

// The file of the documentation must be accepted whole.
func TestEveryKey(t *testing.T) {
	t.Setenv("API_KEY", "k3y: with # odd characters")
	list := write(t, "203.0.113.0/24 # bad\n\n2001:db8::/32\n")
	f, p, err := Load(write(t, `
listen:
  - address: 127.0.0.1:8080
  - address: 127.0.0.1:8443
    tls: {self_signed: true}
    proxy_protocol: true
trusted_proxies: [10.0.0.0/8]
fingerprint_header: X-JA4
sites:
  - hosts: ["api.example.com"]
    upstreams: ["http://127.0.0.1:9000", "h2c://127.0.0.1:9001"]
    mode: enforce
    health: {path: /healthz, every: 2s}
    script: true
    routes:
      - {match: POST /api/login, tags: [login, costly], mode: observe, fail: closed, failed: {status: 302, location: "/login?error"}}
      - {match: POST /enter, failed: {body: Wrong password}}
protect_private: true
thresholds: {watch: 6, interrogate: 31, tarpit: 61, block: 86}
block: {first: 1m, grow: 2, max: 2h}
learning: {minimum_requests: 10, minimum_time: 5s}
limits: {memory: 128MiB, body_inspect: 32KiB, connections: 100, connections_per_client: 10, rates: [{match: "GET /api/search", site: api.example.com, per: endpoint, rate: 600/10m, burst: 20}, {tag: costly, cost: 2s/1m}]}
load: {adaptive: true, minimum: 8, maximum: 100, tolerance: 3, slow: 1s}
timeouts: {handshake: 1s, header: 2s, idle: 3s, connect: 4s, response: 5s, drain: 6s, body: 7s, body_rate: 1KiB}
tarpit: {connections: 10, memory: 1MiB, time: 30s}
allow: [{credential: "${API_KEY}", note: test}, {prefix: 192.0.2.1, until: 2027-01-01T00:00:00Z}, {bot: googlebot}]
deny: [{file: `+list+`}]
exceptions: [{who: 192.0.2.0/24, endpoint: POST /x, field: "body:q", kind: xss, until: 2027-01-01T00:00:00Z, reason: tests}]
exploits: [exploits.txt]
rules: []
patches: []
admin: {address: 127.0.0.1:0}
data: state
events: {file: events.jsonl, stdout: false}
access: {file: access.jsonl}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Allow[0].Credential; got != "k3y: with # odd characters" {
		t.Errorf("${API_KEY}: got %q", got)
	}
	if o := p.Options(); len(o.Deny[0].Prefixes) != 2 || o.Sites[0].Mode != 1 || *o.Sites[0].Routes[0].Mode != 0 || !o.Sites[0].Routes[0].FailClosed || o.FingerprintHeader != "X-JA4" {
		t.Errorf("policy: got %+v", o)
	}
	if !filepath.IsAbs(f.Data) || !filepath.IsAbs(f.Exploits[0]) || f.Limits.Memory != 128<<20 || time.Duration(f.Timeouts.Drain) != 6*time.Second {
		t.Errorf("got %+v", f)
	}
	if r := p.Rates(); len(r) != 2 || r[0].Requests != 600 || r[0].Every != 10*time.Minute || r[0].Burst != 20 || r[1].Cost != 2*time.Second || r[1].Every != time.Minute {
		t.Errorf("rates: got %+v", r)
	}
	out, err := f.Effective()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(out), "k3y") || !strings.Contains(string(out), "sha256:") || !strings.Contains(string(out), "memory: 128MiB") || !strings.Contains(string(out), "first: 1m") {
		t.Errorf("effective configuration: got\n%s", out)
	}
	if _, _, err := Load(write(t, string(out)), nil); err != nil {
		t.Errorf("the effective configuration is not accepted again: %v", err)
	}
}

// Every fault names its line and what would be right.
func TestFaults(t *testing.T) {
	for name, c := range map[string]struct{ text, line, want string }{
		"unknown key":        {"listne: []\n" + small, ":1:", "did you mean listen?"},
		"unknown nested key": {small + "thresholds:\n  watch: 5\n  blok: 80\n", ":4:", "did you mean block?"},
		"unknown in a list": {"sites:\n  - hosts: [\"*\"]\n    upstream: [\"http://x\"]\n", ":3:",
			"did you mean upstreams?"},
		"far from any key": {small + "zzzzzzzzzzzzzz: 1\n", ":2:", "valid are listen"},
		"bad duration":     {small + "block:\n  first: 5 minutes\n", ":3:", "want a number with a unit"},
		"bad size":         {small + "limits: {memory: lots}\n", ":2:", "want a whole number with KiB"},
		"bad mode": {"sites:\n  - hosts: [\"*\"]\n    upstreams: [\"http://x\"]\n    mode: block\n", ":4:",
			"want observe or enforce"},
		"bad route": {"sites:\n  - hosts: [\"*\"]\n    upstreams: [\"http://x\"]\n    routes:\n      - " +
			"match: GET login\n", ":5:", "must begin with /"},
		"bad threshold order": {small + "thresholds:\n  watch: 40\n", ":1:", ""},
		"bad prefix":          {small + "deny:\n  - prefix: 10.0.0.1/8\n", ":3:", "did you mean 10.0.0.0/8?"},
		"missing list file":   {small + "deny:\n  - file: /nonesuch\n", ":3:", "no such file"},
		"unset variable":      {small + "data: ${NO_SUCH_VARIABLE}\n", ":2:", "NO_SUCH_VARIABLE is not set"},
		"bad rule": {small + "rules:\n  - name: x\n    when: methd == 1\n    action: block\n", ":4:",
			"unknown name methd"},
		"bad patch": {small + "patches:\n  - name: x\n    endpoint: /a\n    field: id\n    allow: {type: " +
			"int}\n", ":5:", "such as query:id"},
		"acme": {small + "listen:\n  - address: :443\n    tls: {acme: {email: a@b.c}}\n", ":4:",
			"not built yet"},
		"half a certificate": {small + "listen:\n  - address: :443\n    tls:\n      cert: x.pem\n", ":4:",
			"both cert and key"},
		"a rate without time": {small + "limits:\n  rates:\n    - {rate: 10}\n", ":4:", "such as 10/s"},
		"a rate of time":      {small + "limits:\n  rates:\n    - {rate: 2s/m}\n", ":4:", "whole number of requests"},
		"rate and cost":       {small + "limits:\n  rates:\n    - {rate: 2/m, cost: 1s/m}\n", ":4:", "either rate"},
		"a rate of no site": {"sites: [{hosts: [a.example.com], upstreams: " +
			"[\"http://127.0.0.1:9000\"]}]\nlimits:\n  rates:\n    - {rate: 2/m, site: b.example.com}\n", ":4:",
			"no site serves"},
		"bad health path": {"sites: [{hosts: [\"*\"], upstreams: [\"http://127.0.0.1:9000\"], health: {path: " +
			"healthz}}]\n", ":1:", "such as /healthz"},
		"a target too long": {small + "limits:\n  head: 16KiB\n  target: 17KiB\n", ":4:", "more than limits.head"},
		"a head too long":   {small + "limits: {head: 1MiB}\n", ":2:", "at most 256KiB"},
		"no field name":     {small + "forwarding_headers: {add: [\"X Y\"]}\n", ":2:", "name of a header"},
		"a kept hop":        {small + "forwarding_headers: {keep: [\"X-Forwarded-*\"]}\n", ":2:", "written anew"},
		"no authority": {"sites:\n  - {hosts: [\"*\"], upstreams: [\"https://127.0.0.1:1\"], tls: {ca: " +
			"none.pem}}\n", ":2:", "reading certificates"},
		"an authority of none": {"sites:\n  - {hosts: [\"*\"], upstreams: [\"http://127.0.0.1:1\"], tls: " +
			"{server_name: a}}\n", ":2:", "without an https:// upstream"},
		"bad tolerance": {small + "load: {tolerance: 1}\n", ":2:", "1.2 to 100"},
		"broken YAML":   {small + "block: {first: 5m\n", ":2:", ""},
		"wrong type":    {small + "limits: {connections: many}\n", ":2:", ""},
		"no site":       {"protect_private: true\n", "", "--upstream"},
		"two documents": {small + "---\n" + small, "", "more than one YAML document"},
	} {
		_, _, err := Load(write(t, c.text), nil)
		if name == "bad threshold order" {
			if err == nil || !strings.Contains(err.Error(), "thresholds.interrogate") {
				t.Errorf("%s: got %v; want thresholds.interrogate named", name, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), "bartizan.yaml"+c.line) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v; want %q and %q", name, err, "bartizan.yaml"+c.line, c.want)
		}
	}
}

// All faults are told at once.
func TestAllFaultsAtOnce(t *testing.T) {
	_, _, err := Load(write(t, "sites:\n  - hosts: []\n    upstreams: []\n    mode: x\nadmin: {address: nowhere}\n"), nil)
	for _, want := range []string{"mode", "upstreams", "admin.address"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v; want %s named too", err, want)
		}
	}
}

// Every key has a line in the documentation.
func TestEveryKeyIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	var walk func(path string, typ reflect.Type)
	walk = func(path string, typ reflect.Type) {
		for typ.Kind() == reflect.Slice || typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || typ == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range typ.NumField() {
			key, _, _ := strings.Cut(typ.Field(i).Tag.Get("yaml"), ",")
			at := strings.TrimPrefix(path+"."+key, ".")
			if !strings.Contains(string(doc), "`"+at+"`") {
				t.Errorf("docs/configuration.md has no line for `%s`", at)
			}
			walk(at, typ.Field(i).Type)
		}
	}
	walk("", reflect.TypeFor[File]())
}

func TestExpand(t *testing.T) {
	env := func(name string) (string, bool) {
		v, ok := map[string]string{"A": "1", "B": "${A}"}[name]
		return v, ok
	}
	for s, want := range map[string]string{"x": "x", "${A}": "1", "a${A}b${A}": "a1b1", "$${A}": "${A}", "${B}": "${A}", "$A": "$A"} {
		if got, err := expand(s, env); err != nil || got != want {
			t.Errorf("expand(%q): got %q, %v; want %q", s, got, err, want)
		}
	}
	for _, s := range []string{"${", "${A", "${C}"} {
		if got, err := expand(s, env); err == nil {
			t.Errorf("expand(%q): got %q; want an error", s, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(small)
	f.Add("a: &x [*x]\n")
	f.Fuzz(func(t *testing.T, text string) {
		if _, _, _, err := parse("x", []byte(text)); err != nil && err.Error() == "" {
			t.Error("an error without words")
		}
	})
}

// The example holds defaults, and has all that its own comments promise.
func TestExample(t *testing.T) {
	got, _, err := Load("../../examples/bartizan.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.resolve("../../examples")
	want.Sites = got.Sites
	if a, b := effective(t, got), effective(t, want); a != b {
		t.Errorf("the example departs from the defaults:\n%s\nwant:\n%s", a, b)
	}
	if len(got.Sites) != 1 || got.Sites[0].Mode != "observe" {
		t.Errorf("got sites %+v; want one that observes", got.Sites)
	}
}

func effective(t *testing.T, f File) string {
	t.Helper()
	b, err := f.Effective()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
