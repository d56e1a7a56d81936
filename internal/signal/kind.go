package signal

import "time"

// Kind names one kind of evidence.
type Kind uint8

// The kinds, grouped by vantage. Their order is part of the snapshot format:
// append, never insert.
const (
	None Kind = iota
	Denied
	SQLInjection
	XSS
	PathTraversal
	CommandInjection
	ProbePath
	ScannerAgent
	Smuggling
	ProtocolOddity
	UserAgentMismatch
	HeaderOrderMismatch
	MissingUserAgent
	ErrorRatio
	PathSpread
	LoginFailure
	LoginFanout
	SlowRequest
	StreamAbuse
	ExploitRepeated
	CodeInjection
	TemplateInjection
	Deserialisation
	JNDILookup
	PrototypePollution
	MassAssignment
	NoSQLInjection
	LDAPInjection
	XPathInjection
	XXE
	ServerInclude
	HeaderInjection
	MailInjection
	SSRF
	OpenRedirect
	JWTAbuse
	GraphQLAbuse
	UploadAbuse
	KnownExploit
	DeepEncoding
	ErrorLeak
	UnknownEndpoint
	UnknownMethod
	UnknownParameter
	ParameterType
	ParameterLength
	BodySize
	MissingCredential
	ObjectEnumeration
	MissingStep
	LoginSpray
	PaymentFailure
	CodeGuessing
	MassSignup
	Hoarding
	CostlyUse
	MassPosting
	MassVoting
	BotImpostor
	SchemaViolation
	PassForged
	AnswerReplayed
	PassStolen
	PassShared
	Unanswered
	RetryIgnored
	CookieLost
	AutomatedBrowser
	Scalping
	HastyStep
	CardCracking
	CashingOut
	Sniping
	AccountAggregation
	MachinePace
	Exfiltration
	BrowserHabit
	RepeatedPost
	DecoyPath
	DecoyCredential
	DecoyField
	ListedAddress
	ForeignObject
	OddCourse
	BarePages
	OddValue
	CredentialSpread
	LoginBatch
	AccountEnumeration
	Unread
	OddSoftware
	PatchHit
	Kinds = iota
)

// Info describes one kind.
type Info struct {
	Name    string
	Vantage Vantage
	// Weights by band: ln P(kind | attacker) / P(kind | good client) of its
	// presence in an hour, 0 to 6 nats. A kind without bands has only Hint.
	Weights [3]float64
	// Tau is how fast the evidence fades: to 1/e in this time.
	Tau time.Duration
	// Hard is proof by itself: it stands outside the caps of its vantage.
	Hard bool
	// Doc is one line for operators.
	Doc string
}

// Weight returns the weight in band b.
func (i Info) Weight(b Band) float64 { return i.Weights[min(b, Certain)] }

const (
	hour = time.Hour
	// payloadTau: a payload says more about a client than an error, and for longer.
	payloadTau = 6 * time.Hour
)

// table starts from the log-likelihood ratios that the fusion prototype
// measured on simulated populations (design notes, section 2.2). Where it had
// no figure the nearest of its signals was taken. RATIONALE.md says which.
var table = [Kinds]Info{
	None:                {Name: "none", Tau: hour},
	Denied:              {"denied", Reputation, [3]float64{0, 0, 0}, 24 * hour, false, "on the operator's deny list"},
	SQLInjection:        {"sql-injection", Payload, [3]float64{1.4, 3.4, 4.8}, payloadTau, false, "SQL injection in a value"},
	XSS:                 {"xss", Payload, [3]float64{1.4, 3.2, 4.8}, payloadTau, false, "cross-site scripting in a value"},
	PathTraversal:       {"path-traversal", Payload, [3]float64{1.4, 3.4, 4.8}, payloadTau, false, "path traversal or a system file in a value"},
	CommandInjection:    {"command-injection", Payload, [3]float64{1.4, 3.4, 4.8}, payloadTau, false, "shell command in a value"},
	ProbePath:           {"probe-path", Payload, [3]float64{1.4, 2.6, 4.8}, payloadTau, false, "a path that only scanners ask for"},
	ScannerAgent:        {"scanner-agent", Fingerprint, [3]float64{2.2, 4.2, 4.8}, hour, false, "the User-Agent names an attack tool"},
	Smuggling:           {"smuggling", Payload, [3]float64{1.8, 3.4, 4.8}, payloadTau, false, "two readings of where the message ends"},
	ProtocolOddity:      {"protocol-oddity", Fingerprint, [3]float64{0.9, 1.8, 2.5}, hour, false, "a message that HTTP software does not write"},
	UserAgentMismatch:   {"user-agent-mismatch", Fingerprint, [3]float64{1.2, 2.4, 2.4}, hour, false, "claims a browser that its TLS, HTTP/2 or headers contradict"},
	HeaderOrderMismatch: {"header-order-mismatch", Fingerprint, [3]float64{1.0, 1.6, 1.6}, hour, false, "claims a browser that never sends this header order"},
	MissingUserAgent:    {"missing-user-agent", Fingerprint, [3]float64{0.7, 0.7, 0.7}, hour, false, "no User-Agent"},
	ErrorRatio:          {"error-ratio", Behaviour, [3]float64{1.6, 2.2, 2.2}, hour, false, "most of its requests fail"},
	PathSpread:          {"path-spread", Behaviour, [3]float64{2.0, 3.0, 3.0}, hour, false, "asks for many paths, methods or fields that the API has not got"},
	LoginFailure:        {"login-failure", Auth, [3]float64{0.8, 2.2, 2.2}, hour, false, "failed logins"},
	LoginFanout:         {"login-fanout", Auth, [3]float64{2.6, 4.4, 6.0}, hour, false, "failed logins as many different users"},
	SlowRequest:         {"slow-request", Volume, [3]float64{0.8, 1.6, 1.6}, hour, false, "sends its request so slowly that it holds a connection"},
	StreamAbuse:         {"stream-abuse", Volume, [3]float64{1.6, 3.0, 3.0}, hour, false, "resets or floods HTTP/2 streams"},
	UnknownEndpoint:     {"unknown-endpoint", API, [3]float64{0.8, 1.6, 1.6}, hour, false, "a path that the API has never answered well"},
	UnknownMethod:       {"unknown-method", API, [3]float64{1.0, 2.0, 2.0}, hour, false, "a method that this endpoint has never answered well"},
	UnknownParameter:    {"unknown-parameter", API, [3]float64{1.0, 2.2, 2.2}, hour, false, "a parameter or field that this endpoint has never taken"},
	ParameterType:       {"parameter-type", API, [3]float64{1.2, 2.4, 2.4}, hour, false, "a value of another type than this parameter has"},
	ParameterLength:     {"parameter-length", API, [3]float64{0.8, 1.8, 1.8}, hour, false, "a value far longer than this parameter has"},
	BodySize:            {"body-size", API, [3]float64{0.8, 1.8, 1.8}, hour, false, "a body far larger than this endpoint takes"},
	MissingCredential:   {"missing-credential", API, [3]float64{0.6, 1.2, 1.2}, hour, false, "no credential where nearly everybody has one"},
	ObjectEnumeration:   {"object-enumeration", Behaviour, [3]float64{2.0, 3.0, 3.0}, hour, false, "walks through object numbers one after the other"},
	MissingStep:         {"missing-step", API, [3]float64{0.8, 1.8, 1.8}, hour, false, "a call without the calls that nearly always come before it"},
	LoginSpray:          {"login-spray", Auth, [3]float64{1.6, 2.6, 2.6}, hour, false, "failed logins as a user that many addresses try"},
	PaymentFailure:      {"payment-failure", Behaviour, [3]float64{1.8, 2.8, 2.8}, hour, false, "most of its payments are refused"},
	CodeGuessing:        {"code-guessing", Behaviour, [3]float64{1.8, 2.8, 2.8}, hour, false, "most of the coupon or one-time codes that it tries are refused"},
	MassSignup:          {"mass-signup", Behaviour, [3]float64{1.6, 2.6, 2.6}, hour, false, "opens one account after the other"},
	Hoarding:            {"hoarding", Behaviour, [3]float64{1.4, 2.4, 2.4}, hour, false, "fills carts or reserves, and never pays"},
	CostlyUse:           {"costly-use", Behaviour, [3]float64{1.4, 2.4, 2.4}, hour, false, "uses what costs you money again and again"},
	MassPosting:         {"mass-posting", Behaviour, [3]float64{1.4, 2.4, 2.4}, hour, false, "posts one piece of content after the other"},
	MassVoting:          {"mass-voting", Behaviour, [3]float64{1.4, 2.4, 2.4}, hour, false, "votes again and again"},
	BotImpostor:         {"bot-impostor", Reputation, [3]float64{2.4, 3.6, 3.6}, 24 * hour, false, "calls itself a good bot that it is not"},
	SchemaViolation:     {"schema-violation", API, [3]float64{0.8, 1.6, 1.6}, hour, false, "departs from the API's own document"},
	ExploitRepeated:     {"exploit-repeated", Payload, [3]float64{8, 8, 8}, payloadTau, true, "several different exploits: beyond doubt"},
	CodeInjection:       {"code-injection", Payload, [3]float64{1.4, 3.4, 4.8}, payloadTau, false, "code of PHP, Python, Node, Java, Ruby or Perl in a value"},
	TemplateInjection:   {"template-injection", Payload, [3]float64{1.4, 3.4, 4.8}, payloadTau, false, "an expression of a server's template language"},
	Deserialisation:     {"deserialisation", Payload, [3]float64{1.4, 3.4, 4.8}, payloadTau, false, "a serialised object, or a gadget's class"},
	JNDILookup:          {"jndi-lookup", Payload, [3]float64{1.4, 3.4, 4.8}, payloadTau, false, "a lookup that Log4j and its like follow"},
	PrototypePollution:  {"prototype-pollution", Payload, [3]float64{1.4, 3.4, 4.8}, payloadTau, false, "a name that changes the prototype of all objects"},
	MassAssignment:      {"mass-assignment", API, [3]float64{0.8, 1.8, 2.4}, payloadTau, false, "a field that only the server should set"},
	NoSQLInjection:      {"nosql-injection", Payload, [3]float64{1.4, 3.4, 4.8}, payloadTau, false, "operators or script of a document database"},
	LDAPInjection:       {"ldap-injection", Payload, [3]float64{1.4, 3.4, 4.8}, payloadTau, false, "a value that goes on in an LDAP filter"},
	XPathInjection:      {"xpath-injection", Payload, [3]float64{1.4, 3.4, 4.8}, payloadTau, false, "a value that goes on in XPath"},
	XXE:                 {"xxe", Payload, [3]float64{1.4, 3.4, 4.8}, payloadTau, false, "an external entity or document type"},
	ServerInclude:       {"server-include", Payload, [3]float64{1.4, 3.4, 4.8}, payloadTau, false, "a server-side or edge-side include"},
	HeaderInjection:     {"header-injection", Payload, [3]float64{1.4, 3.4, 4.8}, payloadTau, false, "a line break and a header behind it"},
	MailInjection:       {"mail-injection", Payload, [3]float64{1.4, 3.4, 4.8}, payloadTau, false, "a line break and a header of a mail behind it"},
	SSRF:                {"ssrf", Payload, [3]float64{1.4, 3.4, 4.8}, payloadTau, false, "an address inside the network, or of cloud metadata"},
	OpenRedirect:        {"open-redirect", Payload, [3]float64{0.8, 2.0, 3.0}, payloadTau, false, "an address elsewhere where a path is asked for"},
	JWTAbuse:            {"jwt-abuse", Payload, [3]float64{1.4, 3.4, 4.8}, payloadTau, false, "a token without a signature, or with a key of its own"},
	GraphQLAbuse:        {"graphql-abuse", Payload, [3]float64{0.8, 2.0, 3.0}, payloadTau, false, "introspection, or a query built to cost much"},
	UploadAbuse:         {"upload-abuse", Payload, [3]float64{1.4, 3.4, 4.8}, payloadTau, false, "an uploaded file that a server would run"},
	KnownExploit:        {"known-exploit", Payload, [3]float64{1.4, 3.4, 4.8}, payloadTau, false, "the shape of a published exploit"},
	DeepEncoding:        {"deep-encoding", Payload, [3]float64{1.2, 2.0, 2.0}, payloadTau, false, "a value encoded more often than programs do"},
	DecoyPath:           {"decoy-path", Behaviour, [3]float64{3.5, 3.5, 3.5}, payloadTau, false, "a path that only a decoy names"},
	DecoyCredential:     {"decoy-credential", Auth, [3]float64{8, 8, 8}, 24 * hour, true, "a credential that nobody was ever given"},
	DecoyField:          {"decoy-field", Behaviour, [3]float64{8, 8, 8}, payloadTau, true, "a form field that no browser sends"},
	PassForged:          {"pass-forged", Challenge, [3]float64{8, 8, 8}, payloadTau, true, "a pass or answer that bears our key's mark and not our signature"},
	AnswerReplayed:      {"answer-replayed", Challenge, [3]float64{8, 8, 8}, payloadTau, true, "the answer to one challenge sent again and again"},
	PassStolen:          {"pass-stolen", Challenge, [3]float64{1.2, 2.4, 2.4}, hour, false, "a pass that other software has earned"},
	PassShared:          {"pass-shared", Challenge, [3]float64{1.2, 2.4, 2.4}, hour, false, "a pass that many clients use"},
	Unanswered:          {"challenge-unanswered", Challenge, [3]float64{0.4, 0.9, 0.9}, hour, false, "goes on without answering the questions that it is asked"},
	RetryIgnored:        {"retry-ignored", Challenge, [3]float64{0.4, 0.9, 0.9}, hour, false, "comes back again and again before the time that Retry-After told it"},
	CookieLost:          {"cookie-lost", Challenge, [3]float64{0.4, 0.9, 0.9}, hour, false, "claims a browser and does not keep a cookie"},
	AutomatedBrowser:    {"automated-browser", Challenge, [3]float64{1.2, 2.4, 2.4}, hour, false, "a browser that says that a program drives it"},
	Scalping:            {"scalping", Behaviour, [3]float64{1.4, 2.4, 2.4}, hour, false, "buys one limited good after the other"},
	HastyStep:           {"hasty-step", Behaviour, [3]float64{1.0, 2.2, 2.2}, hour, false, "takes steps faster than anybody does"},
	CardCracking:        {"card-cracking", Behaviour, [3]float64{1.8, 2.8, 2.8}, hour, false, "tries a card that is tried with many dates or codes"},
	CashingOut:          {"cashing-out", Behaviour, [3]float64{1.4, 2.4, 2.4}, hour, false, "changes accounts and pays with them, one after the other"},
	Sniping:             {"sniping", Behaviour, [3]float64{1.2, 2.2, 2.2}, hour, false, "reserves at the last second, again and again"},
	AccountAggregation:  {"account-aggregation", Behaviour, [3]float64{1.2, 2.2, 2.2}, hour, false, "reads one account after the other, as a clock ticks"},
	MachinePace:         {"machine-pace", Behaviour, [3]float64{0.8, 1.4, 1.4}, hour, false, "claims a browser and asks as a clock ticks"},
	Exfiltration:        {"exfiltration", Volume, [3]float64{1.2, 2.4, 2.4}, hour, false, "gets answers many times larger than this endpoint's"},
	BrowserHabit:        {"browser-habit", Fingerprint, [3]float64{0.6, 1.2, 1.2}, hour, false, "claims a browser and lacks the cookies that browsers bring here"},
	RepeatedPost:        {"repeated-post", Behaviour, [3]float64{1.4, 2.4, 2.4}, hour, false, "posts nearly the same text again and again, or what many others post"},
	ListedAddress:       {"listed-address", Reputation, [3]float64{0.8, 2.0, 2.0}, hour, false, "an address on a reputation list of the operator's"},
	ForeignObject:       {"foreign-object", API, [3]float64{2.0, 3.0, 3.0}, hour, false, "asks for objects that no answer has shown it, where nearly everybody's were shown"},
	OddCourse:           {"odd-course", API, [3]float64{0.4, 1.2, 1.2}, hour, false, "calls one endpoint after the other in an order that hardly anybody takes"},
	BarePages:           {"bare-pages", Fingerprint, [3]float64{0.6, 0.6, 0.6}, hour, false, "claims a browser and fetches pages without anything that belongs to them"},
	OddValue:            {"odd-value", Payload, [3]float64{1.4, 2.4, 2.4}, payloadTau, false, "a value with signs of code, in a field that has only had numbers, dates or ids"},
	AccountEnumeration:  {"account-enumeration", Behaviour, [3]float64{2.0, 2.8, 2.8}, hour, false, "asks for new passwords for one user after the other"},
	LoginBatch:          {"login-batch", Auth, [3]float64{2.6, 4.4, 4.4}, hour, false, "several different logins in one request"},
	CredentialSpread:    {"credential-spread", Auth, [3]float64{2.0, 3.0, 3.0}, hour, false, "shows a browser's credential, as programs in many networks do"},
	Unread:              {"unread", Payload, [3]float64{1.0, 1.6, 1.6}, hour, false, "a text in a coding or charset that is not read"},
	OddSoftware:         {"odd-software", Fingerprint, [3]float64{1.0, 1.0, 1.0}, hour, false, "sends a text where none was taken before, with a program that nobody uses there"},
	PatchHit:            {"patch-hit", API, [3]float64{1.0, 2.4, 2.4}, payloadTau, false, "a value that a virtual patch does not allow, or a match of a rule with evidence: true"},
	ErrorLeak:           {"error-leak", Payload, [3]float64{1.8, 3.4, 3.4}, payloadTau, false, "an answer with an error message of a database or language"},
}

// Info returns the kind's description; that of None for an unknown kind.
func (k Kind) Info() Info {
	if int(k) < len(table) {
		return table[k]
	}
	return table[None]
}

// String returns the kind's name, as events, metrics and replay print it.
func (k Kind) String() string { return k.Info().Name }

// KindNamed returns the kind with this name, or None and false.
func KindNamed(name string) (Kind, bool) {
	for k := range table {
		if table[k].Name == name && Kind(k) != None {
			return Kind(k), true
		}
	}
	return None, false
}
