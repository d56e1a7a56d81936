package fingerprint

import "testing"

func TestAgent(t *testing.T) {
	tests := []struct {
		ua      string
		family  Family
		version int
	}{
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36", Chrome, 126},
		{"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/49.0.2623.112 Safari/537.36", Chrome, 49},
		{"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/127.0.0.0 Mobile Safari/537.36", Chrome, 127},
		{"Mozilla/5.0 (Linux; Android 9; CUBOT_X18_Plus) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/96.0.4664.45 Mobile Safari/537.36", Chrome, 96},
		{"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Safari/537.36", Chrome, 125},
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0", Edge, 126},
		{"Mozilla/5.0 (Linux; Android 10; HD1913) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.6478.122 Mobile Safari/537.36 EdgA/125.0.2535.96", Edge, 126},
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/64.0.3282.140 Safari/537.36 Edge/18.17763", Unknown, 64},
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Safari/537.36 OPR/111.0.0.0", Opera, 125},
		{"Mozilla/5.0 (Linux; Android 13; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36", Samsung, 121},
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 YaBrowser/24.6.0.0 Safari/537.36", Chromium, 124},
		{"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Vivaldi/6.8.3381.46", Chromium, 126},
		{"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/126.0.0.0 Safari/537.36", Chromium, 126},
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Slack/4.38.125 Chrome/124.0.6367.243 Electron/30.1.0 Safari/537.36", Chromium, 124},
		{"Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/AP1A.240505.004; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/125.0.6422.165 Mobile Safari/537.36", WebView, 125},
		{"Mozilla/5.0 (Linux; Android 12; SM-G991B; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/126.0.6478.71 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/468.0.0.50.78;]", WebView, 126},
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0", Firefox, 127},
		{"Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0", Firefox, 115},
		{"Mozilla/5.0 (Android 14; Mobile; rv:127.0) Gecko/127.0 Firefox/127.0", Firefox, 127},
		{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15", Safari, 17},
		{"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1", Safari, 17},
		{"Mozilla/5.0 (iPad; CPU OS 12_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/12.1.2 Mobile/15E148 Safari/604.1", Safari, 12},
		{"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/126.0.6478.108 Mobile/15E148 Safari/604.1", WebKit, 0},
		{"Mozilla/5.0 (iPhone; CPU iPhone OS 14_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/127.1 Mobile/15E148 Safari/605.1.15", WebKit, 0},
		{"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 EdgiOS/126.0.2592.56 Mobile/15E148 Safari/604.1", WebKit, 0},
		{"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) GSA/322.0.643873034 Mobile/15E148 Safari/604.1", WebKit, 0},
		{"Mozilla/5.0 (iPhone; CPU iPhone OS 17_4_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/21E236 Instagram 334.0.4.32.98", WebKit, 0},
		{"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", Bot, 0},
		{"Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.6478.126 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", Bot, 0},
		{"Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", Bot, 0},
		{"Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)", Bot, 0},
		{"facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", Bot, 0},
		{"Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko", Unknown, 0},
		{"Mozilla/5.0 (Linux; U; Android 4.0.3; de-de) AppleWebKit/534.30 (KHTML, like Gecko) Version/4.0 Mobile Safari/534.30", Unknown, 0},
		{"curl/8.5.0", Curl, 8},
		{"Wget/1.21.4", Wget, 1},
		{"Go-http-client/2.0", Go, 2},
		{"python-requests/2.32.3", PythonRequests, 2},
		{"Python/3.12 aiohttp/3.9.5", Python, 3},
		{"python-httpx/0.27.0", Python, 0},
		{"Python-urllib/3.11", Python, 3},
		{"axios/1.7.2", Node, 1},
		{"node", Node, 0},
		{"okhttp/4.12.0", OkHttp, 4},
		{"Java-http-client/17.0.11", Java, 17},
		{"Apache-HttpClient/4.5.14 (Java/17.0.11)", Java, 4},
		{"GuzzleHttp/7", PHP, 7},
		{"PostmanRuntime/7.39.0", Postman, 7},
		{"Dart/3.4 (dart:io)", Dart, 3},
		{"libwww-perl/6.72", Perl, 6},
		{"MyApp/1.2 CFNetwork/1496.0.7 Darwin/23.5.0", CFNetwork, 0},
		{"", Unknown, 0},
		{"Mozilla/", Unknown, 0},
	}
	for _, tt := range tests {
		family, version := Agent(tt.ua)
		if family != tt.family || version != tt.version {
			t.Errorf("Agent(%q) = %v, %d; want %v, %d", tt.ua, family, version, tt.family, tt.version)
		}
	}
}

func TestFamilyNames(t *testing.T) {
	seen := map[string]bool{}
	for f := range Family(Families) {
		if s := f.String(); s == "" || seen[s] {
			t.Errorf("Family(%d).String() = %q; want a name of its own", f, s)
		} else {
			seen[s] = true
		}
	}
	if Family(200).String() != "unknown" || Curl.Browser() || !WebKit.Browser() || Unknown.Browser() {
		t.Error("families beyond the last, or Browser, are wrong")
	}
}

func FuzzAgent(f *testing.F) {
	f.Add("Mozilla/5.0 (X11) AppleWebKit/537.36 Chrome/1")
	f.Add("bo")
	f.Fuzz(func(t *testing.T, ua string) {
		if family, version := Agent(ua); family >= Families || version < 0 || version > 9999 {
			t.Errorf("Agent(%q) = %v, %d", ua, family, version)
		}
	})
}
