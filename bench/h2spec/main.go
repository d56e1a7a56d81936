// Command h2spec serves what the h2spec run compares: a trivial upstream, or the
// stock net/http server over TLS with the same answers.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "h2spec:", err)
		os.Exit(1)
	}
}

// run takes "upstream ADDRESS" or "stock ADDRESS CERT KEY".
func run(args []string) error {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // what cannot be read is the run's business
		io.WriteString(w, "ok")
	})
	switch {
	case len(args) == 2 && args[0] == "upstream":
		return http.ListenAndServe(args[1], h)
	case len(args) == 4 && args[0] == "stock":
		return http.ListenAndServeTLS(args[1], args[2], args[3], h)
	}
	return fmt.Errorf("want \"upstream ADDRESS\" or \"stock ADDRESS CERT KEY\", got %q", args)
}
