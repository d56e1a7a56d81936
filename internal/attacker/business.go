package attacker

import (
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// The tags that are counted, by place in business.asked. Of the first it is also
// counted how many were refused.
const (
	payments = iota
	codes
	judged

	signups = iota - 1
	carts
	limited // answered well only
	costs
	posts
	votes
	businesses = iota - 1
)

// business counts a client's answered requests to endpoints of each business
// tag, and how many of them were refused; decayed like rates.
type business struct {
	asked   [businesses]float32
	refused [judged]float32
}

// counted lists which tags each place counts.
func counted() [businesses]request.Tags {
	return [businesses]request.Tags{
		payments: request.TagPayment, codes: request.TagCoupon | request.TagOTP | request.TagReset, signups: request.TagSignup,
		carts: request.TagCart | request.TagReserve | request.TagLimited, limited: request.TagLimited,
		costs: request.TagCostly, posts: request.TagContent, votes: request.TagVote,
	}
}

func (b *business) count(tags request.Tags, failed bool) {
	for i, t := range counted() {
		if tags&t == 0 || failed && i == limited {
			continue
		}
		b.asked[i]++
		if failed && i < judged {
			b.refused[i]++
		}
	}
}

func (b *business) fade(f float32) {
	for i := range b.asked {
		b.asked[i] *= f
	}
	for i := range b.refused {
		b.refused[i] *= f
	}
}

// paid is how many payments went through.
func (b *business) paid() float32 { return b.asked[payments] - b.refused[payments] }

// concludeBusiness judges what only the operator's tags make visible. People buy,
// sign up and vote too, so it takes many within minutes.
func (r *record) concludeBusiness(report func(signal.Kind, signal.Band, string, string)) {
	for _, c := range [...]struct {
		kind       signal.Kind
		place      int
		some, many float32
		ratio      float32 // of refusals
		note       string
	}{
		{signal.PaymentFailure, payments, 5, 12, 0.7, "5 or more payments, most of them refused"},
		{signal.CodeGuessing, codes, 8, 20, 0.8, "8 or more codes, most of them refused"},
		{signal.MassSignup, signups, 5, 15, 0, "5 or more sign-ups"},
		{signal.Hoarding, carts, 20, 60, 0, "20 or more carts or reservations without a payment"},
		{signal.Scalping, limited, 5, 15, 0, "5 or more limited goods, paid for"},
		{signal.CostlyUse, costs, 10, 30, 0, "10 or more costly calls"},
		{signal.MassPosting, posts, 15, 40, 0, "15 or more posts"},
		{signal.MassVoting, votes, 10, 30, 0, "10 or more votes"},
	} {
		asked := r.tagged.asked[c.place]
		switch {
		case asked < c.some, c.place < judged && r.tagged.refused[c.place] < c.ratio*asked:
			continue
		case c.kind == signal.Hoarding && r.tagged.asked[payments] > 0, c.kind == signal.Scalping && r.tagged.paid() < c.some/2:
			continue
		}
		band := signal.Hint
		if asked >= c.many {
			band = signal.Likely
		}
		report(c.kind, band, "endpoint", c.note)
	}
}
