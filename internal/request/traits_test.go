package request

import (
	"fmt"
	"testing"
)

// What is remembered of a key is what follows from it, whatever keys came before
// and wherever they stand.
func TestTraits(t *testing.T) {
	var m traits
	keys := []string{"password", "user", "id", "items[].order_id", "name", "", "a.b.c"}
	for i := range 500 {
		keys = append(keys, fmt.Sprintf("filler%d", i), fmt.Sprintf("a.long.name.that.is.not.remembered.whatever.it.says.%d.id", i))
	}
	for range 2 {
		for _, in := range []Location{InJSON, InForm} {
			for _, k := range keys {
				got := m.find(in, k)
				user, password := loginField(k)
				if int(got.user) != user || got.password != password || got.id != idKey(k) {
					t.Fatalf("%v %q: got %+v; want user %d, password %t, id %t", in, k, got, user, password, idKey(k))
				}
			}
		}
	}
	if n := testing.AllocsPerRun(100, func() { m.find(InJSON, "user") }); n != 0 {
		t.Errorf("got %v allocations; want none", n)
	}
}
