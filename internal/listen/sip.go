package listen

import (
	"errors"
	"io"
	"syscall"
	"time"
)

// Sip reads what has come on a parked connection, at most a p full and as it is on
// the wire, and does not wait: 0 if nothing has.
func (c *Conn) Sip(p []byte) (n int, err error) {
	socket, ok := c.raw.Conn.(syscall.Conn)
	if !ok {
		return 0, errors.ErrUnsupported
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0, err
	}
	if err := c.raw.Conn.SetReadDeadline(time.Time{}); err != nil {
		return 0, err
	}
	var failed error
	if err := raw.Read(func(fd uintptr) bool {
		n, failed = syscall.Read(int(fd), p)
		return true
	}); err != nil {
		return 0, err
	}
	switch {
	case errors.Is(failed, syscall.EAGAIN), errors.Is(failed, syscall.EINTR):
		return 0, nil
	case failed != nil:
		return 0, failed
	case n == 0 && len(p) > 0:
		return 0, io.EOF
	}
	return n, nil
}
