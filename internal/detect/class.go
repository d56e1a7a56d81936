package detect

import (
	"strings"

	"bartizan/internal/detect/code"
	"bartizan/internal/detect/lex"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// What a field's name says of its value: classes that a document has made, documents
// that one includes, functions that a router of PHP calls.

// made judges a value by its key.
func (d *Detector) made(v *request.Value) (finding, bool) {
	if len(v.Text) > 256 || len(v.Text) < 4 || v.In == request.InHeader || v.In <= request.InSegment {
		return finding{}, false
	}
	switch {
	case v.In == request.InXML || v.In == request.InFileValue:
		if streamed(v.Text) {
			return finding{signal.Deserialisation, signal.Likely, 0}, true
		}
		if included(v) {
			return finding{signal.XXE, signal.Likely, 0}, true
		}
	case typeKey(v.Key) && !v.In.Name() && wakes(v.Text):
		return finding{signal.Deserialisation, signal.Likely, 0}, true
	case len(v.Key) == 7 && strings.EqualFold(v.Key, "_method") && strings.EqualFold(v.Text, "__construct"):
		return finding{signal.CodeInjection, signal.Likely, 0}, true // the router of ThinkPHP 5
	case (v.In == request.InQuery || v.In == request.InForm) && len(v.Key) < 3 && callable(v.Text) &&
		!strings.EqualFold(v.Key, "q") && !strings.EqualFold(v.Key, "s"):
		return finding{signal.CodeInjection, signal.Likely, 0}, true
	}
	return finding{}, false
}

// typeKey reports whether the last name of a path of keys says what class an object has.
func typeKey(key string) bool {
	if n := len(key); n < 2 || key[n-1] != 'e' && key[n-1] != 's' && key[n-1] != 'c' {
		return false
	}
	switch key[strings.LastIndexByte(key, '.')+1:] {
	case "@type", "@class", "$type", "@c", "!type":
		return true
	}
	return false
}

func wakes(name string) bool {
	var buf [96]byte
	return code.Wakes(string(fold(buf[:0], name)))
}

// fold appends the start of s in lower case, at most as much as dst has room for.
func fold(dst []byte, s string) []byte {
	for i := 0; i < len(s) && len(dst) < cap(dst); i++ {
		dst = append(dst, lower(s[i]))
	}
	return dst
}

func streamed(name string) bool {
	if strings.IndexByte("jJcCsS", name[0]) < 0 || strings.IndexByte(name, '.') < 0 || strings.IndexByte(name,
		' ') >= 0 {
		return false
	}
	var buf [96]byte
	return code.Streamed(string(fold(buf[:0], name)))
}

// included reports whether an element that includes (XOP, XInclude) names a file or an
// address outside its message; a namespace is neither.
func included(v *request.Value) bool {
	colon := strings.IndexByte(v.Key, ':')
	if colon < 1 || !strings.EqualFold(v.Key[colon+1:], "include") || hasPrefixFold(v.Text, "http://www.w3.org/") {
		return false
	}
	for _, scheme := range [...]string{"file:", "http://", "https://", "ftp://", "netdoc:", "gopher://", "jar:", "//",
		"ldap://", "data:"} {
		if hasPrefixFold(v.Text, scheme) {
			return true
		}
	}
	return false
}

// callable reports whether a value is the name of a function of PHP that runs commands or
// code, and nothing else.
func callable(s string) bool {
	for _, f := range [...]string{"shell_exec", "passthru", "proc_open", "popen", "pcntl_exec", "create_function",
		"call_user_func", "call_user_func_array", "phpinfo", "assert", "system", "file_put_contents"} {
		if strings.EqualFold(s, f) {
			return true
		}
	}
	return false
}

// executes reports whether a value of one line is code that starts a program and hardly
// anything else: whoever runs it, runs that.
func (s *scan) executes() bool {
	g := &s.gate
	if len(s.text) > 400 || g.breaks > 0 || g.words&^wordCommon == 0 || s.sentence() > 3 ||
		strings.HasPrefix(s.low, "#") ||
		strings.HasPrefix(s.low, "//") {
		return false
	}
	for _, w := range [...]string{"getruntime().exec(", "getruntime()).exec(", "os.system(", "os.popen(", ".popen(",
		"io.popen(", "os.execute(", "execsync(", "child_process", "processbuilder(", "'.execute()", "\".execute()",
		"'].execute()", "\"].execute()",
		"subprocess.", "__import__(", "shell_exec(", "passthru(", "proc_open(", "pcntl_exec(", "__subclasses__",
		"<?php", "system($_", "eval($_", "sys.process"} {
		if strings.Contains(s.low, w) {
			return true
		}
	}
	return strings.HasPrefix(s.low, "system(") && lex.Byte(s.low, 7) != ')'
}
