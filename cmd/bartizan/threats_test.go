package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bartizan/internal/scenario"
)

// Each of OWASP's automated threats has a scenario whose attacker is told as that
// class, and the document of coverage names it.
func TestEveryThreatHasAScenario(t *testing.T) {
	oneGoroutine(t)
	files, err := filepath.Glob("../../testdata/scenario/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	coverage, err := os.ReadFile("../../docs/coverage.md")
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]string{}
	for _, file := range files {
		s, err := scenario.Read(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range s.Expect {
			for _, class := range want.Intents {
				if strings.Contains(string(coverage), "`"+s.Name+"`") {
					told[class] = s.Name
				}
			}
		}
	}
	for n := 1; n <= 21; n++ {
		if class := fmt.Sprintf("OAT-%03d", n); told[class] == "" {
			t.Errorf("%s: got no scenario that docs/coverage.md names; want one", class)
		}
	}
}
