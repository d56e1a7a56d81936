package request

import (
	"strings"

	"bartizan/internal/digest"
)

// BodyKind is what a body turned out to be.
type BodyKind uint8

// The kinds. NoBody is the zero value.
const (
	NoBody BodyKind = iota
	JSONBody
	FormBody
	MultipartBody
	XMLBody
	TextBody
	BinaryBody
	BodyKinds = iota
)

var bodyKindNames = [BodyKinds]string{"none", "json", "form", "multipart", "xml", "text", "binary"}

// String returns the kind's name.
func (k BodyKind) String() string {
	if int(k) < len(bodyKindNames) {
		return bodyKindNames[k]
	}
	return "unknown"
}

// Bounds of WalkBody.
const (
	MaxBody      = 64 << 10 // bytes looked at
	maxValues    = 10000    // values visited; MaxBody has no room for more that are not tiny
	tinyValue    = 6        // bytes below which a value is tiny: no payload is that short
	maxDepth     = 64       // containers told apart; deeper ones are walked, not named
	maxKeyPath   = 256      // bytes of a value's key
	maxUser      = 128      // bytes of a user name
	maxTextValue = 8 << 10  // bytes of one value of a text body
)

// BodyInfo is what WalkBody learned of a body besides its values. The zero
// value is an empty body.
type BodyInfo struct {
	Kind   BodyKind
	Bytes  int // looked at
	Depth  int // of containers, also beyond what is told apart
	Values int // visited
	// Truncated says that the body went on beyond what was looked at.
	Truncated bool
	// Omitted says that there were more values than are visited. Those left out
	// are tiny: ten thousand of them must not hide what follows.
	Omitted       bool
	DuplicateKeys bool // an object names one key twice: parsers disagree on which counts
	TooDeep       bool
	// Malformed says that the body breaks the rules of its kind, other than by
	// ending too early.
	Malformed bool
	// Ambiguous says that the body may be cut in two ways: it declares different
	// boundaries.
	Ambiguous bool
	// Unread says that a reading was left out: Scratch.Most does not allow it, or a
	// field of the form names a charset that is not read.
	Unread bool
	// Password says that a password-like field with a value was there.
	Password bool
	// User is the value of the field most like a user name, at most 128 bytes.
	// It points into the Scratch: valid until that is used again.
	User string
}

// Scratch is the memory of one walk. The zero value is ready; reuse it, it
// belongs to one goroutine at a time. It is about 20 KB and grows to twice MaxBody.
type Scratch struct {
	// Seed keys the digests by which keys are known again: nobody who does not know
	// it can make one pass for another.
	Seed uint64

	// Walked counts the bytes that walks have gone over. A second reading of a body
	// is left out where it would bring that above Most, if Most is above 0.
	Walked, Most int

	text     []byte           // decoded text of the current value
	elements elements         // of XML that are open
	transfer []byte           // content of a part, its coding undone
	key      [maxKeyPath]byte // path of the current value
	user     [maxUser]byte
	json     jsonState
	keys     traits
	now      *Traits // of the current value's key
	walk     walker  // here so that a walk allocates nothing
}

// Traits returns what follows from the key of the value that is being visited. It
// holds until the visit returns.
func (s *Scratch) Traits() *Traits { return s.now }

// Path returns where the value that is being visited stands: its Key, but of XML all
// elements around it and the attribute's name. It holds until the visit returns.
func (s *Scratch) Path() string {
	if s.walk.inXML {
		return view(s.elements.path[:s.elements.n])
	}
	return s.walk.current.Key
}

// Cut reports whether the value that is being visited may go on before or behind what
// was visited of it. It holds until the visit returns.
func (s *Scratch) Cut() bool { return s.walk.cut }

// walker is one walk.
type walker struct {
	*Scratch
	info    BodyInfo
	visit   func(*Value) bool
	current Value    // visited now
	bare    int      // numbers and literals visited
	tiny    int      // tiny values visited
	rank    int      // of info.User
	xml     Location // of values of XML
	done    bool
	inXML   bool
	partial bool // the body goes on behind what is walked
	open    bool // so does the current part
	cut     bool // so does the current value
	literal bool // the current value is a number or a truth of JSON
}

// WalkBody visits every value in body: names and values of forms, keys and
// values of JSON, fields, names and file names of multipart, text of anything
// textual. body may be a prefix (complete is false): what is there is visited,
// the value that was cut included. It stops when visit returns false.
//
// What kind of body it is is judged by its bytes first and by contentType
// second, since the sender chooses both and servers differ in which they
// believe. It allocates nothing once scratch has grown.
func WalkBody(contentType string, body []byte, complete bool, scratch *Scratch, visit func(*Value) bool) BodyInfo {
	w := &scratch.walk
	*w = walker{Scratch: scratch, visit: visit}
	w.keys.walk++
	defer w.finish()
	w.info.Truncated = !complete
	if len(body) > MaxBody {
		body, w.info.Truncated = body[:MaxBody], true
	}
	w.info.Bytes, w.partial = len(body), w.info.Truncated
	if len(body) == 0 {
		return w.info
	}
	if cap(w.text) < len(body) {
		w.text = make([]byte, 0, min(2*len(body)+512, 2*MaxBody))
	}
	w.Walked += len(body)
	text := view(body)
	w.info.Kind = kindOf(contentType, text)
	w.walkKind(contentType, text)
	return w.info
}

// afford reports whether a further reading of n bytes is within the budget, and
// takes it from there.
func (w *walker) afford(n int) bool {
	if w.Most > 0 && w.Walked+n > w.Most {
		w.info.Unread = true
		return false
	}
	w.Walked += n
	return true
}

// finish drops what the walk was lent.
func (w *walker) finish() { w.visit, w.Scratch, w.current = nil, nil, Value{} }

func (w *walker) walkKind(contentType, text string) {
	switch w.info.Kind {
	case JSONBody:
		w.walkJSON(InJSON, text, 0)
	case FormBody:
		w.walkForm(text)
	case MultipartBody:
		w.walkParts(contentType, text)
	case XMLBody:
		w.walkXML(InXML, "", text)
	case TextBody:
		w.walkText(InText, "", text)
	case BinaryBody:
		if strings.HasPrefix(text, "\xac\xed\x00\x05") { // Java's serialised objects are for a detector to see
			w.give(InText, "", text[:min(len(text), 512)])
		}
	}
	w.walkDeclared(contentType, text)
}

// walkDeclared reads a body that begins like one kind but is declared as
// another in the declared way too: a server goes by that.
func (w *walker) walkDeclared(contentType, text string) {
	kind, declared := w.info.Kind, declaredKind(contentType)
	if kind == declared {
		return
	}
	switch declared {
	case FormBody:
		switch kind {
		case JSONBody: // a whole document is one that is merely declared wrong
			if w.info.Malformed && w.afford(len(text)) {
				w.walkForm(text)
			}
		case XMLBody, MultipartBody: // what stands before the first '&' was no field
			if _, rest, ok := strings.Cut(text, "&"); ok && w.afford(len(text)) {
				w.walkForm(rest)
			}
		}
	case MultipartBody:
		if w.afford(len(text)) {
			w.walkParts(contentType, text)
		}
	case JSONBody:
		if kind == MultipartBody && w.afford(len(text)) {
			w.walkJSON(InJSON, text, 0)
		}
	case XMLBody:
		if kind == MultipartBody && w.afford(len(text)) {
			w.walkXML(InXML, "", text)
		}
	}
}

// kindOf judges by the first bytes, then by the declared type.
func kindOf(contentType, s string) BodyKind {
	s = strings.TrimPrefix(s, "\ufeff")
	t := strings.TrimLeft(s, " \t\r\n")
	declared := declaredKind(contentType)
	switch {
	case t == "":
		return TextBody
	case t[0] == '{' || t[0] == '[':
		return JSONBody
	case declared == MultipartBody || strings.HasPrefix(s, "--") && strings.Contains(s[:min(len(s), 512)], "ontent-"):
		return MultipartBody
	case declared == JSONBody && (t[0] == '"' || t[0] == '-' || t[0]-'0' < 10 || t[0]-'a' < 26):
		return JSONBody
	case strings.HasPrefix(t, "<?xml") || declared == XMLBody && t[0] == '<':
		return XMLBody
	case declared == FormBody:
		return FormBody
	case looksBinary(s):
		return BinaryBody
	case looksForm(s):
		return FormBody
	}
	return TextBody
}

func declaredKind(contentType string) BodyKind {
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.TrimSpace(media)
	switch {
	case foldPrefix(media, "multipart/"):
		return MultipartBody
	case foldSuffix(media, "json"):
		return JSONBody
	case foldSuffix(media, "xml"):
		return XMLBody
	case fold(media, "application/x-www-form-urlencoded"):
		return FormBody
	}
	return NoBody
}

// mediaIs reports whether the media type of a Content-Type is low.
func mediaIs(contentType, low string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	return fold(strings.TrimSpace(media), low)
}

// looksForm reports whether s begins "name=" and has no line break or space
// early on: a form whose type says otherwise.
func looksForm(s string) bool {
	for i := 0; i < len(s) && i < 256; i++ {
		switch c := s[i]; {
		case c == '=':
			return i > 0 && !strings.ContainsAny(s[:min(len(s), 512)], " \r\n")
		case c-'0' < 10, c|0x20-'a' < 26, c == '_', c == '-', c == '.', c == '[', c == ']', c == '%', c == '+', c == '$':
		default:
			return false
		}
	}
	return false
}

// looksBinary reports whether the first bytes are no text in any 8-bit code.
func looksBinary(s string) bool {
	s = s[:min(len(s), 512)]
	control := 0
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' && c != '\n' && c != '\r' && c != '\t' {
			if c == 0 {
				return true
			}
			control++
		}
	}
	return control*16 > len(s)
}

// give visits one value.
func (w *walker) give(in Location, key, text string) bool {
	place := uint64(0)
	if !in.Name() {
		place = digest.Mix(digest.String(w.Seed, key), uint64(in))
	}
	w.current.set(in, key, text)
	return w.giveAt(place)
}

// giveAt visits w.current and keeps the books. place digests where it stands; that of
// a name is of no interest.
func (w *walker) giveAt(place uint64) bool {
	v := &w.current
	if w.done {
		return false
	}
	if len(v.Text) < tinyValue {
		if w.tiny++; w.tiny > maxValues {
			w.info.Omitted = true
			return true
		}
	}
	w.info.Values++
	w.now = nil
	if !v.In.Name() {
		w.now = w.keys.find(place, v.Key)
		w.now.Literal = w.literal
		if v.In != InFileValue {
			w.noteLogin(v.Key, v.Text)
		}
	}
	if !w.visit(v) {
		w.done = true
		return false
	}
	return true
}

// noteLogin keeps the value of the field most like a user name.
func (w *walker) noteLogin(key, text string) {
	if text == "" || key == "" {
		return
	}
	w.info.Password = w.info.Password || w.now.password
	if rank := int(w.now.user); rank > w.rank {
		w.rank = rank
		w.info.User = view(w.user[:copy(w.user[:], text)])
	}
}
