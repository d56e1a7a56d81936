package detect

import (
	"fmt"
	"testing"

	"bartizan/internal/request"
)

// What is remembered must not change what is said: not for a value that is
// hostile elsewhere only, not for one that was found beside another.
func TestMemoChangesNothing(t *testing.T) {
	d := New(1, Lists{})
	values := []request.Value{
		{In: request.InQuery, Key: "q", Text: "harmless words"},
		{In: request.InQuery, Key: "q", Text: "1' UNION SELECT password FROM users--"},
		{In: request.InQuery, Key: "q", Text: "2' UNION SELECT password FROM users--"},
		{In: request.InJSON, Key: "q", Text: "harmless words"},
		{In: request.InQuery, Key: "q", Text: "<script>alert(1)</script>"},
	}
	want := make([]string, len(values))
	for round := range 3 {
		together := new(request.Request)
		for i, v := range values {
			alone := new(request.Request)
			d.Body(alone, &v)
			d.Body(together, &v)
			got := fmt.Sprint(alone.Signals)
			if round == 0 {
				want[i] = got
			} else if got != want[i] {
				t.Errorf("round %d, %q: got %s; want %s as at first", round, v.Text, got, want[i])
			}
		}
	}
	if want[1] == "[]" || want[2] == "[]" || want[4] == "[]" {
		t.Errorf("the exploits were not found at all: %v", want)
	}
}

func TestMemoIsBounded(t *testing.T) {
	d := New(1, Lists{})
	r := new(request.Request)
	for i := range 3 * memoPlaces {
		d.Body(r, &request.Value{In: request.InQuery, Key: "q", Text: fmt.Sprintf("value number %d", i)})
	}
	if d.keyOf(&request.Value{Text: string(make([]byte, memoLong+1))}) != 0 || d.keyOf(&request.Value{Text: "a"}) != 0 {
		t.Error("values that are too long or too short are remembered")
	}
}
