package simulate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
)

// program is one kind of client software: what it sends of itself.
type program struct {
	name     string
	kind     string // browser, app, sdk, monitor, odd
	proto    string
	ja4      []string // by version group
	h2       string
	versions []string
	devices  int    // how many models or variants the User-Agent names
	agent    string // format: version, device
	mobile   bool
	weight   float64
	auth     string // cookie, bearer, key, ""
}

const (
	h2  = "HTTP/2.0"
	h1  = "HTTP/1.1"
	api = "api.example.com"
)

// ja4s returns variants of a fingerprint, one for each group of versions: the
// extension hash changes between releases.
func ja4s(base string, groups int) []string {
	out := make([]string, groups)
	for i := range out {
		out[i] = base
		if i > 0 {
			out[i] = base[:len(base)-2] + fmt.Sprintf("%02x", 16*i+7)
		}
	}
	return out
}

func versions(from, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = strconv.Itoa(from - i)
	}
	return out
}

// Captured from the real programs on loopback: Chromium, Firefox, Go, Python, curl.
const (
	ja4Chrome  = "t13d1517h2_8daaf6152771_cb7bf5808d99"
	ja4Firefox = "t13d1617h2_86a278354501_3cbfd9057e0d"
	ja4Safari  = "t13d2014h2_a09f3c656075_e42f34c56612"
	ja4Go      = "t13d1312h2_f57a46bbacb6_ab7e3b40a677"
	ja4Python  = "t13d4312h1_c7886603b240_b26ce05bbdd6"
	ja4Curl    = "t13d3112h2_e8f1e7e78f70_b26ce05bbdd6"
	ja4OkHttp  = "t13d1612h2_5d04281c6031_46fcf4c9d3b8"
	ja4Apple   = "t13d2014h2_a09f3c656075_14788d8d241b"
	ja4Java    = "t13d4911h2_db35923f8641_d41ae481755e"
	ja4Node    = "t13d5212h1_a33745022dd6_5ac7197df9d2"

	h2Chrome  = "1:65536;2:0;4:6291456;6:262144|15663105|0|m,a,s,p"
	h2Firefox = "1:65536;2:0;4:131072;5:16384|12517377|0|m,p,a,s"
	h2Safari  = "2:0;3:100;4:2097152|10420225|0|m,s,a,p"
	h2Go      = "2:0;4:4194304;5:16384;6:10485760|1073741824|0|a,m,p,s"
	h2OkHttp  = "4:16777216|16711681|0|m,p,a,s"
	h2Apple   = "4:2097152;3:100|10485760|0|m,s,p,a"
	h2Java    = "1:16384;2:0;3:100;4:16777216;5:16384|16711681|0|m,p,s,a"

	chromeAgent = "Mozilla/5.0 (%s) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%%[1]s.0.0.0 %sSafari/537.36"
)

// programs are all good ones; shares are rough market shares.
func programs() (out []*program) {
	add := func(p program) { out = append(out, &p) }
	chrome := func(name, platform string, weight float64, devices int, suffix string) {
		agent := fmt.Sprintf(chromeAgent, platform, map[bool]string{true: "Mobile "}[devices > 10]) + suffix
		add(program{name: name, kind: "browser", proto: h2, ja4: ja4s(ja4Chrome, 2), h2: h2Chrome, versions: versions(156, 6), devices: devices, agent: agent, mobile: devices > 10, weight: weight, auth: "cookie"})
	}
	chrome("chrome-windows", "Windows NT 10.0; Win64; x64", 14, 1, "")
	chrome("chrome-mac", "Macintosh; Intel Mac OS X 10_15_7", 5, 1, "")
	chrome("chrome-linux", "X11; Linux x86_64", 1, 1, "")
	chrome("chrome-android", "Linux; Android 16; Model %%[2]d", 10, 800, "")
	chrome("edge-windows", "Windows NT 10.0; Win64; x64", 4, 1, " Edg/%[1]s.0.0.0")
	chrome("samsung", "Linux; Android 16; SM-%%[2]d", 1.8, 300, "")
	chrome("opera", "Windows NT 10.0; Win64; x64", 0.6, 1, " OPR/120.0.0.0")
	safari := func(name, platform string, weight float64, devices int, tail string) {
		add(program{name: name, kind: "browser", proto: h2, ja4: ja4s(ja4Safari, 2), h2: h2Safari, versions: versions(26, 5), devices: devices,
			agent: "Mozilla/5.0 (" + platform + ") AppleWebKit/605.1.15 (KHTML, like Gecko) Version/%[1]s.0 " + tail, mobile: devices > 1, weight: weight, auth: "cookie"})
	}
	safari("safari-mac", "Macintosh; Intel Mac OS X 10_15_7", 3.5, 1, "Safari/605.1.15")
	safari("safari-ios", "iPhone; CPU iPhone OS 18_%[2]d like Mac OS X", 8, 8, "Mobile/15E148 Safari/604.1")
	for _, f := range []struct {
		name, platform string
		weight         float64
	}{{"firefox-windows", "Windows NT 10.0; Win64; x64", 2}, {"firefox-mac", "Macintosh; Intel Mac OS X 10.15", 0.7}, {"firefox-linux", "X11; Linux x86_64", 0.5}} {
		add(program{name: f.name, kind: "browser", proto: h2, ja4: ja4s(ja4Firefox, 2), h2: h2Firefox, versions: versions(153, 6), devices: 1,
			agent: "Mozilla/5.0 (" + f.platform + "; rv:%[1]s.0) Gecko/20100101 Firefox/%[1]s.0", weight: f.weight, auth: "cookie"})
	}
	add(program{name: "app-android", kind: "app", proto: h2, ja4: ja4s(ja4OkHttp, 2), h2: h2OkHttp, versions: versions(42, 5), devices: 900, agent: "ShopApp/%[1]s (Android 16; Model %[2]d) okhttp/4.12.0", mobile: true, weight: 18, auth: "bearer"})
	add(program{name: "app-ios", kind: "app", proto: h2, ja4: ja4s(ja4Apple, 2), h2: h2Apple, versions: versions(42, 5), devices: 20, agent: "ShopApp/%[1]s CFNetwork/1568.200.51 Darwin/24.%[2]d.0", mobile: true, weight: 14, auth: "bearer"})
	add(program{name: "python", kind: "sdk", proto: h1, ja4: ja4s(ja4Python, 1), versions: []string{"2.32.3", "2.31.0", "2.28.1"}, devices: 1, agent: "python-requests/%[1]s", weight: 3, auth: "key"})
	add(program{name: "go", kind: "sdk", proto: h2, ja4: ja4s(ja4Go, 2), h2: h2Go, versions: []string{"2.0"}, devices: 1, agent: "Go-http-client/%[1]s", weight: 3.5, auth: "key"})
	add(program{name: "node", kind: "sdk", proto: h1, ja4: ja4s(ja4Node, 1), versions: []string{"1.7.9", "1.7.2"}, devices: 1, agent: "axios/%[1]s", weight: 3, auth: "key"})
	add(program{name: "java", kind: "sdk", proto: h2, ja4: ja4s(ja4Java, 1), h2: h2Java, versions: []string{"21.0.4", "17.0.9"}, devices: 1, agent: "Java-http-client/%[1]s", weight: 3, auth: "key"})
	add(program{name: "uptime", kind: "monitor", proto: h1, ja4: ja4s(ja4Curl, 1), versions: []string{"8.5.0"}, devices: 1, agent: "curl/%[1]s", weight: 1})
	for i := range 300 { // privacy browsers, televisions, consoles, proxies that strip headers, old devices
		p := program{name: "odd" + strconv.Itoa(i), kind: "odd", proto: h2, versions: versions(12, 2), devices: 2, agent: "Device" + strconv.Itoa(i%60) + "/%[1]s (rev %[2]d)", weight: 0.22 / math.Pow(float64(i+1), 0.9), auth: "cookie"}
		p.ja4 = ja4s(fmt.Sprintf("t13d%02d%02dh2_%012x_%012x", 10+i%20, 8+i%9, 0xabc000000000+i*7919, 0xdef000000000+i*104729), 2)
		p.h2 = fmt.Sprintf("3:%d;4:%d|%d|0|m,p,s,a", 50+i%50, 65535*(1+i%9), 1000000+i%7)
		if i%3 == 0 {
			p.proto, p.h2 = h1, ""
		}
		add(p)
	}
	return out
}

// agentOf returns the User-Agent of a version and a device.
func (p *program) agentOf(version, device int) string {
	return format(p.agent, p.versions[version], device)
}

// format fills "%[1]s" and "%[2]d"; a User-Agent need not have either.
func format(f, version string, device int) string {
	return strings.NewReplacer("%[1]s", version, "%[2]d", strconv.Itoa(device), "%%[2]d", strconv.Itoa(device)).Replace(f)
}

// weights is a cumulative distribution.
type weights []float64

func cumulate(w []float64) weights {
	out, sum := make(weights, len(w)), 0.0
	for i, x := range w {
		sum += x
		out[i] = sum
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}

func (c weights) pick(r *rand.Rand) int {
	x, low, high := r.Float64(), 0, len(c)-1
	for low < high {
		if m := (low + high) / 2; c[m] < x {
			low = m + 1
		} else {
			high = m
		}
	}
	return low
}

// zipf weights n things so that the ith has the share 1/i^s.
func zipf(n int, s float64) weights {
	w := make([]float64, n)
	for i := range w {
		w[i] = 1 / math.Pow(float64(i+1), s)
	}
	return cumulate(w)
}
