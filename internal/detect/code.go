package detect

import (
	"strings"

	"bartizan/internal/detect/code"
	"bartizan/internal/detect/inject"
	"bartizan/internal/detect/lex"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// Code and template injection, serialised objects, JNDI lookups, polluted
// prototypes.
//
// Catches calls and classes that only exploits send to an API, expressions of
// template languages that calculate or reach the engine's insides, and objects
// in the notations of PHP, Java, Python, Ruby, Node and .NET. Misses gadgets
// that look like data, and templates of an application's own language. Text
// about code is at most a hint.
//
// Example: {{”.__class__.__mro__[1].__subclasses__()}}
func (d *Detector) code(s *scan) finding {
	if s.value.In == request.InJSONKey && s.text == "prototype" && strings.HasSuffix(s.value.Key, "constructor") {
		return finding{signal.PrototypePollution, signal.Likely, 0}
	}
	f := d.names.Judge(s.lower())
	if f.Strength <= lex.Hint && (s.value.In == request.InQuery || s.value.In.Body()) && s.gate.bits&hasParen != 0 &&
		s.executes() {
		f.Kind, f.Strength, f.At = signal.CodeInjection, lex.Likely, 0
	}
	if f.Strength == lex.None {
		return finding{}
	}
	band := bandOf(f.Strength)
	switch {
	case f.Kind == signal.CodeInjection && band > signal.Hint && s.value.In.Body() && s.value.In != request.InFile &&
		richField(s.value.Key) && s.executes():
		return finding{f.Kind, signal.Likely, f.At}
	case f.Kind == signal.Deserialisation && band > signal.Hint && (s.prose() || s.document()) && code.Awakened(s.low):
		return finding{f.Kind, signal.Likely, f.At}
	case f.Kind == signal.Deserialisation && s.value.In == request.InCookie && plainObjects(s.low):
		return finding{f.Kind, signal.Hint, f.At} // the session of a framework
	case f.Kind == signal.JNDILookup && band == signal.Certain && s.value.In.Body() && s.document():
		if quotedBefore(s.low, f.At) {
			return finding{f.Kind, signal.Hint, f.At} // a text that quotes it
		}
		return finding{f.Kind, signal.Likely, f.At} // a logger would run it all the same
	case f.Kind == signal.JNDILookup && band == signal.Certain, (s.value.In == request.InHeader || s.value.In == request.InCookie) && band == signal.Certain:
		return finding{f.Kind, band, f.At} // nobody writes prose there
	case s.value.In.Body() && band > signal.Hint && (s.document() || richField(s.value.Key) && s.gate.plain > 4):
		band = signal.Hint
	case f.Kind == signal.CodeInjection && s.value.In.Body() && richField(s.value.Key):
		band = signal.Hint
	case f.Kind == signal.PrototypePollution && !s.value.In.Name() && s.gate.plain > 4:
		band = signal.Hint
	}
	return finding{f.Kind, s.limit(band), f.At}
}

// plainObjects reports whether all objects in PHP's notation are of its class without
// code, and nothing in it is said of a class: arrays, as frameworks keep in cookies.
func plainObjects(low string) bool {
	for i := 0; i+2 < len(low); i++ {
		if (low[i] != 'o' && low[i] != 'c') || low[i+1] != ':' || i > 0 && strings.IndexByte(";{}", low[i-1]) < 0 {
			continue
		}
		n := i + 2
		for n < len(low) && (low[n]-'0' < 10 || low[n] == '+') {
			n++
		}
		if n > i+2 && (low[i] == 'c' || !strings.HasPrefix(low[n:], ":\"stdclass\":")) {
			return false
		}
	}
	return strings.HasPrefix(low, "a:") || strings.HasPrefix(low, "s:") || strings.HasPrefix(low, "o:8:\"stdclass")
}

// quotedBefore reports whether a lookup whose sign or name stands at s[at:]
// begins behind a quote or a mark of code.
func quotedBefore(low string, at int) bool {
	for at > 0 && strings.IndexByte("{$", low[at-1]) >= 0 {
		at--
	}
	return at > 0 && strings.IndexByte("\"'`", low[at-1]) >= 0
}

func codeGate(s *scan) bool {
	g := &s.gate
	if g.words&(wordSure|wordCode) != 0 || g.bits&(hasBrace|hasDollar|hasAngle) != 0 || g.words&wordCall != 0 && g.bits&hasParen != 0 {
		return true
	}
	return g.bits&(hasColon|hasQuote|hasDigit) == hasColon|hasQuote|hasDigit || g.bits&hasBang != 0 && g.bits&(hasSlash|hasDots|hasBang) != 0 || g.bits&(hasBracket|hasHash|hasAt) != 0 && g.words&(wordCall|wordFile|wordShell|wordOp) != 0 || g.bits&hasAt != 0 && g.bits&hasParen != 0 || s.value.In.Name() && g.words != 0 || g.bits&hasQuote != 0 && code.Joins(s.text)
}

// Injection into filters, documents, headers and mails.
//
// Catches values that go on in LDAP filters, XPath and queries of document
// databases, document types and entities of XML, includes of servers and
// edges, and line breaks with a header behind them. Misses values that are
// whole filters of their own, which some APIs take.
//
// Example: *)(uid=*))(|(uid=*
func (d *Detector) inject(s *scan) finding {
	f := inject.Judge(s.lower(), s.value.In.Name())
	if f.Strength == lex.None {
		return finding{}
	}
	band := bandOf(f.Strength)
	switch {
	case f.Kind == signal.NoSQLInjection && (variables(s.text) || s.value.In.Name() && filters(s.low)):
		return finding{f.Kind, signal.Hint, f.At}
	case f.Kind == signal.ServerInclude && s.value.In.Body() && richField(s.value.Key) && !strings.ContainsAny(s.low, "|`") && !strings.Contains(s.low, "exec") &&
		!strings.Contains(s.low, "..") && !strings.Contains(s.low, "/etc/") && !strings.Contains(s.low, "://") &&
		!strings.Contains(s.low, "cmd"):
		return finding{f.Kind, signal.Hint, f.At} // a page of a server that puts pages together
	case f.Kind == signal.XXE && band > signal.Hint && f.At < 160 && declares(s.low) && s.sentence() < 8:
		return finding{f.Kind, band, f.At} // a document type has lines, but is no prose
	case f.Kind == signal.XXE && f.Strength == lex.Hint && (s.value.In == request.InForm || s.value.In == request.InQuery) && !richField(s.value.Key):
		band = signal.Likely // a document where a value was asked for, and where its schema is
	case f.Kind == signal.NoSQLInjection && f.At == 0 && s.value.In == request.InJSONKey && inject.Password(strings.ToLower(s.value.Key[strings.LastIndexByte(s.value.Key, '.')+1:])):
		band = signal.Likely
	case f.Kind == signal.NoSQLInjection && band == signal.Likely && s.value.In == request.InJSONKey && !strings.HasSuffix(s.value.Text, "where"):
		band = signal.Hint
	case f.Kind == signal.XXE && s.value.In == request.InFile && band == signal.Certain:
		band = signal.Likely
	case (f.Kind == signal.HeaderInjection || f.Kind == signal.MailInjection) && s.value.In.Body() && s.gate.breaks > 3:
		band = signal.Hint
	}
	return finding{f.Kind, s.limit(band), f.At}
}

// variables reports whether a text is a document of GraphQL, whose names of variables
// begin with a dollar sign.
func variables(s string) bool {
	t := strings.TrimLeft(s[:min(len(s), 64)], " \t\r\n")
	for _, w := range [...]string{"query", "mutation", "subscription", "fragment"} {
		if r, ok := strings.CutPrefix(t, w); ok && r != "" && strings.IndexByte(" \t\r\n({", r[0]) >= 0 {
			return strings.IndexByte(s, '{') > 0 && !strings.Contains(s, "\"$")
		}
	}
	return false
}

// filters reports whether a name is a condition in a syntax of filters that APIs
// document, which takes operators by design: filters[title][$containsi], $or[0][name].
func filters(name string) bool {
	for _, root := range [...]string{"filters[", "filter[", "where[", "$or[", "$and[", "query[$", "$sort[",
		"$select["} {
		if strings.HasPrefix(name, root) {
			return !strings.Contains(name, "passw") && !strings.Contains(name, "$where") &&
				!strings.Contains(name, "token")
		}
	}
	return false
}

// declares reports whether a value begins as a document of XML or its type.
func declares(low string) bool {
	low = strings.TrimLeft(low, " \t\r\n")
	return strings.HasPrefix(low, "<!") || strings.HasPrefix(low, "<?xml")
}

func injectGate(s *scan) bool {
	g := &s.gate
	if g.bits&(hasColon|hasCompare|hasDigit) == hasColon|hasCompare|hasDigit && strings.Contains(s.text, ":=") {
		return true
	}
	if g.bits&(hasHigh|hasColon) == hasHigh|hasColon &&
		(strings.IndexByte(s.text, 0xe5) >= 0 || strings.Contains(s.text, "\u010d\u010a")) {
		return true
	}
	return g.bits&(hasAngle|hasDollar|hasLine|hasScope) != 0 ||
		g.bits&(hasSemicolon|hasDigit) == hasSemicolon|hasDigit &&
			(g.bits&hasParen != 0 || containsFold(s.text, "return")) ||
		g.words&wordCall != 0 && g.bits&(hasQuote|hasBreak) == hasQuote|hasBreak && containsFold(s.text, "this.") ||
		g.bits&hasParen != 0 && g.bits&(hasCompare|hasBreak|hasStar) != 0 || g.bits&hasShut != 0 &&
		g.bits&(hasNUL|hasStar) != 0 || g.bits&hasSlash != 0 && g.bits&(hasStar|hasParen|hasBreak) != 0 ||
		g.bits&hasSemicolon != 0 && g.bits&(hasQuote|hasBrace) != 0 || g.bits&hasSemicolon != 0 &&
		strings.IndexByte(s.text, '}') >= 0 ||
		g.words&(wordSure|wordCode) != 0 || g.words&wordCall != 0 && g.bits&hasParen != 0 || g.words&wordCall != 0 && s.text[0]|0x20 == 't'
}
