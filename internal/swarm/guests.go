package swarm

import "encoding/binary"

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

// guests are clients that a signature matches, whatever it does to them, and which of
// them have returned: an open-addressed table of 4 KiB, which starts anew when it
// holds guestsMost of them, so that what lives in it now counts. All that match count,
// not only those that log in: else five stolen accounts would do.
type guests struct {
	slots    [2 * guestsMost]uint32 // client, the lowest bit replaced: has it returned? 0: free
	n, known int
}

// add notes a client.
func (g *guests) add(client uint32, returned bool) {
	if g.n == guestsMost {
		*g = guests{}
	}
	who := client &^ 1
	for i := who * 2654435761 >> 22; ; i = (i + 1) % uint32(len(g.slots)) {
		switch was := g.slots[i]; {
		case was == 0:
			if g.slots[i] = who | bit(returned); g.slots[i] == 0 {
				return // the one client that looks like a free place
			}
			g.n++
			g.known += int(bit(returned))
			return
		case was&^1 == who:
			if returned && was&1 == 0 {
				g.slots[i] |= 1
				g.known++
			}
			return
		}
	}
}

func bit(on bool) uint32 {
	if on {
		return 1
	}
	return 0
}

// encode writes the places that are taken; nil has none.
func (g *guests) encode() (out []byte) {
	if g == nil {
		return nil
	}
	for _, who := range g.slots {
		if who != 0 {
			out = binary.LittleEndian.AppendUint32(out, who)
		}
	}
	return out
}

// decodeGuests reads what encode wrote; the sample of no clients is nil.
func decodeGuests(b []byte) (g *guests) {
	for ; len(b) >= 4; b = b[4:] {
		if g == nil {
			g = new(guests)
		}
		who := binary.LittleEndian.Uint32(b)
		g.add(who, who&1 != 0)
	}
	return g
}

// inhabited reports whether people that were here before live in what g matches: the
// exact lower limit of their share (Clopper and Pearson, 1934, at 1 %) is above
// livingShare.
func (g *signature) inhabited() bool {
	x := g.guests
	return x != nil && x.n >= guestsLeast && x.known >= livingLeast && lowerBound(x.known, x.n, 0.01) > livingShare
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
