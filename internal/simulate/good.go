package simulate

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"time"

	"bartizan/internal/replay"
)

// client is one person's or program's software.
type client struct {
	program  *program
	version  int
	device   int
	address  string
	asn      uint32
	country  string
	lang     string
	member   bool // has an account and uses it
	cookie   bool // has been here before
	token    string
	previous int
	conn     int // connections so far
	number   int // requests on this one
	last     time.Time
	places   []int // what a program asks for
	updated  bool
	id       int
}

// world is the state of a simulation.
type world struct {
	plan     *Plan
	r        *rand.Rand
	programs []*program
	share    weights
	clients  []*client
	activity weights
	country  weights
	base     map[string]weights
	follows  [endpoints][]int
	made     int
	released time.Time
	down     [2]time.Time // the login is out of order
	shutOut  []*client    // who met that
	poisoner func(time.Time) replay.Line
}

var countries = func() (out [40]string) {
	for i := range out {
		out[i] = string([]byte{byte('A' + i%26), byte('A' + (i*7+3)%26)})
	}
	return out
}()

func newWorld(p *Plan) *world {
	w := &world{plan: p, r: rand.New(rand.NewPCG(p.Seed, 1)), programs: programs(), country: zipf(len(countries), 1.1), base: map[string]weights{}}
	shares := make([]float64, len(w.programs))
	for i, x := range w.programs {
		shares[i] = x.weight
	}
	w.share = cumulate(shares)
	w.habits()
	active := make([]float64, p.Good.Clients)
	for i := range active {
		c := w.newClient(false)
		w.clients = append(w.clients, c)
		active[i] = math.Exp(w.r.NormFloat64() * 1.2)
		switch c.program.kind {
		case "sdk":
			active[i] *= 6
		case "monitor":
			active[i] *= 3
		}
	}
	w.activity = cumulate(active)
	for _, e := range p.Events {
		at, end := p.Start.Add(e.At), p.Start.Add(e.At+e.For)
		switch e.Kind {
		case "release":
			w.released = at
		case "outage":
			w.down = [2]time.Time{at, end}
		}
	}
	return w
}

// habits say what each kind of client asks for, and what it asks for next.
func (w *world) habits() {
	for _, kind := range [...]string{"browser", "app", "odd"} {
		x := make([]float64, endpoints)
		for i := others; i < endpoints; i++ {
			x[i] = 1.2 / math.Sqrt(float64(i%17+1))
		}
		x[home], x[search], x[product], x[viewCart], x[addCart] = 8, 14, 18, 4, 3
		x[loginPage], x[login], x[checkout], x[orders], x[order], x[profile] = 1.2, 0.3, 1, 2, 2, 2
		x[reset], x[register], x[missing] = 0.15, 0.2, 0.5
		if kind == "app" {
			x[home], x[loginPage], x[login], x[refresh] = 0, 0, 1.6, 3
		}
		w.base[kind] = cumulate(x)
	}
	for i := range w.follows {
		for k := range 5 {
			j := (i*7 + k*11 + 3) % endpoints
			switch j {
			case missing, login, reset, register, loginPage, home, refresh:
				j = product
			}
			w.follows[i] = append(w.follows[i], j)
		}
	}
}

// newClient makes a client; a fresh one has never been here.
func (w *world) newClient(fresh bool) *client {
	r := w.r
	c := &client{program: w.programs[w.share.pick(r)], previous: -1, id: w.made}
	for fresh && (c.program.kind == "sdk" || c.program.kind == "monitor") {
		c.program = w.programs[w.share.pick(r)]
	}
	w.made++
	c.version = min(int(math.Abs(r.NormFloat64())*1.2), len(c.program.versions)-1)
	c.device = int(math.Pow(r.Float64(), 2) * float64(c.program.devices))
	country := w.country.pick(r)
	c.country, c.lang = countries[country], languageOf(country)
	if x := r.Float64(); x < 0.12 {
		c.lang = languageOf(0)
	} else if x < 0.16 {
		c.lang = languageOf(r.IntN(len(countries)))
	}
	c.asn = uint32(1000 + country*30 + int(math.Pow(r.Float64(), 2)*25))
	c.address = w.address(r.Float64() < 0.38)
	c.member, c.cookie = !fresh && r.Float64() < 0.6, !fresh && r.Float64() < 0.8
	c.token = hex(r, 24)
	switch c.program.kind {
	case "app":
		c.member, c.cookie = c.member || !fresh, false
	case "sdk", "monitor":
		p := r.IntN(40)
		c.asn, c.lang, c.member, c.cookie = uint32(60000+p%12), "", c.program.kind == "sdk", false
		for k := range 3 + p%6 {
			c.places = append(c.places, others+(p*5+k*3)%(endpoints-others))
		}
		if p%5 == 0 {
			c.places = append(c.places, search, product, orders)
		}
		if p%8 == 0 {
			c.places = append(c.places, login)
		}
		if c.program.kind == "monitor" {
			c.places = []int{home}
		}
	}
	return c
}

func languageOf(country int) string {
	if country == 0 {
		return "en-US,en;q=0.9"
	}
	tag := string([]byte{byte('a' + country%26), byte('a' + (country*7+3)%26)})
	return tag + "-" + countries[country] + "," + tag + ";q=0.9,en;q=0.8"
}

// address draws one from public space that documentation and loopback do not use.
func (w *world) address(six bool) string {
	if six {
		var b [16]byte
		b[0], b[1] = 0x2a, 0x02
		binary.BigEndian.PutUint32(b[2:], w.r.Uint32())
		binary.BigEndian.PutUint16(b[6:], uint16(w.r.Uint32()))
		binary.BigEndian.PutUint64(b[8:], w.r.Uint64())
		return netip.AddrFrom16(b).String()
	}
	return netip.AddrFrom4([4]byte{byte(60 + w.r.IntN(20)), byte(w.r.IntN(256)), byte(w.r.IntN(256)), byte(1 + w.r.IntN(254))}).String()
}

// step is what a client asks for next.
func (w *world) step(c *client) int {
	switch c.program.kind {
	case "sdk", "monitor":
		return c.places[w.r.IntN(len(c.places))]
	}
	if c.previous == loginPage && w.r.Float64() < 0.7 {
		return login
	}
	if c.previous >= 0 && w.r.Float64() < 0.45 {
		return w.follows[c.previous][w.r.IntN(5)]
	}
	return w.base[c.program.kind].pick(w.r)
}

// good makes one ordinary exchange.
func (w *world) good(at time.Time) replay.Line {
	if len(w.plan.Botnets) > 0 && at.Before(w.plan.Start.Add(w.plan.Botnets[0].At/2)) && w.r.Float64() < w.plan.Good.Poison {
		return w.poison(at)
	}
	var c *client
	switch n := w.plan.Good.Clients; {
	case w.r.Float64() < w.plan.Good.Newcomers:
		c = w.newClient(true)
		w.clients = append(w.clients, c)
		if len(w.clients) > 2*n { // the newcomers of long ago do not come again
			copy(w.clients[n:], w.clients[n+n/2:])
			w.clients = w.clients[:len(w.clients)-n/2]
		}
	case len(w.clients) > n && w.r.Float64() < 0.02:
		c = w.clients[n+w.r.IntN(len(w.clients)-n)]
	default:
		c = w.clients[w.activity.pick(w.r)]
	}
	if !w.released.IsZero() && at.After(w.released) && c.program.kind == "app" && !c.updated && w.r.Float64() < 0.25 {
		c.updated = true
	}
	return w.exchange(at, c, w.step(c), "good")
}

// poison makes a well-behaved request with the first botnet's tool, from one of
// 500 addresses.
func (w *world) poison(at time.Time) replay.Line {
	if w.poisoner == nil {
		b := w.plan.Botnets[0]
		b.Addresses, b.Success, b.Name = 500, 1, "poison"
		w.poisoner = w.botnet(len(w.plan.Botnets), &b)
	}
	l := w.poisoner(at)
	l.Label = "poison"
	return l
}

// exchange makes c's call to e.
func (w *world) exchange(at time.Time, c *client, e int, label string) replay.Line {
	q := call(w.r, e)
	w.dress(c, &q, e)
	l := w.line(at, c, &q)
	l.Label = label
	l.Status = answer(w.r, e, c.member)
	if e == login && at.After(w.down[0]) && at.Before(w.down[1]) {
		l.Status = 503
		if len(w.shutOut) < 10_000 {
			w.shutOut = append(w.shutOut, c)
		}
	}
	l.Answered, l.ResponseType, l.ResponseSize = true, "application/json", int64(200+w.r.IntN(4000))
	l.ResponseSchema = "e" + strconv.Itoa(e)
	l.DurationMS = 3 + w.r.ExpFloat64()*15
	c.previous, c.last = e, at
	if c.program.kind == "browser" || c.program.kind == "odd" {
		c.cookie = true
	}
	return l
}

// dress gives the call what the client is and has.
func (w *world) dress(c *client, q *request, e int) {
	p := c.program
	q.agent, q.version, q.language = p.agentOf(c.version, c.device), p.versions[c.version], c.lang
	if c.updated {
		q.agent, q.version = format(p.agent, "43", c.device), "43"
	}
	q.referer = (p.kind == "browser" || p.kind == "odd") && c.previous >= 0
	if q.navigate && p.kind == "app" {
		q.navigate = false
	}
	if c.cookie {
		q.cookies = append(q.cookies, "visitor="+strconv.Itoa(c.id))
		if c.member {
			q.cookies = append(q.cookies, "session="+c.token)
		}
	}
	if public := e == login || e == register || e == reset; !public && (p.auth == "bearer" && c.member) {
		q.bearer = "Bearer " + c.token
	}
	if p.auth == "key" {
		if q.key = c.token; w.plan.Good.OneKey {
			q.key = applicationKey
		}
	}
	if p.kind == "app" {
		q.device = strconv.Itoa(100000 + c.id)
	}
}

// applicationKey stands in each copy of the application.
const applicationKey = "the-application's"

// line puts the call on a connection.
func (w *world) line(at time.Time, c *client, q *request) replay.Line {
	if c.number == 0 || at.Sub(c.last) > time.Minute {
		c.conn, c.number = c.conn+1, 0
	}
	c.number++
	p := c.program
	l := replay.Line{
		Time: at, Conn: strconv.Itoa(c.id) + "." + strconv.Itoa(c.conn), Client: c.address, Method: q.method, Host: api, Target: q.target, Proto: p.proto, H2: p.h2,
		Body: q.body, BodySize: int64(len(q.body)), ASN: c.asn, Country: c.country,
		Headers: headersOf(p, q), Sorted: p.proto == h2 && c.number > 1,
	}
	ja4 := p.ja4[min(c.version/3, len(p.ja4)-1)]
	switch x := w.r.Float64(); {
	case x < 0.003 && c.number == 1: // a company's proxy that opens TLS
		ja4 = "t13d1011h2_" + "0f0e0d0c0b0" + strconv.Itoa(c.id%8) + "_a1b2c3d4e5f" + strconv.Itoa(c.id%5)
	case x < 0.013 && c.number == 1: // an extension or proxy that adds a header
		l.Headers = append(l.Headers, [2]string{"x-ext-" + strconv.Itoa(c.id%12), "1"})
	}
	l.TLS = &replay.TLS{JA4: ja4, ALPN: map[string]string{h2: "h2", h1: "http/1.1"}[p.proto], SNI: api, Resumed: c.conn > 1 && c.id%3 != 0}
	if w.plan.Good.Plain {
		l.TLS, l.H2, l.Proto = nil, "", h1
	}
	return l
}

// What good clients can do all at once.
var occurrences = [...]string{"flash", "outage", "release", "partner", "crawler", "qa"}

// occurrence makes the extra exchanges of an event.
func (w *world) occurrence(e *Occurrence) func(time.Time) replay.Line {
	one := w.newClient(true)
	tool := map[string]string{"partner": "java", "crawler": "go", "qa": "node"}[e.Kind]
	for _, p := range w.programs {
		if p.name == tool {
			one.program, one.version, one.device = p, 0, 0
		}
	}
	next := 0
	return func(at time.Time) replay.Line {
		switch e.Kind {
		case "flash":
			c := w.clients[w.r.IntN(len(w.clients))]
			if w.r.Float64() < 0.4 || c.program.kind == "sdk" || c.program.kind == "monitor" {
				c = w.newClient(true)
			}
			ep := product
			if w.r.Float64() < 0.25 {
				ep = w.step(c)
			}
			return w.exchange(at, c, ep, "flash")
		case "outage": // those who cannot get in try again
			if n := len(w.shutOut); n > 0 {
				i := w.r.IntN(n)
				c := w.shutOut[i]
				w.shutOut[i] = w.shutOut[n-1]
				w.shutOut = w.shutOut[:n-1]
				return w.exchange(at, c, login, "outage")
			}
			return w.good(at)
		case "partner":
			one.member = true
			return w.exchange(at, one, [...]int{orders, order, product}[w.r.IntN(3)], "partner")
		case "qa":
			one.member = true
			next++
			return w.exchange(at, one, next%endpoints, "qa")
		}
		next++
		l := w.exchange(at, one, product, e.Kind)
		if e.Kind == "crawler" {
			l.Bot = "googlebot"
		}
		return l
	}
}
