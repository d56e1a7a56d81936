package request

import "strings"

// Pass is what the request shows of an answered question. Writer: challenge, or
// the front end where it was judged before (replay). The zero value is none.
type Pass struct {
	Result PassResult
	// How it was earned; meaningful where Result is PassValid.
	How PassHow
	// Bits is the difficulty that was paid, in leading zero bits; 0 without work.
	Bits uint8
	// Fresh says that it was earned by this very request, which must be told.
	Fresh bool
	// Handed says that this request's answer hands out a cookie.
	Handed bool
	// Probe is what a page found odd about the browser that runs it.
	Probe Probe
	// ID names the pass, 0 if there is none. Issued is when it was handed out, or the
	// question was that it answers; Until is its end. Both are in s since the epoch.
	ID            uint64
	Issued, Until uint32
}

// Navigation reports whether a person looks at a browser window: a top-level page
// load, and nothing else. Browsers say so on secure origins; elsewhere they at
// least ask for HTML and for an upgrade.
func (r *Request) Navigation() bool {
	if r.Head.Method != "GET" && r.Head.Method != "HEAD" {
		return false
	}
	return r.window()
}

// Form reports whether a browser window sends a form.
func (r *Request) Form() bool { return r.Head.Method == "POST" && r.window() }

func (r *Request) window() bool {
	if mode := r.Header("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate" && r.Header("Sec-Fetch-Dest") == "document"
	}
	return r.Header("Upgrade-Insecure-Requests") == "1" && strings.Contains(r.Header("Accept"), "text/html")
}

// PassResult is what became of a pass or an answer.
type PassResult uint8

// The results.
const (
	PassNone      PassResult = iota
	PassValid                // signed by us, of this client, in time
	PassExpired              // too old, from another epoch or key: says nothing
	PassElsewhere            // of the same software in another network: people move; not honoured
	PassForged               // has our key's mark, and a signature that is not ours
	PassReplayed             // an answer given before, and not by a retry
	PassStolen               // of other software
	PassFarmed               // in use by many clients
	PassWrong                // an answer without the work, or of another place
	PassResults   = iota
)

var passResults = [...]string{"none", "valid", "expired", "elsewhere", "forged", "replayed", "stolen", "farmed", "wrong"}

// String returns the result's name, as recordings spell it.
func (p PassResult) String() string { return passResults[min(int(p), len(passResults)-1)] }

// PassHow is how a pass was earned.
type PassHow uint8

// The ways, in rising worth.
const (
	PassKept     PassHow = iota // a cookie came back
	PassFollowed                // a redirect was followed with the cookie
	PassWaited                  // somebody waited
	PassSolved                  // a proof of work
	PassHows     = iota
)

var passHows = [...]string{"kept", "followed", "waited", "solved"}

// String returns the way's name, as recordings spell it.
func (h PassHow) String() string { return passHows[min(int(h), len(passHows)-1)] }

// Answers reports whether the pass answers a challenge: it was earned by work or
// by waiting.
func (p Pass) Answers() bool { return p.Result == PassValid && p.How >= PassWaited }

// String returns how a valid pass was earned, else the result; empty for none.
func (p Pass) String() string {
	switch p.Result {
	case PassNone:
		return ""
	case PassValid:
		return p.How.String()
	}
	return p.Result.String()
}

// PassNamed reads what String writes; ok is false for anything else.
func PassNamed(s string) (p Pass, ok bool) {
	if s == "" {
		return p, true
	}
	for h, name := range passHows {
		if name == s {
			return Pass{Result: PassValid, How: PassHow(h)}, true
		}
	}
	for v, name := range passResults {
		if name == s && PassResult(v) > PassValid {
			return Pass{Result: PassResult(v)}, true
		}
	}
	return p, false
}

// Probe is what a page found odd about the browser that runs it, a bit set.
type Probe uint8

// The findings. What they are found by is the page's business.
const (
	ProbeDriven   Probe = 1 << iota // the browser says that a program drives it
	ProbeHeadless                   // it says that nobody sees its windows
	ProbeScripted                   // an event that no person caused
	ProbeOdd                        // traits that do not go together
	ProbeUncached                   // what it loaded twice it did not ask about the second time
	ProbePressed                    // a person pressed the button
)

// Automated reports whether the browser itself says that a program drives it.
func (p Probe) Automated() bool { return p&(ProbeDriven|ProbeHeadless|ProbeScripted) != 0 }

// Doubtful reports whether only a person's press makes the answer good.
func (p Probe) Doubtful() bool { return p&(ProbeOdd|ProbeUncached) != 0 && p&ProbePressed == 0 }
