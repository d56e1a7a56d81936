package main

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// The control sockets that answer are found in the kernel's list; others, dead ones and
// sockets of other programs are not.
func TestSockets(t *testing.T) {
	dir := t.TempDir()
	alive, dead := filepath.Join(dir, "a", socketName), filepath.Join(dir, "b", socketName)
	other := filepath.Join(dir, "a", "other.sock")
	if err := os.Mkdir(filepath.Dir(alive), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{alive, other} {
		l, err := net.Listen("unix", name)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
	list := filepath.Join(dir, "unix")
	text := "Num       RefCount Protocol Flags    Type St Inode Path\n"
	for _, name := range []string{alive, dead, other, alive, "@abstract", ""} {
		text += "0000000000000000: 00000002 00000000 00010000 0001 01 12345 " + name + "\n"
	}
	if err := os.WriteFile(list, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := sockets(list); !slices.Equal(got, []string{alive}) {
		t.Errorf("got %q; want %q alone", got, alive)
	}
	if got := sockets(list + ".none"); got != nil {
		t.Errorf("without a list: got %q; want none", got)
	}
}
