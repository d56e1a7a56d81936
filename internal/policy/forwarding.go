package policy

import (
	"fmt"
	"strings"

	"bartizan/internal/request"
)

// Forwarding changes the list of fields that end here unless the peer is a trusted
// proxy. Names are compared without regard to letter case; one that ends in "*"
// stands for all that begin so.
type Forwarding struct {
	Add  []string // end here too
	Keep []string // go on, whoever sends them
}

// forwardingNames are fields by which proxies tell an upstream who its client is, how
// he came and what he asked for. Applications believe them, so that a client who may
// send them could pick his address, his user name or another path than the one that
// was judged. Names are folded, see request.FoldName.
var forwardingNames = [...]string{
	// Whose address it is.
	"forwarded", "x-forwarded", "forwarded-for", "forwarded-for-ip", "x-real-ip", "x-real-port", "true-client-ip",
	"client-ip",
	"x-client-ip", "x-cluster-client-ip", "x-remote-ip", "x-remote-addr", "x-originating-ip", "remote-addr",
	"cf-connecting-ip", "cf-connecting-ipv6",
	"cf-pseudo-ipv4", "cf-ipcountry", "cf-visitor", "fastly-client-ip", "fastly-ssl", "fly-client-ip",
	"x-azure-clientip", "x-azure-socketip",
	"x-envoy-external-address", "x-envoy-internal", "x-appengine-user-ip", "x-appengine-remote-addr", "x-proxyuser-ip",
	"wl-proxy-client-ip",
	"proxy-client-ip", "x-nf-client-connection-ip", "do-connecting-ip", "x-vercel-forwarded-for", "incap-client-ip",
	"x-sucuri-clientip", "ali-cdn-real-ip", "cdn-src-ip",
	// How he came.
	"front-end-https", "x-url-scheme", "x-scheme", "x-host", "x-arr-ssl", "wl-proxy-ssl", "proxy", "x-real-host",
	"x-http-host-override",
	// What he asked for.
	"x-original-url", "x-original-uri", "x-original-host", "x-original-for", "x-original-forwarded-for",
	"x-original-proto", "x-original-scheme",
	"x-original-method", "x-original-path", "x-original-remote-addr", "x-rewrite-url", "x-rewrite-uri",
	"x-envoy-original-path", "x-envoy-original-dst-host",
	"x-script-name",
	// Who he is: single sign-on and certificates that a proxy has checked.
	"remote-user", "remote-groups", "remote-email", "remote-name", "x-remote-user", "x-remote-group", "x-remote-groups",
	"x-remote-email", "x-webauth-user",
	"x-auth-request-user", "x-auth-request-email", "x-auth-request-groups", "x-auth-request-preferred-username",
	"x-auth-request-redirect",
	"cf-access-authenticated-user-email", "x-vouch-user",
	"client-cert", "client-cert-chain", "x-client-cert", "x-client-certificate", "x-tls-client-cert", "x-client-verify",
	"x-client-dn", "x-arr-clientcert", "x-ssl-cert", "ssl-cert",
}

// forwardingPrefixes are the beginnings of such names that no honest client sends.
var forwardingPrefixes = [...]string{"x-forwarded-", "x-forward-", "x-amzn-oidc-", "x-ms-client-principal",
	"x-ssl-client-", "ssl-client-", "x-authentik-", "tailscale-user-", "x-goog-authenticated-user-"}

// written are the forwarding fields that are always written anew.
var written = map[string]bool{"x-forwarded-for": true, "x-forwarded-proto": true, "x-forwarded-host": true,
	"forwarded": true}

// forwarding is a compiled Forwarding. Prefixes keep no "*".
type forwarding struct {
	names    map[string]struct{}
	prefixes []string
	keep     map[string]struct{}
	keeps    []string
}

func compileForwarding(f Forwarding, fingerprint string) (c forwarding, problems []Problem) {
	c = forwarding{names: make(map[string]struct{}), keep: make(map[string]struct{}), prefixes: forwardingPrefixes[:]}
	for _, n := range forwardingNames {
		c.names[n] = struct{}{}
	}
	if fingerprint != "" {
		c.names[folded(fingerprint)] = struct{}{}
	}
	read := func(list []string, key string, names map[string]struct{}, prefixes []string) []string {
		for i, name := range list {
			stem, prefix := strings.CutSuffix(name, "*")
			switch n := folded(stem); {
			case !request.IsToken(stem) || len(stem) > request.FoldMax:
				problems = append(problems,
					Problem{fmt.Sprintf("forwarding_headers.%s[%d]", key, i),
						fmt.Errorf("is %q: want the name of a header, or the beginning of one and *", name)})
			case key == "keep" && (written[n] || prefix && strings.HasPrefix("x-forwarded-for", n)):
				problems = append(problems,
					Problem{fmt.Sprintf("forwarding_headers.keep[%d]", i),
						fmt.Errorf("is %q: X-Forwarded-For, -Proto, -Host and Forwarded are written anew; see "+
							"trusted_proxies", name)})
			case prefix:
				prefixes = append(prefixes[:len(prefixes):len(prefixes)], n)
			default:
				names[n] = struct{}{}
			}
		}
		return prefixes
	}
	c.prefixes = read(f.Add, "add", c.names, c.prefixes)
	c.keeps = read(f.Keep, "keep", c.keep, nil)
	return c, problems
}

func folded(name string) string {
	var buf [request.FoldMax]byte
	n, _ := request.FoldName(&buf, name)
	return string(n)
}

// Forwarding reports whether a field of the folded name n (request.FoldName) tells of
// a hop before us, so that it ends here unless a trusted proxy sent it.
func (p *Policy) Forwarding(n []byte) bool { return p.forwarding.lists(n) }

// lists reports whether the folded name n is one that ends here.
func (f *forwarding) lists(n []byte) bool {
	if _, ok := f.names[string(n)]; !ok && !begins(n, f.prefixes) {
		return false
	}
	_, kept := f.keep[string(n)]
	return !kept && !begins(n, f.keeps)
}

func begins(n []byte, prefixes []string) bool {
	for _, p := range prefixes {
		if len(n) >= len(p) && string(n[:len(p)]) == p {
			return true
		}
	}
	return false
}
