package policy

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// Decoys are what no honest client ever uses: paths that only a comment, a
// robots.txt or an old document names, and credentials that were planted and
// never given to anybody.
type Decoys struct {
	Paths       []string // as Route.Match
	Credentials []string // as sent, or "sha256:" and the hex digest of it
	Fields      []string // names of form fields that no browser sends
}

// decoys are compiled.
type decoys struct {
	paths       []pattern
	credentials map[[sha256.Size]byte]bool
	fields      map[string]bool
}

func (c *compiler) decoys(in Decoys) (out decoys) {
	for i, s := range in.Paths {
		p, err := parsePattern(s)
		if err != nil {
			c.fail(fmt.Sprintf("decoys.paths[%d]", i), err)
		}
		out.paths = append(out.paths, p)
	}
	for i, s := range in.Credentials {
		d, err := credentialDigest(s)
		if err != nil || s == "" {
			c.fail(fmt.Sprintf("decoys.credentials[%d]", i), fmt.Errorf("want a credential, or sha256: and its digest: %v", err))
		}
		if out.credentials == nil {
			out.credentials = map[[sha256.Size]byte]bool{}
		}
		out.credentials[d] = true
	}
	for _, name := range in.Fields {
		if out.fields == nil {
			out.fields = map[string]bool{}
		}
		out.fields[name] = true
	}
	return out
}

func fieldSignal(name string) signal.Signal {
	return signal.Signal{Kind: signal.DecoyField, Band: signal.Likely, Where: "field:" + request.Excerpt(name, 64), Note: "a decoy"}
}

// Decoy appends what r uses of the decoys. A verified robot is no attacker: it
// may read of a path in places where people do not look.
func (p *Policy) Decoy(r *request.Request) {
	for i := range p.decoys.paths {
		if r.Network.Bot == "" && p.decoys.paths[i].any(r) {
			r.Signals = append(r.Signals, signal.Signal{Kind: signal.DecoyPath, Band: signal.Likely, Where: "path", Note: "a decoy"})
			break
		}
	}
	if len(p.decoys.credentials) == 0 {
		return
	}
	credential := r.Credential()
	_, token, _ := strings.Cut(credential, " ") // without "Bearer"
	for _, s := range [...]string{credential, token} {
		if s != "" && p.decoys.credentials[sha256.Sum256([]byte(s))] {
			r.Signals = append(r.Signals, signal.Signal{Kind: signal.DecoyCredential, Band: signal.Certain, Where: "credential", Note: "a decoy"})
			return
		}
	}
}
