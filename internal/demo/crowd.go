package demo

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"
)

// The crowd is what a botnet hides in: thousands of visitors with an address and
// habits of their own. A botnet can only be told from good traffic by who has
// seen good traffic.
const (
	crowdSize  = 3000
	crowdRate  = 700 // requests a second
	botnetRate = 150
	inFlight   = 12 // of each mass: a machine that cannot keep up makes the crowd slower, not its answers
)

// When the botnet comes and goes, after the beginning.
const (
	BotnetAt   = 50 * time.Second
	BotnetStop = 75 * time.Second
)

// mass sends requests of many clients, each from an address of its own.
type mass struct {
	tally  Tally
	mu     *sync.Mutex
	rate   float64
	secure bool // over TLS
	from   time.Duration
	until  time.Duration
	next   func(n int) call
	client *http.Client
	base   string
	began  time.Time
	took   [2][]time.Duration // of the crowd: before and during the botnet
}

// warm is when the quiet before the botnet begins: connections and caches are there.
const warm = BotnetAt / 2

// time notes how long an answer took; mu is held.
func (m *mass) time(sent time.Time, took time.Duration) {
	switch at := sent.Sub(m.began); {
	case !m.tally.Good || at < warm || at >= BotnetStop:
	case at < BotnetAt:
		m.took[0] = append(m.took[0], took)
	default:
		m.took[1] = append(m.took[1], took)
	}
}

// call is one request of one client.
type call struct {
	from           netip.Addr
	method, path   string
	agent, token   string
	body           any
	answered       func(status int, body []byte)
	acceptLanguage string
}

type sender struct{}

// newMass returns a mass that opens a connection for each request, from the
// address that the request's context names.
func newMass(at Stage, m mass) *mass {
	dialer := func(ctx context.Context, network, address string) (net.Conn, error) {
		from, _ := ctx.Value(sender{}).(netip.Addr)
		return (&net.Dialer{LocalAddr: &net.TCPAddr{IP: from.AsSlice()}, Timeout: 5 * time.Second}).DialContext(ctx, network, address)
	}
	tr := &http.Transport{DialContext: dialer, DisableKeepAlives: true}
	m.base = "http://" + at.Plain
	if m.secure {
		// The demo's own certificate, made a moment ago.
		tr.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec
		m.base = "https://" + at.Secure
	}
	m.client = &http.Client{Transport: tr, Timeout: 10 * time.Second}
	if !m.tally.Good {
		m.client.Timeout = patience
	}
	return &m
}

// play sends at the mass's rate until it is over.
func (m *mass) play(ctx context.Context) {
	m.began = time.Now()
	slots := make(chan struct{}, inFlight)
	var wg sync.WaitGroup
	defer wg.Wait()
	t := time.NewTicker(10 * time.Millisecond)
	defer t.Stop()
	for n, due := 0, 0.0; ; {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		age := time.Since(m.began)
		if m.until > 0 && age > m.until {
			return
		}
		for due = m.rate * (age - m.from).Seconds(); float64(n) < due; n++ {
			c := m.next(n)
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			wg.Go(func() {
				defer func() { <-slots }()
				m.send(ctx, c)
			})
		}
	}
}

func (m *mass) send(ctx context.Context, c call) {
	var content io.Reader
	if c.body != nil {
		b, err := json.Marshal(c.body)
		if err != nil {
			return
		}
		content = strings.NewReader(string(b))
	}
	req, err := http.NewRequestWithContext(context.WithValue(ctx, sender{}, c.from), c.method, m.base+c.path, content)
	if err != nil {
		return
	}
	req.Header.Set("User-Agent", c.agent)
	for name, value := range map[string]string{"Content-Type": contentType(c.body), "Authorization": bearer(c.token), "Accept-Language": c.acceptLanguage} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	sent := time.Now()
	resp, err := m.client.Do(req)
	if err != nil {
		if ctx.Err() == nil {
			m.count(func(t *Tally) { t.fail(err) })
		}
		return
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	took := time.Since(sent)
	ours := resp.Header.Get("Bartizan-Reference") != ""
	m.count(func(t *Tally) {
		m.time(sent, took)
		t.Sent++
		if !ours {
			t.Passed++
		} else if t.Refused++; t.First == 0 {
			t.First = t.Sent
		}
	})
	if c.answered != nil && !ours {
		c.answered(resp.StatusCode, body)
	}
}

func contentType(body any) string {
	if body == nil {
		return ""
	}
	return "application/json"
}

func bearer(token string) string {
	if token == "" {
		return ""
	}
	return "Bearer " + token
}

func (m *mass) count(f func(*Tally)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(&m.tally)
}

// crowd are ordinary visitors of the shop's app: most look around, some sign in,
// and some of them mistype.
type crowd struct {
	mu     sync.Mutex
	base   [4]byte // first address
	tokens [crowdSize]string
}

// addressOf spreads neighbours over different /24.
func addressOf(base [4]byte, n int) netip.Addr {
	base[2], base[3] = byte(n%250), byte(1+n/250%250)
	return netip.AddrFrom4(base)
}

var versions = [...]string{"3.2", "3.1", "3.0", "2.9"}

func (c *crowd) next(int) call {
	who := rand.IntN(crowdSize)
	out := call{from: addressOf(c.base, who), method: "GET", agent: fmt.Sprintf("shop-app/%s (android %d)", versions[who%7%len(versions)], 13+who%4)}
	c.mu.Lock()
	out.token = c.tokens[who]
	c.mu.Unlock()
	switch x := rand.IntN(100); {
	case x < 4:
		out.method, out.path, out.token = "POST", "/api/login", ""
		user := fmt.Sprintf("customer%d", who)
		password := user + "-secret"
		if rand.IntN(10) == 0 {
			password = "mistyped"
		}
		out.body = map[string]string{"user": user, "password": password}
		out.answered = func(_ int, body []byte) {
			var in struct{ Token string }
			if json.Unmarshal(body, &in) == nil && in.Token != "" {
				c.mu.Lock()
				c.tokens[who] = in.Token
				c.mu.Unlock()
			}
		}
	case x < 60:
		out.path = fmt.Sprintf("/api/products/%d", 1+rand.IntN(products))
	case x < 80:
		out.path = "/api/search?q=" + url.QueryEscape([]string{"lamp", "rug", "table & chair", "O'Brien"}[rand.IntN(4)])
	case x < 90 && out.token != "":
		out.method, out.path, out.body = "POST", "/api/cart", map[string]int{"product": 1 + rand.IntN(products), "quantity": 1}
	default:
		out.path = "/api/products"
	}
	return out
}

// browsers are what the botnet's tool calls itself, another one each time.
var browsers = [...]string{
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/155.0.0.0 Safari/537.36",
	"Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:152.0) Gecko/20100101 Firefox/152.0",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15",
}

// bot is the nth bot of a botnet: one stolen pair, one request, never seen again.
func bot(base [4]byte) func(int) call {
	return func(n int) call {
		return call{
			from: addressOf(base, n), method: "POST", path: "/api/login", agent: browsers[rand.IntN(len(browsers))], acceptLanguage: "en-US,en;q=0.9",
			body: map[string]string{"user": fmt.Sprintf("victim%d@example.com", rand.IntN(1e6)), "password": fmt.Sprintf("hunter%d", rand.IntN(1e6))},
		}
	}
}
