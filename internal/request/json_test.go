package request

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// walkAll returns all values as "in key=text", and what was learned.
func walkAll(contentType, body string, complete bool) ([]string, BodyInfo) {
	var got []string
	info := WalkBody(contentType, []byte(body), complete, new(Scratch), func(v *Value) bool {
		got = append(got, fmt.Sprintf("%v %s=%s", v.In, v.Key, v.Text))
		return true
	})
	return got, info
}

func TestWalkJSON(t *testing.T) {
	tests := []struct {
		name, body string
		want       []string
		info       BodyInfo
	}{
		{"object", `{"user":{"items":[{"name":"x"},{"name":"y\n"}]},"n":-1.5e3}`, []string{
			"json-key =user", "json-key user=items", "json-key user.items[]=name", "json user.items[].name=x",
			"json-key user.items[]=name", "json user.items[].name=y\n", "json-key =n", "json n=-1.5e3",
		}, BodyInfo{Depth: 4, User: "x"}},
		{"surrogates", `["\ud83d\ude00","\ud83dx","A\/"]`, []string{"json []=😀", "json []=\ufffdx", "json []=A/"}, BodyInfo{Depth: 1}},
		{"cut in a value", `{"a":"' or 1=1`, []string{"json-key =a", "json a=' or 1=1"}, BodyInfo{Depth: 1, Truncated: true}},
		{"cut in an escape", `{"a":"x\u00`, []string{"json-key =a", "json a=xu00"}, BodyInfo{Depth: 1, Truncated: true}},
		{"duplicate keys", `{"a":1,"\u0061":2}`, []string{"json-key =a", "json a=1", "json-key =a", "json a=2"}, BodyInfo{Depth: 1, DuplicateKeys: true}},
		{"same key in two objects", `[{"a":1},{"a":2}]`, []string{"json-key []=a", "json [].a=1", "json-key []=a", "json [].a=2"}, BodyInfo{Depth: 2}},
		{"two lines", "{\"a\":1}\n{\"a\":2}\n", []string{"json-key =a", "json a=1", "json-key =a", "json a=2"}, BodyInfo{Depth: 1}},
		{"single quotes", `{'a':'1 union select 2'}`, []string{"json ='a':'1 union select 2'}"}, BodyInfo{Depth: 1, Malformed: true}},
		{"missing comma", `["a" "b"]`, []string{"json []=a", "json []=b"}, BodyInfo{Depth: 1, Malformed: true}},
		{"mismatched", `{"a":[1}}`, []string{"json-key =a", "json a[]=1"}, BodyInfo{Depth: 2, Malformed: true}},
	}
	for _, tt := range tests {
		got, info := walkAll("text/plain", tt.body, true)
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s: values of %s (-want +got):\n%s", tt.name, tt.body, d)
		}
		tt.info.Kind, tt.info.Bytes, tt.info.Values = JSONBody, len(tt.body), info.Values
		if d := cmp.Diff(tt.info, info); d != "" {
			t.Errorf("%s: info of %s (-want +got):\n%s", tt.name, tt.body, d)
		}
	}
}

func TestWalkJSONDeep(t *testing.T) {
	body := strings.Repeat(`{"a":`, 5000) + `"' or 1=1--"` + strings.Repeat("}", 5000)
	got, info := walkAll("application/json", body, true)
	if !info.TooDeep || info.Depth != 5000 {
		t.Errorf("TooDeep, Depth = %v, %d; want true, 5000", info.TooDeep, info.Depth)
	}
	if last := got[len(got)-1]; !strings.HasSuffix(last, "=' or 1=1--") {
		t.Errorf("last value = %q; want the payload below the depth bound", last)
	}
}

func TestWalkJSONNumbersHideNothing(t *testing.T) {
	body := "[" + strings.Repeat("1,", 30000) + `"payload"]`
	got, info := walkAll("application/json", body, true)
	if last := got[len(got)-1]; last != "json []=payload" {
		t.Errorf("last value = %q; want the payload behind 30000 numbers (%+v)", last, info)
	}
}

func TestWalkJSONLogin(t *testing.T) {
	tests := []struct {
		body, user string
		password   bool
	}{
		{`{"email":"a@b.c","password":"x"}`, "a@b.c", true},
		{`{"session":{"Email":"a@b.c","user_name":"ann","Pass-Word":"x"}}`, "ann", true},
		{`{"password":""}`, "", false},
		{`{"q":"password"}`, "", false},
	}
	for _, tt := range tests {
		_, info := walkAll("application/json", tt.body, true)
		if info.User != tt.user || info.Password != tt.password {
			t.Errorf("WalkBody(%s): User, Password = %q, %v; want %q, %v", tt.body, info.User, info.Password, tt.user, tt.password)
		}
	}
}

// oracle returns the values of a valid document as encoding/json sees them.
func oracle(body []byte) (values []string, duplicate bool, err error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	emit := func(in Location, path, text string) {
		values = append(values, fmt.Sprintf("%v %s=%s", in, path[:min(len(path), maxKeyPath)], text))
	}
	var value func(path string) error
	value = func(path string) error {
		tok, err := d.Token()
		if err != nil {
			return err
		}
		switch tok := tok.(type) {
		case json.Delim:
			seen := map[string]bool{}
			for d.More() {
				if tok == '[' {
					if err := value(path + "[]"); err != nil {
						return err
					}
					continue
				}
				k, err := d.Token()
				if err != nil {
					return err
				}
				key := k.(string)
				duplicate = duplicate || seen[key]
				seen[key] = true
				emit(InJSONKey, path, key)
				child := key
				if path != "" {
					child = path + "." + key
				}
				if err := value(child); err != nil {
					return err
				}
			}
			_, err := d.Token()
			return err
		case string:
			emit(InJSON, path, tok)
		case nil:
			emit(InJSON, path, "null")
		default:
			emit(InJSON, path, fmt.Sprint(tok))
		}
		return nil
	}
	if err := value(""); err != nil {
		return nil, false, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, false, fmt.Errorf("more than one document")
	}
	return values, duplicate, nil
}

func FuzzWalkJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,2,{"b":"c\u0041"}],"a":null}`, `[[],[[]],{}]`, `{"":{"":""}}`, `["\ud800"]`, `{"a":"x`, "{}\n{}", `[1e9,-0.1]`, `{'a':1}`, `{"a" "b"`, `{"":1,"x":{"":2}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, info := walkAll("application/json", string(body), true)
		if info.Values > 2*maxValues || info.Bytes > len(body) {
			t.Fatalf("info %+v of %d bytes", info, len(body))
		}
		trimmed := bytes.TrimLeft(body, " \t\r\n")
		if len(body) > 4096 || !utf8.Valid(body) || !json.Valid(body) || trimmed[0] != '{' && trimmed[0] != '[' {
			return
		}
		want, duplicate, err := oracle(body)
		if err != nil || info.TooDeep {
			return
		}
		if info.Malformed || info.Truncated {
			t.Errorf("Malformed, Truncated = %v, %v for valid %q", info.Malformed, info.Truncated, body)
		}
		if info.DuplicateKeys != duplicate {
			t.Errorf("DuplicateKeys = %v; want %v for %q", info.DuplicateKeys, duplicate, body)
		}
		slices.Sort(got)
		slices.Sort(want)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("values of %q (-want +got):\n%s", body, d)
		}
	})
}

func BenchmarkWalkJSON(b *testing.B) {
	body := []byte(`{"items":[` + strings.Repeat(`{"id":12345,"name":"A plain name","tags":["one","two"],"note":"line\nbreak"},`, 14) + `{}]}`)
	sc := new(Scratch)
	visit := func(*Value) bool { return true }
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		WalkBody("application/json", body, true, sc, visit)
	}
}

func BenchmarkWalkJSONNested(b *testing.B) {
	body := bytes.Repeat([]byte("["), 10<<20)
	sc := new(Scratch)
	visit := func(*Value) bool { return true }
	b.ReportAllocs()
	for b.Loop() {
		WalkBody("application/json", body, true, sc, visit)
	}
}
