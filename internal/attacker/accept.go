package attacker

import (
	"sync"

	"bartizan/internal/digest"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// The numbers of networks (IPv4 /24, IPv6 /48), within half an hour to an hour (they
// are estimates), from which programs that show one browser's credential are
// evidence; and in how many browsers may show it then: a key that a site gives to
// everybody is in browsers everywhere.
const (
	carriedSome, carriedMany = 11.5, 24.5
	carriedFew               = 5.5 // from here on a credential counts as carried around
	browsersMost             = 4.5
)

// accept remembers that upstream took the credential, and adds to found if programs
// in many networks show one that a browser was the first to show, where hardly any
// other is carried around so. A program's key says nothing by that: fleets share one.
func (t *Table) accept(now int64, r *request.Request, credential uint64, found []signal.Signal) []signal.Signal {
	browser := r.Software.Claimed.Browser() && !r.Software.Contradicts.Agent()
	where := wide(r.Client.Key.Addr())
	first, carried := false, false
	var programs float64
	var account uint64
	t.with(now, Credential, credential, r, func(c *record) {
		if c.before == 0 {
			if c.before = r.Standing.Keys[Client]; browser {
				c.past |= pastBrowser
			}
		}
		c.used(now, r.Standing.Keys[Address])
		account = c.account()
		first = c.others.count(now)+c.users.count(now) == 0
		if browser {
			c.others.add(now, where)
			return
		}
		before := c.users.count(now)
		c.users.add(now, where)
		if c.past&pastBrowser == 0 || c.others.count(now) > browsersMost {
			return
		}
		programs = c.users.count(now)
		carried = before < carriedFew && programs >= carriedFew
	})
	if account == credential {
		account &^= 1 // whose it is nobody knows
	}
	t.bind(now, r, account)
	s := signal.Signal{Kind: signal.CredentialSpread, Where: "credential", Note: "programs in 12 or more networks show this browser's credential"}
	if programs >= carriedMany {
		s.Band, s.Note = signal.Likely, "programs in 25 or more networks show this browser's credential"
	}
	odd := programs >= carriedSome
	if odd || first || carried {
		odd = t.carried.note(digest.String(t.seed, r.Site), first, carried) && odd
	}
	if p := r.Standing.Parent; p != 0 {
		t.with(now, Client, p, nil, func(c *record) { c.others.add(now, account) })
	}
	t.with(now, Client, r.Standing.Keys[Client], nil, func(c *record) {
		c.others.add(now, account)
		odd = odd && !c.stands(s.Kind, s.Band)
	})
	if odd {
		found = append(found, s)
	}
	return found
}

// carried counts for each site how many credentials are shown, half hour by half
// hour, and how many browsers' ones are carried around among programs. Where a
// service behind the site's pages takes people's credentials with it, many are.
type carried struct {
	mu sync.Mutex
	of map[uint64]*[2]uint32 // by digest of the site: shown, carried around
}

const (
	mostSites    = 1024 // about 64 KiB
	shownLeast   = 50   // credentials, until which nobody knows what is usual
	shownMost    = 1 << 16
	carriedShare = 50 // at most one of so many
)

// note counts a credential that is shown first of late, or carried around, and
// reports whether it is known that hardly any is.
func (n *carried) note(site uint64, first, around bool) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.of[site]
	if c == nil {
		if len(n.of) >= mostSites {
			return false
		}
		c = new([2]uint32)
		n.of[site] = c
	}
	if first {
		c[0]++
	}
	if around {
		c[1]++
	}
	if c[0] >= shownMost {
		c[0], c[1] = c[0]/2, c[1]/2
	}
	return c[0] >= shownLeast && c[1] <= c[0]/carriedShare
}
