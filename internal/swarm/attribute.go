package swarm

import "bartizan/internal/request"

// Attribute is one categorical property of a request, known when its head has
// been read, so that a signature can stop a bot at its first request.
type Attribute uint8

// The attributes: first those read from the request, then those derived from how
// rare they are, or how rarely they meet, in good traffic. The derived ones turn
// "another random JA4 each time" into the constant "a JA4 never seen".
const (
	Method Attribute = iota
	Template
	Depth
	Extension
	Protocol
	TLSVersion
	JA4
	JA4Prefix
	JA4Ciphers
	H2
	HeaderOrder
	HeaderSet
	HeaderCount
	HeaderCase
	Agent
	AgentFamily
	AgentVersion
	AgentSystem
	Accept
	Language
	Encoding
	FetchMetadata
	ClientHints
	Contradictions
	ContentType
	BodySize
	Parameters
	ValueShape
	CookieNames
	AuthScheme
	Referer
	Origin
	Connection
	CacheControl
	CustomHeaders
	ASN
	Country
	Resumed
	RequestNumber
	Arrival
	Previous
	Age
	Object
	Visit

	RarityJA4
	RarityH2
	RarityOrder
	RarityAgent
	RarityASN
	RaritySegment
	FitJA4Agent
	FitOrderAgent
	FitH2JA4
	FitTemplateParameters
	FitTemplateSegment
	FitPrevious
	FitLanguageCountry
	FitVersionHints
	RarityObject

	Attributes = iota
)

const derived = RarityJA4 // the first of them

// A row must fit where the request keeps it.
var _ [request.MaxAttributes - Attributes]struct{}

// class says how stable an attribute is for an attacker's tool.
type class uint8

const (
	software class = iota // of the client's program: free to use
	content               // of what is asked for
	network               // of where it comes from: many honest people share it
	history               // of what came before: a first request has none
)

// cost is what a literal on an attribute of this class costs a signature, as a
// share of coverage: what describes the tool is preferred.
func (c class) cost() float64 { return [...]float64{0, 0.02, 0.06, 0.08}[c] }

// attributes says of each attribute its name in the operator's language, its
// class, and how it reads in a sentence ("%s" is the value; empty: name and value).
var attributes = [Attributes]struct {
	name  string
	class class
	words string
}{
	Method:         {"method", content, "method %s"},
	Template:       {"endpoint", content, "%s"},
	Depth:          {"depth", content, "%s path segments"},
	Extension:      {"extension", content, "path ends in %s"},
	Protocol:       {"protocol", software, "%s"},
	TLSVersion:     {"tls", software, "%s"},
	JA4:            {"ja4", software, "JA4 %s"},
	JA4Prefix:      {"ja4_a", software, "JA4 begins with %s"},
	JA4Ciphers:     {"ja4_b", software, "TLS ciphers %s"},
	H2:             {"h2", software, "HTTP/2 opening %s"},
	HeaderOrder:    {"header_order", software, "header order %s"},
	HeaderSet:      {"header_set", software, "header set %s"},
	HeaderCount:    {"header_count", content, "%s headers"},
	HeaderCase:     {"header_case", software, "header names in %s"},
	Agent:          {"user_agent", software, "User-Agent %s"},
	AgentFamily:    {"agent_family", software, "calls itself %s"},
	AgentVersion:   {"agent_version", software, "calls itself version %s"},
	AgentSystem:    {"agent_system", software, "says it runs on %s"},
	Accept:         {"accept", software, "Accept %s"},
	Language:       {"accept_language", network, "Accept-Language %s"},
	Encoding:       {"accept_encoding", software, "Accept-Encoding %s"},
	FetchMetadata:  {"sec_fetch", software, "fetch metadata %s"},
	ClientHints:    {"client_hints", software, "client hints %s"},
	Contradictions: {"contradicts", software, "contradicts itself: %s"},
	ContentType:    {"content_type", content, "Content-Type %s"},
	BodySize:       {"body_size", content, "body of %s"},
	Parameters:     {"parameters", content, "parameters %s"},
	ValueShape:     {"value_shape", content, "parameter values like %s"},
	CookieNames:    {"cookies", content, "cookies %s"},
	AuthScheme:     {"authorization", content, "credential %s"},
	Referer:        {"referer", content, "Referer %s"},
	Origin:         {"origin", content, "Origin %s"},
	Connection:     {"connection", software, "Connection %s"},
	CacheControl:   {"cache_control", software, "cache request %s"},
	CustomHeaders:  {"custom_headers", software, "headers of its own %s"},
	ASN:            {"asn", network, "network %s"},
	Country:        {"country", network, "country %s"},
	Resumed:        {"tls_resumed", history, "TLS %s"},
	RequestNumber:  {"request_number", history, "request %s of its connection"},
	Arrival:        {"gap", history, "%s"},
	Previous:       {"previous", history, "before it %s"},
	Age:            {"age", history, "client %s"},
	Object:         {"object", content, "object %s"},
	Visit:          {"visit", history, "a visit that has shown %s"},

	RarityJA4:             {"rarity(ja4)", software, "JA4 %s in good traffic"},
	RarityH2:              {"rarity(h2)", software, "HTTP/2 opening %s in good traffic"},
	RarityOrder:           {"rarity(header_order)", software, "header order %s in good traffic"},
	RarityAgent:           {"rarity(user_agent)", software, "User-Agent %s in good traffic"},
	RarityASN:             {"rarity(asn)", network, "network %s in good traffic"},
	RaritySegment:         {"rarity(software)", software, "this mix of TLS, HTTP/2 and User-Agent %s in good traffic"},
	FitJA4Agent:           {"fit(ja4,agent_family)", software, "TLS and User-Agent %s"},
	FitOrderAgent:         {"fit(header_order,agent_family)", software, "header order and User-Agent %s"},
	FitH2JA4:              {"fit(h2,ja4)", software, "HTTP/2 and TLS %s"},
	FitTemplateParameters: {"fit(endpoint,parameters)", content, "parameters and endpoint %s"},
	FitTemplateSegment:    {"fit(endpoint,software)", content, "software and endpoint %s"},
	FitPrevious:           {"fit(previous,endpoint)", history, "endpoint and the one before %s"},
	FitLanguageCountry:    {"fit(language,country)", network, "language and country %s"},
	FitVersionHints:       {"fit(agent_version,client_hints)", software, "User-Agent and client hints %s"},
	RarityObject:          {"rarity(object)", content, "an object %s"},
}

// String returns the attribute's name, as operators write it.
func (a Attribute) String() string {
	if int(a) < Attributes {
		return attributes[a].name
	}
	return "unknown"
}

// AttributeNamed returns the attribute with this name, or false.
func AttributeNamed(name string) (Attribute, bool) {
	for a := range Attribute(Attributes) {
		if attributes[a].name == name {
			return a, true
		}
	}
	return 0, false
}

// Values of attributes that are classes, not digests, are small numbers: their
// place in these lists. 0 is "absent" everywhere.
var classes = [Attributes][]string{
	Depth:         {"0", "1", "2", "3", "4", "5", "6", "7", "8 or more"},
	TLSVersion:    {"none", "TLS 1.2", "TLS 1.3", "old TLS"},
	HeaderCase:    {"unknown", "lower case", "title case", "mixed case"},
	FetchMetadata: {"none", "navigate", "cors", "no-cors", "other"},
	ClientHints:   {"none", "brands", "brands of another engine"},
	BodySize:      {"no length", "0", "1 byte", "2 bytes", "4 bytes", "8 bytes", "16 bytes", "32 bytes", "64 bytes", "128 bytes", "256 bytes", "512 bytes", "1 KiB", "2 KiB", "4 KiB", "8 KiB", "16 KiB", "32 KiB", "64 KiB or more"},
	AuthScheme:    {"none", "Basic", "Bearer", "API key", "session cookie", "other"},
	Referer:       {"none", "same host", "another host"},
	Origin:        {"none", "same host", "another host", "null"},
	CacheControl:  {"none", "no-cache", "max-age=0", "conditional", "other"},
	Resumed:       {"none", "fresh", "resumed"},
	RequestNumber: {"unknown", "1", "2", "3 to 5", "6 to 20", "after 20"},
	Arrival:       {"first call", "calls again within 0.1 s", "calls again within 1 s", "calls again within 10 s", "calls again within 1 min", "calls again later"},
	// No finer: good traffic is known with a delay, so in it everybody is younger.
	Age: {"never seen", "known for less than 10 s", "known for less than 1 min", "known for longer"},
	Visit: {
		"nothing else", "other endpoints", "a credential", "a credential and other endpoints",
		"cookies", "cookies and other endpoints", "cookies and a credential", "cookies, a credential and other endpoints",
		"a pass", "a pass and other endpoints", "a pass and a credential", "a pass, a credential and other endpoints",
		"a pass and cookies", "a pass, cookies and other endpoints", "a pass, cookies and a credential",
		"a pass, cookies, a credential and other endpoints",
	},

	RarityJA4: rarities, RarityH2: rarities, RarityOrder: rarities, RarityAgent: rarities, RarityASN: rarities, RaritySegment: rarities, RarityObject: objects,
	FitJA4Agent: fits, FitOrderAgent: fits, FitH2JA4: fits, FitTemplateParameters: fits, FitTemplateSegment: fits, FitPrevious: fits, FitLanguageCountry: fits, FitVersionHints: fits,
}

// The rarities of a value in good traffic.
const (
	noRarity uint32 = iota // there is no value, or no baseline yet
	common                 // at least 1 %
	usual                  // at least 0.1 %
	rare                   // at least 0.01 %
	veryRare
	unseen
)

var rarities = []string{"unknown", "common (1 % or more)", "usual (0.1 % or more)", "rare (0.01 % or more)", "very rare (below 0.01 %)", "never seen"}

var objects = []string{
	"unknown", "often asked for in good traffic", "asked for in good traffic", "", "", "never asked for in good traffic",
}

// The fits of a pair of values in good traffic.
const (
	noFit       uint32 = iota // too little is known of the two to say
	consistent                // they meet as often as one should expect
	together                  // they meet rarely
	contradicts               // both are usual, and they never meet
)

var fits = []string{"unknown", "as usual", "rarely seen together", "never seen together"}
