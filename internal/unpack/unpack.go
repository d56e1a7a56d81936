// Package unpack opens the content codings that clients and upstreams use, for
// inspection.
//
// It bounds the memory of one decoder (a window of at most 8 MiB for zstd, the
// format's own 16 MiB for brotli); how much is read from it is the
// caller's bound. Decoders are pooled. All functions are safe for concurrent
// use; one reader belongs to one goroutine, and must be closed once.
package unpack

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"bartizan/internal/request"
)

// Codings returns the codings by the name that Content-Encoding gives them, in
// lower case: gzip, x-gzip, deflate (zlib or, as some send it, raw), br, zstd.
func Codings() map[string]request.Coding {
	gz := pooled(func() resetter { return new(gzip.Reader) })
	return map[string]request.Coding{
		"gzip":    gz,
		"x-gzip":  gz,
		"deflate": pooled(newInflater),
		"br":      pooled(func() resetter { return brotli.NewReader(nil) }),
		"zstd":    pooled(newZstd),
	}
}

// resetter is a decoder that can be used again.
type resetter interface {
	io.Reader
	Reset(io.Reader) error
}

// reader gives its decoder back to the pool when closed.
type reader struct {
	resetter
	pool *sync.Pool
}

// Close gives the decoder back. The reader must not be used afterwards.
func (r *reader) Close() error {
	if r.resetter != nil {
		r.pool.Put(r.resetter)
		r.resetter = nil
	}
	return nil
}

func pooled(make func() resetter) request.Coding {
	pool := &sync.Pool{New: func() any { return make() }}
	return func(src io.Reader) (io.Reader, error) {
		d := pool.Get().(resetter)
		if err := d.Reset(src); err != nil {
			pool.Put(d)
			return nil, err
		}
		return &reader{d, pool}, nil
	}
}

// maxWindow is the largest window of a zstd frame that is decoded. RFC 9659
// asks of HTTP clients that they stay below 8 MiB; a body of 64 KiB needs none
// that large, but encoders declare their level's default.
const maxWindow = 8 << 20

func newZstd() resetter {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxWindow))
	if err != nil {
		return broken{err} // not with these options
	}
	return d
}

// broken is a decoder that could not be made.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }
func (b broken) Reset(io.Reader) error    { return b.err }

// inflater reads zlib, or raw deflate where the header is not zlib's: RFC 9110
// says the former, old servers and clients send the latter.
type inflater struct {
	src       *bufio.Reader
	zlib, raw io.ReadCloser // made when first needed
	io.Reader               // that of the two which reads
}

func newInflater() resetter { return &inflater{src: bufio.NewReaderSize(nil, 512)} }

// Read reads on. Bytes behind the end are a fault: whoever does not decode reads
// them.
func (d *inflater) Read(p []byte) (int, error) {
	n, err := d.Reader.Read(p)
	if err == io.EOF {
		if _, more := d.src.Peek(1); more == nil {
			err = errBehind
		}
	}
	return n, err
}

var errBehind = errors.New("reading deflate: bytes behind the end")

// Reset begins with another source.
func (d *inflater) Reset(src io.Reader) (err error) {
	d.src.Reset(src)
	head, err := d.src.Peek(2)
	if err != nil {
		return err
	}
	if head[0]&0x0f != 8 || (uint(head[0])<<8|uint(head[1]))%31 != 0 {
		if d.raw == nil {
			d.raw = flate.NewReader(d.src)
		} else {
			err = d.raw.(flate.Resetter).Reset(d.src, nil)
		}
		d.Reader = d.raw
		return err
	}
	if d.zlib == nil {
		d.zlib, err = zlib.NewReader(d.src)
	} else {
		err = d.zlib.(zlib.Resetter).Reset(d.src, nil)
	}
	d.Reader = d.zlib
	return err
}
