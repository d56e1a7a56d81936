package proxy_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"bartizan/internal/request"
)

// loginAnswers: what became of a login is read where the status says nothing, coded or
// not, over 64 KiB at most; and nothing is read of answers to anything else.
func (s suite) loginAnswers(t *testing.T) {
	form := strings.Repeat("<p>hello</p>", 300) + `<form action="/enter"><input type="password"></form>`
	up := upstream(t, "http", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		switch r.URL.Query().Get("as") {
		case "form":
			io.WriteString(w, form)
		case "coded":
			h.Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			io.WriteString(z, form)
			z.Close()
		case "pieces":
			for piece := range strings.SplitSeq(form, "</p>") {
				io.WriteString(w, piece+"</p>")
			}
		case "long":
			io.WriteString(w, strings.Repeat(" ", 70<<10)+form)
		case "home":
			h.Set("Set-Cookie", "auth=0123456789; HttpOnly")
			h.Set("Location", "/home")
			w.WriteHeader(302)
		case "token":
			h.Set("Content-Type", "application/json")
			h.Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			io.WriteString(z, `{"user":"ann","access_token":"abcdef0123456789"}`)
			z.Close()
		case "error":
			h.Set("Location", "/enter?error")
			w.WriteHeader(302)
		case "errors":
			h.Set("Content-Type", "application/json")
			io.WriteString(w, `{"errors":[{"message":"no"}],"data":null}`)
		}
	})
	g := s.front.start(t, setup{upstreams: []string{up}})
	for i, c := range []struct {
		as, kind, body string
		want           request.LoginResult
		handed         string
	}{
		{"form", "form", "user=ann&password=x1", request.LoginRefused, ""},
		{"coded", "form", "user=ann&password=x2", request.LoginRefused, ""},
		{"pieces", "form", "user=ann&password=x3", request.LoginRefused, ""},
		{"long", "form", "user=ann&password=x4", request.LoginUnknown, ""},
		{"home", "form", "user=ann&password=x5", request.LoginEntered, "0123456789"},
		{"token", "form", "user=ann&password=x9", request.LoginEntered, "abcdef0123456789"},
		{"token", "form", "user=ann&text=x9", request.LoginUnknown, ""},
		{"error", "form", "user=ann&password=x6", request.LoginRefused, ""},
		{"errors", "json", `{"query":"mutation { login(user: \"ann\", password: \"x7\") { token } }"}`, request.LoginRefused, ""},
		{"form", "form", "user=ann&text=x8", request.LoginUnknown, ""},
	} {
		req, err := http.NewRequest("POST", "http://"+g.plain+"/enter?as="+c.as, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "api.example.com"
		req.Header.Set("Content-Type", map[string]string{"form": "application/x-www-form-urlencoded", "json": "application/json"}[c.kind])
		req.Header.Set("Accept-Encoding", "gzip")
		res, err := client(t, "http1").Do(req)
		read(t, res, err)
		if o := g.lines(t, i+1)[i].outcome; o.Login != c.want {
			t.Errorf("%s, %s: got %q; want %q", c.as, c.body, o.Login, c.want)
		} else if got := strings.Join(o.Handed, " "); got != c.handed {
			t.Errorf("%s, %s: got %q handed out; want %q", c.as, c.body, got, c.handed)
		}
	}
}
