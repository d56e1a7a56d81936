// Command gateway is what the gateway is measured against, and with: an upstream
// that answers at once, and the bare reverse proxy of Go's standard library.
//
//	gateway upstream ADDRESS
//	gateway proxy ADDRESS UPSTREAM-URL
package main

import (
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
)

func main() {
	if len(os.Args) < 3 {
		log.Fatal("usage: gateway upstream ADDRESS | gateway proxy ADDRESS UPSTREAM-URL")
	}
	var h http.Handler = http.HandlerFunc(answer)
	if os.Args[1] == "proxy" {
		u, err := url.Parse(os.Args[3])
		if err != nil {
			log.Fatal(err)
		}
		tr := http.DefaultTransport.(*http.Transport).Clone()
		tr.MaxIdleConnsPerHost, tr.MaxIdleConns = 1024, 2048
		p := &httputil.ReverseProxy{Transport: tr, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u); r.SetXForwarded() }}
		h = p
	}
	log.Fatal(http.ListenAndServe(os.Args[2], h))
}

// document is a small JSON answer.
const document = `{"id":17,"name":"lamp no. 17","price":1619,"stock":4,"tags":["brass","reading"]}`

func answer(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, document)
}
