package simulate

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"time"

	"bartizan/internal/replay"
)

// The attackers' tools, from honest to perfect.
var tools = [...]string{
	"python",     // python-requests under its own name, as the partners use it
	"go-browser", // a Go program under a browser's User-Agent, drawn for each request
	"shuffled",   // the same, and the order of its headers drawn for each request
	"random",     // User-Agent, header order and TLS fingerprint drawn for each request
	"chrome",     // a real browser; only what it does, and does not do before, betrays it
	"okhttp",     // the mobile app's HTTP library, without the app's own headers
	"app",        // the mobile app in every respect
	"partner",    // the good partners' Go program in every respect
}

// keys are what a partner's tool may show.
var keys = [...]string{"", "shared", "application", "random"}

// ripen makes the requests by which a botmaster has his key accepted: one without it,
// which is refused, and eight with it. done is told of the last.
func (w *world) ripen(i int, b *Botnet, done func(time.Time)) func(time.Time) replay.Line {
	own := *b
	own.Name, own.Addresses = "prepare", 1
	make, n := w.botnet(i, &own), 0
	return func(at time.Time) replay.Line {
		l := make(at)
		l.Method, l.Target, l.Body, l.BodySize, l.Status = "GET", "/api/orders", "", 0, 200
		l.Headers = without(l.Headers, "content-type", "content-length")
		l.ResponseSchema = "e" + strconv.Itoa(orders)
		if n == 0 {
			l.Status, l.Headers, l.ResponseSchema = 401, without(l.Headers, "x-api-key"), ""
		}
		if n++; n == 9 {
			done(at)
		}
		return l
	}
}

var targets = [...]string{"login", "search", "product", "scan"}

// botnet returns what makes the requests of the ith botnet.
func (w *world) botnet(i int, b *Botnet) func(time.Time) replay.Line {
	r := rand.New(rand.NewPCG(w.plan.Seed, uint64(300+i)))
	bots := &world{plan: w.plan, r: r, programs: w.programs, share: w.share, country: w.country, base: w.base, follows: w.follows, made: 10_000_000 * (i + 1)}
	agents := bots.agents()
	next := 0
	return func(at time.Time) replay.Line {
		bot := next % b.Addresses
		next++
		generation := 0
		if b.Mutate > 0 {
			generation = int(at.Sub(w.plan.Start.Add(b.At)) / b.Mutate)
		}
		return bots.attack(at, i, b, bot, generation, agents)
	}
}

// agents is a list of User-Agents as such tools come with.
func (w *world) agents() (out []struct{ agent, version string }) {
	for range 500 {
		p := w.programs[w.r.IntN(12)]
		v := min(w.r.IntN(6), len(p.versions)-1)
		out = append(out, struct{ agent, version string }{p.agentOf(v, w.r.IntN(p.devices)), p.versions[v]})
	}
	return out
}

// attack makes one request of one bot.
func (w *world) attack(at time.Time, n int, b *Botnet, bot, generation int, agents []struct{ agent, version string }) replay.Line {
	own := rand.New(rand.NewPCG(uint64(n)<<32|uint64(bot), w.plan.Seed)) // what stays the same for this bot
	country := w.country.pick(own)
	c := &client{id: w.made + bot, previous: -1, country: countries[country], address: addressOf(own, n), asn: uint32(1000 + country*30 + own.IntN(25))}
	if own.Float64() < b.Hosted {
		c.asn = uint32(60000 + own.IntN(12))
	}
	target := map[string]int{"login": login, "search": search, "product": product, "scan": missing}[b.Target]
	q := call(w.r, target)
	q.navigate = false
	l := w.tool(at, c, &q, b, own, generation, agents)
	l.Label, l.Answered, l.ResponseType, l.ResponseSize = b.Name, true, "application/json", int64(100+w.r.IntN(900))
	l.DurationMS = 5 + w.r.ExpFloat64()*20
	l.Status = 200
	switch {
	case target == login && w.r.Float64() >= b.Success:
		l.Status = 401
	case target == missing:
		l.Status = 404
	}
	if l.Status == 200 {
		l.ResponseSchema = "e" + strconv.Itoa(target)
	}
	return l
}

// addressOf is where a bot sits: anywhere, one address each.
func addressOf(own *rand.Rand, n int) string {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], own.Uint32())
	b[0] = byte(80 + 20*(n%4) + int(b[0])%20)
	return netip.AddrFrom4(b).String()
}

func (w *world) named(name string) *program {
	for _, p := range w.programs {
		if p.name == name {
			return p
		}
	}
	panic("simulate: no program " + name)
}

// tool puts the call into the tool's headers.
func (w *world) tool(at time.Time, c *client, q *request, b *Botnet, own *rand.Rand, generation int, agents []struct{ agent, version string }) replay.Line {
	r := w.r
	p := *w.named(map[string]string{"python": "python", "go-browser": "go", "shuffled": "go", "random": "go", "chrome": "chrome-windows", "okhttp": "app-android", "app": "app-android", "partner": "go"}[b.Tool])
	c.program = &p
	c.version = min(own.IntN(6)*own.IntN(2), len(p.versions)-1)
	c.device = own.IntN(p.devices)
	q.agent, q.version = p.agentOf(c.version, c.device), p.versions[c.version]
	q.language = languageOf(own.IntN(len(countries)))
	switch b.Tool {
	case "go-browser", "shuffled":
		x := agents[r.IntN(len(agents))]
		q.agent, q.language = x.agent, languageOf(0)
	case "chrome":
		q.referer = true
	case "partner":
		q.language = ""
		switch b.Key {
		case "shared":
			q.key = "botmaster's-own"
		case "application":
			q.key = applicationKey
		case "random":
			q.key = strconv.FormatUint(own.Uint64(), 16)
		}
	case "app":
		q.device = strconv.Itoa(100000 + c.id%1_000_000)
	case "random":
		x := agents[r.IntN(len(agents))]
		q.agent = x.agent
	}
	if generation > 0 { // another build of the tool
		p.ja4 = []string{fmt.Sprintf("%s%012x", p.ja4[0][:24], 0xa0000000000+generation*7919)}
	}
	l := w.line(at, c, q)
	switch b.Tool {
	case "go-browser":
		l.Headers = append(l.Headers, [2]string{"accept-language", q.language})
		if generation > 0 {
			rotate(l.Headers, generation)
		}
	case "shuffled":
		l.Headers = append(l.Headers, [2]string{"accept-language", q.language}, [2]string{"accept", "*/*"})
		r.Shuffle(len(l.Headers), func(i, j int) { l.Headers[i], l.Headers[j] = l.Headers[j], l.Headers[i] })
	case "random":
		randomise(r, &l, q)
	case "okhttp":
		l.Headers = without(l.Headers, "x-device-id", "x-app-version", "accept")
	}
	return l
}

func rotate(h [][2]string, n int) {
	for range n % len(h) {
		first := h[0]
		copy(h, h[1:])
		h[len(h)-1] = first
	}
}

func without(h [][2]string, names ...string) (out [][2]string) {
	for _, f := range h {
		if !known(names, f[0]) {
			out = append(out, f)
		}
	}
	return out
}

// randomise draws everything that a tool can draw: order, set, values, TLS.
func randomise(r *rand.Rand, l *replay.Line, q *request) {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	h := headers{}
	h.add("user-agent", q.agent)
	h.add("accept", pick("*/*", "application/json", "text/html,*/*;q=0.8"))
	h.add("accept-language", languageOf(r.IntN(len(countries))))
	h.add("accept-encoding", pick("gzip", "gzip, br", "gzip, deflate", "gzip, deflate, br, zstd"))
	h.add("content-type", q.media)
	h.add("content-length", q.length())
	for _, name := range [...]string{"cache-control", "pragma", "dnt", "x-requested-with", "priority", "upgrade-insecure-requests", "te"} {
		if r.IntN(2) == 0 {
			h.add(name, pick("1", "no-cache", "u=1", "trailers"))
		}
	}
	r.Shuffle(len(h), func(i, j int) { h[i], h[j] = h[j], h[i] })
	l.Headers = h
	if l.TLS != nil {
		l.TLS.JA4 = fmt.Sprintf("t13d%02d%02dh2_%012x_%012x", 10+r.IntN(10), 8+r.IntN(9), r.Uint64()&0xffffffffffff, r.Uint64()&0xffffffffffff)
	}
}
