package fingerprint

import "strings"

// Family is the family of client software. The zero value is Unknown.
type Family uint8

// The families. Browsers come first, grouped by engine.
const (
	Unknown Family = iota
	Chrome
	Edge
	Opera
	Samsung
	Chromium // other browsers on Chromium: Vivaldi, Yandex, Electron, headless
	WebView  // Android WebView: apps also put its name on their own HTTP library
	Firefox
	Safari
	WebKit // other browsers and apps on Apple's WebKit: iOS Chrome, in-app browsers
	Curl
	Wget
	Go
	PythonRequests
	Python // aiohttp, httpx, urllib
	Node   // axios, undici, node-fetch, got
	Java
	OkHttp
	DotNet
	PHP
	Ruby
	Perl
	Dart
	Postman
	CFNetwork // native Apple apps
	Bot
	Families = iota
)

var familyNames = [Families]string{
	"unknown", "chrome", "edge", "opera", "samsung", "chromium", "webview", "firefox", "safari", "webkit",
	"curl", "wget", "go", "python-requests", "python", "node", "java", "okhttp", "dotnet", "php", "ruby",
	"perl", "dart", "postman", "cfnetwork", "bot",
}

// String returns the family's name in lower case.
func (f Family) String() string {
	if int(f) < len(familyNames) {
		return familyNames[f]
	}
	return familyNames[Unknown]
}

// Browser reports whether people browse with software of this family.
func (f Family) Browser() bool { return f >= Chrome && f <= WebKit }

// engine is what renders and, mostly, what speaks HTTP.
type engine uint8

const (
	noEngine engine = iota
	blink
	gecko
	webkit
)

func (f Family) engine() engine {
	switch {
	case f >= Chrome && f <= WebView:
		return blink
	case f == Firefox:
		return gecko
	case f == Safari || f == WebKit:
		return webkit
	}
	return noEngine
}

// maxAgent is how much of a User-Agent is read; real ones are half as long.
const maxAgent = 512

// Agent returns the family that a User-Agent claims and its major version, 0
// if that is not told. For Chromium's relatives the version is the engine's
// (the number after Chrome/), since that is what their behaviour depends on.
func Agent(ua string) (Family, int) {
	ua = ua[:min(len(ua), maxAgent)]
	if !strings.HasPrefix(ua, "Mozilla/") {
		return toolAgent(ua)
	}
	if isBot(ua) {
		return Bot, 0
	}
	if v, ok := after(ua, "Firefox/"); ok && strings.Contains(ua, "Gecko/") {
		return Firefox, v
	}
	if !strings.Contains(ua, "AppleWebKit/") {
		return Unknown, 0
	}
	if v, ok := after(ua, "Chrome/"); ok {
		return chromiumAgent(ua), v
	}
	if strings.Contains(ua, "iPhone") || strings.Contains(ua, "iPad") || strings.Contains(ua, "iPod") || strings.Contains(ua, "Macintosh") {
		return appleAgent(ua)
	}
	return Unknown, 0
}

// chromiumTokens name Chromium's relatives, in the order in which they are tried.
var chromiumTokens = [...]struct {
	token  string
	family Family
}{
	{"HeadlessChrome/", Chromium}, {"; wv)", WebView}, {"Edge/", Unknown}, {"Edg/", Edge}, {"EdgA/", Edge}, {"OPR/", Opera},
	{"SamsungBrowser/", Samsung}, {"YaBrowser/", Chromium}, {"Vivaldi/", Chromium}, {"Electron/", Chromium},
	{"UCBrowser/", Chromium}, {"MiuiBrowser/", Chromium}, {"QQBrowser/", Chromium}, {"HuaweiBrowser/", Chromium},
	{"Whale/", Chromium}, {"DuckDuckGo/", Chromium}, {"CrKey/", Chromium}, {"Version/4.0", WebView},
}

func chromiumAgent(ua string) Family {
	for _, t := range chromiumTokens {
		if strings.Contains(ua, t.token) {
			return t.family
		}
	}
	return Chrome
}

// appleTokens name browsers that Apple's rules make users of its WebKit.
var appleTokens = [...]string{"CriOS/", "FxiOS/", "EdgiOS/", "OPiOS/", "OPT/", "OPX/", "GSA/", "DuckDuckGo/", "Focus/", "Brave/", "YaBrowser/"}

func appleAgent(ua string) (Family, int) {
	for _, t := range appleTokens {
		if strings.Contains(ua, t) {
			return WebKit, 0
		}
	}
	if v, ok := after(ua, "Version/"); ok && strings.Contains(ua, " Safari/") {
		return Safari, v
	}
	return WebKit, 0
}

// tools are recognised by how their User-Agent begins.
var tools = [...]struct {
	prefix string
	family Family
}{
	{"curl/", Curl}, {"Wget/", Wget}, {"Go-http-client/", Go}, {"python-requests/", PythonRequests},
	{"python-httpx/", Python}, {"Python/", Python}, {"Python-urllib/", Python}, {"aiohttp/", Python}, {"python-urllib3/", Python},
	{"axios/", Node}, {"node-fetch/", Node}, {"undici", Node}, {"node", Node}, {"got ", Node}, {"got/", Node},
	{"okhttp/", OkHttp}, {"Java/", Java}, {"Java-http-client/", Java}, {"Apache-HttpClient/", Java},
	{"Dart/", Dart}, {"GuzzleHttp/", PHP}, {"PHP", PHP}, {"Ruby", Ruby}, {"Faraday", Ruby}, {"libwww-perl/", Perl},
	{"PostmanRuntime/", Postman}, {".NET", DotNet}, {"RestSharp/", DotNet},
}

func toolAgent(ua string) (Family, int) {
	for _, t := range tools {
		if strings.HasPrefix(ua, t.prefix) {
			v, _ := after(ua, "/")
			return t.family, v
		}
	}
	if isBot(ua) {
		return Bot, 0
	}
	if strings.Contains(ua, " CFNetwork/") {
		return CFNetwork, 0
	}
	return Unknown, 0
}

// isBot reports whether ua calls itself a robot: "bot", "spider" or "crawler"
// at the end of a word. (CUBOT is a maker of telephones.)
func isBot(ua string) bool {
	for i := 0; i+3 <= len(ua); i++ {
		switch ua[i] | 0x20 {
		case 'b':
			if foldAt(ua, i, "bot") && endsWord(ua, i+3) && !(i >= 2 && foldAt(ua, i-2, "cu")) {
				return true
			}
		case 's':
			if foldAt(ua, i, "spider") && endsWord(ua, i+6) || foldAt(ua, i, "slurp") {
				return true
			}
		case 'c':
			if foldAt(ua, i, "crawler") {
				return true
			}
		case 'f':
			if foldAt(ua, i, "facebookexternalhit") {
				return true
			}
		}
	}
	return false
}

func endsWord(s string, i int) bool { return i >= len(s) || (s[i]|0x20)-'a' >= 26 }

// foldAt reports whether low, which is lower case, stands at s[i:] in any case.
func foldAt(s string, i int, low string) bool {
	if len(s)-i < len(low) {
		return false
	}
	for j := 0; j < len(low); j++ {
		c := s[i+j]
		if c-'A' < 26 {
			c |= 0x20
		}
		if c != low[j] {
			return false
		}
	}
	return true
}

// after returns the number behind token, at most four digits of it.
func after(s, token string) (int, bool) {
	i := strings.Index(s, token)
	if i < 0 {
		return 0, false
	}
	n := 0
	for j := i + len(token); j < len(s) && j < i+len(token)+4 && s[j]-'0' < 10; j++ {
		n = n*10 + int(s[j]-'0')
	}
	return n, true
}
