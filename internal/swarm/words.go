package swarm

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"

	"bartizan/internal/digest"
	"bartizan/internal/request"
)

// words remembers the texts behind digests, so that people can read a signature.
// It is a cache with two places for each digest: what is asked for again and
// again stays, a flood of new texts passes through. Safe for concurrent use.
type words struct {
	places []atomic.Pointer[word]
}

type word struct {
	attribute Attribute
	value     uint32
	text      string
}

const (
	wordPlaces = 1 << 15 // at most about 5 MiB with all texts
	wordBytes  = 96
)

func newWords() *words { return &words{make([]atomic.Pointer[word], wordPlaces)} }

func (w *words) slots(a Attribute, v uint32) (first, second *atomic.Pointer[word]) {
	h := digest.Scramble(uint64(a)<<32 | uint64(v))
	return &w.places[h%wordPlaces], &w.places[h>>40%wordPlaces]
}

// remember keeps the text of v. It allocates only for what it does not know.
func (w *words) remember(a Attribute, v uint32, text string) {
	if v == 0 || text == "" {
		return
	}
	first, second := w.slots(a, v)
	one := first.Load()
	if one != nil && one.value == v && one.attribute == a {
		return
	}
	two := second.Load()
	if two != nil && two.value == v && two.attribute == a {
		return
	}
	known := &word{a, v, strings.Clone(shown(a, text))}
	switch {
	case one == nil:
		first.Store(known)
	case two == nil || v&2 == 0:
		second.Store(known)
	default:
		first.Store(known)
	}
}

// raw returns the text of a value as it is remembered; empty if it is not.
func (w *words) raw(a Attribute, v uint32) string {
	first, second := w.slots(a, v)
	for _, slot := range [...]*atomic.Pointer[word]{first, second} {
		if k := slot.Load(); k != nil && k.value == v && k.attribute == a {
			return k.text
		}
	}
	return ""
}

// shown is what people see of a text: fingerprints as they are, all else masked
// where it looks like a secret.
func shown(a Attribute, text string) string {
	switch a {
	case JA4, JA4Prefix, JA4Ciphers, H2:
		return text[:min(len(text), wordBytes)]
	}
	return request.Excerpt(text, wordBytes)
}

// find returns the text of a value, or a name made of its digest.
func (w *words) find(a Attribute, v uint32) string {
	if list := classes[a]; list != nil && int(v) < len(list) {
		return list[v]
	}
	switch {
	case v == 0:
		return "none"
	case a == HeaderCount || a == AgentVersion:
		return strconv.Itoa(int(v))
	}
	if text := w.raw(a, v); text != "" {
		switch a {
		case Parameters, CookieNames, CustomHeaders:
			return fmt.Sprintf("set %06x with %s", v&0xffffff, text)
		}
		return text
	}
	if a == ASN {
		return "AS" + strconv.Itoa(int(v&^(1<<31)))
	}
	return fmt.Sprintf("%06x", v&0xffffff)
}
