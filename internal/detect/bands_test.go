package detect_test

import (
	"testing"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

func TestFreeTextLowersTheBand(t *testing.T) {
	d := newDetector(t)
	for _, tt := range []struct {
		key  string
		text string
		want signal.Band
	}{
		{"id", "1' OR '1'='1", signal.Certain},
		{"comment", "1' OR '1'='1", signal.Likely},
		{"comment", "admin'--", signal.Hint},
	} {
		var r request.Request
		r.Endpoint.FreeText = func(key string) bool { return key == "comment" }
		d.Body(&r, &request.Value{In: request.InJSON, Key: tt.key, Text: tt.text})
		if got, found := bandOf(r.Signals, signal.SQLInjection); !found || got != tt.want {
			t.Errorf("%s=%q: got %v (found %v); want %v", tt.key, tt.text, got, found, tt.want)
		}
	}
}

func TestCeilings(t *testing.T) {
	d := newDetector(t)
	var r request.Request
	d.Body(&r, &request.Value{In: request.InQuery, Key: "url", Text: "http://169.254.169.254/latest/meta-data/"})
	if got, found := bandOf(r.Signals, signal.SSRF); !found || got != signal.Likely {
		t.Errorf("metadata address: got %v (found %v); want likely", got, found)
	}
}

// The page that a browser comes from may be on anybody's own network; an address
// that only an attack names, or an odd spelling of one, counts there as well.
func TestPagesOnPrivateNetworks(t *testing.T) {
	d := newDetector(t)
	for _, tt := range []struct {
		field, text string
		want        bool
	}{
		{"Referer", "http://127.0.0.1:8080/admin", false},
		{"Origin", "http://192.168.1.20", false},
		{"Referer", "http://169.254.169.254/latest/meta-data/", true},
		{"Referer", "http://0x7f.1/", true},
		{"X-Forwarded-Host", "http://127.0.0.1:8080/admin", true},
	} {
		r := head(d, "/", request.Field{Name: tt.field, Value: tt.text})
		if _, found := bandOf(r.Signals, signal.SSRF); found != tt.want {
			t.Errorf("%s: %s: found %v; want %v", tt.field, tt.text, found, tt.want)
		}
	}
}

func TestPollutionByNestedKeys(t *testing.T) {
	d := newDetector(t)
	for key, want := range map[string]bool{"constructor": true, "filter.constructor": true, "design": false} {
		var r request.Request
		d.Body(&r, &request.Value{In: request.InJSONKey, Key: key, Text: "prototype"})
		if _, found := bandOf(r.Signals, signal.PrototypePollution); found != want {
			t.Errorf("%s.prototype: found %v; want %v", key, found, want)
		}
	}
}
