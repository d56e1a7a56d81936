// Package peer measures Coraza with the OWASP Core Rule Set at paranoia level 1,
// request phases only, on the requests that internal/detect's BenchmarkPeer uses.
package peer

import (
	"os"
	"strings"
	"testing"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/types"
)

func engine(b *testing.B) coraza.WAF {
	b.Helper()
	waf, err := coraza.NewWAF(coraza.NewWAFConfig().WithRootFS(coreruleset.FS).WithDirectives(
		"Include @coraza.conf-recommended\nSecRuleEngine On\nSecRequestBodyAccess On\nInclude @crs-setup.conf.example\nInclude @owasp_crs/*.conf"))
	if err != nil {
		b.Fatal(err)
	}
	return waf
}

func BenchmarkPeer(b *testing.B) {
	waf := engine(b)
	for _, c := range []string{"get-small", "get-10-parameters", "json-1.2k", "json-16k"} {
		raw, err := os.ReadFile("../" + c + ".http")
		if err != nil {
			b.Fatal(err)
		}
		head, body, _ := strings.Cut(string(raw), "\r\n\r\n")
		lines := strings.Split(head, "\r\n")
		request := strings.Split(lines[0], " ")
		b.Run(c, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				one(b, waf, request, lines[1:], body)
			}
		})
	}
}

func one(b *testing.B, waf coraza.WAF, request, fields []string, body string) {
	tx := waf.NewTransaction()
	defer tx.Close()
	tx.ProcessConnection("203.0.113.9", 40000, "127.0.0.1", 80)
	tx.ProcessURI(request[1], request[0], request[2])
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		tx.AddRequestHeader(name, value)
	}
	var it *types.Interruption = tx.ProcessRequestHeaders()
	if it == nil && body != "" {
		if _, _, err := tx.WriteRequestBody([]byte(body)); err != nil {
			b.Fatal(err)
		}
		it, _ = tx.ProcessRequestBody()
	} else if it == nil {
		it, _ = tx.ProcessRequestBody()
	}
	if it != nil {
		b.Fatalf("the peer denies a benign request by rule %d", it.RuleID)
	}
}
