package detect

import (
	"strings"

	"bartizan/internal/signal"
)

// maxAnswer is how much of an answer is looked at.
const maxAnswer = 8 << 10

// Answer reads the beginning of one answer, as it streams by, for what says that
// an attack reached something: error messages of databases, stack traces,
// listings of directories. Call Write with each piece; it belongs to one
// goroutine. Make it with Detector.Answer.
//
// Catches messages that servers write by themselves. Misses errors that an
// application words in its own way.
//
// Example: You have an error in your SQL syntax; check the manual
type Answer struct {
	d     *Detector
	tail  [maxLeak]byte // the end of the last piece, so that no seam hides a message
	kept  int
	read  int
	found bool
	band  signal.Band
	note  string
}

// maxLeak is the longest message that is looked for across two pieces.
const maxLeak = 96

// Answer returns a reader for one answer, or nil where there is nothing to look
// for: only textual answers of an error are read.
func (d *Detector) Answer(status int, mediaType string) *Answer {
	if d == nil || status < 400 || status > 599 || !textual(mediaType) {
		return nil
	}
	return &Answer{d: d}
}

// textual reports whether answers of this media type hold text.
func textual(media string) bool {
	media, _, _ = strings.Cut(media, ";")
	media = strings.TrimSpace(media)
	if media == "" || hasPrefixFold(media, "text/") {
		return true
	}
	for _, t := range [...]string{"json", "xml", "html", "javascript"} {
		if len(media) >= len(t) && hasPrefixFold(media[len(media)-len(t):], t) {
			return true
		}
	}
	return false
}

// Write looks at the next piece. It reports whether it wants more.
func (a *Answer) Write(p []byte) bool {
	if a == nil || a.found || a.read >= maxAnswer {
		return false
	}
	p = p[:min(len(p), maxAnswer-a.read)]
	a.read += len(p)
	if a.kept > 0 { // the seam
		var seam [2 * maxLeak]byte
		n := copy(seam[:], a.tail[:a.kept])
		n += copy(seam[n:], p[:min(len(p), maxLeak)])
		a.look(view(seam[:n]))
	}
	if !a.found {
		a.look(view(p))
	}
	a.keep(p)
	return !a.found && a.read < maxAnswer
}

// keep remembers the end of what was read.
func (a *Answer) keep(p []byte) {
	if len(p) >= maxLeak {
		a.kept = copy(a.tail[:], p[len(p)-maxLeak:])
		return
	}
	drop := max(a.kept+len(p)-maxLeak, 0)
	copy(a.tail[:], a.tail[drop:a.kept])
	a.kept -= drop
	a.kept += copy(a.tail[a.kept:], p)
}

// look searches one text.
func (a *Answer) look(s string) {
	for i := 0; i < len(s); i++ {
		if i > 0 && wordByte(s[i-1]) && wordByte(s[i]) {
			continue
		}
		n := a.d.leaks.prefixOf(s[i:])
		if n == 0 || n < len(s)-i && wordByte(s[i+n-1]) && wordByte(s[i+n]) {
			continue
		}
		a.found, a.band = true, signal.Hint
		if n >= 12 {
			a.band = signal.Likely
		}
		a.note = strings.Clone(s[i : i+n])
		return
	}
}

// Signal returns what was found.
func (a *Answer) Signal() (signal.Signal, bool) {
	if a == nil || !a.found {
		return signal.Signal{}, false
	}
	return signal.Signal{Kind: signal.ErrorLeak, Band: a.band, Where: "answer", Note: a.note}, true
}

// ownLeaks are added to the lists from outside: traces of languages, listings.
var ownLeaks = [...]string{
	"traceback (most recent call last)", "java.lang.nullpointerexception", "java.sql.sqlexception", "at java.lang.", "at org.apache.", "at org.springframework.", "at sun.reflect.", "caused by: java.", "goroutine 1 [running]", "panic: runtime error",
	"system.data.sqlclient", "system.web.httpexception", "node:internal/", "at object.<anonymous>", "unhandledpromiserejection", "root:x:0:0:", "[boot loader]", "<title>index of /", "directory listing for /", "parent directory</a>",
	"you have an error in your sql syntax", "unclosed quotation mark", "ora-00933", "ora-01756", "pg::syntaxerror", "psycopg2.errors", "sqlite3.operationalerror", "sqlstate[", "uid=0(root)",
}

// leakWords prepares the lists: what is too short means too little.
func leakWords(lists ...[]string) []string {
	out := append([]string(nil), ownLeaks[:]...)
	for _, list := range lists {
		for _, w := range list {
			if len(w) >= 10 && len(w) <= maxLeak && strings.IndexByte(w, ' ') > 0 {
				out = append(out, w)
			}
		}
	}
	return out
}
