// Package config reads the configuration file: strictly, with every fault named
// by file, line and the nearest valid key, and with ${NAME} taken from the
// environment. It turns the file into the typed options of the other packages;
// cmd hands them on.
//
// A File is a value; the package keeps no state.
package config

import (
	"os"
	"path/filepath"
	"time"
)

// File is the configuration. Default returns one with every default set.
type File struct {
	Listen            []Listen      `yaml:"listen"`
	TrustedProxies    []string      `yaml:"trusted_proxies"`
	FingerprintHeader string        `yaml:"fingerprint_header"`
	ForwardingHeaders Forwarding    `yaml:"forwarding_headers"`
	Sites             []Site        `yaml:"sites"`
	ProtectPrivate    bool          `yaml:"protect_private"`
	PayloadDetection  bool          `yaml:"payload_detection"`
	InspectAnswers    bool          `yaml:"inspect_answers"`
	Thresholds        Thresholds    `yaml:"thresholds"`
	Block             Block         `yaml:"block"`
	Interrogation     Interrogation `yaml:"interrogation"`
	Learning          Learning      `yaml:"learning"`
	Limits            Limits        `yaml:"limits"`
	Load              Concurrency   `yaml:"load"`
	Timeouts          Timeouts      `yaml:"timeouts"`
	Tarpit            Tarpit        `yaml:"tarpit"`
	Allow             []Entry       `yaml:"allow"`
	Deny              []Entry       `yaml:"deny"`
	Exceptions        []Exception   `yaml:"exceptions"`
	Exploits          []string      `yaml:"exploits"`
	Signatures        []Signature   `yaml:"signatures"`
	Rules             []Rule        `yaml:"rules"`
	Patches           []Patch       `yaml:"patches"`
	Decoys            Decoys        `yaml:"decoys"`
	Intel             Intel         `yaml:"intel"`
	Kernel            Kernel        `yaml:"kernel"`
	Admin             Admin         `yaml:"admin"`
	Data              string        `yaml:"data"`
	Events            Output        `yaml:"events"`
	Access            Output        `yaml:"access"`
}

// Forwarding changes which fields end here unless a trusted proxy sent them.
type Forwarding struct {
	Add  []string `yaml:"add,omitempty"`
	Keep []string `yaml:"keep,omitempty"`
}

// Listen is one listener.
type Listen struct {
	Address       string `yaml:"address"`
	TLS           *TLS   `yaml:"tls,omitempty"`
	ProxyProtocol bool   `yaml:"proxy_protocol"`
}

// TLS is where a listener's certificate comes from.
type TLS struct {
	Cert       string `yaml:"cert,omitempty"`
	Key        string `yaml:"key,omitempty"`
	SelfSigned bool   `yaml:"self_signed,omitempty"`
	ACME       any    `yaml:"acme,omitempty"`
}

// Site is one protected API.
type Site struct {
	Hosts     []string `yaml:"hosts"`
	Upstreams []string `yaml:"upstreams"`
	Mode      string   `yaml:"mode"`
	OpenAPI   string   `yaml:"openapi,omitempty"`
	Validate  string   `yaml:"validate,omitempty"`
	Learned   string   `yaml:"learned,omitempty"`
	Oversize  string   `yaml:"oversize,omitempty"`
	Unread    string   `yaml:"unread,omitempty"`
	Shadow    Duration `yaml:"shadow,omitempty"`
	Script    bool     `yaml:"script,omitempty"`
	Name      string   `yaml:"name,omitempty"`
	Contact   string   `yaml:"contact,omitempty"`
	Bait      Bait     `yaml:"bait,omitempty"`
	Health    Health   `yaml:"health,omitempty"`
	Timeouts  Waits    `yaml:"timeouts,omitempty"`
	TLS       Behind   `yaml:"tls,omitempty"`
	Routes    []Route  `yaml:"routes,omitempty"`
}

// Waits are the times of one site's upstreams; zero: those of all sites.
type Waits struct {
	Response Duration `yaml:"response,omitempty"`
}

// Behind is how "https://" upstreams of a site are known.
type Behind struct {
	CA         string `yaml:"ca,omitempty"`
	ServerName string `yaml:"server_name,omitempty"`
}

// Health is how a site's upstreams are asked whether they are well.
type Health struct {
	Path  string   `yaml:"path,omitempty"`
	Every Duration `yaml:"every,omitempty"`
}

// Bait is what a site's HTML answers are laid with.
type Bait struct {
	Link  string `yaml:"link,omitempty"`
	Field string `yaml:"field,omitempty"`
}

// Route is a hint about some endpoints.
type Route struct {
	Match string   `yaml:"match"`
	Tags  []string `yaml:"tags,omitempty"`
	Mode  string   `yaml:"mode,omitempty"`
	// Validate is "evidence" or "enforce".
	Validate string `yaml:"validate,omitempty"`
	// Learned is "evidence" or "enforce", Oversize and Unread "pass" or "refuse".
	Learned  string `yaml:"learned,omitempty"`
	Oversize string `yaml:"oversize,omitempty"`
	Unread   string `yaml:"unread,omitempty"`
	Fail     string `yaml:"fail,omitempty"`
	// Failed is how a login that is refused is answered.
	Failed *Failed `yaml:"failed,omitempty"`
}

// Failed is how a login that is refused is answered: all that is given holds.
type Failed struct {
	Status   int    `yaml:"status,omitempty"`
	Location string `yaml:"location,omitempty"`
	Body     string `yaml:"body,omitempty"`
}

// Thresholds are the risks from which each stage holds.
type Thresholds struct {
	Watch       float64 `yaml:"watch"`
	Interrogate float64 `yaml:"interrogate"`
	Tarpit      float64 `yaml:"tarpit"`
	Block       float64 `yaml:"block"`
}

// Block are the durations of repeated blocks.
type Block struct {
	First Duration `yaml:"first"`
	Grow  float64  `yaml:"grow"`
	Max   Duration `yaml:"max"`
}

// Interrogation says what suspects are asked.
type Interrogation struct {
	Enabled    bool     `yaml:"enabled"`
	Pass       Duration `yaml:"pass"`
	Answer     Duration `yaml:"answer"`
	Wait       Duration `yaml:"wait"`
	Difficulty int      `yaml:"difficulty"`
	Page       bool     `yaml:"page"`
	Cookies    bool     `yaml:"cookies"`
	Epoch      uint16   `yaml:"epoch"`
	Key        string   `yaml:"key"`
}

// Learning says from when on a baseline claims certainty.
type Learning struct {
	MinimumRequests int      `yaml:"minimum_requests"`
	MinimumTime     Duration `yaml:"minimum_time"`
	EnforceAfter    Duration `yaml:"enforce_after"`
	EnforceNetworks int      `yaml:"enforce_networks"`
}

// Limits bound memory and connections.
type Limits struct {
	Memory               Size   `yaml:"memory"`
	BodyInspect          Size   `yaml:"body_inspect"`
	BodyFollow           Size   `yaml:"body_follow"`
	Connections          int    `yaml:"connections"`
	ConnectionsPerClient int    `yaml:"connections_per_client"`
	Requests             int    `yaml:"requests"`
	Head                 Size   `yaml:"head"`
	Fields               int    `yaml:"fields"`
	Target               Size   `yaml:"target"`
	Rates                []Rate `yaml:"rates,omitempty"`
}

// Rate is a limit on how much may be asked for: by count (Rate) or by time of the
// upstream (Cost).
type Rate struct {
	Match string   `yaml:"match,omitempty"`
	Tag   string   `yaml:"tag,omitempty"`
	Site  string   `yaml:"site,omitempty"`
	Per   string   `yaml:"per,omitempty"`
	Rate  Quantity `yaml:"rate,omitempty"`
	Burst int64    `yaml:"burst,omitempty"`
	Cost  Quantity `yaml:"cost,omitempty"`
}

// Concurrency says how much may be with a site's upstreams at once.
type Concurrency struct {
	Adaptive  bool     `yaml:"adaptive"`
	Minimum   int      `yaml:"minimum"`
	Maximum   int      `yaml:"maximum"`
	Tolerance float64  `yaml:"tolerance"`
	Slow      Duration `yaml:"slow"`
}

// Timeouts bound how long each step may take.
type Timeouts struct {
	Handshake Duration `yaml:"handshake"`
	Header    Duration `yaml:"header"`
	Idle      Duration `yaml:"idle"`
	Connect   Duration `yaml:"connect"`
	Response  Duration `yaml:"response"`
	Linger    Duration `yaml:"linger"`
	Drain     Duration `yaml:"drain"`
	Body      Duration `yaml:"body"`
	BodyRate  Size     `yaml:"body_rate"`
	// UpstreamIdle is how long a connection to an upstream is kept without a request.
	UpstreamIdle Duration `yaml:"upstream_idle"`
}

// Tarpit bounds what held connections may cost.
type Tarpit struct {
	Connections int      `yaml:"connections"`
	Memory      Size     `yaml:"memory"`
	Time        Duration `yaml:"time"`
}

// Entry is one line of an allow or deny list.
type Entry struct {
	Prefix     string     `yaml:"prefix,omitempty"`
	Credential string     `yaml:"credential,omitempty"`
	Bot        string     `yaml:"bot,omitempty"`
	File       string     `yaml:"file,omitempty"`
	Until      *time.Time `yaml:"until,omitempty"`
	Note       string     `yaml:"note,omitempty"`
}

// Exception says what evidence does not count.
type Exception struct {
	Who      string     `yaml:"who,omitempty"`
	Endpoint string     `yaml:"endpoint,omitempty"`
	Field    string     `yaml:"field,omitempty"`
	Kind     string     `yaml:"kind,omitempty"`
	Until    *time.Time `yaml:"until,omitempty"`
	Reason   string     `yaml:"reason,omitempty"`
}

// Signature is a botnet signature that an operator wrote.
type Signature struct {
	Name   string            `yaml:"name"`
	Site   string            `yaml:"site,omitempty"`
	When   map[string]string `yaml:"when"`
	Action string            `yaml:"action"`
	Until  *time.Time        `yaml:"until,omitempty"`
	Note   string            `yaml:"note,omitempty"`
}

// Rule is an operator's own verdict on requests that meet a condition.
type Rule struct {
	Name   string `yaml:"name"`
	When   string `yaml:"when"`
	Action string `yaml:"action"`
	DryRun bool   `yaml:"dry_run,omitempty"`
	// Evidence says that a match speaks against the client.
	Evidence bool       `yaml:"evidence,omitempty"`
	For      Duration   `yaml:"for,omitempty"`
	Until    *time.Time `yaml:"until,omitempty"`
	Author   string     `yaml:"author,omitempty"`
	Reason   string     `yaml:"reason,omitempty"`
}

// Decoys are what no honest client ever uses.
type Decoys struct {
	Paths       []string `yaml:"paths"`
	Credentials []string `yaml:"credentials"`
}

// Patch shields one field of one endpoint.
type Patch struct {
	Name     string     `yaml:"name"`
	Endpoint string     `yaml:"endpoint"`
	Field    string     `yaml:"field"`
	Allow    Allowance  `yaml:"allow"`
	Until    *time.Time `yaml:"until,omitempty"`
	DryRun   bool       `yaml:"dry_run,omitempty"`
	Reason   string     `yaml:"reason,omitempty"`
}

// Allowance is what a patched field may hold.
type Allowance struct {
	Type    string `yaml:"type,omitempty"`
	Pattern string `yaml:"pattern,omitempty"`
	Max     int    `yaml:"max,omitempty"`
}

// Intel says where knowledge of addresses comes from.
type Intel struct {
	ASN        string `yaml:"asn"`
	Country    string `yaml:"country"`
	VerifyBots bool   `yaml:"verify_bots"`
	Bots       []Bot  `yaml:"bots"`
	// Lists are files of prefixes with a reputation, read again when they change.
	Lists []Reputation `yaml:"lists,omitempty"`
}

// Reputation is a list file and what being on it says.
type Reputation struct {
	Name   string `yaml:"name"`
	File   string `yaml:"file"`
	Weight string `yaml:"weight,omitempty"` // hint, likely
}

// Bot is a good bot and how it proves itself.
type Bot struct {
	Name    string   `yaml:"name"`
	Agent   string   `yaml:"agent"`
	Domains []string `yaml:"domains,omitempty"`
	Ranges  string   `yaml:"ranges,omitempty"`
	// Keys is a file of the public keys that it signs requests with, a JSON Web Key Set.
	Keys string `yaml:"keys,omitempty"`
}

// Kernel says whether blocks are pushed down to the packet filter.
type Kernel struct {
	Enabled bool   `yaml:"enabled"`
	Table   string `yaml:"table"`
}

// Admin is the administrative listener.
type Admin struct {
	Address string `yaml:"address"`
}

// Output says where JSON lines go.
type Output struct {
	File   string `yaml:"file"`
	Stdout bool   `yaml:"stdout"`
	// Rate bounds the lines of a second, MaxSize the file; 0: no bound.
	Rate    int  `yaml:"rate"`
	MaxSize Size `yaml:"max_size"`
}

// Default returns the configuration that holds where nothing is said.
func Default() File {
	minute := Duration(time.Minute)
	return File{
		PayloadDetection: true, InspectAnswers: true,
		Listen:     []Listen{{Address: ":8080"}},
		Thresholds: Thresholds{Watch: 5, Interrogate: 30, Tarpit: 60, Block: 85},
		Block:      Block{First: 5 * minute, Grow: 4, Max: Duration(24 * time.Hour)},
		Interrogation: Interrogation{
			Enabled: true, Pass: 60 * minute, Answer: 2 * minute, Wait: Duration(10 * time.Second), Difficulty: 17, Page: true, Cookies: true,
		},
		Learning: Learning{MinimumRequests: 500, MinimumTime: minute, EnforceAfter: Duration(72 * time.Hour),
			EnforceNetworks: 20},
		Limits: Limits{
			Memory: 1 << 30, BodyInspect: 64 << 10, BodyFollow: 1 << 20, Connections: 50000, ConnectionsPerClient: 1000, Head: 32 << 10,
			Fields: 500, Target: 16 << 10,
		},
		Timeouts: Timeouts{
			Handshake: Duration(10 * time.Second), Header: Duration(10 * time.Second), Idle: 2 * minute,
			Connect: Duration(5 * time.Second), Response: minute, Drain: Duration(30 * time.Second), Body: Duration(30 * time.Second), BodyRate: 500,
			Linger: linger(), UpstreamIdle: Duration(4 * time.Second),
		},
		Load:   Concurrency{Adaptive: true, Minimum: 16, Maximum: 8192, Tolerance: 2, Slow: Duration(250 * time.Millisecond)},
		Tarpit: Tarpit{Connections: 20000, Memory: 256 << 20, Time: 2 * minute},
		Kernel: Kernel{Table: "bartizan"},
		Admin:  Admin{Address: "127.0.0.1:7070"},
		Data:   "./data",
		Events: Output{Stdout: true, Rate: 200, MaxSize: 1 << 30},
		Access: Output{MaxSize: 1 << 30},
	}
}

// linger is how long a gateway goes on serving after it was told to stop: where
// Kubernetes runs it, as long as news of that usually takes to reach the proxies.
func linger() Duration {
	if os.Getenv("KUBERNETES_SERVICE_HOST") == "" {
		return 0
	}
	return Duration(5 * time.Second)
}

// resolve makes paths relative to dir.
func (f *File) resolve(dir string) {
	at := func(p *string) {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	for i := range f.Listen {
		if t := f.Listen[i].TLS; t != nil {
			at(&t.Cert)
			at(&t.Key)
		}
	}
	for i := range f.Sites {
		at(&f.Sites[i].OpenAPI)
		at(&f.Sites[i].TLS.CA)
	}
	for _, list := range [][]Entry{f.Allow, f.Deny} {
		for i := range list {
			at(&list[i].File)
		}
	}
	for i := range f.Exploits {
		at(&f.Exploits[i])
	}
	at(&f.Intel.ASN)
	at(&f.Intel.Country)
	for i := range f.Intel.Lists {
		at(&f.Intel.Lists[i].File)
	}
	for i := range f.Intel.Bots {
		at(&f.Intel.Bots[i].Ranges)
		at(&f.Intel.Bots[i].Keys)
	}
	at(&f.Interrogation.Key)
	at(&f.Data)
	at(&f.Events.File)
	at(&f.Access.File)
}
