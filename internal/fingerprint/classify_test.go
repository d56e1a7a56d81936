package fingerprint

import (
	"strconv"
	"strings"
	"testing"
)

const (
	chromeUA  = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
	firefoxUA = "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"
	safariUA  = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15"
	criosUA   = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/126.0.6478.108 Mobile/15E148 Safari/604.1"
	webviewUA = "Mozilla/5.0 (Linux; Android 14; Pixel 8; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/125.0.6422.165 Mobile Safari/537.36"
	oldUA     = "Mozilla/5.0 (Windows NT 6.1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/49.0.2623.112 Safari/537.36"

	chromeJA4  = "t13d1516h2_8daaf6152771_02713d6af862"
	firefoxJA4 = "t13d1617h2_86a278354501_3cbfd9057e0d"
	safariJA4  = "t13d2014h2_a09f3c656075_14788d8d241b"
	curlJA4    = "t13d3112h2_e8f1e7e78f70_b26ce05bbdd6"
	goJA4      = "t13d1312h2_f57a46bbacb6_ab7e3b40a677"
	pythonJA4  = "t13d4312h1_c7886603b240_b26ce05bbdd6"

	chromeH2  = "1:65536;2:0;4:6291456;6:262144|15663105|0|m,a,s,p"
	firefoxH2 = "1:65536;2:0;4:131072;5:16384|12517377|0|m,p,a,s"
	safariH2  = "2:0;3:100;4:2097152|10420225|0|m,s,a,p"
	goH2      = "2:0;4:4194304;5:16384;6:10485760|1073741824|0|a,m,p,s"
	httpxH2   = "1:4096;2:0;4:65535;5:16384;3:100;6:65536|16777216|0|m,a,s,p"
)

// fields builds header lines from "Name: value" strings.
func fields(lines ...string) []Field {
	var out []Field
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ": ")
		out = append(out, Field{Name: name, Value: value})
	}
	return out
}

func chromeFields(ua string) []Field {
	return fields("Host: x", "Connection: keep-alive", `sec-ch-ua: "Chromium";v="126", "Google Chrome";v="126", "Not:A-Brand";v="24"`, "sec-ch-ua-mobile: ?0", "User-Agent: "+ua,
		"Accept: */*", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors", "Accept-Encoding: gzip, deflate, br, zstd", "Accept-Language: en-GB,en;q=0.9")
}

func firefoxFields() []Field {
	return fields("Host: x", "User-Agent: "+firefoxUA, "Accept: */*", "Accept-Language: en-US,en;q=0.5", "Accept-Encoding: gzip, deflate, br, zstd", "Connection: keep-alive", "Sec-Fetch-Dest: empty", "Sec-Fetch-Mode: cors", "Sec-Fetch-Site: same-origin")
}

func safariFields(ua string) []Field {
	return fields("Host: x", "Accept: */*", "Sec-Fetch-Site: same-origin", "Accept-Language: en-GB,en;q=0.9", "Sec-Fetch-Mode: cors", "User-Agent: "+ua, "Accept-Encoding: gzip, deflate, br", "Connection: keep-alive")
}

func TestConsistentBrowsers(t *testing.T) {
	tests := []struct {
		name string
		f    Facts
	}{
		{"Chrome on HTTP/2", Facts{JA4: chromeJA4, H2: chromeH2, Proto: "HTTP/2.0", Secure: true, Ordered: true, Fields: chromeFields(chromeUA)[2:]}},
		{"Chrome on a resumed connection", Facts{JA4: "t13d1517h2_8daaf6152771_b0da82dd1658", H2: chromeH2, Proto: "HTTP/2.0", Secure: true, Fields: chromeFields(chromeUA)}},
		{"Chrome on HTTP/1.1 in the clear", Facts{Proto: "HTTP/1.1", Ordered: true, Fields: fields("Host: x", "Connection: keep-alive", "User-Agent: "+chromeUA, "Accept: */*", "Accept-Encoding: gzip, deflate", "Accept-Language: en")}},
		{"Chrome on localhost", Facts{Proto: "HTTP/1.1", Ordered: true, Fields: chromeFields(chromeUA)}},
		{"Chrome's HTTP/1.1 fallback over TLS", Facts{JA4: chromeJA4, Proto: "HTTP/1.1", Secure: true, Ordered: true, Fields: chromeFields(chromeUA)}},
		{"Chrome's WebSocket", Facts{JA4: "t13d1516h1_8daaf6152771_02713d6af862", Proto: "HTTP/1.1", Secure: true, Ordered: true, Fields: fields("Host: x", "Connection: Upgrade", "User-Agent: "+chromeUA, "Upgrade: websocket", "Accept-Encoding: gzip, deflate, br", "Accept-Language: en")}},
		{"Chrome's preflight", Facts{JA4: chromeJA4, H2: chromeH2, Proto: "HTTP/2.0", Secure: true, Fields: fields("accept: */*", "access-control-request-method: PUT", "user-agent: "+chromeUA)}},
		{"Chrome's report", Facts{JA4: chromeJA4, H2: chromeH2, Proto: "HTTP/2.0", Secure: true, Fields: fields("content-type: application/reports+json", "user-agent: "+chromeUA)}},
		{"a newer Chrome with other extensions", Facts{JA4: "t13d1617h2_deadbeef0000_02713d6af862", H2: chromeH2, Proto: "HTTP/2.0", Secure: true, Fields: chromeFields(chromeUA)}},
		{"media in Chrome", Facts{JA4: chromeJA4, H2: chromeH2, Proto: "HTTP/2.0", Secure: true, Fields: fields("user-agent: "+chromeUA, "accept-encoding: identity;q=1, *;q=0", "accept-language: en", "sec-fetch-mode: no-cors", "range: bytes=0-")}},
		{"Chrome 49", Facts{JA4: "t12d1612h2_aaaaaaaaaaaa_bbbbbbbbbbbb", H2: "1:65536;3:1000;4:6291456|15663105|0|m,a,s,p", Proto: "HTTP/2.0", Secure: true, Fields: fields("user-agent: "+oldUA, "accept-encoding: gzip, deflate, sdch", "accept-language: en")}},
		{"Edge", Facts{JA4: chromeJA4, H2: chromeH2, Proto: "HTTP/2.0", Secure: true, Fields: chromeFields(chromeUA + " Edg/126.0.0.0")}},
		{"Opera", Facts{JA4: chromeJA4, H2: chromeH2, Proto: "HTTP/2.0", Secure: true, Fields: chromeFields(chromeUA + " OPR/112.0.0.0")}},
		{"Firefox on HTTP/2", Facts{JA4: firefoxJA4, H2: firefoxH2, Proto: "HTTP/2.0", Secure: true, Ordered: true, Fields: firefoxFields()[1:]}},
		{"Firefox on HTTP/1.1", Facts{JA4: firefoxJA4, Proto: "HTTP/1.1", Secure: true, Ordered: true, Fields: firefoxFields()}},
		{"Safari", Facts{JA4: safariJA4, H2: safariH2, Proto: "HTTP/2.0", Secure: true, Ordered: true, Fields: safariFields(safariUA)[1:]}},
		{"Safari, older order", Facts{JA4: safariJA4, H2: "4:2097152;3:100|10485760|0|m,s,p,a", Proto: "HTTP/2.0", Secure: true, Fields: safariFields(safariUA)}},
		{"Chrome on iOS is WebKit", Facts{JA4: safariJA4, H2: safariH2, Proto: "HTTP/2.0", Secure: true, Fields: safariFields(criosUA)}},
		{"an Android app's own library with the WebView's name", Facts{JA4: "t13d1513h2_cccccccccccc_dddddddddddd", H2: "4:16777216|16711681|0|m,p,a,s", Proto: "HTTP/2.0", Secure: true, Fields: fields("user-agent: "+webviewUA, "accept-encoding: gzip")}},
		{"Chrome behind a proxy of ours", Facts{Proto: "HTTP/1.1", Ordered: true, Fields: fields("X-Forwarded-For: 1.2.3.4", "host: x", "user-agent: "+chromeUA)}},
		{"curl says curl", Facts{JA4: curlJA4, H2: "3:100;4:33554432;2:0|33488897|0|m,p,s,a", Proto: "HTTP/2.0", Secure: true, Fields: fields("user-agent: curl/8.5.0", "accept: */*")}},
		{"Go says Go", Facts{JA4: goJA4, H2: goH2, Proto: "HTTP/2.0", Secure: true, Fields: fields("user-agent: Go-http-client/2.0", "accept-encoding: gzip")}},
		{"nothing at all", Facts{}},
	}
	for _, tt := range tests {
		if s := seeded.Classify(tt.f); s.Contradicts != 0 {
			t.Errorf("%s: contradicts %v; want none", tt.name, s.Contradicts)
		}
	}
}

func TestContradictions(t *testing.T) {
	bare := func(ua string) []Field { return fields("Host: x", "User-Agent: "+ua) }
	tests := []struct {
		name string
		f    Facts
		want Contradiction // among others
	}{
		{"curl as Chrome", Facts{JA4: curlJA4, H2: "3:100;4:33554432;2:0|33488897|0|m,p,s,a", Secure: true, Fields: bare(chromeUA)}, TLSLibrary | TLSOther | H2Order | H2Opening | FetchMissing | LanguageMissing},
		{"curl as Chrome, Chrome's headers", Facts{JA4: curlJA4, H2: "3:100;4:33554432;2:0|33488897|0|m,p,s,a", Secure: true, Fields: chromeFields(chromeUA)}, TLSLibrary | H2Order},
		{"Go as Firefox", Facts{JA4: goJA4, H2: goH2, Secure: true, Fields: bare(firefoxUA)}, TLSLibrary | H2Order | H2Opening | FetchMissing},
		{"requests as Chrome", Facts{JA4: pythonJA4, Proto: "HTTP/1.1", Secure: true, Ordered: true, Fields: fields("Host: x", "User-Agent: "+chromeUA, "Accept-Encoding: gzip, deflate", "Accept: */*", "Connection: keep-alive")}, TLSLibrary | TLSOther | TLSProtocols | FetchMissing | LanguageMissing | EncodingOther},
		{"httpx as Chrome has its order but not its opening", Facts{JA4: chromeJA4, H2: httpxH2, Secure: true, Fields: chromeFields(chromeUA)}, H2Opening},
		{"Chrome's TLS under Firefox's name", Facts{JA4: chromeJA4, H2: chromeH2, Secure: true, Fields: firefoxFields()}, TLSOther | H2Order | H2Opening},
		{"Firefox's TLS under Safari's name", Facts{JA4: firefoxJA4, Secure: true, Fields: safariFields(safariUA)}, TLSOther},
		{"Chrome without ALPN", Facts{JA4: "t13d151500_8daaf6152771_02713d6af862", Secure: true, Fields: chromeFields(chromeUA)}, TLSProtocols},
		{"Chrome on TLS 1.2", Facts{JA4: "t12d1515h2_aaaaaaaaaaaa_02713d6af862", Secure: true, Fields: chromeFields(chromeUA)}, TLSOther},
		{"hints of another version", Facts{JA4: chromeJA4, H2: chromeH2, Secure: true, Fields: chromeFields(strings.Replace(chromeUA, "126", "120", 1))}, HintsOther},
		{"hints from Firefox", Facts{Secure: true, Fields: append(firefoxFields(), Field{Name: "sec-ch-ua", Value: `"Chromium";v="127"`})}, HintsOther},
		{"urllib as Chrome", Facts{Proto: "HTTP/1.1", Ordered: true, Fields: fields("Accept-Encoding: identity", "Host: x", "User-Agent: "+chromeUA, "Connection: close")}, HostOrder | LanguageMissing},
		{"undici as Chrome", Facts{Proto: "HTTP/1.1", Ordered: true, Fields: fields("host: x", "connection: keep-alive", "accept: */*", "accept-language: *", "user-agent: "+chromeUA, "accept-encoding: gzip, deflate")}, NameCase},
	}
	for _, tt := range tests {
		if s := seeded.Classify(tt.f); s.Contradicts&tt.want != tt.want {
			t.Errorf("%s: contradicts %v; want at least %v", tt.name, s.Contradicts, tt.want)
		}
	}
}

func TestContradictionString(t *testing.T) {
	if got := Contradiction(0).String(); got != "" {
		t.Errorf("no contradiction prints %q; want nothing", got)
	}
	if got := (TLSLibrary | NameCase).String(); got != "tls-library,name-case" {
		t.Errorf("String() = %q; want tls-library,name-case", got)
	}
	if c := HostOrder; !c.Order() || c.Agent() {
		t.Error("HostOrder must be of the order and not of the agent")
	}
	if c := TLSLibrary | NameCase; !c.Order() || !c.Agent() {
		t.Error("TLSLibrary | NameCase must be of both")
	}
}

func TestKeyAndDigests(t *testing.T) {
	f := Facts{JA4: chromeJA4, H2: chromeH2, Secure: true, Ordered: true, Fields: chromeFields(chromeUA)}
	a := seeded.Classify(f)
	f.Fields = chromeFields(strings.Replace(chromeUA, "126", "120", 1))
	f.JA4 = "t13d1517h2_8daaf6152771_b0da82dd1658" // resumed
	f.Fields = append(f.Fields, Field{Name: "Cookie", Value: "a=1"}, Field{Name: "If-None-Match", Value: "x"})
	b := seeded.Classify(f)
	if a.Key != b.Key || a.Order != b.Order || a.Set != b.Set {
		t.Errorf("another version, resumed, with a cookie: %+v; want key, order and set of %+v", b, a)
	}
	if c := NewClassifier(2).Classify(f); c.Key == b.Key || c.Set == b.Set {
		t.Error("another seed gives the same digests")
	}
	f.Fields[0], f.Fields[1] = f.Fields[1], f.Fields[0]
	if c := seeded.Classify(f); c.Order == b.Order || c.Set != b.Set {
		t.Error("swapped fields must change the order and not the set")
	}
	f.Ordered = false
	if c := seeded.Classify(f); c.Order != 0 {
		t.Error("an order that is not the client's own has a digest")
	}
	f.JA4 = goJA4
	if c := seeded.Classify(f); c.Key == b.Key {
		t.Error("another JA4 gives the same key")
	}
}

func TestClassifyAllocates(t *testing.T) {
	f := Facts{JA4: chromeJA4, H2: chromeH2, Proto: "HTTP/2.0", Secure: true, Ordered: true, Fields: chromeFields(chromeUA)}
	if n := testing.AllocsPerRun(100, func() { seeded.Classify(f) }); n != 0 {
		t.Errorf("Classify allocates %v times; want 0", n)
	}
}

func FuzzClassify(f *testing.F) {
	f.Add(chromeJA4, chromeH2, "User-Agent", chromeUA)
	f.Add("t13", "|", "", "")
	f.Fuzz(func(t *testing.T, ja4, h2, name, value string) {
		_ = seeded.Classify(Facts{JA4: ja4, H2: h2, Proto: "HTTP/1.1", Secure: true, Ordered: true, Fields: []Field{{name, value}, {"User-Agent", value}}}).Contradicts.String()
	})
}

func BenchmarkClassify(b *testing.B) {
	f := Facts{JA4: chromeJA4, H2: chromeH2, Proto: "HTTP/2.0", Secure: true, Ordered: true, Fields: chromeFields(chromeUA)}
	b.ReportAllocs()
	for b.Loop() {
		seeded.Classify(f)
	}
}

// seeded is the classifier of these tests.
var seeded = NewClassifier(1)

// What the classifier remembers must not change what it says.
func TestClassifierRemembersRight(t *testing.T) {
	c := NewClassifier(7)
	for round := range 2 {
		for i := range 3 * claims {
			for _, ua := range []string{"curl/8." + strconv.Itoa(i), "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/" + strconv.Itoa(i), strings.Repeat("x", 2*maxAgent) + strconv.Itoa(i)} {
				known := c.claim(ua)
				family, version := known.family, known.version
				if wantFamily, wantVersion := Agent(ua); family != wantFamily || version != wantVersion {
					t.Fatalf("round %d, %q: got %v %d; want %v %d", round, ua, family, version, wantFamily, wantVersion)
				}
			}
		}
	}
}
