package swarm

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"bartizan/internal/digest"
	"bartizan/internal/request"
)

// campaign is one botnet: who takes part, what it is after, what stopped it.
type campaign struct {
	name       string
	first      int64 // ms: first request that belongs to it
	last       int64
	closed     int64 // ms: when it was closed; 0 while it is open
	signatures []*signature
	members    map[netip.Addr]uint32 // requests of each address
	addresses  loglog                // distinct ones, once members is full
	prefixes   loglog
	networks   map[uint32]int // by ASN
	targets    map[uint32]int // by template
	tags       tags
	requests   uint64
	stopped    uint64
	answered   uint64 // went upstream
	successes  uint64 // of them, answered well
	failures   uint64
	spared     uint64
	pace       float64 // requests a second, a mean over half a minute
	peak       float64
	ticked     uint64 // requests at the last tick
	examples   []row  // of its requests, the latest
	tool       uint32 // row.program of most of its first requests
	target     uint32 // their template
}

const (
	campaignsMax = 256
	membersMax   = 200_000
	membersAll   = 400_000 // over all campaigns: about 30 MiB
	networksMax  = 1024
	targetsMax   = 64
	closeAfter   = 15 * time.Minute
	examplesMax  = 64 // 18 KiB
)

// add counts a row of the campaign; room says whether another member may be listed.
func (c *campaign) add(r *row, room bool) (listed bool) {
	if len(c.examples) < examplesMax {
		c.examples = append(c.examples, *r)
	} else {
		c.examples[c.requests%examplesMax] = *r
	}
	c.requests++
	c.last = max(c.last, r.time)
	a := netip.AddrFrom16(r.addr).Unmap()
	if n, known := c.members[a]; known || room && len(c.members) < membersMax {
		c.members[a] = n + 1
		listed = !known
	}
	h := digest.Scramble(uint64(r.addr[15]) | uint64(r.addr[14])<<8 | uint64(r.addr[13])<<16 | uint64(r.addr[12])<<24 ^ r.prefix()<<8)
	c.addresses.add(h)
	c.prefixes.add(digest.Scramble(r.prefix()))
	count(c.networks, r.at[ASN]&^(1<<31), networksMax)
	count(c.targets, r.at[Template], targetsMax)
	c.tags |= r.tags
	switch {
	case r.is(protected):
		c.spared++
	case r.is(refused):
		c.stopped++
	}
	if r.status != 0 && !r.is(refused) {
		c.answered++
		switch {
		case r.failed():
			c.failures++
		case r.status < 400:
			c.successes++
		}
	}
	return listed
}

func count(m map[uint32]int, key uint32, most int) {
	if n, known := m[key]; known || len(m) < most {
		m[key] = n + 1
	}
}

// tick brings the pace up to date.
func (c *campaign) tick(seconds float64) {
	x := float64(c.requests-c.ticked) / seconds
	c.ticked = c.requests
	c.pace += (x - c.pace) * min(seconds/30, 1)
	c.peak = max(c.peak, c.pace)
}

// intent maps what the campaign asks for to an OWASP Automated Threat class and
// an attack phase.
func (c *campaign) intent(unknown uint32) (class, phase string) {
	refused := c.failures > c.successes
	is := func(t request.Tags) bool { return request.Tags(c.tags)&t != 0 }
	switch {
	case is(request.TagPayment):
		return "OAT-001", "abuse"
	case is(request.TagCoupon | request.TagOTP | request.TagReset):
		return "OAT-002", "brute force"
	case (c.tags&loginAttempt != 0 || is(request.TagLogin)) && refused:
		return "OAT-008", "brute force"
	case is(request.TagSignup):
		return "OAT-019", "abuse"
	case is(request.TagCart | request.TagReserve | request.TagLimited):
		return "OAT-021", "abuse"
	case is(request.TagVote):
		return "OAT-016", "abuse"
	case is(request.TagContent):
		return "OAT-017", "abuse"
	case c.targets[unknown]*2 > int(c.requests):
		return "OAT-018", "scanning"
	case refused:
		return "OAT-007", "brute force"
	case is(request.TagCostly) || c.peak > 100:
		return "OAT-015", "denial of service"
	}
	return "OAT-011", "abuse"
}

// top returns the most frequent keys, at most n.
func top(m map[uint32]int, n int) []uint32 {
	keys := make([]uint32, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b uint32) int { return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b)) })
	return keys[:min(n, len(keys))]
}
