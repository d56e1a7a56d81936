package request

import (
	"math/bits"
	"testing"
)

func post(texts ...string) Post {
	var l Likeness
	for _, t := range texts {
		l.Add(7, t)
	}
	return l.Post()
}

func TestLikeness(t *testing.T) {
	const spam = "Best cheap watches and handbags only today at shop 17, call now and save half of the price, no questions asked"
	one := post(spam)
	for name, c := range map[string]struct {
		text string
		most int // bits that may differ
		same bool
	}{
		"other numbers and case": {"BEST cheap watches & handbags and only today at shop 99; call now and save half of the price - no questions asked", 24, false},
		"numbers only":           {"Best cheap watches and handbags only today at shop 4711, call now and save half of the price, no questions asked!!", 0, true},
	} {
		p := post(c.text)
		if d := bits.OnesCount64(p.Like ^ one.Like); d > c.most || (p.Text == one.Text) != c.same {
			t.Errorf("%s: got %d bits apart, same words %v; want at most %d, %v", name, d, p.Text == one.Text, c.most, c.same)
		}
	}
	other := post("The weather was lovely all week and the children swam in the lake until it got dark every single evening")
	if d := bits.OnesCount64(other.Like ^ one.Like); d < 10 {
		t.Errorf("another text: got %d bits apart; want at least 10", d)
	}
	if p := post("Thank you!"); p != (Post{}) {
		t.Errorf("two words: got %+v; want nothing", p)
	}
}

func TestLikenessDoesNotAllocate(t *testing.T) {
	var l Likeness
	if n := testing.AllocsPerRun(100, func() { l = Likeness{}; l.Add(7, "one two three four five six seven eight nine"); l.Post() }); n > 0 {
		t.Errorf("got %.0f allocations; want none", n)
	}
}
