package openapi

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"strings"

	"bartizan/internal/apimap"
	"bartizan/internal/openapi/schema"
	"bartizan/internal/request"
)

const (
	formMedia      = "application/x-www-form-urlencoded"
	multipartMedia = "multipart/"
	maxFields      = 1000 // of a form
)

// bodySpec is a documented request body.
type bodySpec struct {
	required bool
	media    []*mediaSpec
}

// mediaSpec is one documented content type.
type mediaSpec struct {
	name   string // lower case, perhaps "text/*", "application/*+json" or "*/*"
	rule   *schema.Rule
	fields map[string]field
	other  field // of names that are not documented
}

// field is what a form's property holds.
type field struct {
	kinds schema.Types
	list  bool
	loose bool // an object: how it is spelled is not known
}

func isJSON(media string) bool {
	media, _, _ = strings.Cut(media, ";")
	media = strings.TrimSpace(media)
	return len(media) >= 5 && strings.EqualFold(media[len(media)-4:], "json") && (media[len(media)-5] == '/' || media[len(media)-5] == '+')
}

func (m *mediaSpec) json() bool { return isJSON(m.name) }

// finish reads what a form's fields hold.
func (m *mediaSpec) finish() {
	if m.rule == nil || m.json() {
		return
	}
	m.fields, m.other = map[string]field{}, field{kinds: every}
	m.rule.Properties(func(name string, r *schema.Rule) { m.fields[name] = fieldOf(r) })
	if r, ok := m.rule.Property("\x00"); ok {
		m.other = fieldOf(r)
	}
}

func fieldOf(r *schema.Rule) field {
	f := field{kinds: r.Types()}
	switch {
	case f.kinds&every != 0:
	case f.kinds.Has(schema.Array):
		f.list, f.kinds = true, every
		if items := r.Items(); items != nil {
			f.kinds = items.Types()
			f.loose = f.kinds&every == 0
		}
	default:
		f.loose = true
	}
	return f
}

// match returns the documented type that a request's fits, the narrowest.
func (b *bodySpec) match(media string) *mediaSpec {
	best := (*mediaSpec)(nil)
	for _, m := range b.media {
		prefix, suffix, wild := strings.Cut(m.name, "*")
		switch {
		case strings.EqualFold(m.name, media):
			return m
		case !wild || best != nil && len(best.name) > len(m.name):
		case m.name == "*/*", len(media) > len(prefix)+len(suffix) && strings.EqualFold(media[:len(prefix)], prefix) && strings.EqualFold(media[len(media)-len(suffix):], suffix):
			best = m
		}
	}
	return best
}

// Body judges a body.
func (s *Spec) Body(r *request.Request, body []byte, complete bool) apimap.Finding {
	f, op := s.start(r)
	if op == nil {
		return f
	}
	e := s.evaluation()
	f.Skipped = op.judgeBody(e, r, body, complete)
	if e.Exhausted() {
		f.Skipped = skippedWork
	}
	f.Problems = e.Problems
	s.release(e)
	return f
}

// judgeBody reports problems and returns why it skipped something, or "".
func (op *operation) judgeBody(e *schema.Evaluation, r *request.Request, body []byte, complete bool) string {
	b := op.body
	switch {
	case len(body) == 0 && complete:
		if b != nil && b.required && r.Head.Method != "HEAD" {
			e.Report(apimap.ProblemMissing, "body", "required")
		}
		return ""
	case b == nil:
		e.Report(apimap.ProblemUnknown, "body", "no body is documented")
		return ""
	}
	contentType := r.Header("Content-Type")
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.TrimSpace(media)
	m := b.match(media)
	switch {
	case m == nil || media == "":
		e.Report(apimap.ProblemMedia, "header:Content-Type", "not a documented content type")
		return skippedMedia
	case !complete:
		return skippedLonger
	case isJSON(media):
		return m.judgeJSON(e, body)
	case m.rule == nil:
		return skippedType
	case strings.EqualFold(media, formMedia):
		return m.judgeForm(e, body)
	case len(media) > len(multipartMedia) && strings.EqualFold(media[:len(multipartMedia)], multipartMedia):
		return m.judgeMultipart(e, contentType, body)
	}
	return skippedType
}

func (m *mediaSpec) judgeJSON(e *schema.Evaluation, body []byte) string {
	broken := e.Parse(body)
	switch {
	case e.Full():
		return skippedMany
	case broken != "":
		e.Report(apimap.ProblemMalformed, "body", broken)
	case m.rule != nil:
		e.Run(m.rule, "body")
	}
	return ""
}

func (m *mediaSpec) judgeForm(e *schema.Evaluation, body []byte) string {
	var pairs []request.Param
	rest := strings.TrimRight(string(body), "\r\n")
	for rest != "" {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		if pair == "" {
			continue
		}
		if len(pairs) == maxFields {
			return skippedMany
		}
		name, value, _ := strings.Cut(pair, "=")
		pairs = append(pairs, request.Param{Name: unescape(name), Value: unescape(value)})
	}
	m.judgePairs(e, pairs, nil)
	return ""
}

func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s
	}
	out, _ := request.AppendUnescaped(make([]byte, 0, len(s)), s, true)
	return string(out)
}

// judgePairs validates fields as the object that they stand for. opaque are
// those, by index, whose value is a file.
func (m *mediaSpec) judgePairs(e *schema.Evaluation, pairs []request.Param, opaque map[int]bool) {
	e.Open(schema.Object, "")
	lists := map[string]bool{}
	for i := range pairs {
		p := &pairs[i]
		f, ok := m.fields[p.Name]
		if !ok {
			f = m.other
		}
		switch {
		case f.loose || opaque[i]:
			if !lists[p.Name] {
				lists[p.Name] = true
				e.Add(schema.Opaque, p.Name, "")
			}
		case f.list:
			if lists[p.Name] {
				continue
			}
			lists[p.Name] = true
			e.Open(schema.Array, p.Name)
			for j := i; j < len(pairs); j++ {
				if q := &pairs[j]; q.Name == p.Name && opaque[j] {
					e.Add(schema.Opaque, "", "")
				} else if q.Name == p.Name {
					e.Add(coerce(f.kinds, q.Value), "", q.Value)
				}
			}
			e.Close()
		default:
			e.Add(coerce(f.kinds, p.Value), p.Name, p.Value)
		}
	}
	e.Close()
	e.Run(m.rule, "body")
}

func (m *mediaSpec) judgeMultipart(e *schema.Evaluation, contentType string, body []byte) string {
	_, parameters, err := mime.ParseMediaType(contentType)
	if err != nil || parameters["boundary"] == "" {
		e.Report(apimap.ProblemMalformed, "body", "multipart without a boundary")
		return ""
	}
	if !strings.EqualFold(m.name, "multipart/form-data") && !strings.Contains(m.name, "*") {
		return skippedType
	}
	var pairs []request.Param
	opaque := map[int]bool{}
	reader := multipart.NewReader(bytes.NewReader(body), parameters["boundary"])
	for {
		part, err := reader.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			e.Report(apimap.ProblemMalformed, "body", "not the multipart body that it says it is")
			return ""
		}
		if len(pairs) == maxFields {
			return skippedMany
		}
		value, err := io.ReadAll(part)
		if err != nil {
			e.Report(apimap.ProblemMalformed, "body", "not the multipart body that it says it is")
			return ""
		}
		media := part.Header.Get("Content-Type")
		if part.FileName() != "" || media != "" && !strings.HasPrefix(strings.ToLower(media), "text/plain") || part.Header.Get("Content-Transfer-Encoding") != "" {
			opaque[len(pairs)] = true
		}
		pairs = append(pairs, request.Param{Name: part.FormName(), Value: string(value)})
	}
	m.judgePairs(e, pairs, opaque)
	return ""
}
