package swarm

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"bartizan/internal/signal"
)

// Act is what an operator does to a signature.
type Act string

// The acts.
const (
	Approve Act = "approve" // act now, whatever the site's shadow period
	Hold    Act = "hold"    // go on counting, do nothing
	Retire  Act = "retire"
	Pin     Act = "pin" // keep it, whatever happens
	Unpin   Act = "unpin"

	// What it does from now on, whatever its proof says.
	ToLimit     Act = "limit"
	ToChallenge Act = "challenge"
	ToBlock     Act = "block"
)

// Do carries out an operator's act.
func (s *Swarm) Do(now time.Time, name string, act Act) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.named(name)
	if g == nil {
		return fmt.Errorf("no signature is called %q", name)
	}
	switch act {
	case Approve:
		g.Approved = true
		s.set(now.UnixMilli(), g, active)
	case Hold:
		g.Approved = false
		s.set(now.UnixMilli(), g, held)
	case Retire:
		s.set(now.UnixMilli(), g, retired)
	case Pin, Unpin:
		g.Pinned = act == Pin
	case ToLimit, ToChallenge, ToBlock:
		g.Action = map[Act]signal.Action{ToLimit: signal.Limit, ToChallenge: signal.ChallengeAction, ToBlock: signal.BlockAction}[act]
		g.Rate, g.Approved = max(g.Rate, leastRate), true
		s.set(now.UnixMilli(), g, active)
	default:
		return fmt.Errorf("unknown act %q; known are approve, hold, retire, pin, unpin, limit, challenge, block", act)
	}
	s.changed = false
	s.matcher.Store(compile(s.list))
	return nil
}

// Written is a signature that an operator wrote.
type Written struct {
	Name   string
	Site   string            // of an endpoint in When
	When   map[string]string // attribute to value, as Signature shows them
	Action signal.Action
	Until  time.Time // zero: for ever
	Note   string
}

// Check says what is wrong with w, if anything.
func (w Written) Check() error {
	_, err := (&Swarm{words: newWords()}).parse(time.Time{}, w)
	return err
}

// Write replaces all operators' signatures.
func (s *Swarm) Write(now time.Time, list []Written) error {
	made := make([]*signature, 0, len(list))
	for _, w := range list {
		g, err := s.parse(now, w)
		if err != nil {
			return fmt.Errorf("signature %q: %w", w.Name, err)
		}
		made = append(made, g)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = slices.DeleteFunc(s.list, func(g *signature) bool { return g.Operator })
	for _, g := range made {
		s.serial++
		g.Serial = s.serial
		s.list = append(s.list, g)
	}
	s.matcher.Store(compile(s.list))
	return nil
}

func (s *Swarm) parse(now time.Time, w Written) (*signature, error) {
	g := &signature{Name: w.Name, Operator: true, Action: w.Action, Note: w.Note, Born: now.UnixMilli(), Since: now.UnixMilli(), tally: new(tally), Rate: 1}
	if !w.Until.IsZero() {
		g.Until = w.Until.UnixMilli()
	}
	for a := range Attribute(Attributes) {
		if value, ok := w.When[a.String()]; ok {
			v, err := s.valueNamed(w.Site, a, value)
			if err != nil {
				return nil, err
			}
			g.Literals = append(g.Literals, Literal{a, v})
		}
	}
	for name := range w.When {
		if _, ok := AttributeNamed(name); !ok {
			return nil, fmt.Errorf("unknown attribute %q", name)
		}
	}
	if len(g.Literals) == 0 {
		return nil, fmt.Errorf("it has no condition")
	}
	g.Core = len(g.Literals)
	return g, nil
}

// valueNamed reads a value as it is shown.
func (s *Swarm) valueNamed(site string, a Attribute, text string) (uint32, error) {
	if list := classes[a]; list != nil {
		if i := slices.Index(list, text); i >= 0 {
			return uint32(i), nil
		}
		return 0, fmt.Errorf("%s: unknown value %q; known are %s", a, text, strings.Join(list, ", "))
	}
	if text == "none" {
		return 0, nil
	}
	switch a {
	case Template:
		if text == unknownTemplate {
			return s.text(a, text), nil
		}
		return s.template(site, text), nil
	case HeaderCount, AgentVersion:
		n, err := strconv.ParseUint(text, 10, 16)
		return uint32(n), err
	case ASN:
		n, err := strconv.ParseUint(strings.TrimPrefix(text, "AS"), 10, 31)
		return uint32(n) | 1<<31, err
	case HeaderOrder, HeaderSet, Parameters, CookieNames, CustomHeaders, Previous, Contradictions, Object:
		return 0, fmt.Errorf("%s: its values are digests, which nobody can write", a)
	}
	return s.text(a, text), nil
}
