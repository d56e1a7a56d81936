package detect_test

import (
	"strings"
	"testing"

	"bartizan/internal/signal"
)

func TestAnswer(t *testing.T) {
	d := newDetector(t)
	tests := []struct {
		status int
		media  string
		text   string
		found  bool
	}{
		{500, "text/html", "<h1>Error</h1>You have an error in your SQL syntax; check the manual", true},
		{500, "application/json; charset=utf-8", `{"error":"Traceback (most recent call last):\n File"}`, true},
		{404, "text/html", "<html><head><title>Index of /backup</title>", true},
		{500, "application/problem+json", `{"title":"Something went wrong","status":500}`, false},
		{404, "", "not found", false},
		{200, "text/html", "You have an error in your SQL syntax", false},
		{500, "image/png", "You have an error in your SQL syntax", false},
		{500, "text/plain", strings.Repeat("x ", 4100) + "You have an error in your SQL syntax", false}, // beyond what is read
	}
	for _, tt := range tests {
		for _, step := range []int{1, 7, 64, 1 << 20} {
			a := d.Answer(tt.status, tt.media)
			for rest := tt.text; rest != ""; {
				n := min(step, len(rest))
				if !a.Write([]byte(rest[:n])) {
					break
				}
				rest = rest[n:]
			}
			sig, found := a.Signal()
			if found != tt.found || found && sig.Kind != signal.ErrorLeak {
				t.Errorf("%d %s %.60q in steps of %d: got %v, %v; want %v", tt.status, tt.media, tt.text, step, sig, found, tt.found)
			}
		}
	}
}
