package rule

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// texts, numbers and truths are what a condition can name.
var texts = map[string]text{
	"method":      func(r *request.Request) string { return r.Head.Method },
	"host":        func(r *request.Request) string { return r.Head.Host },
	"path":        func(r *request.Request) string { return r.Plain() },
	"raw_query":   func(r *request.Request) string { return r.RawQuery },
	"protocol":    func(r *request.Request) string { return r.Head.Proto },
	"site":        func(r *request.Request) string { return r.Site },
	"endpoint":    func(r *request.Request) string { return r.Endpoint.Template },
	"country":     func(r *request.Request) string { return r.Network.Country },
	"bot":         func(r *request.Request) string { return r.Network.Bot },
	"impostor":    func(r *request.Request) string { return r.Network.Impostor },
	"ja4":         func(r *request.Request) string { return r.Software.JA4 },
	"h2":          func(r *request.Request) string { return r.Software.H2 },
	"software":    func(r *request.Request) string { return r.Software.Claimed.String() },
	"system":      func(r *request.Request) string { return r.Software.System.String() },
	"contradicts": func(r *request.Request) string { return r.Software.Contradicts.String() },
	"stage":       func(r *request.Request) string { return r.Standing.Stage.String() },
	"intent":      func(r *request.Request) string { return r.Standing.Intent },
	"signature":   func(r *request.Request) string { return r.Match.Signature },
	"campaign":    func(r *request.Request) string { return r.Match.Campaign },
}

// fields are texts that stand for a header, which may come several times.
var fields = map[string]string{"user_agent": "User-Agent", "content_type": "Content-Type"}

var numbers = map[string]number{
	"asn":        func(r *request.Request) float64 { return float64(r.Network.ASN) },
	"version":    func(r *request.Request) float64 { return float64(r.Software.Version) },
	"risk":       func(r *request.Request) float64 { return r.Standing.Risk },
	"age":        func(r *request.Request) float64 { return r.Standing.Age.Seconds() },
	"body_size":  func(r *request.Request) float64 { return float64(r.Head.ContentLength) },
	"depth":      func(r *request.Request) float64 { return float64(len(r.Steps())) },
	"headers":    func(r *request.Request) float64 { return float64(len(r.Head.Fields)) },
	"parameters": func(r *request.Request) float64 { return float64(len(r.Query)) },
}

var truths = map[string]Condition{
	"tls":         func(r *request.Request) bool { return r.Conn.Secure },
	"known":       func(r *request.Request) bool { return r.Endpoint.Known },
	"accepted":    func(r *request.Request) bool { return r.Standing.Accepted },
	"established": func(r *request.Request) bool { return r.Standing.Established },
	"shared":      func(r *request.Request) bool { return r.Standing.Shared },
	"pass":        func(r *request.Request) bool { return r.Pass.Answers() },
	"credential":  func(r *request.Request) bool { return r.Credential() != "" },
	"navigation":  func(r *request.Request) bool { return r.Navigation() },
}

// outcomes are what it can name of the outcome: texts, numbers and truths. Of what
// the upstream did not answer only the duration is told.
var outcomes = map[string]any{
	"answered":      Condition(func(r *request.Request) bool { return r.Outcome.Answered }),
	"status":        number(func(r *request.Request) float64 { return float64(r.Outcome.Status) }),
	"duration":      number(func(r *request.Request) float64 { return float64(r.Outcome.Duration) / float64(time.Millisecond) }),
	"response_size": number(func(r *request.Request) float64 { return float64(r.Outcome.ResponseSize) }),
	"response_type": text(func(r *request.Request) string { return r.Outcome.ResponseType }),
}

// The functions: of one constant text.
var functions = map[string]func(string) (any, error){
	"header": header,
	"query":  query,
	"cookie": cookie,
	"tagged": func(name string) (any, error) {
		t, ok := request.TagNamed(name)
		if !ok {
			return nil, fmt.Errorf("tagged: unknown tag %q; known are %s", name, strings.Join(request.TagNames(), ", "))
		}
		return Condition(func(r *request.Request) bool { return r.Endpoint.Tags.Has(t) }), nil
	},
	"signal": func(kind string) (any, error) {
		return Condition(func(r *request.Request) bool {
			return slices.ContainsFunc(r.Signals, func(s signal.Signal) bool { return s.Kind.String() == kind })
		}), nil
	},
	"from": func(prefix string) (any, error) {
		p, err := netip.ParsePrefix(prefix)
		if err != nil {
			return nil, fmt.Errorf("from: want a prefix such as 203.0.113.0/24: %w", err)
		}
		return Condition(func(r *request.Request) bool { return p.Contains(r.Client.Addr) }), nil
	},
}

// Names returns what a condition can name, sorted, functions with "()".
func Names() []string {
	var out []string
	for n := range environment() {
		if _, ok := functions[n]; ok {
			n += "()"
		}
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// environment is what the type check sees.
func environment() map[string]any {
	env := map[string]any{}
	for n := range texts {
		env[n] = ""
	}
	for n := range fields {
		env[n] = ""
	}
	for n := range numbers {
		env[n] = 0.0
	}
	for n := range truths {
		env[n] = true
	}
	for n, v := range outcomes {
		switch v.(type) {
		case text:
			env[n] = ""
		case number:
			env[n] = 0.0
		default:
			env[n] = true
		}
	}
	for n := range functions {
		switch n {
		case "header", "query", "cookie":
			env[n] = func(string) string { return "" }
		default:
			env[n] = func(string) bool { return false }
		}
	}
	return env
}
