package proxy_test

import (
	"net"
	"os"
	"syscall"
)

// backlog is a listening socket that accepts nobody, with room for next to none.
type backlog struct {
	address string
	close   func()
}

func listenBacklog() (*backlog, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	shut := func() { syscall.Close(fd) }
	err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	if err == nil {
		err = syscall.Listen(fd, 0)
	}
	sa, nameErr := syscall.Getsockname(fd)
	if err != nil || nameErr != nil {
		shut()
		return nil, os.NewSyscallError("listen", err)
	}
	a := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: sa.(*syscall.SockaddrInet4).Port}
	return &backlog{a.String(), shut}, nil
}
