package request

import (
	"fmt"
	"strings"
	"testing"
)

// padded returns bodies of every kind with n bytes of filler around a marker, and where
// the marker stands.
func padded(n int, marker string) []struct{ name, contentType, body, key string } {
	fill := strings.Repeat("bbbbbb ", n/7)
	const bound = "----b0"
	part := func(disposition, content string) string {
		return "--" + bound + "\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n" + content + "\r\n"
	}
	return []struct{ name, contentType, body, key string }{
		{"form, behind a value", "application/x-www-form-urlencoded",
			"pad=" + strings.ReplaceAll(fill, " ", "+") + "&text=" + marker + "&z=1", "text"},
		{"form, within a value", "application/x-www-form-urlencoded",
			"text=" + strings.ReplaceAll(fill, " ", "+") + marker + "&z=1", "text"},
		{"form, one word", "application/x-www-form-urlencoded",
			"pad=" + strings.Repeat("b", n) + "&text=" + marker, "text"},
		{"form, many fields", "application/x-www-form-urlencoded",
			strings.Repeat("a=bbbb&", n/7) + "text=" + marker, "text"},
		{"json", "application/json", `{"pad":"` + fill + `","a":{"list":[1,{"text":"` + marker + `"}]}}`, "a.list[].text"},
		{"json, filler within", "application/json", `{"a":{"list":[1,{"pad":"` + fill + `","text":"` + marker + `"}]}}`,
			"a.list[].text"},
		{"json, within a value", "application/json", `{"a":{"list":[1,{"text":"` + fill + marker + fill + `"}]}}`,
			"a.list[].text"},
		{"json, numbers", "application/json", `{"a":[` + strings.Repeat("12345,", n/6) + `1],"b":"` + marker + `"}`, "b"},
		{"json, lines", "application/x-ndjson", strings.Repeat(`{"a":"bb","b":[true,null]}`+"\n", n/27) +
			`{"a":"` + marker + `"}`, "a"},
		{"json, spaces", "application/json", `{"a":` + strings.Repeat(" ", n) + `"` + marker + `"}`, "a"},
		{"multipart, behind a field", "multipart/form-data; boundary=" + bound,
			part(`name="pad"`, fill) + part(`name="text"`, marker) + "--" + bound + "--\r\n", "text"},
		{"multipart, within a field", "multipart/form-data; boundary=" + bound,
			part(`name="text"`, fill+marker+fill) + "--" + bound + "--\r\n", "text"},
		{"multipart, behind a file", "multipart/form-data; boundary=" + bound,
			part(`name="f"; filename="a.txt"`, fill) + part(`name="text"`, marker) + "--" + bound + "--\r\n", "text"},
		{"multipart, behind a picture", "multipart/form-data; boundary=" + bound,
			part(`name="f"; filename="a.png"`, strings.Repeat("\x00\x01\x02\n--x", n/7)) + part(`name="text"`, marker), "text"},
		{"xml", "application/xml", "<r><pad>" + fill + "</pad><text>" + marker + "</text></r>", "text"},
		{"xml, within an element", "text/xml", "<r><text>" + fill + marker + fill + "</text></r>", "text"},
		{"xml, behind a comment", "text/xml", "<?xml version='1.0'?><!--" + fill + "--><r><text>" + marker + "</text></r>", "text"},
		{"xml, an attribute", "text/xml", `<r><text pad="` + fill + `" b="` + marker + `"/></r>`, "text"},
		{"xml, a section", "text/xml", `<r><text><![CDATA[` + fill + marker + `]]></text></r>`, "text"},
		{"xml, a DOCTYPE", "text/xml", `<!--` + fill + `--><!DOCTYPE r [<!ENTITY x "` + marker + `">]><r/>`, "!"},
		{"text", "text/plain", fill + marker + fill, ""},
	}
}

// Whatever stands before a value, the windows show it in full, under its own key.
func TestRestFindsValues(t *testing.T) {
	const marker = "look%for%me"
	for _, n := range []int{MaxBody + 10, MaxBody + RestWindow, 3 * MaxBody} {
		for shift := range 40 {
			for _, c := range padded(n+shift*397, marker) {
				text := marker
				if strings.HasPrefix(c.name, "form") {
					c.body = strings.Replace(c.body, marker, "look%25for%25me", 1)
				}
				if at := strings.Index(c.body, "look%"); at < MaxBody {
					continue
				}
				if where := follow(t, c.contentType, c.body, 1500+shift, text); !where[c.key] {
					t.Errorf("%s, %d bytes: the marker is seen at %v; want at %q", c.name, len(c.body), where, c.key)
				}
			}
		}
	}
}

// follow returns the keys of values in the windows of body that hold text.
func follow(t *testing.T, contentType, body string, step int, text string) map[string]bool {
	t.Helper()
	var rest Rest
	var scratch Scratch
	where := map[string]bool{}
	if !rest.Begin(contentType, []byte(body[:MaxBody]), make([]byte, 0, RestWindow)) {
		t.Fatalf("%.40q of %s is not followed", body, contentType)
	}
	total := 0
	for left := body[MaxBody:]; left != ""; {
		n := rest.Add([]byte(left[:min(step, len(left))]))
		left = left[n:]
		w := rest.Window(left == "")
		if w == nil {
			continue
		}
		if len(w) > RestWindow {
			t.Fatalf("a window of %d bytes", len(w))
		}
		total += len(w)
		WalkBody(contentType, w, left == "", &scratch, func(v *Value) bool {
			if strings.Contains(v.Text, text) {
				where[strings.Clone(v.Key)] = true
			}
			return true
		})
		rest.Turn()
	}
	if most := 2*len(body) + RestWindow; total > most {
		t.Errorf("%d bytes were walked for a body of %d; want at most %d", total, len(body), most)
	}
	return where
}

// Archives, pictures and other bytes are not followed.
func TestRestLeavesBytesAlone(t *testing.T) {
	var rest Rest
	raw := strings.Repeat("\x1f\x8b\x00\x01", MaxBody/4)
	for _, contentType := range []string{"", "application/octet-stream", "image/png", "application/grpc"} {
		if rest.Begin(contentType, []byte(raw), make([]byte, 0, RestWindow)) {
			t.Errorf("%q is followed", contentType)
		}
	}
}

// Any bytes in any pieces: windows within their bounds, and work linear in the body.
func FuzzRest(f *testing.F) {
	for _, c := range padded(200, "marker") {
		f.Add(c.contentType, []byte(c.body), []byte(c.body), uint16(7))
	}
	f.Add("application/json", []byte(strings.Repeat(`{"`+strings.Repeat("k", 100)+`":[`, 90)), []byte(`"]`), uint16(1))
	f.Fuzz(func(t *testing.T, contentType string, prefix, piece []byte, step uint16) {
		var rest Rest
		if len(prefix) == 0 || len(piece) == 0 || !rest.Begin(contentType, prefix, make([]byte, 0, RestWindow)) {
			return
		}
		var scratch Scratch
		fresh, total := 0, 0
		for range 200 {
			n := rest.Add(piece[:min(len(piece), int(step)+1)])
			fresh += n
			w := rest.Window(n == 0)
			if w == nil {
				if n == 0 && rest.boundary == "" {
					t.Fatalf("no room and no window: %s", fmt.Sprint(len(rest.doc), rest.seen))
				}
				continue
			}
			total += len(w)
			WalkBody(contentType, w, false, &scratch, func(*Value) bool { return true })
			rest.Turn()
		}
		if total > 2*fresh+2*RestWindow {
			t.Fatalf("%d bytes walked for %d new ones", total, fresh)
		}
	})
}
