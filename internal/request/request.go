// Package request holds the one normalised view of an exchange that every judge
// reads: the head as it was sent, its decoded parts, bounded walks over every
// value of URL, headers and body, and the facts that the packages of the core
// tell each other.
//
// It decides nothing about clients. A Request belongs to one goroutine at a
// time; it is pooled, so nothing may keep a reference into it after End.
package request

import (
	"net/netip"
	"strings"
	"time"

	"bartizan/internal/addr"
	"bartizan/internal/fingerprint"
	"bartizan/internal/signal"
)

// Field is one header line as sent.
type Field = fingerprint.Field

// Request is one exchange as the core sees it. Front ends fill the first group
// (Fill for live heads), the engine the rest.
type Request struct {
	ID     string    // reference id; the engine gives one where it is empty
	Time   time.Time // arrival of the complete head
	Conn   Conn
	Client addr.Client
	Head   Head
	Site   string // the site's name, as the policy knows it
	Number int    // which request on its connection, from 1
	// Laid says that the site has laid a form with its decoy field that sends its body
	// where this one goes. The front end sets it before the body is judged.
	Laid bool
	// Trailers are the fields behind the body, without those that may not stand
	// there (TrailerPasses); at most MaxTrailers bytes. The front end sets them once
	// the body has ended.
	Trailers []Field

	// Parts of Head, set by Parse.
	Path     string  // raw path, without query
	RawQuery string  // raw query, without '?'
	Segments []Param // decoded path segments; Name is empty
	Query    []Param // decoded query
	Cookies  []Param // as sent
	// Omitted counts segments, parameters and cookies beyond the bounds of
	// Parse: parts of the head that no one looked at.
	Omitted int
	// BadEscapes says that a percent sign in the target did not start an escape.
	BadEscapes bool
	decoded    string // whole path decoded, see Decoded

	Software  fingerprint.Software
	Network   Network
	Endpoint  Endpoint
	Standing  Standing
	Match     Match
	Pass      Pass
	Load      Load
	Login     Login
	Card      Card
	Post      Post
	Graph     Graph
	Object    Object
	Course    Course
	Pages     Pages
	Posted    []uint64 // keyed digests of ids in the body, at most MaxPosted; writer: the engine
	Signals   []signal.Signal
	Shape     []Seen   // parameters, at most MaxSeen
	Changes   []Change // stages that this request's evidence changed
	Noted     []string // rules and patches that match and only watch
	Imposed   string   // rule over the outcome that acts on the client from now on
	Outcome   Outcome  // how it ended, without the answer's text; zero until then. Writer: the engine
	Patched   string   // virtual patch that a value breaks; empty: none
	Inspected int      // decoded body bytes that were judged
	// Walked counts the bytes that all looks at the body have gone over, Looked those
	// that it had at the last one. Writer: the engine.
	Walked, Looked int
	Truncated      bool // the body was longer than what was judged
	// Unvalidated says why not all of it was compared with the API's document; empty
	// if it was, or there is none. Writer: the engine.
	Unvalidated string

	// Attributes is the request's row of the botnet search. Writer and only
	// reader: swarm; it stands here so that it costs no allocation.
	Attributes [MaxAttributes]uint32
	// Uncommon says that fewer than one in a thousand good requests come from
	// software like this one's. Writer: swarm.
	Uncommon bool
	scratch  []byte
	readings [2]Reading // of the path, see Readings
	read     int        // how many of them there are
	steps    []Param    // of paths that are written oddly
	kept     []byte     // by Keep
	visited  Value      // by WalkHead, now
}

// MaxTrailers bounds the names and values of all trailers of a request, in bytes.
const MaxTrailers = 2 << 10

// MaxAttributes is how many attributes a row can hold.
const MaxAttributes = 60

// Param is a name with its value, both decoded.
type Param struct{ Name, Value string }

// Conn is what the transport knows. Writer: listen (or replay).
type Conn struct {
	ID uint64
	// Peer is the transport's other end, or what a trusted PROXY protocol header named.
	Peer   addr.Client
	Port   uint16 // of the peer
	Secure bool   // TLS at our door
	TLS    TLS
	// H2 is the connection's opening in Akamai's notation,
	// "SETTINGS|WINDOW_UPDATE|PRIORITY|pseudo-header order"; empty on HTTP/1.
	H2 string
}

// TLS is what the ClientHello told. All empty on plaintext.
type TLS struct {
	JA4, JA4Raw string // FoxIO JA4 of TLS clients (BSD-3) and its raw form
	ALPN, SNI   string // negotiated protocol; server name as asked for
	Version     uint16 // negotiated, 0x0303 or 0x0304
	Resumed     bool
}

// Network is what is known of the address's network. Writer: a Locator.
type Network struct {
	ASN     uint32
	Country string // ISO 3166 alpha-2
	Bot     string // name of a verified good bot
	// Impostor is the name of the good bot that the client falsely calls itself.
	Impostor string
}

// Endpoint is where the request goes. Writer: apimap; the tags come from policy.
type Endpoint struct {
	// Template is the path with its variable segments named by type:
	// "/users/{int}/orders/{uuid}".
	Template string
	ID       uint64 // digest of site, method and template; never 0
	// PathKnown says that the API has answered the template well, Known that it
	// has with this method.
	PathKnown, Known bool
	// Ripe says that the model is certain enough of this endpoint to be the law,
	// Foreign that it is so of the site, which has no such path.
	Ripe, Foreign bool
	// Departs says that the law would refuse the request.
	Departs bool
	// Hasty says that the call follows its client's last one faster than hardly any has.
	Hasty bool
	// Usual is log2 of what 99 of 100 answers' bytes do not exceed; 0 where it is not known.
	Usual uint8
	// Cookies says that nearly all browsers bring cookies here.
	Cookies bool
	// Dressed says that nearly all browsers of the site fetch what belongs to pages.
	Dressed bool
	// Issues says that nearly all objects that are asked for here have been shown
	// to the client before.
	Issues bool
	// Enters says that the endpoint takes logins: it has refused some; Ours that it is the
	// gateway's own, where browsers answer questions. Writer: the engine.
	Enters, Ours bool
	Tags         Tags
	// FreeText reports whether people write text into the field of this key, as
	// Value.Key spells it; nil where that is not known. What detectors find in
	// such a field is worth one band less, never nothing.
	FreeText func(key string) bool
}

// Turn is what became of a login where they are let through in turn.
type Turn uint8

// The outcomes.
const (
	TurnUnknown Turn = iota // nobody has asked
	TurnTaken
	TurnRefused
)

// Counts says what the client does far more often, in vain or in a row, than others do.
type Counts uint8

// The counts.
const (
	PaymentsInVain Counts = 1 << iota // its payments are refused
	CodesInVain                       // its coupons or one-time codes are refused
	ObjectsInRow                      // it takes one object number after the other
	PathsMissing                      // what it asks for is not there, each time something else
)

// Counted returns which of the client's conclusive counts are of what r asks for.
func (r *Request) Counted() (c Counts) {
	if r.Endpoint.Tags.Has(TagPayment) {
		c |= PaymentsInVain
	}
	if r.Endpoint.Tags&(TagCoupon|TagOTP|TagReset) != 0 {
		c |= CodesInVain
	}
	if strings.Contains(r.Endpoint.Template, "{int}") {
		c |= ObjectsInRow
	}
	if !r.Endpoint.PathKnown {
		c |= PathsMissing
	}
	return c & r.Standing.Counts
}

// Standing is what the attacker table says of the client before this request.
type Standing struct {
	// Keys are the keyed digests under which evidence is kept: of the client,
	// its address and its credential; 0 where there is none.
	Keys [3]uint64
	// Parent is the key of address and software where several people share them, or may:
	// then the client's key is of one of them. 0 elsewhere. People is how many accounts
	// and accepted credentials are known there, an estimate.
	Parent uint64
	People float64
	// Named says that the client's key is then of somebody by more than his connection.
	Named bool
	// Turn says whether a login has its turn where logins are let through in turn.
	Turn     Turn
	Stage    signal.Stage
	Risk     float64 // 0 to 100
	Attacker string  // display id, "a-…"
	Actor    uint64  // key of the record that the stage comes from; 0 if none acts
	// Until is the end of a block; zero for a stage that only risk holds up.
	Until time.Time
	// Counts says what the client does far more often than others; none as a rule.
	Counts Counts
	// Accepted says that the request carries a credential that upstream has
	// accepted before, Common that so many clients show it that it is nobody's own.
	Accepted, Common bool
	// Elsewhere is the digest of what the request says of the other site that began
	// it, and of the sort of thing that it asks for; 0 where none did, or no page
	// could have. What such a request shows is held against that alone.
	Elsewhere uint64
	// Proven says that hard evidence stands against whoever the stage comes from.
	Proven bool
	// Shared says that several accepted credentials use this address and software.
	Shared bool
	// Established says that the client has been answered well before and shown
	// nothing against it. Served says the same of one that is watched at most.
	Established, Served bool
	// Previous is the endpoint that the client called before, within half an
	// hour; 0 if there is none.
	Previous uint64
	// Same says that it did so with the credential that this request carries, or
	// without one as this request.
	Same bool
	// Varied says that it has called other endpoints than this one, within half an hour.
	Varied bool
	// Age is since when the client, or its accepted credential, has been known;
	// Gap is how long ago the client called last; both are 0 on a first call.
	Age, Gap time.Duration
	// Intent is an OWASP Automated Threat class ("OAT-008") or "unclassified", and
	// Phase the phase of the attack; both empty below the watch stage.
	Intent, Phase string
	// Acting says where the stage comes from: the record of the "client", its
	// "address" or "credential", the "network" that it is a newcomer from, or what
	// is held against requests that another site began ("elsewhere").
	Acting  string
	Network netip.Prefix
	// Guesses says that the client has tried one password after the other of late, more
	// than anybody forgets, and hardly ever got in.
	Guesses bool
	// Known says that the request carries an accepted credential that few clients
	// show and that has nothing against it itself, whatever its client has done.
	Known bool
	// Vouched says that a pass has lowered risk and stage.
	Vouched bool
	// Linked says that links to a suspect have raised the stage.
	Linked bool
	// Rule is the digest of the name of the rule over an outcome that acts on the
	// client until RuleUntil; 0 where none does.
	Rule      uint32
	RuleUntil time.Time
	// Asked is how many questions the client was asked of late and has not
	// answered. Told says that it was asked to wait and the time is not over,
	// Marked that it was handed a cookie.
	Asked        float64
	Told, Marked bool
}

// Match is the botnet signature that a request matches. Writer: swarm.
type Match struct {
	// Signature ("s-…") and Campaign ("c-…") are empty where none matches.
	Signature, Campaign string
	// Serial identifies the signature within swarm.
	Serial uint32
	// Action is what the signature's proof allows for this client.
	Action signal.Action
	// Age is how long ago the signature was made; Approved says that an operator
	// wants it to act.
	Age      time.Duration
	Approved bool
	// Canary says that the request is let through to measure who is hit.
	Canary bool
	// Retry is how long a limited client should wait.
	Retry time.Duration
}

// Load is what the request costs its upstream. Writer: load, through the engine.
type Load struct {
	// Whole says that all of it is ready to go, Held that it counts among those that
	// are with Upstream, since Since, Sending that it counts among those whose bodies
	// are on their way there.
	Whole, Held, Sending bool
	Upstream             uint64
	Since                time.Time
	// Cost is what the upstream took to begin its answer; 0 if it is not known.
	Cost time.Duration
}

// Change is a client's step from one stage to another. Writer: attacker.
type Change struct {
	Scope    uint8  // as attacker.Scope
	Key      uint64 // of the record
	Address  string // prefix that the record belongs to
	From, To signal.Stage
	Risk     float64
	Until    time.Time // end of the block; zero if To is no block
	Blocks   int       // blocks so far
}

// Login is what the body walk found of a login attempt.
type Login struct {
	Password bool   // a password-like field is there
	User     uint64 // keyed digest of the user name; 0 if none
	Guess    uint64 // keyed digest of the passwords; 0 if none
	// Result is what became of it, beyond what the answer's status says.
	Result LoginResult
}

// Card is what the body of a payment says of a card, as keyed digests; 0 if it
// says nothing. Writer: the engine.
type Card struct {
	Number  uint64
	Details uint64 // of date and security code
}

// Post is the text of a piece of content, as two digests; 0 if it has not enough
// words to be told apart. Writer: the engine.
type Post struct {
	Like uint64 // near-equal texts differ in few bits
	Text uint64 // keyed digest of the words
}

// Course is how usual the client's way through the API is. Writer: apimap; of Mean
// and Steps attacker.
type Course struct {
	// Known says that the step is one between endpoints that are known well enough.
	Known bool
	// Surprise is what the step costs beyond the mean of steps from there, in nats, at
	// most 4.
	Surprise float32
	// Odd is the mean from which on fewer than one in 1,000 good calls come here; 0
	// where that is not known.
	Odd float32
	// Mean is the exponential mean of the client's surprises, this one included;
	// Steps is of how many, at most 255.
	Mean  float32
	Steps uint8
}

// Pages is what a client that claims a browser has fetched beside pages. Writer:
// attacker.
type Pages struct {
	// Tenth says that this is the client's tenth page, and Bare that it has fetched
	// nothing so far that belongs to pages.
	Tenth, Bare bool
}

// Graph is what a request asks for by names of its own: the fields of a GraphQL
// query, a SOAP action, the root of an XML document. Writer: apimap.
type Graph struct {
	Operations  int // GraphQL documents in the request: more than one is a batch
	Depth       int // of the deepest
	Aliases     int
	Fields      int
	Introspects bool
	// Tried are keyed digests of the different logins in it, of user and password;
	// Users of the user names that it spells out.
	Logins, Known int
	Tried, Users  [16]uint64
	Named         int
	Names         [48]Name
}

// Name is one of them. Text is empty where the model knows it.
type Name struct {
	Key  uint64
	Text string
}

// Tags are the business hints of an endpoint, a bit set.
type Tags uint32

// The tags that a route can carry (config.md).
const (
	TagLogin Tags = 1 << iota
	TagReset
	TagOTP
	TagSignup
	TagPayment
	TagCoupon
	TagCart
	TagReserve
	TagLimited
	TagSearch
	TagContent
	TagVote
	TagAccount
	TagCostly
	TagTelemetry
	TagCode
	TagQuery
)

// TagNames lists the tags in bit order, as configuration spells them.
var tagNames = [...]string{"login", "reset", "otp", "signup", "payment", "coupon", "cart", "reserve", "limited",
	"search", "content", "vote", "account", "costly", "telemetry", "code", "query"}

// TagNames returns the names of all tags, in bit order.
func TagNames() []string { return append([]string(nil), tagNames[:]...) }

// TagNamed returns the tag with this name, or 0 and false.
func TagNamed(name string) (Tags, bool) {
	for i, n := range tagNames {
		if n == name {
			return 1 << i, true
		}
	}
	return 0, false
}

// Has reports whether all tags of t are set.
func (s Tags) Has(t Tags) bool { return s&t == t }

// Outcome is how an exchange ended. Writer: the front end.
type Outcome struct {
	// Answered says that the upstream answered; false for our own answers,
	// upstream faults and clients that went away.
	Answered bool
	Test     bool // a self test of the operator's, which no report counts
	Status   int
	// GRPC is the status of a gRPC answer, 1 to 16; 0: OK, or no gRPC. See Meant.
	GRPC     int
	Duration time.Duration
	// ResponseType is the media type without parameters.
	ResponseType string
	ResponseSize int64
	// Prefix is the beginning of an answer that says something: of a good one from
	// a path that is not known yet, and of an error's text, decoded. It is valid
	// until End returns.
	Prefix []byte
	// Schema digests the shape of a JSON answer, Body an answer's first bytes; 0
	// where they are not known.
	Schema, Body uint64
	// Issued are keyed digests of the ids of objects that a good answer shows, at
	// most MaxIssued; valid until End returns. Unread says that it may show others:
	// it is too long, no JSON, or could not be decoded.
	Issued []uint64
	Unread bool
	// Handed are the credentials that the answer to a login hands out, at most
	// MaxHanded. They are secrets: valid until End returns, and never to be logged.
	Handed      []string
	RequestSize int64 // body bytes read from the client
	// Login is what the answer says of an attempt to log in beyond its status.
	Login LoginResult
	// Aborted says that the client went away before the end.
	Aborted bool
	// Held says that our answer is only dripping: nobody has been told anything yet.
	Held bool
	// Fault is set when the request turned out malformed after its head.
	Fault Fault
}
