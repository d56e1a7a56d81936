package detect_test

import (
	"strings"
	"testing"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// asked returns what is found in a whole request: its first line, header lines, body.
func asked(t *testing.T, head, body string) []signal.Signal {
	t.Helper()
	d := newDetector(t)
	r := new(request.Request)
	request.ParseHead(strings.ReplaceAll(head, "\n", "\r\n")+"\r\n\r\n",
		request.HeadLimits{Bytes: 32 << 10, Fields: 100, Target: 16 << 10}, &r.Head)
	if r.Head.Fault != request.Fine {
		t.Fatalf("%q: %v", head, r.Head.Fault)
	}
	r.Parse()
	d.Head(r)
	request.WalkBody(r.Header("Content-Type"), []byte(body), true, new(request.Scratch), func(v *request.Value) bool {
		d.Body(r, v)
		return true
	})
	return r.Signals
}

const (
	asJSON = "\nContent-Type: application/json"
	asForm = "\nContent-Type: application/x-www-form-urlencoded"
	asXML  = "\nContent-Type: application/xml"
)

// part makes a body of one uploaded file.
func part(name, media, content string) string {
	return "--q\r\nContent-Disposition: form-data; name=\"f\"; filename=\"" + name + "\"\r\nContent-Type: " + media + "\r\n\r\n" + content + "\r\n--q--\r\n"
}

const asParts = "\nContent-Type: multipart/form-data; boundary=q"

func TestAttacksByPlace(t *testing.T) {
	for _, tt := range []struct {
		kind       signal.Kind
		head, body string
	}{
		{signal.XSS, "GET /PHNjcmlwdD5hbGVydCgyKTwvc2NyaXB0Pg HTTP/1.1\nHost: a.example", ""},
		{signal.PathTraversal, "GET /v/Li4vLi4vLi4vLi4vZXRjL3Bhc3N3ZA/x HTTP/1.1\nHost: a.example", ""},
		{signal.SQLInjection, "POST /r HTTP/1.1\nHost: a.example" + asJSON, `{"filter":"{\"id\":\"MyBvciA4PTggLS0g\"}"}`},
		{signal.XSS, "GET /?%3Cx%20onclick=Zm9v HTTP/1.1\nHost: a.example", ""},
		{signal.XSS, "POST /f HTTP/1.1\nHost: a.example" + asForm, "<form><input formaction=aGV5"},
		{signal.CommandInjection,
			"GET / HTTP/1.1\nHost: a.example\nX-Unit: %253B%2520tac%2520%252Fe%253F%253F%252Fhos%252A", ""},
		{signal.CommandInjection, "GET / HTTP/1.1\nHost: a.example\nReferer: %3Bhead%2B%2Fetc%2Fhosts", ""},
		{signal.CommandInjection, "GET / HTTP/1.1\nHost: a.example\nX-Csrf-Token: cat /etc/issue", ""},
		{signal.CommandInjection, "GET /p?cmd=netstat%20-rn HTTP/1.1\nHost: a.example", ""},
		{signal.KnownExploit, "GET / HTTP/1.1\nHost: a.example\nUser-Agentt: zerodiumphpinfo();", ""},
		{signal.XXE, "POST /x HTTP/1.1\nHost: a.example" + asXML, `<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE q SYSTEM +ACI-http://e.example/q+ACI +AD4`},
		{signal.XXE, "POST /x HTTP/1.1\nHost: a.example\nContent-Type: application/xop+xml", `<r><i:Include href="http://e.example/q" xmlns:i="http://www.w3.org/2004/08/xop/include"/></r>`},
		{signal.Deserialisation, "POST /x HTTP/1.1\nHost: a.example" + asXML,
			"<set><javax.imageio.spi.FilterIterator/></set>"},
		{signal.Deserialisation, "POST /x HTTP/1.1\nHost: a.example" + asXML,
			"<q><h class='com.sun.corba.se.impl.activation.ServerTableEntry'/></q>"},
		{signal.Deserialisation, "POST /x HTTP/1.1\nHost: a.example" + asJSON, `{"a":{"@type":"java.lang.AutoCloseable"`},
		{signal.Deserialisation, "POST /x HTTP/1.1\nHost: a.example" + asJSON, `{"a":{"@class":"com.zaxxer.hikari.HikariConfig","b":1}}`},
		{signal.Deserialisation, "POST /x HTTP/1.1\nHost: a.example" + asJSON, `{"d":"--- !ruby/object:Gem::Installer\nname: this\nother: that\nmore: lines\nlast: one\n"}`},
		{signal.CodeInjection, "POST /x HTTP/1.1\nHost: a.example" + asJSON, `{"script":"new ProcessBuilder('id').start()"}`},
		{signal.CodeInjection, "POST /x HTTP/1.1\nHost: a.example" + asJSON, `{"code":"os.execute('id')"}`},
		{signal.CodeInjection, "POST /i.php?s=a HTTP/1.1\nHost: a.example" + asForm,
			"_method=__construct&filter[]=passthru"},
		{signal.CodeInjection, "GET /i.php?y=shell_exec&z=1 HTTP/1.1\nHost: a.example", ""},
		{signal.SSRF, "GET /g?url=tftp://203.0.113.5/q HTTP/1.1\nHost: a.example", ""},
		{signal.SSRF, "POST /g HTTP/1.1\nHost: a.example" + asJSON, `{"uri":"ldap://203.0.113.5:389/%0astats"}`},
		{signal.UploadAbuse, "PUT /q.jsp/ HTTP/1.1\nHost: a.example", ""},
		{signal.UploadAbuse, "PUT /a/b/q.aspx::$DATA HTTP/1.1\nHost: a.example", ""},
		{signal.UploadAbuse, "MOVE /d/q.txt HTTP/1.1\nHost: a.example\nDestination: http://a.example/d/q.asp;.txt", ""},
		{signal.UploadAbuse, "POST /u HTTP/1.1\nHost: a.example" + asParts,
			part("q.png", "image/png", "%!PS\n(%pipe%whoami) (r) file")},
		{signal.UploadAbuse, "POST /u HTTP/1.1\nHost: a.example" + asParts,
			part("q.gif", "image/gif", "push graphic-context\nimage over 0,0 0,0 'msl:/tmp/q'\npop graphic-context")},
		{signal.UploadAbuse, "POST /u HTTP/1.1\nHost: a.example" + asParts,
			part("q.jpg", "image/jpeg", "AT&TFORM\x00(metadata (a \"\\\n\" . system('id') . \"q\"))")},
		{signal.UploadAbuse, "POST /u HTTP/1.1\nHost: a.example" + asParts,
			part("q.m3u8", "video/mp4", "#EXTM3U\n#EXTINF:1,\nfile:///etc/hosts\n")},
		{signal.SQLInjection, "POST /u HTTP/1.1\nHost: a.example" + asParts,
			"--q\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Transfer-Encoding: " +
				"quoted-printable\r\n\r\n7=27 or =277=27=3D=277\r\n--q--\r\n"},
		{signal.XSS, "POST /u HTTP/1.1\nHost: a.example" + asParts,
			"--q\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Transfer-Encoding: " +
				"base64\r\n\r\nPHNjcmlwdD5h\r\nbGVydCgzKTwv\r\nc2NyaXB0Pg==\r\n--q--\r\n"},
		{signal.CodeInjection, "POST /u HTTP/1.1\nHost: a.example" + asParts,
			part("q.jpg", "image/jpeg",
				strings.Repeat("\x01\x02\x03", 200)+"<?php system($_GET['q']);"+strings.Repeat("\x04", 90))},
	} {
		if band, _ := bandOf(asked(t, tt.head, tt.body), tt.kind); band < signal.Likely {
			t.Errorf("%q %q: %v is %v; want likely", tt.head, tt.body, tt.kind, band)
		}
	}
}

// What honest clients send that looks like the attacks above.
func TestHonestByPlace(t *testing.T) {
	for _, tt := range []struct{ head, body string }{
		{"GET /dQw4w9WgXcQ HTTP/1.1\nHost: a.example", ""},
		{"GET /s?ref=SGVsbG8gd29ybGQsIHRoaXMgaXMgZmluZQ== HTTP/1.1\nHost: a.example", ""},
		{"POST /s HTTP/1.1\nHost: a.example" + asForm,
			"xml=<q&<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"/>"},
		{"GET / HTTP/1.1\nHost: a.example\nReferer: https://b.example/?q=cats%3B+dogs", ""},
		{"GET / HTTP/1.1\nHost: a.example\nX-Csrf-Token: Bearer abc/def+ghi=", ""},
		{"GET /docs?q=shell_exec HTTP/1.1\nHost: a.example", ""},
		{"GET /search?q=ipconfig%20/all HTTP/1.1\nHost: a.example", ""},
		{"POST /x HTTP/1.1\nHost: a.example" + asXML, `<r><i:Include href="cid:q@a.example" xmlns:i="http://www.w3.org/2004/08/xop/include"/></r>`},
		{"POST /x HTTP/1.1\nHost: a.example" + asXML, `<beans><bean class="org.springframework.jdbc.datasource.DriverManagerDataSource"/></beans>`},
		{"POST /x HTTP/1.1\nHost: a.example" + asXML, `<web-app><listener-class>com.sun.faces.config.ConfigureListener</listener-class></web-app>`},
		{"POST /x HTTP/1.1\nHost: a.example" + asXML, `<l><com.acme.ui.Widget/><androidx.constraintlayout.widget.ConstraintLayout w="1"/></l>`},
		{"POST /x HTTP/1.1\nHost: a.example" + asJSON, `{"@type":"schema:Product","name":"Lamp","offers":{"@type":"Offer"}}`},
		{"POST /x HTTP/1.1\nHost: a.example" + asJSON, `{"@class":"java.util.ArrayList","order":{"@type":"com.acme.Order"}}`},
		{"POST /x HTTP/1.1\nHost: a.example" + asJSON, `{"ldap_url":"ldap://dc.corp.example:389","backup":{"url":"sftp://files.corp.example/in"}}`},
		{"POST /x HTTP/1.1\nHost: a.example" + asJSON, `{"path":"\\\\fileserver\\scans\\a.pdf","nas":"\\\\192.168.7.5\\media"}`},
		{"PUT /backups/site/index.php HTTP/1.1\nHost: a.example", ""},
		{"MOVE /files/.index.php.part HTTP/1.1\nHost: a.example\nDestination: http://a.example/files/index.php", ""},
		{"POST /u HTTP/1.1\nHost: a.example" + asParts,
			part("q.eps", "application/postscript",
				"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nnewpath 0 0 moveto 9 9 lineto stroke\nshowpage")},
		{"POST /u HTTP/1.1\nHost: a.example" + asParts,
			part("q.m3u8", "application/x-mpegurl", "#EXTM3U\n#EXTINF:9,\nhttps://cdn.example/a.ts\n#EXT-X-ENDLIST")},
		{"POST /u HTTP/1.1\nHost: a.example" + asParts,
			part("q.jpg", "image/jpeg",
				strings.Repeat("\xff\xd8\x01\x02",
					99)+"<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?>"+strings.Repeat("\x04", 90))},
		{"POST /oauth HTTP/1.1\nHost: a.example" + asForm, "_method=delete&user[email]=ann@a.example"},
	} {
		for _, s := range asked(t, tt.head, tt.body) {
			if s.Band > signal.Hint {
				t.Errorf("%q %q: %v %v (%s); want at most a hint", tt.head, tt.body, s.Kind, s.Band, s.Note)
			}
		}
	}
}

// Shapes by path and parameter, and by a header field, are found where they belong and
// nowhere else, and what was harmless there is looked at here.
func TestExploitsByName(t *testing.T) {
	for head, want := range map[string]bool{
		"GET /getcfg.php?AUTHORIZED_GROUP=1 HTTP/1.1\nHost: a.example":                                 true,
		"GET /other.php?AUTHORIZED_GROUP=1 HTTP/1.1\nHost: a.example":                                  false,
		"GET /x/api/geojson?url=file:///tmp/q HTTP/1.1\nHost: a.example":                               true,
		"GET /api/geojson?url=https://maps.example/a.json HTTP/1.1\nHost: a.example":                   false,
		"GET /users HTTP/1.1\nHost: a.example\nSpring.Cloud.Function.Routing-Expression: 7":            true,
		"GET /WebInterface/function/?c=1 HTTP/1.1\nHost: a.example\nAS2-TO: X":                         true,
		"POST /as2 HTTP/1.1\nHost: a.example\nAS2-TO: X":                                               false,
		"POST /users/password?user[email][]=a@a.example&user[email][]=b@b.example HTTP/1.1\nHost: a.b": true,
		"POST /users/password?user[email]=a@a.example HTTP/1.1\nHost: a.b":                             false,
	} {
		if _, found := bandOf(asked(t, head, ""), signal.KnownExploit); found != want {
			t.Errorf("%q: found %v; want %v", head, found, want)
		}
	}
	d := newDetector(t)
	for i, target := range []string{"/a?AUTHORIZED_GROUP=1", "/a?AUTHORIZED_GROUP=1",
		"/getcfg.php?AUTHORIZED_GROUP=1"} {
		r := &request.Request{Head: request.Head{Method: "GET", Target: target}}
		r.Parse()
		d.Head(r)
		if _, found := bandOf(r.Signals, signal.KnownExploit); found != (i == 2) {
			t.Errorf("%s: found %v; want it at the exploit's path only", target, found)
		}
	}
}
