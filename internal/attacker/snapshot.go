package attacker

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"bartizan/internal/frame"
	"bartizan/internal/signal"
)

// The snapshot: magic, version, digest of the seed; then for
// each shard a count, the records worth keeping, and a CRC-32C of both; then the
// guarded endpoints, since version 2 the links with theirs, and since version 3 the
// blocks whose records had to go. Since version 4 a credential has its account. Since version 5
// clients follow that are known to be good, for each shard: key, network and when it was first
// seen, which is all that an overload asks for. All integers little-endian.
const (
	snapshotMagic   = "BARTZATT"
	snapshotVersion = 5 // 1: records had no rule at their end, and there were no links; 2: nor who uses a credential well, and no blocks
)

var le = binary.LittleEndian

// ErrSnapshot marks a snapshot that cannot be used.
var ErrSnapshot = frame.ErrDamaged

// Snapshot writes all records that are worth keeping over a restart: those with
// evidence, a block, or an accepted credential. Each shard is locked only while
// its records are copied; what changes meanwhile is in or out as it comes.
func (t *Table) Snapshot(w io.Writer) error {
	out := bufio.NewWriterSize(w, 1<<16)
	head := append([]byte(snapshotMagic), snapshotVersion)
	head = le.AppendUint64(head, mix(t.seed))
	if err := frame.Write(out, head); err != nil {
		return err
	}
	var buf []byte
	for i := range t.shards {
		buf = t.shards[i].dump(buf[:0])
		if err := frame.Write(out, buf); err != nil {
			return err
		}
	}
	buf = buf[:0]
	for i := range t.guarded {
		buf = le.AppendUint64(buf, t.guarded[i].Load())
	}
	if err := frame.Write(out, buf); err != nil {
		return err
	}
	if err := frame.Write(out, t.links.Append(buf[:0])); err != nil {
		return err
	}
	if err := frame.Write(out, t.blocked.Append(0, buf[:0])); err != nil {
		return err
	}
	for i := range t.shards {
		buf = t.shards[i].dumpKnown(buf[:0])
		if err := frame.Write(out, buf); err != nil {
			return err
		}
	}
	return out.Flush()
}

// known reports whether the record is of a client that has been answered well and shows
// nothing, and that the first part of a snapshot leaves out.
func (r *record) known() bool {
	return r.scope == Client && r.stage == signal.Clear && r.risk <= 2 && r.blocks == 0 && r.ruled == 0 &&
		r.rates.fine >= established
}

const knownBytes = 3 * 8

// dumpKnown appends the clients that are known to be good.
func (s *shard) dumpKnown(buf []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.sets {
		for j := range s.sets[i] {
			if r := &s.sets[i][j]; r.key != 0 && r.known() {
				buf = le.AppendUint64(buf, r.key)
				buf = append(buf, r.network[:]...)
				buf = le.AppendUint64(buf, uint64(r.first))
			}
		}
	}
	return buf
}

// parseKnown reads a client that was known to be good. It has as many good answers as keep
// it so for some minutes, until it has new ones.
func parseKnown(b []byte, now int64) (r record) {
	r.key, r.network, r.first = le.Uint64(b), network(b[8:16]), min(int64(le.Uint64(b[16:])), now)
	r.updated, r.scope, r.past = now, Client, pastEntry|pastServed
	r.rates.fine = 2 * established
	r.rates.requests = r.rates.fine
	return r
}

func (s *shard) dump(buf []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.sets {
		for j := range s.sets[i] {
			if r := &s.sets[i][j]; r.key != 0 && (r.risk > 2 || r.stage > signal.Clear || r.blocks > 0 || r.ruled > 0 || r.scope == Credential) {
				buf = r.append(buf)
			}
		}
	}
	return buf
}

// append writes the record's lasting part. Rates and distinct counts fade within
// the hour and are left out.
func (r *record) append(b []byte) []byte {
	b = le.AppendUint64(b, r.key)
	ip := r.network.addr().As16()
	b = append(b, ip[:]...)
	for _, v := range []int64{r.first, r.updated, r.until} {
		b = le.AppendUint64(b, uint64(v))
	}
	b = append(b, byte(r.scope), byte(r.stage), r.blocks, r.proofs.counts&15, r.proofs.counts>>4)
	for _, d := range r.proofs.certain {
		b = le.AppendUint32(b, d)
	}
	for _, d := range r.proofs.likely {
		b = le.AppendUint32(b, d)
	}
	for _, e := range r.held {
		b = append(b, byte(e.kind), byte(e.band), byte(min(e.mass()*16, 255)))
	}
	b = le.AppendUint32(b, r.rule)
	b = le.AppendUint32(b, r.ruled)
	if r.scope != Credential {
		return append(b, make([]byte, 16)...)
	}
	b = le.AppendUint64(b, uint64(r.walk.last)|r.habits.post) // else an app's key would be somebody's own after a restart
	return le.AppendUint32(le.AppendUint32(b, r.entered[0]), r.entered[1])
}

// mostBlock bounds what a snapshot may claim of a block's end.
const mostBlock = 366 * 24 * time.Hour

// nobody is the first to show a credential that was kept over a restart.
const nobody = 1

const (
	recordBytes = thirdBytes + 8
	thirdBytes  = secondBytes + 8                    // of version 3
	secondBytes = firstBytes + 2*4                   // of version 2
	firstBytes  = 8 + 16 + 3*8 + 5 + 6*4 + 3*maxHeld // of version 1
)

func (r *record) parse(b []byte) {
	r.key = le.Uint64(b)
	r.network = networkOf([16]byte(b[8:]))
	b = b[24:]
	r.first, r.updated, r.until = int64(le.Uint64(b)), int64(le.Uint64(b[8:])), int64(le.Uint64(b[16:]))
	b = b[24:]
	r.scope, r.stage, r.blocks = min(Scope(b[0]), Credential), min(signal.Stage(b[1]), signal.Block), b[2]
	r.proofs.counts = min(b[3]&3, 2) | b[3]&anyPayload | min(b[4], 4)<<4
	b = b[5:]
	for i := range r.proofs.certain {
		r.proofs.certain[i], b = le.Uint32(b), b[4:]
	}
	for i := range r.proofs.likely {
		r.proofs.likely[i], b = le.Uint32(b), b[4:]
	}
	for i := range r.held {
		if k := signal.Kind(b[0]); k > signal.None && k < signal.Kinds && b[2] > 0 {
			r.held[i] = evidence{kind: k, band: min(signal.Band(b[1]), signal.Certain)}
			r.held[i].weigh(float32(b[2]) / 16)
		}
		b = b[3:]
	}
	if len(b) >= 8 {
		r.rule, r.ruled = le.Uint32(b), le.Uint32(b[4:])
	}
	if len(b) >= 16 && r.scope == Credential {
		r.today(r.updated)
		r.walk.last = int64(le.Uint64(b[8:]))
	}
	if len(b) >= 24 && r.scope == Credential {
		r.entered = few{le.Uint32(b[16:]), le.Uint32(b[20:])}
	}
	if r.past = pastEntry; r.scope == Credential {
		r.past |= pastPair
		r.before = nobody
	}
	r.risk = float32(fuse(r, false).Risk)
}

// Restore reads a snapshot, and no further, into an empty table. now bounds what it may claim:
// no record is from the future. On an error wrapping ErrSnapshot nothing has
// been taken over.
func (t *Table) Restore(now time.Time, in io.Reader) (records int, err error) {
	head, err := frame.Read(in, 64)
	if err != nil {
		return 0, err
	}
	if err := t.checkHead(head); err != nil {
		return 0, err
	}
	size := [...]int{1: firstBytes, 2: secondBytes, 3: thirdBytes, 4: recordBytes, 5: recordBytes}[head[8]]
	var all []record
	for range shards {
		b, err := frame.Read(in, t.maxSets*ways*size)
		if err != nil {
			return 0, err
		}
		if len(b)%size != 0 {
			return 0, fmt.Errorf("reading records: %w: a block of %d bytes", ErrSnapshot, len(b))
		}
		for ; len(b) > 0; b = b[size:] {
			var r record
			r.parse(b[:size])
			all = append(all, r)
		}
	}
	g, err := frame.Read(in, len(t.guarded)*8)
	if err != nil {
		return 0, err
	}
	if len(g) != len(t.guarded)*8 {
		return 0, fmt.Errorf("reading guarded endpoints: %w: %d bytes", ErrSnapshot, len(g))
	}
	if head[8] > 1 {
		b, err := frame.Read(in, t.links.MostBytes())
		if err == nil {
			err = t.links.Restore(millis(now), b)
		}
		if err != nil {
			return 0, fmt.Errorf("reading links: %w: %w", ErrSnapshot, err)
		}
	}
	if head[8] > 2 {
		b, err := frame.Read(in, t.blocked.MostBytes())
		if err == nil {
			err = t.blocked.Restore(uint32(now.Add(mostBlock).Unix()), b)
		}
		if err != nil {
			return 0, fmt.Errorf("reading blocks: %w: %w", ErrSnapshot, err)
		}
	}
	n := len(all)
	if head[8] > 4 {
		for range shards {
			b, err := frame.Read(in, t.maxSets*ways*knownBytes)
			if err != nil {
				return 0, err
			}
			if len(b)%knownBytes != 0 {
				return 0, fmt.Errorf("reading known clients: %w: a block of %d bytes", ErrSnapshot, len(b))
			}
			for ; len(b) > 0; b = b[knownBytes:] {
				all = append(all, parseKnown(b, millis(now)))
			}
		}
	}
	t.adopt(millis(now), all, g)
	return n, nil
}

func (t *Table) adopt(now int64, all []record, g []byte) {
	for i := range all {
		r := &all[i]
		r.first, r.updated = min(r.first, now), min(r.updated, now)
		s := &t.shards[r.key%shards]
		s.mu.Lock()
		if r.key != 0 && s.find(r.key) == nil {
			*t.place(s, r.key, now) = *r
		}
		s.mu.Unlock()
	}
	t.issued.Resume()
	for i := range t.guarded {
		t.guarded[i].Or(le.Uint64(g[i*8:]))
	}
}

func (t *Table) checkHead(head []byte) error {
	want := len(snapshotMagic) + 1 + 8
	switch {
	case len(head) != want || string(head[:8]) != snapshotMagic:
		return fmt.Errorf("reading head: %w: not a snapshot", ErrSnapshot)
	case head[8] < 1 || head[8] > snapshotVersion:
		return fmt.Errorf("reading head: %w: version %d; this program writes %d", ErrSnapshot, head[8], snapshotVersion)
	case le.Uint64(head[9:]) != mix(t.seed):
		return fmt.Errorf("reading head: %w: made under another seed", ErrSnapshot)
	}
	return nil
}
