package wordlist

import (
	"slices"
	"testing"
)

func TestLists(t *testing.T) {
	l, err := Lists()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		list   []string
		min    int
		member string
	}{
		{"ProbePaths", l.ProbePaths, 300, ".env"},
		{"ScannerAgents", l.ScannerAgents, 40, "sqlmap"},
		{"SystemFiles", l.SystemFiles, 500, "etc/passwd"},
		{"ShellWords", l.ShellWords, 300, "bin/busybox"},
	} {
		if len(tt.list) < tt.min || !slices.Contains(tt.list, tt.member) {
			t.Errorf("%s has %d words, %q among them: %v; want at least %d, true", tt.name, len(tt.list), tt.member, slices.Contains(tt.list, tt.member), tt.min)
		}
	}
}

func TestReadUnknown(t *testing.T) {
	if _, err := read("no-such-list"); err == nil {
		t.Error("read(no-such-list): no error; want one")
	}
}
