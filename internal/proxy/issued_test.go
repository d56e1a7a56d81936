package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// issuedIDs: what answers show of ids is read where it can be read, at most 64 KiB
// of each; else it is said that there may be some.
func (s suite) issuedIDs(t *testing.T) {
	row := `{"id":"0b0f3a52-6f1c-4d0e-9a43-7f2f5b1d9c01","n":1},`
	up := upstream(t, "http", func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "application/json; charset=utf-8")
		switch r.URL.Path {
		case "/list":
			io.WriteString(w, `[{"id":1,"owner_id":7},{"id":2,"owner_id":7},{"i`)
			http.NewResponseController(w).Flush()
			time.Sleep(10 * time.Millisecond)
			io.WriteString(w, `d":3,"total":99}]`)
		case "/long":
			io.WriteString(w, "["+strings.Repeat(row, 3000)+"{}]")
		case "/many":
			for i := range 400 {
				fmt.Fprintf(w, `{"id":%d}`, i)
			}
		case "/coded":
			h.Set("Content-Encoding", "x-none")
			io.WriteString(w, `{"id":1}`)
		case "/page":
			h.Set("Content-Type", "text/html")
			io.WriteString(w, `<a href=/things/1>`)
		case "/picture":
			h.Set("Content-Type", "image/png")
			io.WriteString(w, "png")
		case "/made":
			h.Set("Location", "/things/17")
			w.WriteHeader(201)
		case "/refused":
			w.WriteHeader(403)
			io.WriteString(w, `{"id":1}`)
		}
	})
	g := s.front.start(t, setup{upstreams: []string{up}})
	for i, c := range []struct {
		path   string
		ids    int
		unread bool
	}{
		{"/list", 4, false}, {"/long", 1, true}, {"/many", 256, true}, {"/coded", 0, true}, {"/page", 0, true}, {"/picture", 0, false}, {"/made", 1, false}, {"/refused", 0, false}, {"/list", 4, false},
	} {
		req, err := http.NewRequest("GET", "http://"+g.plain+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "api.example.com"
		res, err := client(t, "http1").Do(req)
		read(t, res, err)
		if o := g.lines(t, i+1)[i].outcome; len(o.Issued) != c.ids || o.Unread != c.unread {
			t.Errorf("%s: got %d ids, unread %v; want %d, %v", c.path, len(o.Issued), o.Unread, c.ids, c.unread)
		}
	}
}
