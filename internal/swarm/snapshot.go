package swarm

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"

	"bartizan/internal/frame"
	"bartizan/internal/signal"
)

// What is known of good traffic, and the signatures and campaigns, survive a
// restart; what is suspected at the moment does not. A snapshot is six framed blocks:
// facts as JSON, the counts, the uniform sample, the strata, members, and people who
// return.

const (
	snapshotVersion = 2
	blockMax        = 256 << 20
	blocksAll       = 6

	olderVersion = 1 // without objects, visits and people who return
	olderBlocks  = 5
)

// facts are the parts of a snapshot that are small.
type facts struct {
	Version   int             `json:"version"`
	Seed      uint64          `json:"seed"` // a digest of it: digests mean nothing under another
	First     int64           `json:"first"`
	Rate      float64         `json:"rate"`
	Total     uint32          `json:"total"`
	Strata    []uint32        `json:"strata"`
	Serial    uint32          `json:"serial"`
	Opened    int             `json:"opened"`
	List      []*signature    `json:"signatures"`
	Words     []savedWord     `json:"words"`
	Campaigns []savedCampaign `json:"campaigns"`
}

type savedWord struct {
	Attribute Attribute `json:"a"`
	Value     uint32    `json:"v"`
	Text      string    `json:"t"`
}

type savedCampaign struct {
	Name      string         `json:"name"`
	First     int64          `json:"first"`
	Last      int64          `json:"last"`
	Closed    int64          `json:"closed"`
	Networks  map[uint32]int `json:"networks"`
	Targets   map[uint32]int `json:"targets"`
	Tags      tags           `json:"tags"`
	Requests  uint64         `json:"requests"`
	Stopped   uint64         `json:"stopped"`
	Answered  uint64         `json:"answered"`
	Successes uint64         `json:"successes"`
	Failures  uint64         `json:"failures"`
	Spared    uint64         `json:"spared"`
	Peak      float64        `json:"peak"`
	Addresses []byte         `json:"addresses"` // registers
	Prefixes  []byte         `json:"prefixes"`
	Members   int            `json:"members"` // in the last block
}

// Snapshot writes what must survive a restart. Requests go on meanwhile.
func (s *Swarm) Snapshot(w io.Writer) error {
	blocks, err := s.encode()
	if err != nil {
		return err
	}
	for _, b := range blocks {
		if err := frame.Write(w, b); err != nil {
			return fmt.Errorf("writing botnet search: %w", err)
		}
	}
	return nil
}

func (s *Swarm) encode() ([][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := facts{Version: snapshotVersion, Seed: s.mark(), First: s.base.first, Rate: s.base.rate, Total: s.counts.total.Load(), Serial: s.serial, Opened: s.opened}
	var strata, members bytes.Buffer
	for template := range s.base.strata {
		f.Strata = append(f.Strata, template)
	}
	slices.Sort(f.Strata)
	for _, template := range f.Strata {
		encodeRows(&strata, s.base.strata[template].rows)
	}
	for _, g := range s.list {
		if g.Operator {
			continue // the configuration has them
		}
		g.Counted, g.Guests = g.counts(), g.guests.encode()
		f.List = append(f.List, g)
		for _, l := range g.Literals {
			if l.Value>>31 == 1 {
				f.Words = append(f.Words, savedWord{l.Attribute, l.Value, s.words.raw(l.Attribute, l.Value)})
			}
		}
	}
	for _, c := range s.campaigns {
		f.Campaigns = append(f.Campaigns, c.save(&members))
	}
	head, err := json.Marshal(f)
	for _, g := range f.List {
		g.Guests = nil
	}
	if err != nil {
		return nil, fmt.Errorf("encoding botnet search: %w", err)
	}
	var uniform bytes.Buffer
	encodeRows(&uniform, s.base.uniform.rows)
	return [][]byte{head, s.counts.encode(), uniform.Bytes(), strata.Bytes(), members.Bytes(), s.people.encode()}, nil
}

// mark identifies the seed without telling it.
func (s *Swarm) mark() uint64 {
	return one(Attributes, uint32(s.seed)) ^ one(Attributes, uint32(s.seed>>32))
}

func (c *campaign) save(members *bytes.Buffer) savedCampaign {
	for a, n := range c.members {
		b := a.As16()
		members.Write(b[:])
		binary.Write(members, binary.LittleEndian, n)
	}
	return savedCampaign{
		c.name, c.first, c.last, c.closed, c.networks, c.targets, c.tags, c.requests, c.stopped, c.answered, c.successes, c.failures, c.spared, c.peak,
		bytes.Clone(c.addresses[:]), bytes.Clone(c.prefixes[:]), len(c.members),
	}
}

// encode writes all cells that are in use.
func (s *sketch) encode() []byte {
	out := make([]byte, 0, 1<<20)
	last := 0
	for i := range s.cells {
		if c := s.cells[i].Load(); c != 0 {
			out = binary.AppendUvarint(out, uint64(i-last))
			out = binary.LittleEndian.AppendUint64(out, c)
			last = i
		}
	}
	return out
}

func (s *sketch) decode(b []byte, total uint32) error {
	at := 0
	for len(b) > 0 {
		gap, n := binary.Uvarint(b)
		if n <= 0 || len(b) < n+8 || gap >= sketchCells || at+int(gap) >= sketchCells {
			return errCells
		}
		at += int(gap)
		s.cells[at].Store(binary.LittleEndian.Uint64(b[n:]))
		b = b[n+8:]
	}
	s.total.Store(total)
	return nil
}

var errCells = errors.New("the counts are not whole")

// Restore reads a snapshot into s, which must be new. One of an older version leaves it
// new. On an error s must not be used.
func (s *Swarm) Restore(in io.Reader) error {
	var blocks [blocksAll][]byte
	var f facts
	n := blocksAll
	for i := 0; i < n; i++ {
		var err error
		if blocks[i], err = frame.Read(in, blockMax); err != nil {
			return fmt.Errorf("reading botnet search: %w", err)
		}
		if i > 0 {
			continue
		}
		if err := json.Unmarshal(blocks[0], &f); err != nil {
			return fmt.Errorf("reading botnet search: %w: %v", frame.ErrDamaged, err)
		}
		if f.Version == olderVersion {
			n = olderBlocks
		}
	}
	if f.Version == olderVersion {
		return nil // its rows have other attributes: good traffic is learned anew
	}
	if f.Version != snapshotVersion || f.Seed != s.mark() {
		return fmt.Errorf("reading botnet search: %w: of another version or seed", frame.ErrDamaged)
	}
	if err := s.restore(&f, blocks); err != nil {
		return fmt.Errorf("reading botnet search: %w: %v", frame.ErrDamaged, err)
	}
	return nil
}

func (s *Swarm) restore(f *facts, blocks [blocksAll][]byte) error {
	if err := s.counts.decode(blocks[1], f.Total); err != nil {
		return err
	}
	uniform := reader{b: blocks[2]}
	for _, r := range uniform.rows(uniformRows) {
		s.base.refill(&r)
	}
	strata := reader{b: blocks[3]}
	for _, template := range f.Strata[:min(len(f.Strata), strataMax)] {
		v := &reservoir{max: stratumRows, each: 4, enter: 1}
		for _, r := range strata.rows(stratumRows) {
			v.add(&r, s.base.random)
		}
		s.base.strata[template] = v
	}
	if uniform.bad || strata.bad {
		return errors.New("the samples are not whole")
	}
	s.base.first, s.base.rate, s.serial, s.opened = f.First, f.Rate, f.Serial, f.Opened
	for _, w := range f.Words {
		s.words.remember(w.Attribute, w.Value, w.Text)
	}
	if err := s.restoreCampaigns(f, blocks[4]); err != nil {
		return err
	}
	if err := s.people.decode(blocks[5]); err != nil {
		return err
	}
	for _, g := range f.List[:min(len(f.List), signaturesMax)] {
		if err := s.restoreSignature(g); err != nil {
			return err
		}
	}
	s.matcher.Store(compile(s.list))
	return nil
}

// refill puts a row back into the samples that are made of it.
func (b *baseline) refill(r *row) {
	enter := b.uniform.enter
	b.uniform.enter = 1
	b.sample(r)
	b.uniform.enter = enter
}

func (s *Swarm) restoreSignature(g *signature) error {
	for _, l := range g.Literals {
		if int(l.Attribute) >= Attributes {
			return fmt.Errorf("signature %q has an unknown attribute", g.Name)
		}
	}
	if g.Core > len(g.Literals) || g.State > retired || g.Kind > ofSeeds || g.Action >= signal.Actions ||
		g.Action == signal.Limit && g.Rate <= 0 {
		return fmt.Errorf("signature %q makes no sense", g.Name)
	}
	g.tally = new(tally)
	g.set(g.Counted)
	g.guests, g.Guests = decodeGuests(g.Guests), nil
	g.judgeLogins()
	s.list = append(s.list, g)
	if c := s.campaignNamed(g.Campaign); c != nil {
		c.signatures = append(c.signatures, g)
	}
	return nil
}

func (s *Swarm) restoreCampaigns(f *facts, members []byte) error {
	in := reader{b: members}
	for _, v := range f.Campaigns[:min(len(f.Campaigns), campaignsMax)] {
		c := &campaign{
			name: v.Name, first: v.First, last: v.Last, closed: v.Closed, networks: v.Networks, targets: v.Targets, tags: v.Tags, requests: v.Requests, stopped: v.Stopped,
			answered: v.Answered, successes: v.Successes, failures: v.Failures, spared: v.Spared, peak: v.Peak, ticked: v.Requests, members: map[netip.Addr]uint32{},
		}
		if c.networks == nil {
			c.networks = map[uint32]int{}
		}
		if c.targets == nil {
			c.targets = map[uint32]int{}
		}
		copy(c.addresses[:], v.Addresses)
		copy(c.prefixes[:], v.Prefixes)
		for range v.Members {
			a := netip.AddrFrom16([16]byte(in.take(16))).Unmap()
			n := binary.LittleEndian.Uint32(in.take(4))
			if in.bad {
				return errors.New("the members are not whole")
			}
			c.members[a] = n
		}
		s.members += len(c.members)
		s.campaigns = append(s.campaigns, c)
	}
	return nil
}
