package scenario

import "strings"

// software is what one kind of client sends of itself. JA4 and HTTP/2 openings
// were captured on loopback from the real programs.
type software struct {
	id, proto, ja4, alpn, h2 string
	fields                   [][2]string // value "{host}" is replaced
}

func (s software) headers(host string) [][2]string {
	out := make([][2]string, len(s.fields))
	for i, f := range s.fields {
		out[i] = [2]string{f[0], strings.ReplaceAll(f[1], "{host}", host)}
	}
	return out
}

// name writes a field name as the software does.
func (s software) name(n string) string {
	if s.proto == "HTTP/2.0" {
		return strings.ToLower(n)
	}
	return n
}

const chromeAgent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"

var chromeFields = [][2]string{
	{"sec-ch-ua-platform", `"Linux"`}, {"user-agent", chromeAgent}, {"sec-ch-ua", `"Chromium";v="156", "Not)A;Brand";v="24", "Google Chrome";v="156"`},
	{"sec-ch-ua-mobile", "?0"}, {"accept", "*/*"}, {"sec-fetch-site", "same-origin"}, {"sec-fetch-mode", "cors"}, {"sec-fetch-dest", "empty"},
	{"referer", "https://{host}/"}, {"accept-encoding", "gzip, deflate, br, zstd"}, {"accept-language", "en-US,en;q=0.9"},
}

var firefoxFields = [][2]string{
	{"user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0"}, {"accept", "*/*"}, {"accept-language", "en-US,en;q=0.5"},
	{"accept-encoding", "gzip, deflate, br, zstd"}, {"referer", "https://{host}/"}, {"sec-fetch-dest", "empty"}, {"sec-fetch-mode", "cors"}, {"sec-fetch-site", "same-origin"}, {"te", "trailers"},
}

var softwares = []software{
	{"chrome", "HTTP/2.0", "t13d1517h2_8daaf6152771_cb7bf5808d99", "h2", "1:65536;2:0;4:6291456;6:262144|15663105|0|m,a,s,p", chromeFields},
	{"firefox", "HTTP/2.0", "t13d1617h2_86a278354501_3cbfd9057e0d", "h2", "1:65536;2:0;4:131072;5:16384|12517377|0|m,p,a,s", firefoxFields},
	{"curl", "HTTP/2.0", "t13d3112h2_e8f1e7e78f70_b26ce05bbdd6", "h2", "3:100;4:33554432;2:0|33488897|0|m,p,s,a", [][2]string{{"user-agent", "curl/7.88.1"}, {"accept", "*/*"}}},
	{"go", "HTTP/2.0", "t13d1312h2_f57a46bbacb6_ab7e3b40a677", "h2", "2:0;4:4194304;5:16384;6:10485760|1073741824|0|a,m,p,s", [][2]string{{"accept-encoding", "gzip"}, {"user-agent", "Go-http-client/2.0"}}},
	{"python", "HTTP/1.1", "t13d4312h1_c7886603b240_b26ce05bbdd6", "http/1.1", "", [][2]string{{"Host", "{host}"}, {"User-Agent", "python-requests/2.28.1"}, {"Accept-Encoding", "gzip, deflate"}, {"Accept", "*/*"}, {"Connection", "keep-alive"}}},
	// An attacker's: Go under a browser's name, Python under one, a scanner, and nothing at all.
	{"go-as-chrome", "HTTP/2.0", "t13d1312h2_f57a46bbacb6_ab7e3b40a677", "h2", "2:0;4:4194304;5:16384;6:10485760|1073741824|0|a,m,p,s", [][2]string{{"accept-encoding", "gzip"}, {"user-agent", chromeAgent}}},
	{"python-as-chrome", "HTTP/1.1", "t13d4312h1_c7886603b240_b26ce05bbdd6", "http/1.1", "", [][2]string{{"Host", "{host}"}, {"User-Agent", chromeAgent}, {"Accept-Encoding", "gzip, deflate"}, {"Accept", "*/*"}, {"Connection", "keep-alive"}}},
	{"sqlmap", "HTTP/1.1", "t12d280700_d943125447b4_e7e480e5a997", "", "", [][2]string{{"Cache-Control", "no-cache"}, {"User-Agent", "sqlmap/1.7.2#stable (https://sqlmap.org)"}, {"Host", "{host}"}, {"Accept", "*/*"}, {"Accept-Encoding", "gzip,deflate"}, {"Connection", "close"}}},
	{"plain-curl", "HTTP/1.1", "", "", "", [][2]string{{"Host", "{host}"}, {"User-Agent", "curl/7.88.1"}, {"Accept", "*/*"}}},
	{"plain-chrome", "HTTP/1.1", "", "", "", [][2]string{{"Host", "{host}"}, {"Connection", "keep-alive"}, {"User-Agent", chromeAgent}, {"Accept", "*/*"}, {"Referer", "http://{host}/"}, {"Accept-Encoding", "gzip, deflate"}, {"Accept-Language", "en-US,en;q=0.9"}}},
	{"bare", "HTTP/1.1", "", "", "", [][2]string{{"Host", "{host}"}}},
}

func softwareNamed(id string) (software, bool) {
	for _, s := range softwares {
		if s.id == id {
			return s, true
		}
	}
	return software{}, false
}

func softwareNames() string {
	var out []string
	for _, s := range softwares {
		out = append(out, s.id)
	}
	return strings.Join(out, ", ")
}
