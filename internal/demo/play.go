package demo

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"time"
)

// Stage is where the players play.
type Stage struct {
	Plain  string // address of the HTTP listener
	Secure string // of the HTTPS listener
}

// Tally is what one player has seen so far.
type Tally struct {
	Name    string
	Address netip.Addr
	Good    bool
	Sent    int
	Passed  int    // answered by the shop
	Refused int    // 403, 429 and 503 by the gateway
	Held    int    // given up: the answer dripped too slowly. An attacker's only
	Failed  int    // transport errors
	First   int    // number of the first request that was refused, from 1; 0 none
	Error   string // of the first transport error
	// Before and During are the 99th percentiles of the time to an answer, in the
	// quiet before the botnet and while it is there; of a crowd only.
	Before, During time.Duration
	Many           bool // clients, each with an address of its own
}

// player is one of the cast.
type player struct {
	tally  Tally
	every  time.Duration
	secure bool
	agent  string
	act    func(*player, context.Context, int)
	client *http.Client
	base   string
	token  string
	order  int
	mu     *sync.Mutex
}

// Cast is all players.
type Cast struct {
	mu      sync.Mutex // guards all tallies
	players []*player
	masses  []*mass
}

const (
	visitors = 8
	patience = 3 * time.Second // an attacker's
)

// NewCast returns the visitors and the attackers that act alone.
func NewCast(at Stage) *Cast {
	c := &Cast{}
	for i := range visitors {
		c.add(at, player{tally: Tally{Name: fmt.Sprintf("visitor %d", i+1), Address: netip.AddrFrom4([4]byte{127, 1, 0, byte(i + 1)}), Good: true}, every: 250 * time.Millisecond, agent: "shop-app/3.2 (android 16)", act: (*player).visit})
	}
	for i, a := range []player{
		{tally: Tally{Name: "scanner"}, every: 40 * time.Millisecond, agent: "gobuster/3.5", act: (*player).scan},
		{tally: Tally{Name: "sql injection"}, every: 300 * time.Millisecond, agent: "shop-app/3.2 (android 16)", act: (*player).inject},
		{tally: Tally{Name: "credential stuffing"}, every: 120 * time.Millisecond, agent: "python-requests/2.31.0", act: (*player).stuff},
		{tally: Tally{Name: "false browser"}, every: 150 * time.Millisecond, secure: true, act: (*player).pretend,
			agent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"},
	} {
		a.tally.Address = netip.AddrFrom4([4]byte{127, 66, 0, byte(i + 1)})
		c.add(at, a)
	}
	return c
}

// AddBotnet adds a crowd of visitors, and the botnet that hides in it, in the
// clear and over TLS.
func (c *Cast) AddBotnet(at Stage) {
	for i, secure := range [...]bool{false, true} {
		over := map[bool]string{false: "HTTP", true: "HTTPS"}[secure]
		people, bots := &crowd{base: [4]byte{127, byte(2 + i)}}, [4]byte{127, byte(100 + i)}
		c.masses = append(c.masses,
			newMass(at, mass{tally: Tally{Name: fmt.Sprintf("crowd of %d, %s", crowdSize, over), Good: true, Many: true}, secure: secure, rate: crowdRate / 2, next: people.next}),
			newMass(at, mass{tally: Tally{Name: "botnet, " + over, Many: true}, secure: secure, rate: botnetRate / 2, from: BotnetAt, until: BotnetStop, next: bot(bots)}))
	}
	for _, m := range c.masses {
		m.mu = &c.mu
	}
}

func (c *Cast) add(at Stage, p player) {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: p.tally.Address.AsSlice()}, Timeout: 5 * time.Second}
	tr := &http.Transport{DialContext: dialer.DialContext, ForceAttemptHTTP2: true}
	p.base = "http://" + at.Plain
	if p.secure {
		// The demo's own certificate, made a moment ago.
		tr.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec
		p.base = "https://" + at.Secure
	}
	p.client, p.mu = &http.Client{Transport: tr, Timeout: 10 * time.Second}, &c.mu
	if !p.tally.Good {
		p.client.Timeout = patience
	}
	c.players = append(c.players, &p)
}

// Play runs all players until ctx is done.
func (c *Cast) Play(ctx context.Context) {
	var wg sync.WaitGroup
	for i, p := range c.players {
		wg.Go(func() {
			defer p.client.CloseIdleConnections()
			t := time.NewTicker(p.every + time.Duration(i)*time.Millisecond)
			defer t.Stop()
			for n := 0; ; n++ {
				select {
				case <-ctx.Done():
					return
				case <-t.C:
					p.act(p, ctx, n)
				}
			}
		})
	}
	for _, m := range c.masses {
		wg.Go(func() { m.play(ctx) })
	}
	wg.Wait()
}

// Tallies returns what everyone has seen so far.
func (c *Cast) Tallies() []Tally {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]Tally, 0, len(c.players)+len(c.masses))
	for _, p := range c.players {
		out = append(out, p.tally)
	}
	for _, m := range c.masses {
		t := m.tally
		t.Before, t.During = percentile99(m.took[0]), percentile99(m.took[1])
		out = append(out, t)
	}
	return out
}

// percentile99 returns the 99th percentile, 0 of fewer than 100.
func percentile99(list []time.Duration) time.Duration {
	if len(list) < 100 {
		return 0
	}
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	return sorted[len(sorted)*99/100]
}

// send sends one request and counts the outcome. into, if not nil, takes a JSON answer.
func (p *player) send(ctx context.Context, method, target string, body, into any) {
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return
		}
		content = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, p.base+target, content)
	if err != nil {
		return
	}
	req.Header.Set("User-Agent", p.agent)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if p.token != "" {
		req.Header.Set("Authorization", "Bearer "+p.token)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		if ctx.Err() == nil {
			p.count(func(t *Tally) { t.fail(err) })
		}
		return
	}
	defer resp.Body.Close()
	ours := resp.Header.Get("Bartizan-Reference") != ""
	p.count(func(t *Tally) {
		t.Sent++
		if !ours {
			t.Passed++
			return
		}
		if t.Refused++; t.First == 0 {
			t.First = t.Sent
		}
	})
	if into != nil && resp.StatusCode < 300 {
		_ = json.NewDecoder(resp.Body).Decode(into) // what is not to be read stays zero
	}
	_, _ = io.Copy(io.Discard, resp.Body) // so that the connection can be used again
}

// fail counts a transport error.
func (t *Tally) fail(err error) {
	t.Sent++
	if late, ok := errors.AsType[net.Error](err); ok && late.Timeout() && !t.Good {
		t.Held++
		return
	}
	t.Failed++
	if t.Error == "" {
		t.Error = err.Error()
	}
}

func (p *player) count(f func(*Tally)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(&p.tally)
}

// visit is a person in the shop's app: signs in, looks around, buys, reviews.
func (p *player) visit(ctx context.Context, n int) {
	user := p.tally.Name
	switch n % 10 {
	case 0:
		if p.token == "" {
			var in struct{ Token string }
			p.send(ctx, "POST", "/api/login", map[string]string{"user": user, "password": user + "-secret"}, &in)
			p.token = in.Token
		} else {
			p.send(ctx, "GET", "/api/products", nil, nil)
		}
	case 1, 2, 3:
		p.send(ctx, "GET", fmt.Sprintf("/api/products/%d", 1+rand.IntN(products)), nil, nil)
	case 4:
		p.send(ctx, "GET", "/api/search?q="+url.QueryEscape([]string{"lamp", "rock 'n' roll", "table & chair", "O'Brien"}[rand.IntN(4)]), nil, nil)
	case 5:
		p.send(ctx, "POST", "/api/cart", map[string]int{"product": 1 + rand.IntN(products), "quantity": 1}, nil)
	case 6:
		var o order
		p.send(ctx, "POST", "/api/orders", map[string]int{"product": 1 + rand.IntN(products)}, &o)
		p.order = o.ID
	case 7:
		p.send(ctx, "GET", fmt.Sprintf("/api/orders/%d", p.order), nil, nil)
	case 8:
		p.send(ctx, "POST", "/api/checkout", map[string]int{"order": p.order}, nil)
	case 9:
		p.send(ctx, "POST", "/api/reviews", map[string]any{"product": 7, "text": "It's great; select the blue one & don't drop it -- 10/10 <3"}, nil)
	}
}

// scan asks for what is not there.
func (p *player) scan(ctx context.Context, n int) {
	paths := [...]string{"/.env", "/.git/config", "/wp-login.php", "/phpmyadmin/", "/backup.sql", "/server-status", "/actuator/env", "/admin.php", "/config.yml", "/id_rsa"}
	if n%2 == 0 {
		p.send(ctx, "GET", paths[n/2%len(paths)], nil, nil)
		return
	}
	p.send(ctx, "GET", fmt.Sprintf("/word%d", n), nil, nil)
}

// inject looks like a customer's app and tries one parameter after the other.
func (p *player) inject(ctx context.Context, n int) {
	payloads := [...]string{"1' AND 1=1-- ", "1' UNION SELECT user,password FROM users-- ", "1'; DROP TABLE orders-- ", "1' AND SLEEP(5)-- ", "' OR '1'='1"}
	if n%3 == 0 {
		p.send(ctx, "GET", fmt.Sprintf("/api/products/%d", 1+n), nil, nil)
		return
	}
	p.send(ctx, "GET", "/api/search?q="+url.QueryEscape(payloads[n%len(payloads)]), nil, nil)
}

// stuff tries stolen pairs, each once.
func (p *player) stuff(ctx context.Context, n int) {
	p.send(ctx, "POST", "/api/login", map[string]string{"user": fmt.Sprintf("victim%d@example.com", n), "password": fmt.Sprintf("hunter%d", n)}, nil)
}

// pretend copies the catalogue under a browser's name, and looks where no browser does.
func (p *player) pretend(ctx context.Context, n int) {
	if n%10 == 9 {
		p.send(ctx, "GET", []string{"/.env", "/.git/HEAD", "/.aws/credentials"}[n/10%3], nil, nil)
		return
	}
	p.send(ctx, "GET", fmt.Sprintf("/api/products/%d", 1+n%products), nil, nil)
}
