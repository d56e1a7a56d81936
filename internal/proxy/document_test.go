package proxy_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"bartizan/internal/apimap"
	"bartizan/internal/engine"
	"bartizan/internal/policy"
	"bartizan/internal/request"
)

// wants is a document by which every request needs a body.
type wants struct{}

func (wants) Head(*request.Request) apimap.Finding {
	return apimap.Finding{Documented: true, PathDocumented: true}
}

func (wants) Body(_ *request.Request, body []byte, complete bool) (f apimap.Finding) {
	if len(body) == 0 && complete {
		f.Problems = []apimap.Problem{{Kind: apimap.ProblemMissing, Where: "body", What: "required"}}
	}
	return f
}

// A body that is missing is missed however that is said, and one that is there is not.
func TestMissingBody(t *testing.T) {
	u := newRaw(t, nil)
	g := proxyFront{}.start(t, setup{upstreams: []string{u.url}, mode: policy.Enforce,
		policy: func(o *policy.Options) { o.Sites[0].Validate = policy.Enforce },
		engine: func(o *engine.Options) { o.Specs = map[string]apimap.Validator{"*": wants{}} },
	})
	for framing, status := range map[string]int{
		"\r\n":                      400,
		"Content-Length: 0\r\n\r\n": 400,
		"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n":           400,
		"Content-Length: 1\r\n\r\na":                            200,
		"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n": 200,
	} {
		if res := call(t, g, "POST / HTTP/1.1\r\nHost: a\r\n"+framing); res.StatusCode != status {
			t.Errorf("%q: got %d; want %d", framing, res.StatusCode, status)
		}
	}
	c := client(t, "h2c")
	for name, f := range map[string]struct {
		body   io.Reader
		status int
	}{"ended with the head": {nil, 400}, "ended without data": {io.MultiReader(), 400}, "a body": {io.MultiReader(strings.NewReader("a")), 200}} {
		req, _ := http.NewRequest("POST", "http://"+g.plain+"/", f.body)
		res, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != f.status {
			t.Errorf("HTTP/2, %s: got %d; want %d", name, res.StatusCode, f.status)
		}
	}
}
