package listen

import (
	"encoding/binary"
	"io"
	"strings"
	"time"

	"golang.org/x/net/http2/hpack"

	"bartizan/internal/fingerprint"
	"bartizan/internal/request"
)

// Frame types of RFC 9113 section 6 that the tee knows by name.
const (
	frameData         = 0
	frameHeaders      = 1
	framePriority     = 2
	frameReset        = 3
	frameSettings     = 4
	framePing         = 6
	frameWindowUpdate = 8
	frameContinuation = 9
)

// Flags of frames.
const (
	flagEndStream  = 1
	flagAck        = 1
	flagEndHeaders = 4
	flagPadded     = 8
	flagPriority   = 0x20
)

const (
	maxPriorities = 16
	maxSettings   = 32
	frameHeader   = 9
)

// firstRequest is what is kept of the first request of an HTTP/2 connection: enough
// to know it again, and the order of its fields. The tee keeps no values, so none can
// reach another stream's request.
type firstRequest struct {
	method, target, host string
	names                []string // in wire order, in lower case
}

// tee reads along what an HTTP/2 client sends. Up to the first header block it
// keeps what fingerprints need; then it only counts frames. What it cannot read
// or what exceeds a bound it skips: net/http answers that.
type tee struct {
	limits   HTTP2Limits
	maxBlock int // bytes of the header block and of what it decodes to

	skip  int // of the preface
	head  [frameHeader]byte
	have  int // bytes of head
	left  int // bytes of the frame's payload
	keep  bool
	buf   []byte
	block []byte

	done     bool // the opening is complete, or cannot be read
	settled  bool // the first SETTINGS frame was seen
	opening  fingerprint.Opening
	first    firstRequest
	overflow bool

	since                                 time.Time // begin of the window
	written                               int64     // bytes we had written then
	resets, control, windowUpdates, pings int
}

// start prepares the tee for a connection whose preface comes first.
func (t *tee) start(limits HTTP2Limits, maxBlock int) {
	t.limits, t.maxBlock, t.skip = limits, maxBlock, len(preface)
}

// readHTTP2 reads for net/http's HTTP/2. All that comes from the client goes
// through the tee before net/http sees it, so that a handler finds complete facts.
func (c *Conn) readHTTP2(p []byte) (int, error) {
	if c.filter.r < c.filter.w {
		return c.pull(p) // fed when the protocol was told
	}
	n, err := c.plain.Read(p)
	if n > 0 {
		if over := c.feed(p[:n]); over != nil {
			return 0, over
		}
	}
	return n, err
}

// feed passes b through the tee. When it breaks a bound, the connection is over:
// to net/http it looks as if the client had gone, which it may not answer.
func (c *Conn) feed(b []byte) error {
	t := &c.tee
	was := t.done
	ok := t.feed(b, time.Now(), c.written.Load())
	if t.done && !was {
		c.opened()
	}
	if ok {
		return nil
	}
	c.fault.Store(uint32(request.FaultStreams))
	c.server.stats.streamFaults.Add(1)
	c.server.options.OnFault(c, request.FaultStreams)
	c.filter.kill(io.EOF)
	return io.EOF
}

// opened publishes the opening.
func (c *Conn) opened() {
	t := &c.tee
	c.mu.Lock()
	c.facts.H2 = t.opening.Akamai()
	if !t.overflow && t.opening.Pseudo != "" {
		first := t.first
		c.first = &first
	}
	c.mu.Unlock()
	t.buf, t.block, t.first, t.opening = nil, nil, firstRequest{}, fingerprint.Opening{}
}

// feed reads b. It reports false when there are more frames than allowed.
func (t *tee) feed(b []byte, now time.Time, written int64) bool {
	if now.Sub(t.since) > t.limits.Window {
		t.since, t.written = now, written
		t.resets, t.control, t.windowUpdates, t.pings = 0, 0, 0, 0
	}
	n := min(t.skip, len(b))
	t.skip -= n
	b = b[n:]
	for len(b) > 0 {
		if t.have < frameHeader {
			n := copy(t.head[t.have:], b)
			t.have += n
			b = b[n:]
			if t.have < frameHeader {
				break
			}
			t.begin()
		}
		n := min(t.left, len(b))
		if t.keep {
			t.buf = append(t.buf, b[:n]...)
		}
		t.left -= n
		b = b[n:]
		if t.left == 0 {
			t.end()
		}
	}
	return t.within(written)
}

// begin looks at a complete frame header.
func (t *tee) begin() {
	kind, flags := t.head[3], t.head[4]
	t.left = int(t.head[0])<<16 | int(t.head[1])<<8 | int(t.head[2])
	switch kind {
	case frameReset:
		t.resets++
	case framePing:
		t.pings++
	case frameWindowUpdate:
		t.windowUpdates++
	case frameHeaders: // requests are the engine's to count
	case frameData:
		if t.left == 0 && flags&flagEndStream == 0 {
			t.control++
		}
	default:
		t.control++
	}
	t.keep = false
	if t.done {
		return
	}
	switch kind {
	case frameHeaders, framePriority, frameSettings, frameWindowUpdate, frameContinuation:
		t.keep = true
		if t.left+len(t.block) > t.maxBlock {
			t.keep, t.done, t.overflow = false, true, true
		}
	}
	t.buf = t.buf[:0]
}

// within compares the counts of the window with their bounds.
func (t *tee) within(written int64) bool {
	earned := int((written - t.written) >> 10)
	return t.resets <= t.limits.Resets && t.control <= t.limits.Control &&
		t.pings <= t.limits.Control+earned && t.windowUpdates <= t.limits.Control+earned
}

// end looks at a complete frame.
func (t *tee) end() {
	t.have = 0
	if !t.keep || t.done {
		return
	}
	kind, flags, p := t.head[3], t.head[4], t.buf
	stream := binary.BigEndian.Uint32(t.head[5:]) &^ (1 << 31)
	switch {
	case kind == frameSettings && flags&flagAck == 0 && !t.settled:
		t.settled = true
		for ; len(p) >= 6 && len(t.opening.Settings) < maxSettings; p = p[6:] {
			t.opening.Settings = append(t.opening.Settings, fingerprint.Setting{ID: binary.BigEndian.Uint16(p), Value: binary.BigEndian.Uint32(p[2:])})
		}
	case kind == frameWindowUpdate && stream == 0 && t.opening.WindowUpdate == 0 && len(p) == 4:
		t.opening.WindowUpdate = binary.BigEndian.Uint32(p) &^ (1 << 31)
	case kind == framePriority && len(p) == 5 && len(t.opening.Priorities) < maxPriorities:
		on := binary.BigEndian.Uint32(p)
		t.opening.Priorities = append(t.opening.Priorities, fingerprint.Priority{Stream: stream, Exclusive: on>>31 == 1, DependsOn: on &^ (1 << 31), Weight: int(p[4]) + 1})
	case kind == frameHeaders:
		t.block = append(t.block[:0], fragment(p, flags)...)
		t.headers(flags)
	case kind == frameContinuation:
		t.block = append(t.block, p...)
		t.headers(flags)
	}
}

// fragment cuts padding and priority off the payload of a HEADERS frame.
func fragment(p []byte, flags byte) []byte {
	pad := 0
	if flags&flagPadded != 0 && len(p) > 0 {
		pad, p = int(p[0]), p[1:]
	}
	if flags&flagPriority != 0 && len(p) >= 5 {
		p = p[5:]
	}
	return p[:max(0, len(p)-pad)]
}

// headers decodes the header block once it is whole. Its own decoder sees the
// first block only, where no state has been built up yet. What it decodes to is
// bounded: a block of a few KiB can refer to one long field thousands of times.
func (t *tee) headers(flags byte) {
	if flags&flagEndHeaders == 0 {
		return
	}
	t.done = true
	size := 0
	pseudo := make([]string, 0, 4)
	var d *hpack.Decoder
	d = hpack.NewDecoder(4096, func(f hpack.HeaderField) {
		if size += len(f.Name) + len(f.Value) + 32; size > t.maxBlock {
			t.overflow = true
			d.SetEmitEnabled(false)
			return
		}
		if name, ok := strings.CutPrefix(f.Name, ":"); ok && name != "" {
			pseudo = append(pseudo, name[:1])
			t.pseudo(name, f.Value)
			return
		}
		t.first.names = append(t.first.names, f.Name)
	})
	d.SetMaxStringLength(t.maxBlock)
	if _, err := d.Write(t.block); err != nil || d.Close() != nil {
		t.overflow = true
	}
	if len(pseudo) > 8 {
		pseudo = pseudo[:8]
	}
	t.opening.Pseudo = strings.Join(pseudo, ",")
}

// pseudo keeps the pseudo-headers that identify the request.
func (t *tee) pseudo(name, value string) {
	switch name {
	case "method":
		t.first.method = value
	case "path":
		t.first.target = value
	case "authority":
		t.first.host = value
	}
}
