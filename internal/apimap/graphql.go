package apimap

import (
	"strings"

	"bartizan/internal/digest"
	"bartizan/internal/request"
)

// maxGraphDepth bounds the levels of a query that are told apart.
const maxGraphDepth = 16

// graphQL reports whether s is a GraphQL document.
func graphQL(s string) bool {
	s = strings.TrimLeft(s[:min(len(s), 256)], " \t\r\n,")
	for strings.HasPrefix(s, "#") {
		_, s, _ = strings.Cut(s, "\n")
		s = strings.TrimLeft(s, " \t\r\n,")
	}
	for _, w := range [...]string{"query", "mutation", "subscription", "fragment"} {
		if rest, ok := strings.CutPrefix(s, w); ok && rest != "" && strings.IndexByte(" \t\r\n{(@", rest[0]) >= 0 {
			return true
		}
	}
	return len(s) > 1 && s[0] == '{' && strings.IndexByte(s, '"') != 1 // not a JSON object
}

// graphReader walks a GraphQL document for what it asks for: a lexer and a stack,
// no parser. What it does not understand it skips.
//
// GraphQL specification, October 2021, section 2.
type graphReader struct {
	s     string
	i     int
	seed  uint64
	depth int
	path  [maxGraphDepth]uint64
	names [maxGraphDepth]string
	last  string // field whose arguments may follow
	found *request.Graph
	field func(key uint64, parent, name string)
}

// read walks the whole document.
func (g *graphReader) read() {
	for g.i < len(g.s) {
		switch c := g.s[g.i]; {
		case c == '{':
			g.depth++
			g.found.Depth = max(g.found.Depth, g.depth)
			g.i++
		case c == '}':
			g.depth = max(g.depth-1, 0)
			g.i++
		case c == '(':
			g.arguments()
		case c == '#':
			g.until('\n')
		case c == '"':
			g.text()
		case c == '@':
			g.i++
			g.name()
			g.last = ""
		case c == '.':
			g.spread()
		case letter(c):
			if g.depth == 0 { // kind, name or type of an operation
				g.name()
			} else {
				g.selection()
			}
		default:
			g.i++
		}
	}
}

func letter(c byte) bool { return c == '_' || c|0x20-'a' < 26 }

func (g *graphReader) name() string {
	start := g.i
	for g.i < len(g.s) && (letter(g.s[g.i]) || g.s[g.i]-'0' < 10) {
		g.i++
	}
	return g.s[start:g.i]
}

func (g *graphReader) blank() {
	for g.i < len(g.s) && strings.IndexByte(" \t\r\n,", g.s[g.i]) >= 0 {
		g.i++
	}
}

// selection reads a field, with its alias if it has one.
func (g *graphReader) selection() {
	name := g.name()
	g.blank()
	if g.i < len(g.s) && g.s[g.i] == ':' {
		g.found.Aliases++
		g.i++
		g.blank()
		name = g.name()
	}
	if g.last = name; name == "" {
		return
	}
	g.found.Fields++
	g.found.Introspects = g.found.Introspects || name == "__schema" || name == "__type"
	level := min(g.depth, maxGraphDepth) - 1
	parent, above := uint64(0), ""
	if level > 0 {
		parent, above = g.path[level-1], g.names[level-1]
	}
	key := digest.Mix(parent, digest.String(g.seed, name)) | 1
	g.path[level], g.names[level] = key, name
	g.field(key, above, name)
}

// spread skips "...Name" and "... on Type", whose fields are the enclosing level's.
func (g *graphReader) spread() {
	if level := min(g.depth, maxGraphDepth) - 1; level > 0 {
		g.path[level], g.names[level] = g.path[level-1], g.names[level-1]
	} else if level == 0 {
		g.path[0], g.names[0] = 0, ""
	}
	for g.i < len(g.s) && g.s[g.i] == '.' {
		g.i++
	}
	g.blank()
	if g.name() == "on" {
		g.blank()
		g.name()
	}
}

func (g *graphReader) until(c byte) {
	for g.i < len(g.s) && g.s[g.i] != c {
		g.i++
	}
}

// text skips a string or a block string.
func (g *graphReader) text() {
	if strings.HasPrefix(g.s[g.i:], `"""`) {
		if j := strings.Index(g.s[g.i+3:], `"""`); j >= 0 {
			g.i += j + 6
		} else {
			g.i = len(g.s)
		}
		return
	}
	for g.i++; g.i < len(g.s) && g.s[g.i] != '"'; g.i++ {
		if g.s[g.i] == '\\' {
			g.i++
		}
	}
	g.i = min(g.i+1, len(g.s))
}

// query reports whether v is a GraphQL document where servers look for one.
func query(r *request.Request, v *request.Value) bool {
	switch v.In {
	case request.InJSON:
		if v.Key != "query" && v.Key != "[].query" {
			return false
		}
	case request.InQuery, request.InForm, request.InPart:
		if v.Key != "query" {
			return false
		}
	case request.InText:
		if mediaType(r.Header("Content-Type")) != "application/graphql" {
			return false
		}
	default:
		return false
	}
	return graphQL(v.Text)
}

// graph reads a GraphQL document into r.
func (m *Model) graph(r *request.Request, v *request.Value) {
	r.Graph.Operations++
	depth, aliases, fields := r.Graph.Depth, r.Graph.Aliases, r.Graph.Fields
	r.Graph.Depth, r.Graph.Aliases, r.Graph.Fields = 0, 0, 0
	p := m.profileOf(r.Endpoint.ID)
	g := graphReader{s: v.Text, seed: m.options.Seed, found: &r.Graph, field: func(key uint64, parent, name string) { p.note(r, key, "graphql:", parent, name) }}
	g.read()
	r.Graph.Depth, r.Graph.Aliases, r.Graph.Fields = max(depth, r.Graph.Depth), aliases+r.Graph.Aliases, fields+r.Graph.Fields
}
