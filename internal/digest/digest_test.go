package digest

import (
	"strings"
	"testing"
)

func TestFoldedEqualsStringOfLowerCase(t *testing.T) {
	all := make([]byte, 256+7) // every byte in every place of a word
	for i := range all {
		all[i] = byte(i)
	}
	cases := []string{"", "a", "User-Agent", "ABCDEFGH", "ABCDEFGHI", strings.Repeat("Xy-", 40), "É"}
	for i := range 8 {
		cases = append(cases, string(all[i:]))
	}
	for _, s := range cases {
		low := []byte(s)
		for i, c := range low {
			if 'A' <= c && c <= 'Z' {
				low[i] = c + 32
			}
		}
		if got, want := Folded(7, s), String(7, string(low)); got != want {
			t.Errorf("Folded(%q) = %x; want %x", s, got, want)
		}
	}
}

func TestStringSpreads(t *testing.T) {
	seen := map[uint64]string{}
	add := func(seed uint64, s string) {
		h := String(seed, s)
		if old, ok := seen[h]; ok {
			t.Fatalf("String(%d, %q) collides with %q", seed, s, old)
		}
		seen[h] = s
	}
	for n := range 300 {
		add(1, strings.Repeat("a", n))
		add(2, strings.Repeat("a", n))
		add(1, strings.Repeat("\x00", n+1))
	}
	bit := map[uint64]int{}
	for n := range 4096 {
		bit[String(1, strings.Repeat("b", n%64)+string(rune('a'+n/64)))%64]++
	}
	for b, n := range bit {
		if n > 128 {
			t.Errorf("bucket %d holds %d of 4096; want about 64", b, n)
		}
	}
}

func TestMixKeepsOrder(t *testing.T) {
	if Mix(1, 2) == Mix(2, 1) {
		t.Error("Mix(1, 2) equals Mix(2, 1); want them apart")
	}
}

func TestNoAllocation(t *testing.T) {
	s := strings.Repeat("Value", 30)
	if n := testing.AllocsPerRun(100, func() { _ = String(1, s) + Folded(1, s) }); n != 0 {
		t.Errorf("hashing allocates %v times; want 0", n)
	}
}
