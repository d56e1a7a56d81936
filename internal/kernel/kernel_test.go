//go:build linux

package kernel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// namespace gives the test a network of its own with loopback up; the goroutine's
// thread stays in it and ends with it.
func namespace(t *testing.T) (fd int) {
	t.Helper()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("a network namespace needs rights that this user has not: %v", err)
	}
	file, err := os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(s)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		t.Fatal(err)
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, request); err != nil {
		t.Fatal(err)
	}
	return int(file.Fd())
}

func newFilter(t *testing.T, fd int, ports ...uint16) *Filter {
	t.Helper()
	f, err := New(Options{Ports: ports, NetNS: fd, Now: time.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Skipf("nftables cannot be used here: %v", err)
	}
	return f
}

func elements(t *testing.T, f *Filter, set int) int {
	t.Helper()
	list, err := f.conn.GetSetElements(f.sets[set])
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func v4(n int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 32)
}

// Real packets: the blocked address cannot connect, another can, and both can
// reach a port that is not the gateway's.
func TestPacketsAreDropped(t *testing.T) {
	fd := namespace(t)
	gateway, other := listen(t), listen(t)
	f := newFilter(t, fd, port(gateway))
	f.Block(netip.MustParsePrefix("127.0.0.7/32"), time.Now().Add(time.Minute))
	if err := f.flush(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		from string
		to   net.Listener
		want bool
	}{{"127.0.0.7", gateway, false}, {"127.0.0.8", gateway, true}, {"127.0.0.7", other, true}} {
		if got := connects(c.from, c.to); got != c.want {
			t.Errorf("%s to %s: connects %t; want %t", c.from, c.to.Addr(), got, c.want)
		}
	}
	f.Unblock(netip.MustParsePrefix("127.0.0.7/32"))
	if err := f.flush(); err != nil {
		t.Fatal(err)
	}
	if !connects("127.0.0.7", gateway) {
		t.Error("an address that was let through again cannot connect")
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

func port(ln net.Listener) uint16 { return uint16(ln.Addr().(*net.TCPAddr).Port) }

// connects opens a connection on this very thread, which is in the namespace.
func connects(from string, to net.Listener) bool {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return false
	}
	defer unix.Close(s)
	unix.SetsockoptTimeval(s, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{Usec: 300_000})
	if err := unix.Bind(s, &unix.SockaddrInet4{Addr: netip.MustParseAddr(from).As4()}); err != nil {
		return false
	}
	return unix.Connect(s, &unix.SockaddrInet4{Port: int(port(to)), Addr: [4]byte{127, 0, 0, 1}}) == nil
}

func TestHundredThousand(t *testing.T) {
	f := newFilter(t, namespace(t), 8080)
	until := time.Now().Add(time.Hour)
	for n := range 100_000 {
		f.Block(v4(n), until)
	}
	began := time.Now()
	if err := f.flush(); err != nil {
		t.Fatal(err)
	}
	t.Logf("100,000 addresses in %v", time.Since(began).Round(time.Millisecond))
	if got := elements(t, f, 0); got != 100_000 {
		t.Errorf("the kernel holds %d addresses; want 100,000", got)
	}
}

func TestChangesAndTimes(t *testing.T) {
	f := newFilter(t, namespace(t), 8080)
	now := time.Now()
	six := netip.MustParsePrefix("2001:db8:1:2::/64")
	f.Block(v4(1), now.Add(time.Minute))
	f.Block(six, now.Add(time.Minute))
	f.Block(netip.MustParsePrefix("10.0.0.0/8"), now.Add(time.Minute)) // too wide
	f.Block(v4(2), now.Add(-time.Minute))                              // over
	if err := f.flush(); err != nil {
		t.Fatal(err)
	}
	f.Block(v4(1), now.Add(time.Hour))
	if err := f.flush(); err != nil {
		t.Fatal(err)
	}
	list, err := f.conn.GetSetElements(f.sets[0])
	if err != nil || len(list) != 1 || list[0].Timeout < 30*time.Minute {
		t.Errorf("got %+v, %v; want one address for an hour", list, err)
	}
	if got := elements(t, f, 1); got != 1 {
		t.Errorf("got %d IPv6 networks; want 1", got)
	}
	f.UnblockAll()
	if err := f.flush(); err != nil || elements(t, f, 0)+elements(t, f, 1) != 0 {
		t.Errorf("after letting all through: %v, %d left", err, elements(t, f, 0)+elements(t, f, 1))
	}
}

// Somebody flushes the ruleset: everything is put back.
func TestLossIsMended(t *testing.T) {
	f := newFilter(t, namespace(t), 8080)
	for n := range 50 {
		f.Block(v4(n), time.Now().Add(time.Hour))
	}
	if err := f.flush(); err != nil {
		t.Fatal(err)
	}
	f.conn.FlushRuleset()
	if err := f.conn.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.reconcile(); err != nil {
		t.Fatal(err)
	}
	if got := elements(t, f, 0); got != 50 {
		t.Errorf("the kernel holds %d addresses after its loss; want 50", got)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	f.Run(ctx)
	tables, err := f.conn.ListTablesOfFamily(nftables.TableFamilyINet)
	if err != nil || len(tables) != 0 {
		t.Errorf("after the end: %d tables, %v; want none", len(tables), err)
	}
}

func TestBounds(t *testing.T) {
	f := &Filter{options: Options{Max: 10, Now: time.Now}, wanted: map[netip.Prefix]time.Time{}, changed: map[netip.Prefix]bool{}}
	for n := range 100 {
		f.Block(v4(n), time.Now().Add(time.Hour))
	}
	if len(f.wanted) != 10 || f.Stats().Refused != 90 {
		t.Errorf("got %d blocks, %d refused; want 10 and 90", len(f.wanted), f.Stats().Refused)
	}
	if _, err := New(Options{}); err == nil || errors.Is(err, unix.EPERM) {
		t.Errorf("without ports: got %v; want an error that says so", err)
	}
}
