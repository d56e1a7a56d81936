package swarm

import (
	"encoding/binary"
	"slices"

	"bartizan/internal/digest"
)

// A signature that has nothing but volume against its clients may be wrong about
// them: volume has no victim that complains, and what it holds back it cannot learn
// from. So some clients are let through, all that returns is, logins are while most of
// them succeed, and the signature is retired when people turn out to live in it.

const (
	guestsMost    = 512 // clients in a signature's sample
	guestsLeast   = 20
	livingLeast   = 4    // of them that returned
	livingShare   = 0.05 // of the clients that match: from here on it matches people
	stuffsLeast   = 10   // logins until they are judged
	stuffsShare   = 0.7  // of them in vain
	loginsMost    = 1000 // then both counts are halved
	canaryClients = 200  // one client in so many is let through
)

// guests are a sample of the clients that a signature matches, whatever it does to
// them, and of which of them have returned: those whose digests are the smallest
// (Bar-Yossef et al., "Counting distinct elements in a data stream", 2002), so that a
// client counts once, however often it calls: 2 KiB. All that match count, not only
// those that log in: else five stolen accounts would do.
type guests struct {
	list  []uint32 // rising; the lowest bit says whether the client returned
	known int      // of them
}

// add notes a client.
func (g *guests) add(client uint32, returned bool) {
	g.note(uint32(digest.Scramble(uint64(client))), returned)
}

func (g *guests) note(h uint32, returned bool) {
	h = h&^1 | bit(returned)
	i, _ := slices.BinarySearch(g.list, h&^1)
	switch {
	case i < len(g.list) && g.list[i]&^1 == h&^1:
		if returned && g.list[i]&1 == 0 {
			g.list[i] = h
			g.known++
		}
		return
	case len(g.list) == guestsMost && i == guestsMost:
		return
	case len(g.list) == guestsMost:
		g.known -= int(g.list[guestsMost-1] & 1)
		g.list = g.list[:guestsMost-1]
	}
	g.list = slices.Insert(g.list, i, h)
	g.known += int(bit(returned))
}

func bit(on bool) uint32 {
	if on {
		return 1
	}
	return 0
}

// encode writes the sample; nil has none.
func (g *guests) encode() (out []byte) {
	if g == nil {
		return nil
	}
	for _, h := range g.list {
		out = binary.LittleEndian.AppendUint32(out, h)
	}
	return out
}

// decodeGuests reads what encode wrote.
func decodeGuests(b []byte) *guests {
	g := new(guests)
	for ; len(b) >= 4; b = b[4:] {
		h := binary.LittleEndian.Uint32(b)
		g.note(h, h&1 != 0)
	}
	return g
}

// inhabited reports whether people that were here before live in what g matches: the
// exact lower limit of their share (Clopper and Pearson, 1934, at 1 %) is above
// livingShare.
func (g *signature) inhabited() bool {
	x := g.guests
	return x != nil && len(x.list) >= guestsLeast && x.known >= livingLeast &&
		lowerBound(x.known, len(x.list), 0.01) > livingShare
}

// visited notes a row that g matched.
func (s *Swarm) visited(g *signature, r *row) {
	if g.guests == nil {
		g.guests = new(guests)
	}
	back := s.people.returned.has(r.client)
	g.guests.add(r.client, back)
	g.login(r, back)
}

// login notes a login attempt that g matched. Where nobody is refused, a login that
// does not return says nothing for its client.
func (g *signature) login(r *row, back bool) {
	if r.tags&loginAttempt == 0 || r.is(refused) || r.status == 0 || r.status >= 500 {
		return
	}
	g.Logins[0]++
	if r.failed() || r.tags&refusesSome == 0 && !back {
		g.Logins[1]++
	}
	g.judgeLogins()
	if g.Logins[0] >= loginsMost {
		g.Logins[0], g.Logins[1] = g.Logins[0]/2, g.Logins[1]/2
	}
}

// judgeLogins says whether logins still pass g.
func (g *signature) judgeLogins() {
	if g.Logins[0] >= stuffsLeast {
		g.stuffs.Store(float64(g.Logins[1]) >= stuffsShare*float64(g.Logins[0]))
	}
}
