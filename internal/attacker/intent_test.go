package attacker

import (
	"net/netip"
	"testing"
	"time"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

func TestIntent(t *testing.T) {
	for name, c := range map[string]struct {
		found []signal.Signal
		class string
		phase string
	}{
		"two exploits":        {[]signal.Signal{hit(signal.SQLInjection, signal.Certain, 1<<8), hit(signal.SQLInjection, signal.Certain, 2<<8)}, "OAT-014", "exploitation"},
		"one exploit":         {[]signal.Signal{hit(signal.SQLInjection, signal.Certain, 1<<8)}, "unclassified", "exploitation"},
		"probing for secrets": {[]signal.Signal{hit(signal.ProbePath, signal.Likely, 1<<8)}, "OAT-004", "reconnaissance"},
		"scanner's payloads":  {[]signal.Signal{hit(signal.ScannerAgent, signal.Likely, 0), hit(signal.XSS, signal.Likely, 1<<8)}, "OAT-014", "scanning"},
		"a false name":        {[]signal.Signal{hit(signal.UserAgentMismatch, signal.Likely, 0), hit(signal.HeaderOrderMismatch, signal.Hint, 0)}, "unclassified", "reconnaissance"},
		"odd fields":          {[]signal.Signal{hit(signal.UnknownParameter, signal.Likely, 1<<8), hit(signal.ParameterType, signal.Likely, 2<<8)}, "OAT-018", "mapping"},
	} {
		table, r := New(1000, seed), from("203.0.113.9", 1)
		for i, s := range c.found { // one request each
			observe(table, time.Duration(i)*time.Second, r, s)
		}
		if st := r.Standing; st.Intent != c.class || st.Phase != c.phase {
			t.Errorf("%s: got %s, %s (stage %v); want %s, %s", name, st.Intent, st.Phase, st.Stage, c.class, c.phase)
		}
	}
}

// Whoever takes the next number, and the next, enumerates; whoever jumps does not.
func TestObjectEnumeration(t *testing.T) {
	walk := func(next func(i int) int64) string {
		table, r := New(1000, seed), from("203.0.113.9", 1)
		for i := range 100 {
			answered(table, time.Duration(i)*time.Second, r, 1, 200, Exchange{Object: next(i)})
		}
		for _, s := range r.Signals {
			if s.Kind == signal.ObjectEnumeration {
				return s.Kind.String()
			}
		}
		return ""
	}
	if got := walk(func(i int) int64 { return int64(1000 + i) }); got == "" {
		t.Error("a walk upwards was not seen")
	}
	if got := walk(func(i int) int64 { return int64(9000 - 2*i) }); got == "" {
		t.Error("a walk downwards in twos was not seen")
	}
	if got := walk(func(i int) int64 { return int64(1 + i*7919%10007) }); got != "" {
		t.Errorf("jumps: got %s", got)
	}
	if got := walk(func(int) int64 { return 17 }); got != "" {
		t.Errorf("the same object all the time: got %s", got)
	}
}

func TestForgottenPasswordIsCracking(t *testing.T) {
	table, r := New(1000, seed), from("203.0.113.9", 1)
	observe(table, 0, r, hit(signal.UserAgentMismatch, signal.Likely, 0))
	for i := range 40 {
		answered(table, time.Duration(i)*time.Second, r, 1, 401, Exchange{Login: true, User: 77})
	}
	if st := r.Standing; st.Intent != "OAT-007" || st.Phase != "brute force" {
		t.Errorf("40 passwords for one user: got %s, %s at stage %v; want OAT-007, brute force", st.Intent, st.Phase, st.Stage)
	}
}

// Guessing that is spread over addresses shows at its victim; the victim's own
// slip among it does not get him refused.
func TestSprayedUser(t *testing.T) {
	table := New(1000, seed)
	var last *request.Request
	for i := range 60 {
		last = from(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}).String(), 1)
		answered(table, time.Duration(i)*time.Second, last, 1, 401, Exchange{Login: true, User: 77})
	}
	if len(last.Signals) != 2 || last.Signals[1].Kind != signal.LoginSpray || last.Signals[1].Band != signal.Likely {
		t.Errorf("the 60th address: got %v; want login-spray, likely", last.Signals)
	}
	victim := from("198.51.100.1", 9)
	answered(table, time.Minute+time.Second, victim, 1, 401, Exchange{Login: true, User: 77})
	if st := stand(table, 62*time.Second, victim); st.Stage > signal.Watch {
		t.Errorf("the victim's own slip: got %v; want at most watch", st.Stage)
	}
	other := from("203.0.113.200", 1)
	answered(table, time.Minute+3*time.Second, other, 1, 401, Exchange{Login: true, User: 78})
	if len(other.Signals) != 1 {
		t.Errorf("another user: got %v; want the failure only", other.Signals)
	}
}

// What intent says is a class that rules may name, with the handbook's name.
func TestIntentsAreKnown(t *testing.T) {
	for k := signal.Kind(1); k < signal.Kinds; k++ {
		r := &record{scope: Client}
		r.hold(k, signal.Certain)
		in := r.intent(0)
		if name, ok := signal.Intents[in.Class]; !ok || name != in.Name {
			t.Errorf("%v: got %s %q; want a class that signal knows, with its name (%q)", k, in.Class, in.Name, name)
		}
	}
}
