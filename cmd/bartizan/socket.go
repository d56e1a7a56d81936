package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"bartizan/internal/control"
)

// socket are the flags of commands that ask a running gateway.
type socket struct {
	Data string `help:"The gateway's data folder; found by itself where one gateway runs." type:"path" placeholder:"DIR"`
	JSON bool   `name:"json" help:"Print JSON."`
}

const (
	defaultData = "data" // as config.Default has it
	socketName  = "control.sock"
)

// dial finds the gateway to ask: the one of --data, that of ./data, or the only one
// that runs on this machine.
func (s socket) dial() (*control.Client, error) {
	if s.Data != "" {
		return control.Dial(filepath.Join(s.Data, socketName)), nil
	}
	here := filepath.Join(defaultData, socketName)
	if answers(here) {
		return control.Dial(here), nil
	}
	switch all := sockets("/proc/net/unix"); len(all) {
	case 0:
		return nil, fmt.Errorf("looking for a gateway: none answers in ./%s, nor elsewhere on this machine; is one "+
			"running, as this user? Else name its folder with --data", defaultData)
	case 1:
		return control.Dial(all[0]), nil
	default:
		return nil, fmt.Errorf("looking for a gateway: %d run here; name one with --data: %s", len(all), folders(all))
	}
}

func folders(sockets []string) string {
	names := make([]string, len(sockets))
	for i, s := range sockets {
		names[i] = filepath.Dir(s)
	}
	return strings.Join(names, ", ")
}

// sockets returns the control sockets that answer, by the kernel's list of Unix sockets
// (none where there is no such list).
func sockets(list string) []string {
	b, err := os.ReadFile(list)
	if err != nil {
		return nil
	}
	var out []string
	for line := range strings.Lines(string(b)) {
		at := strings.IndexByte(line, '/')
		if at < 0 {
			continue
		}
		name := strings.TrimSuffix(line[at:], "\n")
		if filepath.Base(name) == socketName && !slices.Contains(out, name) && answers(name) {
			out = append(out, name)
		}
	}
	return out
}

// answers reports whether somebody listens on the socket.
func answers(name string) bool {
	c, err := net.DialTimeout("unix", name, time.Second)
	if err != nil {
		return false
	}
	c.Close()
	return true
}
