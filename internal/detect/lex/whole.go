package lex

import "strings"

// mostWords is the highest limit that Whole counts words to.
const mostWords = 8

// Whole answers what is asked of a value as a whole, wherever in it the question
// comes up: each answer is found once, so that a value made of nothing but
// beginnings costs no more than its length. It belongs to one look at one value.
type Whole struct {
	Text string

	words  int // Prose(Text, mostWords) + 1; 0: not asked yet
	before prefix
	asked  [16]answer
	n      int // of asked
	later  [8]answer
	m      int // of later
}

// answer is where a needle stands first from a place on, or -1.
type answer struct {
	needle   string
	from, at int
}

// Prose is Prose(v.Text, limit); limit is at most 8.
func (v *Whole) Prose(limit int) int {
	if v.words == 0 {
		v.words = Prose(v.Text, mostWords) + 1
	}
	return min(v.words-1, limit)
}

// Before is Prose(v.Text[:i], limit); limit is at most 8. It goes on from the last
// question if that was about a place before i.
func (v *Whole) Before(i, limit int) int {
	p := &v.before
	if i <= p.at {
		*p = prefix{}
	}
	for p.at+1 < i && p.n < mostWords {
		p.step(v.Text[p.at], v.Text[p.at+1])
		p.at++
	}
	end := *p
	if end.at < i && end.n < mostWords {
		end.step(v.Text[end.at], ' ')
	}
	if end.run > 1 {
		end.n++
	}
	return min(end.n, limit)
}

// Next returns where needle, which is a constant, stands first in Ahead(v.Text, i), as
// an index into the text, or -1. Questions about one place after the other cost one
// pass over the text.
func (v *Whole) Next(i int, needle string) int {
	k := 0
	for k < v.m && v.later[k].needle != needle {
		k++
	}
	if k == len(v.later) { // no detector asks for more different ones
		k = 0
	}
	a := &v.later[k]
	if k == v.m || a.needle != needle || i < a.from || a.at >= 0 && i > a.at {
		v.m = max(v.m, k+1)
		*a = answer{needle, i, strings.Index(v.Text[i:], needle)}
		if a.at >= 0 {
			a.at += i
		}
	}
	if a.at < 0 || a.at+len(needle) > i+MaxLook {
		return -1
	}
	return a.at
}

// Cut returns what of Ahead(v.Text, i) stands before needle, which is a constant; all
// of it if needle does not stand there.
func (v *Whole) Cut(i int, needle string) (before string, found bool) {
	if j := v.Next(i, needle); j >= 0 {
		return v.Text[i:j], true
	}
	return Ahead(v.Text, i), false
}

// Has reports whether needle, which is a constant, stands anywhere in the value.
func (v *Whole) Has(needle string) bool { return v.Index(needle) >= 0 }

// Index returns where needle, which is a constant, stands first, or -1.
func (v *Whole) Index(needle string) int {
	for i := range v.asked[:v.n] {
		if v.asked[i].needle == needle {
			return v.asked[i].at
		}
	}
	at := strings.Index(v.Text, needle)
	if v.n < len(v.asked) { // no detector asks for more different ones
		v.asked[v.n] = answer{needle, 0, at}
		v.n++
	}
	return at
}
