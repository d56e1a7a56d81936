package request

import "bartizan/internal/digest"

// Likeness digests texts so that those which are nearly the same have digests that
// differ in few bits (SimHash: Charikar, 2002), over pairs of words. Digits, case
// and punctuation do not count: they are what a spammer varies. The zero value is
// ready.
type Likeness struct {
	votes [64]int32
	exact uint64
	last  uint64
	words int
}

// leastWords is from how many words on a text is told apart from others.
const leastWords = 8

// mostWords bounds the work that one text makes.
const mostWords = 512

// Add reads one text.
func (l *Likeness) Add(seed uint64, text string) {
	start := -1
	for i := 0; i <= len(text) && l.words < mostWords; i++ {
		letter := i < len(text) && (text[i]|0x20-'a' < 26 || text[i] >= 0x80)
		switch {
		case letter && start < 0:
			start = i
		case !letter && start >= 0:
			l.word(digest.Folded(seed, text[start:i]))
			start = -1
		}
	}
}

func (l *Likeness) word(h uint64) {
	l.words++
	l.exact = digest.Mix(l.exact, h)
	pair := digest.Mix(l.last, h)
	l.last = h
	for b := range l.votes {
		l.votes[b] += int32(pair>>b&1)*2 - 1
	}
}

// Post returns the digests of all that was added.
func (l *Likeness) Post() (p Post) {
	if l.words < leastWords {
		return p
	}
	for b, v := range l.votes {
		if v > 0 {
			p.Like |= 1 << b
		}
	}
	p.Like, p.Text = max(p.Like, 1), l.exact|1
	return p
}
