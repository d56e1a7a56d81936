package fingerprint

import "testing"

func TestSystemOf(t *testing.T) {
	for ua, want := range map[string]System{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36":           Windows,
		"Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36":            Android,
		"Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X)":                 IOS,
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15":   MacOS,
		"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0)":                               ChromeOS,
		"Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0": Linux,
		"shop-app/3.2 (android 16)":                                              Android,
		"curl/8.0":                                                               UnknownSystem,
	} {
		if got := SystemOf(ua); got != want {
			t.Errorf("SystemOf(%q) = %v; want %v", ua, got, want)
		}
	}
}
