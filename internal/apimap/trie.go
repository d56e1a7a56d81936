package apimap

import (
	"math"
	"math/bits"
	"slices"
	"strings"

	"bartizan/internal/request"
)

// node is one segment of the templates of a site.
type node struct {
	kids     map[string]*node // by literal or by type: "users", "{int}"
	param    *node            // any word that is no kid
	template string           // of the path that ends here; empty if none does
	schemas  uint64           // Bloom bits of the answers' shapes below
}

// trie is the path templates of one site, with what waits to become one.
type trie struct {
	root      node
	probation bounded[string, waiting] // paths that too few clients have had
	wild      bounded[string, wild]    // word positions that may be parameters
	catchall  bounded[uint64, spread]  // answers by their body
	missed    bounded[uint64, waiting] // paths that are not there and yet are asked for
	path      []string                 // labels of the path that is being taught
	key       []byte                   // a table's key while it is being built
	paths     departed                 // requests for unknown paths
	methods   departed                 // and with unknown methods
	good      float64                  // calls of known endpoints that were answered well
	dress     dress
	first     int64   // ms: when the site was first answered well
	by        sources // who has taught it
	approved  int64   // ms: when an operator approved it; 0 if none did
}

// The bounds and thresholds of induction, from the design notes, section 3.
const (
	maxWaiting    = 8192
	maxWild       = 8192
	maxAnswers    = 4096
	maxMissed     = 4096
	missedBy      = 6   // clients that make a missing path nobody's oddity
	wildValues    = 24  // distinct words at a position, if the answers' shape is known
	wildValuesRaw = 100 // the same, if it is not
	wildClients   = 8
	wildFresh     = 0.5 // distinct values per hit
	catchallPaths = 64  // first segments that one identical body may answer
	often         = 50  // answers that make a path believed, whoever had them
	maxDepth      = 24  // segments; deeper paths are not learned
)

// waiting is a path on probation.
type waiting struct {
	clients uint64 // linear counting bits
	hits    int
}

// wild counts the values of one word position.
type wild struct {
	values  [8]uint64
	clients uint64
	hits    int
}

// spread counts the first segments that one body answers.
type spread struct{ paths [4]uint64 }

func newTrie() *trie {
	return &trie{
		probation: bounded[string, waiting]{entries: map[string]*waiting{}, max: maxWaiting},
		wild:      bounded[string, wild]{entries: map[string]*wild{}, max: maxWild},
		catchall:  bounded[uint64, spread]{entries: map[uint64]*spread{}, max: maxAnswers},
		missed:    bounded[uint64, waiting]{entries: map[uint64]*waiting{}, max: maxMissed},
	}
}

// find returns the node whose template the path has, or nil.
func (t *trie) find(segments []request.Param) *node {
	n := &t.root
	for i := range segments {
		if n = n.step(segments[i].Value); n == nil {
			return nil
		}
	}
	if n.template == "" {
		return nil
	}
	return n
}

// step returns the child that a segment leads to, or nil: its literal, its type, any word.
func (n *node) step(segment string) *node {
	if c := n.kids[segment]; c != nil && !strings.HasPrefix(segment, "{") {
		return c
	}
	if t := request.SegmentType(segment); t != "" {
		if c := n.kids[t]; c != nil {
			return c
		}
	}
	return n.param
}

// formats are the types of segments that have a format.
var formats = [...]string{"{int}", "{uuid}", "{date}", "{hex}", "{token}"}

// wordAmongNumbers reports whether a path leaves what is known by a single word where there
// were numbers, ids or dates: "latest" and "all" may be meant.
func (t *trie) wordAmongNumbers(segments []request.Param) bool {
	n := &t.root
	for i := range segments {
		next := n.step(segments[i].Value)
		if next == nil {
			return request.PlainName(segments[i].Value) && slices.ContainsFunc(formats[:], func(f string) bool {
				return n.kids[f] != nil
			})
		}
		n = next
	}
	return false
}

// label is what a segment is filed under: its type, or itself.
func label(segment string) string {
	if t := request.SegmentType(segment); t != "" {
		return t
	}
	return segment
}

// labels files all segments of a path in t.path; false for a path that is not to
// be learned. The labels die with the request: what is kept is cloned.
func (t *trie) labels(segments []request.Param) bool {
	t.path = t.path[:0]
	if len(segments) > maxDepth {
		return false
	}
	for i := range segments {
		if len(segments[i].Value) > 128 || strings.ContainsAny(segments[i].Value, "{}\x00") {
			return false
		}
		t.path = append(t.path, label(segments[i].Value))
	}
	return true
}

// keyOf builds a table's key from path, with position gap left out (-1: none)
// and the answers' shape.
func (t *trie) keyOf(path []string, gap int, schema uint64) []byte {
	t.key = t.key[:0]
	for i, l := range path {
		if i == gap {
			l = "\x00"
		}
		t.key = append(append(t.key, l...), '/')
	}
	if gap >= 0 {
		t.key = append(t.key, byte(schema), byte(schema>>8))
	}
	return t.key
}

// count is linear counting over b's bits: how many distinct values were added.
func count(b []uint64) float64 {
	size, zero := 64*len(b), 0
	for _, w := range b {
		zero += bits.OnesCount64(^w)
	}
	return -float64(size) * math.Log(math.Max(float64(zero), 0.5)/float64(size))
}

// mark adds a value to linear-counting bits.
func mark(b []uint64, value uint64) {
	i := value % uint64(64*len(b))
	b[i>>6] |= 1 << (i & 63)
}

// taught notes who has had a good answer of the site.
func (t *trie) taught(now int64, r *request.Request) {
	if t.first == 0 {
		t.first = now
	}
	t.by.add(sourceOf(r))
}

// teach adds one good answer for the path in t.path to the induction. It returns
// the node of the path if that is by now a known endpoint. more reports whether
// a node may be added.
//
// A path is believed once several clients have had it, or one often: an API with
// a single caller has endpoints too.
func (t *trie) teach(client, schema, body uint64, more func() bool) *node {
	path := t.path
	if t.caught(path, body) {
		return nil
	}
	if n := t.walk(path, nil); n != nil {
		n.schemas |= 1 << (schema & 63)
		return n
	}
	w := lookup(&t.probation, t.keyOf(path, -1, 0), func(w *waiting) bool { return w.hits <= 2 })
	if w == nil {
		return nil
	}
	w.hits++
	w.clients |= 1 << (client & 63)
	n := t.generalise(path, client, schema, more)
	if n == nil && (bits.OnesCount64(w.clients) >= teachers || w.hits >= often) {
		n = t.walk(path, more)
	}
	if n != nil {
		delete(t.probation.entries, string(t.keyOf(path, -1, 0)))
		n.schemas |= 1 << (schema & 63)
	}
	return n
}

// miss notes that client asked for a path that is not there. What everybody asks
// for in vain (a favicon, a removed endpoint) says nothing against anybody.
func (t *trie) miss(path string, client uint64) {
	if w := t.missed.at(hash(path), func(w *waiting) bool { return bits.OnesCount64(w.clients) < 2 }); w != nil {
		w.clients |= 1 << (client & 63)
	}
}

// wanted reports whether several clients have asked for the missing path.
func (t *trie) wanted(path string) bool {
	w := t.missed.entries[hash(path)]
	return w != nil && bits.OnesCount64(w.clients) >= missedBy
}

// caught reports whether the answer is one that the site gives to anything: a
// single-page application's shell, a soft 404.
func (t *trie) caught(path []string, body uint64) bool {
	if body == 0 || len(path) == 0 {
		return false
	}
	s := t.catchall.at(body, func(s *spread) bool { return count(s.paths[:]) < 2 })
	if s == nil {
		return false
	}
	mark(s.paths[:], hash(path[0]))
	return count(s.paths[:]) > catchallPaths
}

// hash is FNV-1a: these tables hold only what the upstream answered well.
func hash(s string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 0x100000001b3
	}
	return (h ^ h>>29) * 0xbf58476d1ce4e5b9
}

// walk follows path to a node that ends a template. With more it makes what is missing.
func (t *trie) walk(path []string, more func() bool) *node {
	n := &t.root
	for _, l := range path {
		next := n.kids[l]
		if next == nil {
			next = n.param
		}
		if next == nil {
			if more == nil || !more() {
				return nil
			}
			next = new(node)
			if n.kids == nil {
				n.kids = map[string]*node{}
			}
			n.kids[strings.Clone(l)] = next
		}
		n = next
	}
	if n.template == "" {
		if more == nil {
			return nil
		}
		n.template = "/" + strings.Join(t.names(path), "/")
	}
	return n
}

// names returns the template's segments along path.
func (t *trie) names(path []string) []string {
	out := make([]string, len(path))
	n := &t.root
	for i, l := range path {
		out[i] = l
		next := n.kids[l]
		if next == nil {
			next, out[i] = n.param, "{name}"
		}
		if n = next; n == nil {
			return path
		}
	}
	return out
}

// generalise looks for a word position that keeps producing new values under one
// prefix and suffix, with answers of one shape, and makes it a parameter.
func (t *trie) generalise(path []string, client, schema uint64, more func() bool) *node {
	limit := float64(wildValues)
	if schema == 0 {
		limit = wildValuesRaw
	}
	for i := len(path) - 1; i > 0; i-- { // the first segment is never a parameter
		if strings.HasPrefix(path[i], "{") {
			continue
		}
		w := lookup(&t.wild, t.keyOf(path, i, schema), func(w *wild) bool { return w.hits <= 3 })
		if w == nil {
			continue
		}
		w.hits++
		mark(w.values[:], hash(path[i]))
		w.clients |= 1 << (client & 63)
		values := count(w.values[:])
		if values < limit || values < wildFresh*float64(w.hits) || bits.OnesCount64(w.clients) < wildClients {
			continue
		}
		delete(t.wild.entries, string(t.keyOf(path, i, schema)))
		return t.parametrise(path, i, schema, more)
	}
	return nil
}

// parametrise makes position i of path a parameter and folds its literal
// siblings into it.
func (t *trie) parametrise(path []string, i int, schema uint64, more func() bool) *node {
	parent := &t.root
	for _, l := range path[:i] {
		next := parent.kids[l]
		if next == nil {
			next = parent.param
		}
		if next == nil {
			if !more() {
				return nil
			}
			next = new(node)
			if parent.kids == nil {
				parent.kids = map[string]*node{}
			}
			parent.kids[strings.Clone(l)] = next
		}
		parent = next
	}
	if parent.param == nil {
		if !more() {
			return nil
		}
		parent.param = new(node)
	}
	parent.param.schemas |= 1 << (schema & 63)
	n := t.walk(path, more)
	if n != nil {
		n.schemas |= 1 << (schema & 63)
	}
	fold(parent)
	return n
}

// fold drops literal siblings of a parameter that are nothing but values of it:
// no subtree and no shape of answer that it has not. (A static "/users/me" with
// an answer of its own stays.)
func fold(parent *node) {
	for name, c := range parent.kids {
		if strings.HasPrefix(name, "{") || len(c.kids) > 0 || c.param != nil || c.schemas&^parent.param.schemas != 0 {
			continue
		}
		delete(parent.kids, name)
	}
}

// bounded is a table with a ceiling. When it is full, everything that is worth
// little goes at once, and not again before as many keys have knocked as it
// holds: what a flood of keys costs stays constant for each.
type bounded[K comparable, V any] struct {
	entries map[K]*V
	max     int
	knocks  int // refused since the last sweep
}

// lookup is at for a key that is still being built: it allocates only for a new one.
func lookup[V any](b *bounded[string, V], key []byte, worthless func(*V) bool) *V {
	if v := b.entries[string(key)]; v != nil {
		return v
	}
	return b.at(string(key), worthless)
}

// at returns the entry of k, made if there is room; nil if there is none.
func (b *bounded[K, V]) at(k K, worthless func(*V) bool) *V {
	if v := b.entries[k]; v != nil {
		return v
	}
	if len(b.entries) >= b.max {
		if b.knocks++; b.knocks%b.max != 1 {
			return nil
		}
		for key, v := range b.entries {
			if worthless(v) {
				delete(b.entries, key)
			}
		}
		if len(b.entries) >= b.max {
			return nil
		}
	}
	v := new(V)
	b.entries[k] = v
	return v
}
