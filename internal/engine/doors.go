package engine

import (
	"encoding/binary"
	"fmt"
	"io"
	"sync"

	"bartizan/internal/digest"
	"bartizan/internal/frame"
)

// doors remembers how endpoints answer logins. A place that both outcomes were seen at gives
// way to others seldom, so that ever new paths do not wash it away. 40 KiB; what
// was seen of both is part of the snapshot.
type doors struct {
	mu     sync.Mutex
	places [1024]door
	asked  uint32
}

type door struct {
	id               uint64 // of the endpoint
	refused, entered names  // cookies that answers of both kinds set
	way              uint64 // of who got in last
	refuses, enters  bool
	tokens           bool // who got in was given a token
	back, elsewhere  bool // redirects of both kinds were seen
}

// given are the cookies that only those are given who get in.
func (d *door) given() names { return d.entered &^ d.refused }

func (d *doors) of(id uint64) *door {
	p := &d.places[digest.Scramble(id)>>54]
	if p.id == id {
		return p
	}
	if d.asked++; p.refuses && p.enters && d.asked%16 != 0 {
		return &door{id: id} // forgotten at once
	}
	*p = door{id: id}
	return p
}

// doorBytes is what the snapshot keeps of one.
const doorBytes = 4*8 + 1

// snapshot writes the endpoints that both outcomes were seen at.
func (d *doors) snapshot(w io.Writer) error {
	var b []byte
	d.mu.Lock()
	for i := range d.places {
		p := &d.places[i]
		if !p.refuses || !p.enters {
			continue
		}
		for _, v := range [...]uint64{p.id, uint64(p.refused), uint64(p.entered), p.way} {
			b = binary.LittleEndian.AppendUint64(b, v)
		}
		flags := byte(0)
		if p.back {
			flags |= 1
		}
		if p.elsewhere {
			flags |= 2
		}
		if p.tokens {
			flags |= 4
		}
		b = append(b, flags)
	}
	d.mu.Unlock()
	return frame.Write(w, b)
}

// restore reads what snapshot wrote. Its errors wrap frame.ErrDamaged, and leave d as it was.
func (d *doors) restore(r io.Reader) error {
	b, err := frame.Read(r, len(d.places)*doorBytes)
	if err != nil {
		return err
	}
	if len(b)%doorBytes != 0 {
		return fmt.Errorf("reading login endpoints: %w: %d bytes", frame.ErrDamaged, len(b))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for ; len(b) > 0; b = b[doorBytes:] {
		v := func(i int) uint64 { return binary.LittleEndian.Uint64(b[8*i:]) }
		*d.of(v(0)) = door{id: v(0), refused: names(v(1)), entered: names(v(2)), way: v(3), refuses: true, enters: true,
			back: b[32]&1 != 0, elsewhere: b[32]&2 != 0, tokens: b[32]&4 != 0}
	}
	return nil
}
