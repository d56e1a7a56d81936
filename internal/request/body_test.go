package request

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestKindOf(t *testing.T) {
	tests := []struct {
		contentType, body string
		want              BodyKind
	}{
		{"", `{"a":1}`, JSONBody},
		{"text/plain", "\ufeff [1]", JSONBody},
		{"application/x-www-form-urlencoded", `{"a":1}`, JSONBody},
		{"application/x-www-form-urlencoded; charset=utf-8", "a b=c", FormBody},
		{"", "a=1&b=2", FormBody},
		{"text/plain", "a%5B%5D=1", FormBody},
		{"", "hello = world", TextBody},
		{"application/problem+json", `"x"`, JSONBody},
		{"multipart/form-data; boundary=x", "--x\r\n", MultipartBody},
		{"", "--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1", MultipartBody},
		{"text/xml", "<a/>", XMLBody},
		{"", "<?xml version='1.0'?><a/>", XMLBody},
		{"text/html", "<p>", TextBody},
		{"", "\x00\x01\x02", BinaryBody},
		{"", "  ", TextBody},
	}
	for _, tt := range tests {
		if got := kindOf(tt.contentType, tt.body); got != tt.want {
			t.Errorf("kindOf(%q, %q) = %v; want %v", tt.contentType, tt.body, got, tt.want)
		}
	}
}

func TestWalkBody(t *testing.T) {
	tests := []struct {
		name, contentType, body string
		want                    []string
	}{
		{"form", "application/x-www-form-urlencoded", "a=1+2&b%5B%5D=%27&&c&=x\r\n", []string{
			"form-name a=a", "form a=1 2", "form-name b[]=b[]", "form b[]='", "form-name c=c", "form =x"}},
		{"form like JSON", "application/x-www-form-urlencoded", "{&id=1 union select 2", []string{
			"json =&id=1 union select 2", "form-name {={", "form-name id=id", "form id=1 union select 2"}},
		{"multipart", "multipart/form-data; boundary=b1", "--b1\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\ny\r\n--b1\r\n" +
			"content-disposition: form-data; name=f; filename=\"../e%22.php\"\r\nContent-Type: text/plain\r\n\r\n<?php\r\n--b1--\r\n", []string{
			"multipart-name a=a", "multipart a=x\r\ny", "multipart-name f=f", "file-name f=../e\".php", "file f=<?php"}},
		{"multipart cut", "multipart/form-data; boundary=b1", "--b1\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx", []string{
			"multipart-name a=a", "multipart a=x"}},
		{"multipart by its first line", "text/plain", "--zz\nContent-Disposition: form-data; name=a\n\n1\n--zz--", []string{"multipart-name a=a", "multipart a=1"}},
		{"multipart with JSON", "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"d\"\r\nContent-Type: application/json\r\n\r\n{\"a\":\"1\"}\r\n--b--", []string{
			"multipart-name d=d", "json-key d=a", "json d.a=1"}},
		{"multipart without parts", "multipart/form-data; boundary=b", "<script>", []string{"text =<script>"}},
		{"XML", "application/xml", `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a b="1&lt;2"> t&#x41; <c/><![CDATA[<d>]]></a>`, []string{
			`xml !=<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>`, "xml a=1<2", "xml a=tA", "xml =<d>"}},
		{"text", "text/plain", "hello there", []string{"text =hello there"}},
	}
	for _, tt := range tests {
		got, _ := walkAll(tt.contentType, tt.body, true)
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s: values of %q (-want +got):\n%s", tt.name, tt.body, d)
		}
	}
}

func TestWalkBodyLongText(t *testing.T) {
	body := strings.Repeat("é", maxTextValue) + "PAYLOAD" + strings.Repeat("x", 9000)
	got, _ := walkAll("text/plain", body, true)
	if !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "PAYLOAD") }) {
		t.Errorf("no value of %d holds the text in the middle", len(got))
	}
}

func TestWalkBodyStops(t *testing.T) {
	for _, body := range []string{`["a","b","c"]`, "a=1&b=2&c=3", "<?xml?><a>1</a><b>2</b>"} {
		n := 0
		WalkBody("", []byte(body), true, new(Scratch), func(*Value) bool { n++; return false })
		if n != 1 {
			t.Errorf("WalkBody(%q) visited %d values after a refusal; want 1", body, n)
		}
	}
}

func TestWalkBodyAllocates(t *testing.T) {
	sc := new(Scratch)
	visit := func(*Value) bool { return true }
	for _, body := range []string{`{"a":"b\n","c":[1,2,"x"]}`, "a=1+2&b=%27", "<?xml?><a b='&lt;'>1</a>"} {
		b := []byte(body)
		WalkBody("", b, true, sc, visit)
		if n := testing.AllocsPerRun(50, func() { WalkBody("", b, true, sc, visit) }); n != 0 {
			t.Errorf("WalkBody(%q) allocates %v times; want 0", body, n)
		}
	}
}

func FuzzWalkForm(f *testing.F) {
	for _, s := range []string{"a=1&b=2", "a=%41+b&c", "%zz=1", "=&=&a", "a==b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var got []string
		var w walker
		w.Scratch = new(Scratch)
		w.visit = func(v *Value) bool {
			if v.In == InForm {
				got = append(got, v.Key+"="+v.Text)
			}
			return true
		}
		w.walkForm(s)
		if strings.HasSuffix(s, "\n") || strings.HasSuffix(s, "\r") || strings.Contains(s, ";") || len(got) > 500 {
			return
		}
		values, err := url.ParseQuery(s)
		if err != nil {
			return
		}
		var want []string
		for k, vs := range values {
			for _, v := range vs {
				if v != "" {
					want = append(want, k+"="+v)
				}
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("walkForm(%q) = %q; want %q", s, got, want)
		}
	})
}

// honest is what mime/multipart reads as text fields.
func honest(contentType, body string) (fields []string, ok bool) {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil || params["boundary"] == "" {
		return nil, false
	}
	r := multipart.NewReader(strings.NewReader(body), params["boundary"])
	for {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return fields, true
		}
		if err != nil || len(p.Header) != 1 || p.FormName() == "" || p.FileName() != "" {
			return nil, false
		}
		b, err := io.ReadAll(p)
		if err != nil {
			return nil, false
		}
		if len(b) > 0 {
			fields = append(fields, p.FormName()+"="+string(b))
		}
	}
}

func FuzzWalkMultipart(f *testing.F) {
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	_ = m.SetBoundary("xx")
	_ = m.WriteField("a", "1")
	_ = m.WriteField("b", "two\r\nlines")
	_ = m.Close()
	f.Add(b.String())
	f.Add("--xx\r\nContent-Disposition: form-data; name=\"a\"; filename=\"x\"\r\n\r\n1\r\n--xx--")
	f.Add("--xx\n\n--xx--")
	f.Add("--xx")
	f.Fuzz(func(t *testing.T, body string) {
		const contentType = "multipart/form-data; boundary=xx"
		var got []string
		w := walker{Scratch: new(Scratch)}
		w.visit = func(v *Value) bool {
			if v.In == InPart {
				got = append(got, v.Key+"="+v.Text)
			}
			return true
		}
		w.walkMultipart(body, boundaryOf(contentType, body))
		// The standard library is stricter; where it accepts, we must have read the same.
		want, ok := honest(contentType, body)
		if !ok || len(body) > 4096 || strings.ContainsAny(body, "\\%;'\x00") || w.info.Malformed || !strings.HasPrefix(body, "--xx") || strings.ContainsAny(body, "\t\v\f") || strings.Contains(body, "  ") {
			return
		}
		if !slices.Equal(got, want) {
			t.Errorf("walkMultipart(%q) = %q; want %q", body, got, want)
		}
	})
}

func FuzzWalkBody(f *testing.F) {
	f.Add("application/xml", "<a b='c'>&#65;<![CDATA[")
	f.Add("multipart/form-data; boundary=\"a", "--a\r\n\r\n")
	f.Add("application/x-www-form-urlencoded", "{a=1")
	f.Add("text/xml", "<>0")
	f.Fuzz(func(t *testing.T, contentType, body string) {
		total := 0
		info := WalkBody(contentType, []byte(body), false, new(Scratch), func(v *Value) bool {
			total += len(v.Text)
			return true
		})
		if total > 8*len(body)+64 && info.Kind != JSONBody {
			t.Errorf("%d bytes visited of a body of %d (%+v)", total, len(body), info)
		}
	})
}
