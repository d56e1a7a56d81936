package request

import (
	"fmt"
	"strings"
	"testing"

	"bartizan/internal/digest"
)

// What is remembered of a key is what follows from it, whatever keys came before.
func TestTraits(t *testing.T) {
	var m traits
	keys := []string{"password", "user", "id", "items[].order_id", "name", "", "a.b.c"}
	for i := range 500 {
		keys = append(keys, fmt.Sprintf("filler%d", i), fmt.Sprintf("a.long.name.whatever.it.says.%d.id", i))
	}
	for range 2 {
		for _, k := range keys {
			place := digest.String(7, k)
			for range 2 { // found out, then remembered
				got := m.find(place, k)
				user, password := LoginField(k)
				if int(got.user) != user || got.password != password || got.id != idKey(k) {
					t.Fatalf("%q: got %+v; want user %d, password %t, id %t", k, got, user, password, idKey(k))
				}
			}
		}
	}
	if n := testing.AllocsPerRun(100, func() { m.find(1, "user") }); n != 0 {
		t.Errorf("got %v allocations; want none", n)
	}
}

// A key is known again by where it stands, in whatever way it was walked to.
func TestTraitsOfPlaces(t *testing.T) {
	var s Scratch
	seen := map[*Traits]string{}
	WalkBody("application/json", []byte(`{"id":1,"a":{"id":2,"b":[{"id":3},{"id":4}]},"b":[{"id":5}],"a.id":6,"list":[[7],[8]]}`), true, &s, func(v *Value) bool {
		if v.In.Name() {
			return true
		}
		p := s.Traits()
		if old, ok := seen[p]; ok && old != v.Key && !(old == "a.id" || v.Key == "a.id") {
			t.Errorf("%s and %s share what is known of them", old, v.Key)
		}
		seen[p] = v.Key
		if want := v.Key != "list[][]"; p.id != want {
			t.Errorf("%s: holds ids: got %t; want %t", v.Key, p.id, want)
		}
		return true
	})
	if len(seen) < 5 {
		t.Errorf("got %d places; want one for each key", len(seen))
	}
}

// A key that was driven out by others and comes again is not the first of its walk.
func TestTraitsFirst(t *testing.T) {
	var body []byte
	for range 2 {
		for i := range 150 {
			body = fmt.Appendf(body, `{"key%d":1}`, i)
		}
	}
	var s Scratch
	first := 0
	for range 3 {
		seen := map[string]bool{}
		WalkBody("application/json", body, true, &s, func(v *Value) bool {
			if v.In.Name() {
				return true
			}
			if p := s.Traits(); p.First {
				first++
				if seen[v.Key] {
					t.Fatalf("%s: the first value twice in a walk", v.Key)
				}
			}
			seen[strings.Clone(v.Key)] = true
			return true
		})
		if len(seen) != 150 {
			t.Fatalf("got %d keys; want 150", len(seen))
		}
	}
	if first == 0 {
		t.Error("no key was known from a walk before")
	}
}
