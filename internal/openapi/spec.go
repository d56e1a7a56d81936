package openapi

import (
	"strings"
	"sync"

	"bartizan/internal/apimap"
	"bartizan/internal/openapi/schema"
	"bartizan/internal/request"
)

// Spec is a compiled document. It is an apimap.Validator, immutable and safe for
// concurrent use.
type Spec struct {
	root       *step
	operations []*operation
	keys       map[string]bool // API keys that stand in the query
	notes      []string
	pool       sync.Pool // of *schema.Evaluation
}

var _ apimap.Validator = (*Spec)(nil)

// Notes returns what the document says that is not validated, sorted, at most
// 200: for whoever loads it to read.
func (s *Spec) Notes() []string { return append([]string(nil), s.notes...) }

// Operations returns how many operations the document has, once for each base path.
func (s *Spec) Operations() int { return len(s.operations) }

func (s *Spec) evaluation() *schema.Evaluation {
	if e, ok := s.pool.Get().(*schema.Evaluation); ok {
		return e
	}
	return new(schema.Evaluation)
}

func (s *Spec) release(e *schema.Evaluation) {
	e.Reset()
	s.pool.Put(e)
}

// find returns the documented path and operation of a request.
func (s *Spec) find(r *request.Request) (*leaf, *operation) {
	if r.Omitted > 0 && len(r.Segments) >= maxSegments {
		return nil, nil
	}
	return s.root.find(r.Head.Method, r.Segments)
}

// maxSegments is what request.Parse splits a path into at most.
const maxSegments = 64

// start fills what path and method say.
func (s *Spec) start(r *request.Request) (apimap.Finding, *operation) {
	leaf, op := s.find(r)
	if leaf == nil {
		return apimap.Finding{}, nil
	}
	f := apimap.Finding{PathDocumented: true, Template: leaf.template}
	switch {
	case op != nil:
		f.Documented, f.Deprecated = true, op.deprecated
	case r.Head.Method == "OPTIONS": // browsers ask before they call
		f.Documented = true
	default:
		f.Allow = leaf.allow
	}
	return f, op
}

// Head judges path, method, query, headers and cookies. It does not allocate
// for a request that is as documented, but for unusual formats.
func (s *Spec) Head(r *request.Request) apimap.Finding {
	f, op := s.start(r)
	if op == nil {
		return f
	}
	e := s.evaluation()
	if strings.Contains(r.Path, "//") {
		e.Report(apimap.ProblemMalformed, "path", "an empty segment")
	}
	op.judgePath(e, r)
	op.judgeQuery(e, r)
	for _, p := range op.headers {
		p.judgeOne(e, r.Header(p.name))
	}
	for _, p := range op.cookies {
		p.judgeOne(e, cookie(r, p.name))
	}
	f.Problems = e.Problems
	switch {
	case e.Exhausted():
		f.Skipped = skippedWork
	case r.Omitted > 0:
		f.Skipped = skippedMany
	}
	s.release(e)
	return f
}

// Why something is skipped.
const (
	skippedLonger = "body longer than inspected"
	skippedMedia  = "content type not documented"
	skippedType   = "content type not validated"
	skippedWork   = "takes too much work to validate"
	skippedMany   = "more values than are looked at"
)

func cookie(r *request.Request, name string) string {
	for i := range r.Cookies {
		if r.Cookies[i].Name == name {
			return r.Cookies[i].Value
		}
	}
	return ""
}

func (op *operation) judgePath(e *schema.Evaluation, r *request.Request) {
	for _, p := range op.path {
		text, ok := p.place.match(r.Segments[p.segment].Value, p.index)
		if !ok { // a tree step of another path's names took it: an empty value
			e.Report(apimap.ProblemMissing, p.where, "required")
			continue
		}
		// Behind us somebody may decode first and route then.
		if !p.narrow && strings.ContainsAny(text, "/\\") {
			e.Report(apimap.ProblemMalformed, p.where, "an encoded slash")
		}
		p.judge(e, text)
	}
}

func (op *operation) judgeQuery(e *schema.Evaluation, r *request.Request) {
	var seen [(maxParameters + 63) / 64]uint64
	for i := range r.Query {
		q := &r.Query[i]
		p := op.query[q.Name]
		if p == nil {
			op.judgeUnknown(e, q.Name)
			continue
		}
		word, bit := &seen[p.number/64], uint64(1)<<(p.number%64)
		again := *word&bit != 0
		*word |= bit
		switch {
		case p.shape == list && p.explode:
			if !again {
				p.judgeList(e, r.Query[i:])
			}
			continue
		case again && p.shape != loose:
			e.Report(apimap.ProblemRepeated, p.where, "given more than once")
		}
		p.judge(e, q.Value)
	}
	for _, p := range op.required {
		if seen[p.number/64]&(1<<(p.number%64)) == 0 {
			e.Report(apimap.ProblemMissing, p.where, "required")
		}
	}
}

// judgeUnknown judges a name that no parameter has.
func (op *operation) judgeUnknown(e *schema.Evaluation, name string) {
	if op.open || op.keys[name] || op.inner[name] || len(e.Problems) >= apimap.MaxProblems {
		return
	}
	for _, p := range op.prefixes {
		if strings.HasPrefix(name, p) {
			return
		}
	}
	e.Report(apimap.ProblemUnknown, "query:"+name, "no such parameter is documented")
}

// judgeOne judges a header or a cookie; "" is none.
func (p *parameter) judgeOne(e *schema.Evaluation, text string) {
	switch {
	case text != "":
		p.judge(e, text)
	case p.required:
		e.Report(apimap.ProblemMissing, p.where, "required")
	}
}

// judge judges one text that stands for the whole parameter.
func (p *parameter) judge(e *schema.Evaluation, text string) {
	e.Instance.Reset()
	switch p.shape {
	case single:
		if text != "" || !p.empty {
			p.judgeScalar(e, text)
		}
	case list:
		e.Open(schema.Array, "")
		for more := text != ""; more; {
			var item string
			item, text, more = cut(text, p.separator)
			e.Add(coerce(p.kinds, item), "", item)
		}
		e.Close()
		e.Run(p.rule, p.where)
	case encoded:
		if broken := e.Parse([]byte(text)); broken != "" {
			e.Report(apimap.ProblemMalformed, p.where, broken)
		} else if p.rule != nil {
			e.Run(p.rule, p.where)
		}
	}
}

func cut(s string, separator byte) (before, after string, found bool) {
	if i := strings.IndexByte(s, separator); i >= 0 {
		return strings.Trim(s[:i], " "), s[i+1:], true
	}
	return strings.Trim(s, " "), "", false
}

// judgeScalar reads text as what the schema may want, the narrower first.
func (p *parameter) judgeScalar(e *schema.Evaluation, text string) {
	k := coerce(p.kinds, text)
	if k != schema.Text && p.kinds.Has(schema.Text) {
		if e.Add(k, "", text); e.Fits(p.rule) {
			return
		}
		e.Instance.Reset()
		k = schema.Text
	}
	e.Add(k, "", text)
	e.Run(p.rule, p.where)
}

// judgeList judges a list whose items are parameters of the same name.
func (p *parameter) judgeList(e *schema.Evaluation, query []request.Param) {
	e.Instance.Reset()
	e.Open(schema.Array, "")
	for i := range query {
		if query[i].Name == p.name {
			e.Add(coerce(p.kinds, query[i].Value), "", query[i].Value)
		}
	}
	e.Close()
	e.Run(p.rule, p.where)
}

// coerce returns the kind that a text has where kinds are wanted. Text where it
// fits none: then the rule says what is wrong.
func coerce(kinds schema.Types, text string) schema.Kind {
	switch {
	case kinds&(1<<schema.Number|schema.Integer) != 0 && schema.IsNumber(text):
		return schema.Number
	case kinds.Has(schema.Boolean) && (text == "true" || text == "false"):
		return schema.Boolean
	case kinds.Has(schema.Null) && (text == "" || text == "null"):
		return schema.Null
	}
	return schema.Text
}
