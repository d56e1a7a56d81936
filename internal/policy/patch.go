package policy

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"time"
	"unicode"

	"bartizan/internal/request"
)

// Patch shields one field of one endpoint: what it does not allow is refused
// before it reaches the hole behind it (a virtual patch).
type Patch struct {
	Name     string
	Endpoint string // as Route.Match
	Field    string // "query:id", "body:user.name", "param:id" (both), "header:X-Name", "cookie:lang"
	Allow    Allowance
	Until    time.Time
	DryRun   bool // only note what would be refused
	Reason   string

	pattern pattern
	in      string            // "query", "body", "param", "header" or "cookie"
	key     request.FieldName // as part of a body
	flat    request.FieldName // elsewhere
	shape   *regexp.Regexp
	letters *regexp.Regexp // what a piece of an allowed value can hold
}

// Allowance is what a field may hold; empty parts allow everything.
type Allowance struct {
	Type    string // one of the keys of shapes
	Pattern string // regular expression that the whole value must match
	Max     int    // bytes; 0: no bound
}

// shapes are the types that a patch can ask for.
var shapes = map[string]string{
	"": "", "any": "", "int": `-?[0-9]{1,19}`, "number": `-?[0-9]{1,19}(\.[0-9]{1,19})?`, "bool": `true|false|0|1`,
	"word": `[A-Za-z0-9_-]*`, "uuid": `[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}`, "date": `[0-9]{4}-[0-9]{2}-[0-9]{2}`,
	"email": `[^@\s<>"'();]{1,64}@[A-Za-z0-9.-]{1,255}`, "none": `[^\s\S]`,
}

func (c *compiler) patches(in []Patch) []Patch {
	out := make([]Patch, len(in))
	names := map[string]bool{}
	for i, x := range in {
		path := fmt.Sprintf("patches[%d]", i)
		c.named(path, x.Name, names)
		var err error
		if x.pattern, err = parsePattern(x.Endpoint); err != nil {
			c.fail(path+".endpoint", err)
		}
		x.pattern.anyCase = true
		if err := x.name(); err != nil {
			c.fail(path+".field", err)
		}
		shape, ok := shapes[x.Allow.Type]
		switch {
		case !ok:
			c.fail(path+".allow.type", fmt.Errorf("is %q: want int, number, bool, word, uuid, date, email, none or any", x.Allow.Type))
		case shape == "" && x.Allow.Pattern == "" && x.Allow.Max <= 0:
			c.fail(path+".allow", errors.New("allows everything: want a type, a pattern or a max"))
		}
		if x.Allow.Pattern != "" {
			shape = x.Allow.Pattern
		}
		if shape != "" {
			if x.shape, err = regexp.Compile(`^(?:` + shape + `)$`); err != nil {
				c.fail(path+".allow.pattern", err)
			}
			x.letters = letters(shape)
		}
		out[i] = x
	}
	return out
}

// name compiles the field.
func (x *Patch) name() error {
	in, name, _ := strings.Cut(x.Field, ":")
	if !slices.Contains([]string{"query", "body", "param", "header", "cookie"}, in) || name == "" {
		return fmt.Errorf("is %q: want query:, body:, param:, header: or cookie: and a name, such as query:id", x.Field)
	}
	x.in = in
	var err error
	if x.key, err = request.NewFieldName(name, false); err == nil {
		x.flat, err = request.NewFieldName(name, true)
	}
	if err != nil {
		return fmt.Errorf("is %q: the name %w", x.Field, err)
	}
	return nil
}

// letters compiles what all pieces of a text that matches shape match: the set of
// its characters.
func letters(shape string) *regexp.Regexp {
	tree, err := syntax.Parse(shape, syntax.Perl)
	if err != nil {
		return nil
	}
	var set strings.Builder
	add := func(from, to rune) { fmt.Fprintf(&set, `\x{%x}-\x{%x}`, from, to) }
	var walk func(*syntax.Regexp)
	walk = func(re *syntax.Regexp) {
		switch re.Op {
		case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
			add(0, unicode.MaxRune)
		case syntax.OpCharClass:
			for i := 0; i+1 < len(re.Rune); i += 2 {
				add(re.Rune[i], re.Rune[i+1])
			}
		case syntax.OpLiteral:
			for _, c := range re.Rune {
				add(c, c)
				for f := unicode.SimpleFold(c); re.Flags&syntax.FoldCase != 0 && f != c; f = unicode.SimpleFold(f) {
					add(f, f)
				}
			}
		}
		for _, sub := range re.Sub {
			walk(sub)
		}
	}
	if walk(tree); set.Len() == 0 {
		return regexp.MustCompile(`^$`)
	}
	re, err := regexp.Compile("^[" + set.String() + "]*$")
	if err != nil {
		return nil
	}
	return re
}
