package request

import (
	"strings"
	"unicode/utf8"

	"bartizan/internal/digest"
)

// jsonState is the memory of one JSON walk: a stack of fixed depth and a fixed
// table of the keys seen.
type jsonState struct {
	stack [maxDepth]jsonLevel
	seen  [maxKeys * 4 / 3]uint64
	slots [maxKeys]uint16 // of seen, those in use
	used  int
}

// maxKeys is how many keys of all objects of a document are told apart.
const maxKeys = 768

func (st *jsonState) clear() {
	for _, slot := range st.slots[:st.used] {
		st.seen[slot] = 0
	}
	st.used = 0
}

// jsonLevel is one open container.
type jsonLevel struct {
	object bool
	path   keyPath // of this container
	id     uint64  // tells this object from all others of the document
}

// keyPath is where a value stands: so many bytes of Scratch.key, and their digest.
type keyPath struct {
	n      int
	digest uint64
}

// jsonScan is a scanner that goes on whatever comes: it visits every string,
// number and literal and treats a string before a colon as a key. Grammar
// serves to notice what is wrong, never to stop.
type jsonScan struct {
	*walker
	in    Location // of its values
	s     string
	i     int
	depth int    // open containers, also those beyond the stack
	next  uint64 // id of the next object
	path  keyPath
	base  keyPath // at the top
	want  jsonWant
}

// jsonWant is what the grammar expects next.
type jsonWant uint8

const (
	wantValue jsonWant = iota
	wantValueOrEnd
	wantKey
	wantKeyOrEnd
	wantComma
)

// walkJSON visits keys and values of a JSON text, of several in a row (NDJSON),
// or of a prefix of one; its values stand in. The first base bytes of the key path name the document.
func (w *walker) walkJSON(in Location, s string, base int) {
	w.json.clear()
	top := keyPath{base, digest.String(w.Seed, view(w.key[:base]))}
	j := jsonScan{walker: w, in: in, s: strings.TrimPrefix(s, "\ufeff"), path: top, base: top}
	for j.i < len(j.s) && !w.done {
		j.step()
	}
	w.info.Truncated = w.info.Truncated || j.depth > 0 && !w.info.Malformed
}

func (j *jsonScan) step() {
	switch c := j.s[j.i]; c {
	case ' ', '\t', '\r', '\n':
		j.i++
	case '{', '[':
		j.open(c == '{')
	case '}', ']':
		j.close(c == '}')
	case ',':
		j.comma()
	case ':': // that of a key is read with it
		j.info.Malformed = true
		j.want = wantValue
		j.i++
	case '"':
		j.str()
	default:
		j.word()
	}
}

// expect notes a break of the grammar.
func (j *jsonScan) expect(ok bool) {
	j.info.Malformed = j.info.Malformed || !ok
}

// value checks that a value may stand here and says what follows it.
func (j *jsonScan) value() {
	j.expect(j.want == wantValue || j.want == wantValueOrEnd || j.want == wantComma && j.depth == 0)
	j.want = wantComma
}

func (j *jsonScan) open(object bool) {
	j.value()
	j.i++
	if j.depth < maxDepth {
		j.next++
		if !object {
			j.path = keyPath{j.append(j.path.n, "[]"), digest.Mix(j.path.digest, '[')}
		}
		j.json.stack[j.depth] = jsonLevel{object, j.path, j.next}
	} else {
		j.info.TooDeep = true
	}
	j.depth++
	j.info.Depth = max(j.info.Depth, j.depth)
	j.want = wantValueOrEnd
	if object {
		j.want = wantKeyOrEnd
	}
}

func (j *jsonScan) close(object bool) {
	j.i++
	if j.depth == 0 {
		j.info.Malformed = true
		return
	}
	j.expect(j.want == wantComma || object && j.want == wantKeyOrEnd || !object && j.want == wantValueOrEnd)
	if top := j.top(); top != nil {
		j.expect(top.object == object)
	}
	j.depth--
	j.want = wantComma
	j.rewind()
}

// top returns the innermost open container if it is told apart, else nil.
func (j *jsonScan) top() *jsonLevel {
	if j.depth == 0 || j.depth > maxDepth {
		return nil
	}
	return &j.json.stack[j.depth-1]
}

// rewind sets the key path to that of the innermost container.
func (j *jsonScan) rewind() {
	if top := j.top(); top != nil {
		j.path = top.path
	} else if j.depth == 0 {
		j.path = j.base
	}
}

func (j *jsonScan) comma() {
	j.i++
	j.expect(j.want == wantComma && j.depth > 0)
	j.want = wantValue
	if top := j.top(); top != nil && top.object {
		j.want = wantKey
		j.path = top.path
	}
}

// append adds part to the key path behind its first n bytes and returns the new length.
func (j *jsonScan) append(n int, part string) int {
	return n + copy(j.key[n:], part)
}

// visitValue visits a value at the current path.
func (j *jsonScan) visitValue(text string) {
	j.current.set(j.in, view(j.key[:j.path.n]), text)
	j.giveAt(digest.Mix(j.path.digest, uint64(j.in)))
}

// str handles a string: a key if a colon follows, else a value.
func (j *jsonScan) str() {
	raw, escaped, closed := scanString(j.s[j.i+1:])
	j.i += 1 + len(raw)
	if closed {
		j.i++
	}
	text := raw
	if escaped {
		var bad bool
		j.text, bad = appendJSON(j.text[:0], raw)
		text = view(j.text)
		j.expect(!bad || !closed)
	}
	if colon := j.colonNext(); colon > 0 {
		j.keyed(text)
		j.i, j.want = colon+1, wantValue
		return
	}
	j.value()
	j.cut = !closed && j.partial
	j.visitValue(text)
	j.cut = false
}

// colonNext returns where the next byte that is not space is, if it is a colon; else 0.
func (j *jsonScan) colonNext() int {
	for i := j.i; i < len(j.s); i++ {
		switch j.s[i] {
		case ' ', '\t', '\r', '\n':
			continue
		case ':':
			return i
		}
		return 0
	}
	return 0
}

// keyed handles a key: it becomes the last part of the key path.
func (j *jsonScan) keyed(key string) {
	j.expect(j.want == wantKey || j.want == wantKeyOrEnd)
	top := j.top()
	own := digest.String(j.Seed, key)
	if top != nil {
		j.path = top.path
		if top.object && j.repeated(digest.Mix(top.id, own)|1) {
			j.info.DuplicateKeys = true
		}
	}
	if j.in == InJSON && !j.give(InJSONKey, view(j.key[:j.path.n]), key) || top == nil {
		return // beyond the stack the path stays that of its last level
	}
	n := j.path.n
	if n > 0 {
		n = j.append(n, ".")
	}
	j.path = keyPath{j.append(n, key), digest.Mix(j.path.digest, own)}
}

// repeated reports whether h, which stands for an object and a key of it, has come
// before. It forgets nothing but looks no further once its table is three quarters
// full.
func (j *jsonScan) repeated(h uint64) bool {
	st := &j.json
	slot := h >> 32
	for range 16 {
		slot %= uint64(len(st.seen))
		p := &st.seen[slot]
		if *p == h {
			return true
		}
		if *p == 0 {
			if st.used < len(st.slots) {
				*p, st.slots[st.used] = h, uint16(slot)
				st.used++
			}
			return false
		}
		slot++
	}
	return false
}

// word handles a number, a literal, or what is neither.
func (j *jsonScan) word() {
	start := j.i
	for j.i < len(j.s) && !structural[j.s[j.i]] {
		j.i++
	}
	text := j.s[start:j.i]
	known := isNumber(text) || text == "true" || text == "false" || text == "null"
	if !known && j.i < len(j.s) {
		j.info.Malformed = true
	}
	j.value()
	j.cut = j.i == len(j.s) && j.partial
	defer func() { j.cut = false }()
	if known {
		// Numbers do not use up the budget: ten thousand of them would hide what follows.
		if j.bare++; j.bare <= maxValues {
			j.info.Values, j.tiny = j.info.Values-1, j.tiny-1
			j.literal = text != "null"
			j.visitValue(text)
			j.literal = false
		}
		return
	}
	j.garbage(start)
}

// structural says of each byte whether it ends a number or literal.
var structural = func() (t [256]bool) {
	for _, c := range "{}[],:\" \t\r\n" {
		t[c] = true
	}
	return t
}()

// garbage visits what is no JSON: the rest of the line, so that a payload which
// some lenient parser would read is not cut into words.
func (j *jsonScan) garbage(start int) {
	end := strings.IndexAny(j.s[start:], "\n\"")
	if end < 0 {
		end = len(j.s) - start
	}
	end = min(end, maxTextValue)
	j.i = max(j.i, start+end)
	j.visitValue(j.s[start : start+end])
}

// isNumber reports whether s is a JSON number, or could begin one.
func isNumber(s string) bool {
	digits := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c-'0' < 10:
			digits++
		case (c == '-' || c == '+') && (i == 0 || s[i-1]|0x20 == 'e'):
		case (c == '.' || c|0x20 == 'e') && digits > 0:
		default:
			return false
		}
	}
	return digits > 0
}

// scanString returns the raw text up to the closing quote, whether it holds
// escapes, and whether the quote was there.
func scanString(s string) (raw string, escaped, closed bool) {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			return s[:i], escaped, true
		case '\\':
			escaped = true
			i++
		}
	}
	return s, escaped, false
}

// appendJSON appends the text of a raw JSON string. It is lenient: an unknown
// escape yields the byte behind the backslash, half a surrogate pair U+FFFD.
// The result is never longer than raw.
func appendJSON(dst []byte, raw string) (out []byte, bad bool) {
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c != '\\' {
			dst = append(dst, c)
			continue
		}
		if i++; i == len(raw) {
			return dst, true
		}
		switch raw[i] {
		case 'n':
			dst = append(dst, '\n')
		case 't':
			dst = append(dst, '\t')
		case 'r':
			dst = append(dst, '\r')
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case '"', '\\', '/':
			dst = append(dst, raw[i])
		case 'u':
			r, n := jsonRune(raw[i+1:])
			if n == 0 {
				dst, bad = append(dst, 'u'), true
				continue
			}
			dst = utf8.AppendRune(dst, r)
			i += n
		default:
			dst, bad = append(dst, raw[i]), true
		}
	}
	return dst, bad
}

// jsonRune reads four hexadecimal digits, and the second half of a surrogate
// pair behind them. n is how many bytes it read; 0 if there are no four digits.
func jsonRune(s string) (r rune, n int) {
	r, ok := hex4(s)
	if !ok {
		return 0, 0
	}
	if r < 0xd800 || r >= 0xe000 {
		return r, 4
	}
	if r < 0xdc00 && len(s) >= 10 && s[4] == '\\' && s[5] == 'u' {
		if low, ok := hex4(s[6:]); ok && low >= 0xdc00 && low < 0xe000 {
			return (r-0xd800)<<10 | (low - 0xdc00) + 0x10000, 10
		}
	}
	return utf8.RuneError, 4
}

func hex4(s string) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	var r rune
	for i := range 4 {
		d := hex(s[i])
		if d > 15 {
			return 0, false
		}
		r = r<<4 | rune(d)
	}
	return r, true
}
