package schema

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// Bounds of an instance.
const (
	MaxDepth = 100    // containers in one another
	MaxNodes = 50_000 // values
)

// Kind is the type of a value.
type Kind uint8

// The kinds. Opaque is a value that every schema takes: what cannot be read.
const (
	Null Kind = iota
	Boolean
	Number
	Text
	Array
	Object
	Opaque
)

var kindNames = [...]string{"null", "boolean", "number", "string", "array", "object", "anything"}

// node is one value. Nodes stand in document order: what a container holds
// follows it, up to end.
type node struct {
	kind      Kind
	key, text string // text also of numbers and booleans, as written
	end       int32
	count     int32 // of members or items
}

// Instance is a value to be validated, and the memory that it takes. Reuse it;
// it belongs to one goroutine. Text in it may point into what was parsed.
type Instance struct {
	nodes  []node
	open   []int32
	arena  []byte
	seen   map[string]struct{}
	twice  int    // node whose key stands twice in its object, or 0
	broken string // why parsing failed
	full   bool   // more than MaxNodes
}

// Reset empties the instance. It drops what it points to.
func (in *Instance) Reset() {
	clear(in.nodes)
	in.nodes, in.open, in.twice, in.broken, in.full = in.nodes[:0], in.open[:0], 0, "", false
	if cap(in.nodes) > 4096 {
		in.nodes = nil
	}
	if in.arena = in.arena[:0]; cap(in.arena) > 64<<10 {
		in.arena = nil
	}
	if len(in.seen) > 256 {
		in.seen = nil
	}
	clear(in.seen)
}

// Add appends a scalar.
func (in *Instance) Add(k Kind, key, text string) {
	if len(in.nodes) >= MaxNodes {
		in.full = true
		return
	}
	if n := len(in.open); n > 0 {
		in.nodes[in.open[n-1]].count++
	}
	in.nodes = append(in.nodes, node{k, key, text, int32(len(in.nodes) + 1), 0})
}

// Open appends a container; what is added next stands in it until Close.
func (in *Instance) Open(k Kind, key string) {
	in.Add(k, key, "")
	in.open = append(in.open, int32(len(in.nodes)-1))
}

// Close ends the innermost container.
func (in *Instance) Close() {
	i := in.open[len(in.open)-1]
	in.open = in.open[:len(in.open)-1]
	in.nodes[i].end = int32(len(in.nodes))
	if in.nodes[i].kind == Object && in.twice == 0 {
		in.findTwice(int(i))
	}
}

// findTwice notes a key that an object has twice.
func (in *Instance) findTwice(at int) {
	o := &in.nodes[at]
	few := o.count <= 12
	if !few {
		if in.seen == nil {
			in.seen = map[string]struct{}{}
		}
		clear(in.seen)
	}
	for c := at + 1; c < int(o.end); c = int(in.nodes[c].end) {
		key := in.nodes[c].key
		if few {
			for d := at + 1; d < c; d = int(in.nodes[d].end) {
				if in.nodes[d].key == key {
					in.twice = c
					return
				}
			}
			continue
		}
		if _, ok := in.seen[key]; ok {
			in.twice = c
			return
		}
		in.seen[key] = struct{}{}
	}
}

// Store copies text into the instance's memory.
func (in *Instance) Store(s string) string {
	start := len(in.arena)
	in.arena = append(in.arena, s...)
	return view(in.arena[start:])
}

// Full says that there were more values than an instance holds.
func (in *Instance) Full() bool { return in.full }

// Parse reads JSON (RFC 8259) and returns "" or what is wrong with it. Numbers
// keep their digits. body must stay as it is until Reset.
func (in *Instance) Parse(body []byte) string {
	p := parser{in: in, s: strings.TrimPrefix(view(body), "\ufeff")}
	p.space()
	if p.value("", 0) {
		if p.space(); p.i < len(p.s) {
			p.fail("more after the JSON value")
		}
	}
	return in.broken
}

type parser struct {
	in *Instance
	s  string
	i  int
}

func (p *parser) fail(what string) bool {
	if p.in.broken == "" {
		p.in.broken = what + " at byte " + strconv.Itoa(p.i)
	}
	return false
}

func (p *parser) space() {
	for p.i < len(p.s) {
		if c := p.s[p.i]; c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return
		}
		p.i++
	}
}

func (p *parser) value(key string, depth int) bool {
	if p.i >= len(p.s) {
		return p.fail("JSON ends too early")
	}
	if p.in.full {
		return false
	}
	switch c := p.s[p.i]; {
	case c == '{' || c == '[':
		if depth >= MaxDepth {
			return p.fail("nested too deeply")
		}
		kind := Array
		if c == '{' {
			kind = Object
		}
		if p.in.Open(kind, key); p.in.full {
			return false
		}
		ok := p.inside(c+2, depth+1) // '{'+2 is '}', '['+2 is ']'
		p.in.Close()
		return ok
	case c == '"':
		text, ok := p.text()
		p.in.Add(Text, key, text)
		return ok
	case c == '-' || c-'0' < 10:
		return p.number(key)
	}
	return p.word("true", Boolean, key) || p.word("false", Boolean, key) || p.word("null", Null, key) || p.fail("not JSON")
}

// inside reads what a container holds, from its first bracket to its last.
func (p *parser) inside(last byte, depth int) bool {
	p.i++
	p.space()
	if p.i < len(p.s) && p.s[p.i] == last {
		p.i++
		return true
	}
	for {
		key := ""
		if last == '}' {
			var ok bool
			if key, ok = p.key(); !ok {
				return false
			}
		}
		if !p.value(key, depth) {
			return false
		}
		p.space()
		switch {
		case p.i >= len(p.s):
			return p.fail("JSON ends too early")
		case p.s[p.i] == last:
			p.i++
			return true
		case p.s[p.i] != ',':
			return p.fail("not JSON")
		}
		p.i++
		p.space()
	}
}

// key reads a key and its colon.
func (p *parser) key() (string, bool) {
	if p.i >= len(p.s) || p.s[p.i] != '"' {
		return "", p.fail("not JSON")
	}
	key, ok := p.text()
	if !ok {
		return "", false
	}
	p.space()
	if p.i >= len(p.s) || p.s[p.i] != ':' {
		return "", p.fail("not JSON")
	}
	p.i++
	p.space()
	return key, true
}

func (p *parser) word(w string, k Kind, key string) bool {
	if !strings.HasPrefix(p.s[p.i:], w) {
		return false
	}
	p.i += len(w)
	p.in.Add(k, key, w)
	return true
}

func (p *parser) number(key string) bool {
	n := numberLength(p.s[p.i:])
	if n == 0 {
		return p.fail("not a JSON number")
	}
	p.in.Add(Number, key, p.s[p.i:p.i+n])
	p.i += n
	return true
}

// numberLength returns how many bytes of s are a JSON number, 0 if none.
func numberLength(s string) int {
	i := 0
	digits := func() bool {
		start := i
		for i < len(s) && s[i]-'0' < 10 {
			i++
		}
		return i > start
	}
	if i < len(s) && s[i] == '-' {
		i++
	}
	if i < len(s) && s[i] == '0' {
		i++
	} else if !digits() {
		return 0
	}
	if i < len(s) && s[i] == '.' {
		if i++; !digits() {
			return 0
		}
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if !digits() {
			return 0
		}
	}
	return i
}

// text reads a string, which has no escapes nearly always.
func (p *parser) text() (string, bool) {
	start := p.i + 1
	for i := start; i < len(p.s); i++ {
		switch c := p.s[i]; {
		case c == '"':
			p.i = i + 1
			return p.s[start:i], true
		case c == '\\':
			return p.escaped(start, i)
		case c < ' ':
			p.i = i
			return "", p.fail("control byte in a string")
		}
	}
	p.i = len(p.s)
	return "", p.fail("JSON ends too early")
}

const simple = `"\/bfnrt`

// escaped reads a string that begins at start and has its first escape at i.
func (p *parser) escaped(start, i int) (string, bool) {
	mark := len(p.in.arena)
	buf := append(p.in.arena, p.s[start:i]...)
	for ; i < len(p.s); i++ {
		c := p.s[i]
		switch {
		case c == '"':
			p.i, p.in.arena = i+1, buf
			return view(buf[mark:]), true
		case c < ' ':
			p.i = i
			return "", p.fail("control byte in a string")
		case c != '\\':
			buf = append(buf, c)
			continue
		}
		if i++; i >= len(p.s) {
			break
		}
		if k := strings.IndexByte(simple, p.s[i]); k >= 0 {
			buf = append(buf, "\"\\/\b\f\n\r\t"[k])
			continue
		}
		r, n := unicode16(p.s[i:])
		if n == 0 {
			p.i = i
			return "", p.fail("bad escape in a string")
		}
		buf, i = utf8.AppendRune(buf, r), i+n-1
	}
	p.i = len(p.s)
	return "", p.fail("JSON ends too early")
}

// unicode16 reads "uXXXX", and its other half where it is a surrogate. It
// returns how many bytes that took, 0 if it is none.
func unicode16(s string) (rune, int) {
	r, ok := hex4(s)
	if !ok {
		return 0, 0
	}
	if utf16.IsSurrogate(r) {
		if len(s) > 5 && s[5] == '\\' {
			if low, ok := hex4(s[6:]); ok {
				if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
					return both, 11
				}
			}
		}
		return utf8.RuneError, 5
	}
	return r, 5
}

func hex4(s string) (rune, bool) {
	if len(s) < 5 || s[0] != 'u' {
		return 0, false
	}
	v, err := strconv.ParseUint(s[1:5], 16, 32)
	return rune(v), err == nil
}

// view returns b as a string without copying; b is not changed while it lives.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
