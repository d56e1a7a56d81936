package engine

import (
	"fmt"
	"testing"
	"time"

	"bartizan/internal/policy"
	"bartizan/internal/signal"
)

// One password may read like an attack, a second one too, and each as often as its
// owner sends it; the third different one of a client is judged as any other field is.
// What else stands in a login is judged at once.
func TestPasswordsThatReadLikeAttacks(t *testing.T) {
	e := newEngine(t, options(policy.Enforce))
	login := func(client string, after time.Duration, user, password string) signal.Action {
		v, _ := exchange(e, after, client, "POST", "/api/login", "Content-Type: application/json\r\n",
			fmt.Sprintf(`{"user":%q,"password":%q}`, user, password), 200)
		return v.Would
	}
	passwords := []string{`a' or 'b'='b`, `x; cat /etc/passwd`, `<script>alert(1)</script>`, `../../etc/passwd`}
	for i := range 20 {
		if got := login("203.0.113.1", time.Duration(i)*time.Minute, "ann", passwords[i%2]); got != signal.Pass {
			t.Fatalf("login %d with two passwords: got %v; want pass", i, got)
		}
	}
	for i, password := range passwords {
		got := login("203.0.113.2", time.Duration(i)*time.Second, "root", password)
		if refused := got != signal.Pass; refused != (i >= 2) {
			t.Errorf("password %d: got %v; want it refused from the third on", i, got)
		}
	}
	for i := range 100 {
		if got := login(fmt.Sprintf("198.51.100.%d", i), 0, "bob", passwords[i%4]); got != signal.Pass {
			t.Fatalf("one password of client %d: got %v; want pass", i, got)
		}
	}
	if got := login("203.0.113.3", 0, `x' or '1'='1`, "a"); got < signal.BlockAction {
		t.Errorf("a user's name: got %v; want it refused", got)
	}
	// A client that comes after an hour begins anew.
	for i, after := range []time.Duration{0, time.Second, 2 * time.Hour} {
		if got := login("203.0.113.4", after, "eve", passwords[i]); got != signal.Pass {
			t.Errorf("password %d after %v: got %v; want pass", i, after, got)
		}
	}
}
