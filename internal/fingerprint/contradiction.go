package fingerprint

import "strings"

// Contradiction is a bit set: how the captured facts contradict the browser
// that the User-Agent claims. The zero value is no contradiction.
//
// None of them is proof. Corporate proxies that open TLS, virus scanners and
// privacy extensions change what a browser sends, and an honest program may
// call itself a browser to get at a page.
type Contradiction uint16

// The contradictions.
const (
	// TLSLibrary: the cipher list is one that a known HTTP library sends.
	TLSLibrary Contradiction = 1 << iota
	// TLSOther: the cipher list is another browser engine's, or no browser's:
	// more than 30 ciphers, or no TLS 1.3 in a browser that has had it for years.
	TLSOther
	// TLSProtocols: offers no ALPN, or no HTTP/2 outside a WebSocket handshake.
	TLSProtocols
	// H2Order: the pseudo-headers come in an order that its engine never uses.
	H2Order
	// H2Opening: SETTINGS and WINDOW_UPDATE are not those of its engine.
	H2Opening
	// FetchMissing: no Sec-Fetch header and no client hint on a secure connection.
	FetchMissing
	// HintsOther: client hints that tell another version or engine.
	HintsOther
	// LanguageMissing: no Accept-Language.
	LanguageMissing
	// EncodingOther: Accept-Encoding without br on a secure connection.
	EncodingOther
	// HostOrder: Host is not the first field on HTTP/1.
	HostOrder
	// NameCase: field names in a letter case that no browser writes on HTTP/1.
	NameCase
)

var contradictionNames = [...]string{"tls-library", "tls-other", "tls-protocols", "h2-order", "h2-opening", "fetch-missing", "hints-other", "language-missing", "encoding-other", "host-order", "name-case"}

// String lists the names of the set bits, comma-separated; it is empty for none.
func (c Contradiction) String() string {
	if c == 0 {
		return ""
	}
	var names [len(contradictionNames)]string
	n := 0
	for i, name := range contradictionNames {
		if c&(1<<i) != 0 {
			names[n] = name
			n++
		}
	}
	return strings.Join(names[:n], ",")
}

// Order reports whether the order or case of header names is among the contradictions.
func (c Contradiction) Order() bool { return c&(HostOrder|NameCase) != 0 }

// Agent reports whether anything but the order of headers is among the contradictions.
func (c Contradiction) Agent() bool { return c&^(HostOrder|NameCase) != 0 }

// libraryCiphers are JA4 cipher hashes of HTTP libraries and tools, measured
// on loopback (design notes, dependencies.md section 1). Sorted.
var libraryCiphers = [...]string{
	"723694b0fccc", // wget, wfuzz
	"85036bcba153", // Python urllib
	"9dc949149365", // ffuf, gobuster
	"a33745022dd6", // Node
	"ab95583b6d39", // nmap
	"c7886603b240", // Python requests, httpx
	"cbb2034c60b8", // Go, older
	"d943125447b4", // sqlmap
	"db35923f8641", // Java
	"df115388da38", // h2load
	"e8f1e7e78f70", // OpenSSL's default: curl, aiohttp, LWP, ab
	"f57a46bbacb6", // Go
}

// engineCiphers are JA4 cipher hashes of browsers, by engine.
var engineCiphers = [...]struct {
	hash   string
	engine engine
}{
	{"8daaf6152771", blink},
	{"86a278354501", gecko},
	{"5b57614c22b0", gecko},
	{"a09f3c656075", webkit},
}

// contradict compares facts with the claimed browser.
func contradict(f *Facts, h *headers, claimed Family, version int) Contradiction {
	// Android apps give their own library the WebView's name; its version says little.
	if !claimed.Browser() || claimed == WebView {
		return 0
	}
	c := contradictTLS(f.JA4, h, claimed, version) | contradictH2(f.H2, claimed)
	if h.proxied || h.special {
		return c // what a proxy passed on, or no page's request: headers say nothing
	}
	return c | contradictHeaders(f, h, claimed, version)
}

// modern reports whether this version has TLS 1.3, HTTP/2, br and fetch metadata.
func modern(claimed Family, version int) bool {
	switch claimed.engine() {
	case blink:
		return version >= 90
	case gecko:
		return version >= 91
	case webkit:
		return claimed == Safari && version >= 17
	}
	return false
}

func contradictTLS(ja4 string, h *headers, claimed Family, version int) Contradiction {
	if len(ja4) < 23 || ja4[10] != '_' {
		return 0
	}
	var c Contradiction
	ciphers := ja4[11:23]
	for _, known := range libraryCiphers {
		if ciphers == known {
			c |= TLSLibrary
		}
	}
	for _, known := range engineCiphers {
		if ciphers == known.hash && known.engine != claimed.engine() {
			c |= TLSOther
		}
	}
	if !modern(claimed, version) {
		return c
	}
	if ja4[1:3] != "13" || ja4[4:6] > "30" {
		c |= TLSOther
	}
	if alpn := ja4[8:10]; ja4[0] == 't' && (alpn == "00" || alpn != "h2" && !h.upgrade) {
		c |= TLSProtocols
	}
	return c
}

// contradictH2 reads the opening in Akamai's notation: "SETTINGS|WINDOW_UPDATE|PRIORITY|order".
func contradictH2(h2 string, claimed Family) Contradiction {
	i := strings.LastIndexByte(h2, '|')
	if i < 0 {
		return 0
	}
	order := h2[i+1:]
	var c Contradiction
	switch claimed.engine() {
	case blink:
		if order != "m,a,s,p" {
			c |= H2Order
		}
		if !strings.Contains(h2[:i+1], "|15663105|") {
			c |= H2Opening
		}
	case gecko:
		if order != "m,p,a,s" {
			c |= H2Order
		}
		if !strings.Contains(h2[:i+1], "|12517377|") {
			c |= H2Opening
		}
	case webkit:
		if order != "m,s,p,a" && order != "m,s,a,p" {
			c |= H2Order
		}
	}
	return c
}

func contradictHeaders(f *Facts, h *headers, claimed Family, version int) Contradiction {
	var c Contradiction
	if !h.language {
		c |= LanguageMissing
	}
	if f.Ordered && f.H2 == "" && strings.HasPrefix(f.Proto, "HTTP/1") {
		if !h.hostFirst {
			c |= HostOrder
		}
		if h.lowerCase {
			c |= NameCase
		}
	}
	if h.hints != "" && (claimed.engine() != blink || hintsDisagree(h.hints, version)) {
		c |= HintsOther
	}
	if !f.Secure || !modern(claimed, version) {
		return c // browsers send neither fetch metadata nor br in the clear
	}
	if !h.fetch && h.hints == "" {
		c |= FetchMissing
	}
	if h.encoding != "" && !strings.Contains(h.encoding, "br") && !strings.Contains(h.encoding, "identity") {
		c |= EncodingOther
	}
	return c
}

// hintsDisagree reports whether Sec-CH-UA names a Chromium of another version.
func hintsDisagree(hints string, version int) bool {
	v, ok := after(hints, `"Chromium";v="`)
	return ok && version != 0 && v != version
}
