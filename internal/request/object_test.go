package request

import (
	"slices"
	"strings"
	"testing"
)

const (
	one = "0b0f3a52-6f1c-4d0e-9a43-7f2f5b1d9c01"
	two = "5f1d7c9be4b0a1c2d3e4f506"
)

func idsOf(document string, piece int) (out []string) {
	var s IDScan
	found := func(id string) bool { out = append(out, strings.Clone(id)); return len(out) < MaxIssued }
	for b := []byte(document); len(b) > 0; b = b[min(piece, len(b)):] {
		s.Scan(b[:min(piece, len(b))], found)
	}
	return out
}

func TestIDScan(t *testing.T) {
	for name, c := range map[string]struct {
		document string
		want     []string
	}{
		"number":            {`{"id":17,"total":4990}`, []string{"17"}},
		"last":              {`{"id": 17 }`, []string{"17"}},
		"names":             {`{"order_id":1,"userId":2,"ID":3,"x-id":"4","paid":5,"valid":6,"width":7,"orderNumber":"SO-8"}`, []string{"1", "2", "3", "4", "SO-8"}},
		"list of ids":       {`{"ids":[1,2, 3],"n":[4,5],"uuids":["a1","b2"]}`, []string{"1", "2", "3", "a1", "b2"}},
		"list of objects":   {`[{"id":1,"tags":["x"]},{"id":2}]`, []string{"1", "2"}},
		"by sight":          {`{"owner":"` + one + `","blob":"` + two + `","word":"lamp"}`, []string{one, two}},
		"keys":              {`{"` + one + `":{"n":1},"17":{}}`, []string{one, "17"}},
		"link":              {`{"href":"/shops/9/orders/` + one + `?a=1","see":"https:\/\/api.example.com\/things\/lamp-3"}`, []string{"9", one, "lamp-3"}},
		"no id":             {`{"id":1.5,"id2":3,"id":null,"note":"one / two","id":"two words","id":""}`, nil},
		"object under name": {`{"id":{"n":1},"m":2}`, nil},
		"escapes":           {`{"id":"a\"b","id":"c"}`, []string{"c"}},
		"cut":               {`{"id":"half`, nil},
	} {
		for _, piece := range []int{1, 3, 1 << 20} {
			if got := idsOf(c.document, piece); !slices.Equal(got, c.want) {
				t.Errorf("%s in pieces of %d: got %q; want %q", name, piece, got, c.want)
			}
		}
	}
}

func TestObjectID(t *testing.T) {
	for target, want := range map[string]struct{ template, id string }{
		"/users/17/orders/" + one: {"", one},
		"/users/17/orders":        {"", "17"},
		"/shops/lamp-3/items":     {"/shops/{name}/items", "lamp-3"},
		"/shops/lamp-3":           {"", ""},
		"/find?page=2&order_id=9": {"", "9"},
		"/days/2026-11-24":        {"", ""},
		"/":                       {"", ""},
	} {
		r := new(Request)
		r.Head = Head{Method: "GET", Target: target}
		r.Parse()
		if r.Endpoint.Template = want.template; want.template == "" {
			r.Endpoint.Template = Template(r.Path)
		}
		if got := r.ObjectID(); got != want.id {
			t.Errorf("%s: got %q; want %q", target, got, want.id)
		}
	}
}

// Whatever an upstream answers, and however it is cut: no id is longer than its
// bound, pieces change nothing, and nothing panics.
func FuzzIDScan(f *testing.F) {
	f.Add(`{"id":17,"x":["`+one+`"]}`, 3)
	f.Add(`[{"href":"https:\/\/a\/b"},{"ids":[1,"2"]}`, 1)
	f.Fuzz(func(t *testing.T, document string, piece int) {
		whole := idsOf(document, len(document)+1)
		if got := idsOf(document, max(piece&63, 1)); len(whole) < MaxIssued && !slices.Equal(got, whole) {
			t.Errorf("got %q in pieces; want %q", got, whole)
		}
		for _, id := range whole {
			if id == "" || len(id) > maxID {
				t.Errorf("got the id %q", id)
			}
		}
	})
}

func BenchmarkIDScan(b *testing.B) {
	row := `{"id":48151623,"owner":"` + one + `","name":"Reading lamp, brass","price":4990,"note":"Please leave it with the neighbour; ring twice.","href":"/things/48151623"},`
	document := []byte("[" + strings.Repeat(row, 1+(64<<10)/len(row)))[:64<<10]
	b.SetBytes(int64(len(document)))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		var s IDScan
		s.Scan(document, func(string) bool { n++; return true })
	}
}
