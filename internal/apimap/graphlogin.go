package apimap

import (
	"slices"
	"strings"

	"bartizan/internal/digest"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// arguments reads what stands in parentheses behind a field that logs somebody in,
// for users and passwords, and skips it elsewhere: values are judged by detectors.
func (g *graphReader) arguments() {
	login := logsIn(g.last)
	g.last = ""
	var user, guess uint64
	var named bool
	flush := func() {
		if guess != 0 {
			g.tried(user, guess, named)
		}
		user, guess, named = 0, 0, false
	}
	level := 0
	for g.i < len(g.s) {
		switch c := g.s[g.i]; {
		case c == '(':
			level++
		case c == ')':
			if level--; level == 0 {
				g.i++
				flush()
				return
			}
		case c == '}':
			flush()
		case c == '"':
			g.text()
			continue
		case c == '#':
			g.until('\n')
			continue
		case login && letter(c):
			rank, password := request.LoginField(g.name())
			text, inline := g.value()
			switch {
			case text == "":
			case password:
				guess = g.secret(text, inline)
			case rank > 0:
				user, named = g.secret(text, inline), inline
			}
			continue
		}
		g.i++
	}
	flush()
}

// value reads the value behind an argument's name if it is a string or a variable,
// which is inline or not.
func (g *graphReader) value() (text string, inline bool) {
	g.blank()
	if g.i >= len(g.s) || g.s[g.i] != ':' {
		return "", false
	}
	g.i++
	g.blank()
	start := g.i
	switch {
	case g.i >= len(g.s):
	case g.s[g.i] == '"':
		g.text()
		return strings.Trim(g.s[start:g.i], `"`), true
	case g.s[g.i] == '$':
		g.i++
		g.name()
		return g.s[start:g.i], false
	}
	return "", false
}

// secret digests a user or password, as the engine does a user. A variable stands
// for a value of its own in each operation.
func (g *graphReader) secret(text string, inline bool) uint64 {
	if inline {
		return digest.Folded(g.seed, text) | 1
	}
	return digest.Mix(digest.String(g.seed, text), uint64(g.found.Operations)) | 1
}

// tried notes a login, once for each user and password.
func (g *graphReader) tried(user, guess uint64, named bool) {
	f, pair := g.found, digest.Mix(user, guess)|1
	if f.Logins == len(f.Tried) || slices.Contains(f.Tried[:f.Logins], pair) {
		return
	}
	f.Tried[f.Logins] = pair
	f.Logins++
	if named && !slices.Contains(f.Users[:f.Known], user) {
		f.Users[f.Known] = user
		f.Known++
	}
}

// logsIn reports whether a field of this name seems to log somebody in.
func logsIn(name string) bool {
	if len(name) > 64 {
		return false
	}
	name = strings.ReplaceAll(strings.ToLower(name), "_", "")
	return slices.ContainsFunc([]string{"login", "signin", "logon", "auth", "session", "token"}, func(w string) bool { return strings.Contains(name, w) })
}

// From how many different logins in one request they are evidence. Who logs in does
// it once; a batch may hold the one that was sent before, again.
const loginsSome, loginsMany = 3, 6

// Logins appends that r tries to log in as several, or with several passwords, by
// aliases or operations of GraphQL, however it will be answered.
func Logins(r *request.Request) {
	switch n := r.Graph.Logins; {
	case n >= loginsMany:
		r.Signals = append(r.Signals, signal.Signal{Kind: signal.LoginBatch, Band: signal.Likely, Where: "body", Note: "6 or more logins in one request"})
	case n >= loginsSome:
		r.Signals = append(r.Signals, signal.Signal{Kind: signal.LoginBatch, Where: "body", Note: "3 or more logins in one request"})
	}
}
