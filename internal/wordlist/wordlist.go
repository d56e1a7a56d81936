// Package wordlist reads the word lists that payload detection needs from the
// data files of the OWASP Core Rule Set (Apache-2.0), which its Go module
// embeds: a list that many people keep beats one of our own.
//
// It decides nothing. Its functions are safe for concurrent use.
package wordlist

import (
	"fmt"
	"io/fs"
	"strings"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"

	"bartizan/internal/detect"
)

// Lists returns the lists that detect.New takes.
func Lists() (detect.Lists, error) {
	var l detect.Lists
	for _, f := range []struct {
		name string
		to   *[]string
	}{
		{"restricted-files", &l.ProbePaths},
		{"scanners-user-agents", &l.ScannerAgents},
		{"lfi-os-files", &l.SystemFiles},
		{"unix-shell", &l.ShellWords},
		{"windows-powershell-commands", &l.Cmdlets},
		{"java-classes", &l.JavaClasses},
		{"php-function-names-933150", &l.PHPFunctions},
		{"php-variables", &l.PHPVariables},
		{"restricted-upload", &l.UploadNames},
		{"ai-critical-artifacts", &l.ProbePaths},
		{"sql-errors", &l.SQLErrors},
		{"php-errors", &l.Errors},
		{"ruby-errors", &l.Errors},
		{"asp-dotnet-errors", &l.Errors},
		{"iis-errors", &l.Errors},
	} {
		words, err := read(f.name)
		if err != nil {
			return detect.Lists{}, err
		}
		*f.to = append(*f.to, words...)
	}
	known, err := Exploits("exploits.txt", exploits)
	if err != nil {
		return detect.Lists{}, err
	}
	l.Exploits = known
	return l, nil
}

// read returns the lines of one data file, without comments and empty ones.
func read(name string) ([]string, error) {
	path := "@owasp_crs/" + name + ".data"
	b, err := fs.ReadFile(coreruleset.FS, path)
	if err != nil {
		return nil, fmt.Errorf("reading word list %q: %w", name, err)
	}
	var words []string
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") {
			words = append(words, line)
		}
	}
	if len(words) == 0 {
		return nil, fmt.Errorf("reading word list %q: it is empty", name)
	}
	return words, nil
}
