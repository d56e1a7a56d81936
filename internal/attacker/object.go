package attacker

import (
	"bartizan/internal/attacker/issued"
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// shares is how many records there are to one entry of issued ids: 256 bytes to
// 32 records are 8 bytes a record.
const shares = 32

// past says what has happened to a record at least once.
type past uint8

const (
	pastEntry  past = 1 << iota // it has had an entry of ids, or is older than this process
	pastUnread                  // it was shown an answer that nobody has read
	pastAsset                   // Client: something that belongs to pages was fetched

	// Of a credential: a browser was the first to show it; something has been held
	// against it at some address.
	pastBrowser
	pastPair

	pastBurn   // Client: the low bit of the number of passes burnt, see burn
	_          // and the high one
	pastPerson // Client: it is of one of several people

	// Of a client, in the places of a credential's: it was answered well, and was no
	// suspect; it has answered a question.
	pastServed = pastBrowser
	pastAble   = pastPair
)

const pastBurnt = 3 * pastBurn

// note brings the past forward by one exchange and returns who it was before.
func (p *past) note(key uint64, x *Exchange, touches bool) issued.Who {
	w := issued.Who{Key: key, Old: *p&(pastEntry|pastUnread) != 0}
	if touches {
		*p |= pastEntry
	}
	if x.Unread {
		*p |= pastUnread
	}
	return w
}

// The numbers of objects that a client was never shown, asked for of late, from
// which they are evidence; those that were refused count twice.
const (
	foreignSome, foreignMany = 12, 30
	foreignShare             = 0.5 // of all that it asked for
)

// objects notes the ids that an exchange shows to its client and says where its
// object's is from. It adds to found if the client asks for many that nobody has
// shown it, where nearly everybody's were. Of people who share address and
// software nothing is said without credentials of their own.
func (t *Table) objects(now int64, r *request.Request, client issued.Who, x *Exchange, found []signal.Signal) []signal.Signal {
	touches := x.touches()
	if !touches && !x.Unread {
		return found
	}
	var names [2]issued.Who
	who := append(names[:0], client)
	if r.Standing.Accepted {
		t.with(now, Credential, r.Standing.Keys[Credential], nil, func(c *record) { who = append(who, c.past.note(c.key, x, touches)) })
	}
	origin, n := t.issued.Note(issued.Exchange{
		Now: now / 1000, Who: who, Object: x.Asked, Counts: x.Issues, Refused: x.Status/100 == 4, Shown: [2][]uint64{x.Shown, x.Posted}, Unread: x.Unread,
	})
	r.Object.Origin = origin
	if origin != request.Foreign || !x.Issues || n.Foreign < foreignSome || n.Foreign < foreignShare*n.Asked || len(who) == 1 && r.Standing.Shared {
		return found
	}
	s := signal.Signal{Kind: signal.ForeignObject, Where: "path", Note: "12 or more objects that no answer has shown it"}
	if n.Foreign+n.Refused >= foreignMany {
		s.Band, s.Note = signal.Likely, "30 or more objects that no answer has shown it; refused ones count twice"
	}
	return append(found, s)
}

// touches reports whether the exchange is about ids at all.
func (x *Exchange) touches() bool { return x.Asked != 0 || len(x.Shown) > 0 || len(x.Posted) > 0 }
