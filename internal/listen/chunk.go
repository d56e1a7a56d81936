package listen

import "bartizan/internal/request"

// Bounds of the chunked coding. net/http has looser ones, so a body that ends a
// connection ends it here, with a Fault to show for it.
const (
	maxChunkDigits    = 16
	maxChunkExtension = 256     // of one chunk: CVE-2023-39326 made servers read gigabytes
	maxExtensions     = 8 << 10 // of all chunks of a message
	maxTrailers       = 2 << 10 // bytes of the trailer section
)

// chunkState is what the next byte of a chunked body belongs to.
type chunkState uint8

const (
	chunkSize      chunkState = iota // hexadecimal digits
	chunkExtension                   // ";…" up to CR
	chunkSizeLF                      // the LF of the size line
	chunkData                        // left bytes of data
	chunkDataCR                      // the CR after data
	chunkDataLF                      // the LF after it
	trailerStart                     // first byte of a trailer line, or CR of the last
	trailerName                      // up to ':'
	trailerValue                     // up to CR
	trailerLF                        // the LF of a trailer line
	chunkEndLF                       // the LF that ends the message
	chunkEnd                         // behind the message
)

// chunkReader follows the framing of one chunked body (RFC 9112 section 7.1). It
// takes nothing that two parsers could read differently: no bare LF, no white
// space around the size, no sign, no prefix. The zero value is ready.
type chunkReader struct {
	state      chunkState
	digits     int
	left       uint64 // of the chunk's data
	extension  int    // bytes of this chunk's extension
	extensions int    // bytes of all extensions
	trailers   int
}

// scan follows b and returns how many of its bytes belong to the message and are
// well formed. At a fault the framing is lost for good.
func (c *chunkReader) scan(b []byte) (n int, fault request.Fault) {
	for n < len(b) && c.state != chunkEnd {
		if c.state == chunkData {
			k := min(uint64(len(b)-n), c.left)
			n += int(k)
			if c.left -= k; c.left == 0 {
				c.state = chunkDataCR
			}
			continue
		}
		if !c.step(b[n]) {
			return n, request.FaultChunk
		}
		n++
	}
	return n, request.Fine
}

// done reports whether the whole message was seen.
func (c *chunkReader) done() bool { return c.state == chunkEnd }

// step takes one byte that is not data.
func (c *chunkReader) step(b byte) bool {
	switch c.state {
	case chunkSize:
		return c.size(b)
	case chunkExtension:
		c.extension++
		c.extensions++
		return c.text(b, chunkSizeLF) && c.extension <= maxChunkExtension && c.extensions <= maxExtensions
	case chunkSizeLF:
		c.state = chunkData
		if c.left == 0 {
			c.state = trailerStart
		}
		return b == '\n'
	case chunkDataCR:
		c.state = chunkDataLF
		return b == '\r'
	case chunkDataLF:
		c.state, c.digits, c.extension = chunkSize, 0, 0
		return b == '\n'
	case chunkEndLF:
		c.state = chunkEnd
		return b == '\n'
	}
	return c.trailer(b)
}

// size takes a byte of the size line up to its extension.
func (c *chunkReader) size(b byte) bool {
	digit, ok := unhex(b)
	switch {
	case ok:
		if c.digits++; c.digits > maxChunkDigits || c.left>>59 != 0 {
			return false
		}
		c.left = c.left<<4 | digit
	case c.digits == 0:
		return false
	case b == ';':
		c.state = chunkExtension
	case b == '\r':
		c.state = chunkSizeLF
	default:
		return false
	}
	return true
}

// text takes a byte of an extension or a trailer value; a CR leads to next.
func (c *chunkReader) text(b byte, next chunkState) bool {
	if b == '\r' {
		c.state = next
		return true
	}
	return b >= ' ' && b != 0x7f || b == '\t'
}

// trailer takes a byte of the trailer section.
func (c *chunkReader) trailer(b byte) bool {
	if c.trailers++; c.trailers > maxTrailers {
		return false
	}
	switch c.state {
	case trailerStart:
		if b == '\r' {
			c.state = chunkEndLF
			return true
		}
		c.state = trailerName
		return request.TokenByte(b)
	case trailerName:
		if b == ':' {
			c.state = trailerValue
			return true
		}
		return request.TokenByte(b)
	case trailerValue:
		return c.text(b, trailerLF)
	case trailerLF:
		c.state = trailerStart
		return b == '\n'
	}
	return false
}

func unhex(b byte) (uint64, bool) {
	switch {
	case b >= '0' && b <= '9':
		return uint64(b - '0'), true
	case b >= 'a' && b <= 'f':
		return uint64(b-'a') + 10, true
	case b >= 'A' && b <= 'F':
		return uint64(b-'A') + 10, true
	}
	return 0, false
}
