package path

import (
	"net/netip"
	"testing"

	"bartizan/internal/detect/lex"
)

func TestClimbs(t *testing.T) {
	for text, want := range map[string]int{
		"../../a": 2, "..\\..\\a": 2, "a/../b": 1, "....//....//a": 2, "a..b": 0, "...": 0, "1..2": 0, "..": 0, "/..": 1, "%2e%2e%2f": 1, "0x2e0x2e0x2f": 1, "\ufffd\ufffd\ufffd\ufffd/": 1, "..%bg%qf": 1, ".\r./.\r./bin": 2, "end.\n": 0,
	} {
		if got, _ := Climbs(string(Plain(nil, text))); got != want {
			t.Errorf("%q: got %d climbs; want %d", text, got, want)
		}
	}
}

func TestAddress(t *testing.T) {
	for text, want := range map[string]lex.Strength{
		"http://169.254.169.254/latest": lex.Certain, "http://2852039166/": lex.Certain, "http://0xa9.0xfe.0xa9.0xfe/": lex.Certain, "http://0177.0.0.1/": lex.Likely, "http://127.1/": lex.Likely, "http://[::1]/": lex.Likely,
		"http://10.0.0.1/": lex.Hint, "http://8.8.8.8/": lex.None, "https://example.com/": lex.None, "1/2": lex.None, "10/12/2014": lex.None,
	} {
		if got, _, _ := Address(text); got != want {
			t.Errorf("%q: got %d; want %d", text, got, want)
		}
	}
}

// Plain dotted addresses are read as netip reads them.
func TestNumberAgainstNetip(t *testing.T) {
	for _, text := range []string{"1.2.3.4", "127.0.0.1", "255.255.255.255", "256.1.1.1", "1.2.3", "", "a.b.c.d", "1.2.3.4.5", "0.0.0.0"} {
		v, ok, odd := number(text)
		a, err := netip.ParseAddr(text)
		if (err == nil) != (ok && !odd) {
			t.Errorf("%q: got %v, odd %v; netip says %v", text, ok, odd, err)
			continue
		}
		if err == nil {
			b := a.As4()
			if want := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3]); v != want {
				t.Errorf("%q: got %#x; want %#x", text, v, want)
			}
		}
	}
}

func FuzzPlain(f *testing.F) {
	for _, s := range []string{"../", "%2%e", "0x2e", "\ufffd", "\xc0\xae", "/./", "%u2215"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out := string(Plain(nil, s))
		if len(out) > len(s) {
			t.Errorf("%q: got %q, longer than what it came from", s, out)
		}
		if n, at := Climbs(out); n > 0 && at >= len(out) {
			t.Errorf("%q: a climb at %d of %d bytes", out, at, len(out))
		}
		if _, at, _ := Address(s); at > len(s) {
			t.Errorf("%q: an address at %d", s, at)
		}
	})
}
