package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type helpCommand struct {
	Command []string `arg:"" optional:"" help:"Command to explain."`
}

type completionCommand struct {
	Shell string `arg:"" help:"bash, zsh or fish." enum:"bash,zsh,fish"`
}

// Run prints the script that has the shell complete our commands and flags:
//
//	source <(bartizan completion bash)
func (c *completionCommand) Run(k *kong.Kong) error {
	return writeCompletion(os.Stdout, c.Shell, choices(k.Model.Node, "", nil))
}

// choice is what may follow a command: sub-commands and flags.
type choice struct {
	path  string // "", "api", "api list"
	words []string
}

// choices gathers them from the tree of commands, each behind the one above it.
func choices(n *kong.Node, path string, into []choice) []choice {
	c := choice{path: path}
	for _, child := range n.Children {
		if !child.Hidden && child.Type == kong.CommandNode {
			c.words = append(c.words, child.Name)
		}
	}
	for _, f := range n.Flags {
		if !f.Hidden {
			c.words = append(c.words, "--"+f.Name)
		}
	}
	slices.Sort(c.words)
	into = append(into, c)
	for _, child := range n.Children {
		if !child.Hidden && child.Type == kong.CommandNode {
			into = choices(child, strings.TrimSpace(path+" "+child.Name), into)
		}
	}
	return into
}

const bashCompletion = `_bartizan() {
  local -A next=(
%s  )
  local cur="${COMP_WORDS[COMP_CWORD]}" at="." word
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ -n "${next[$at $word]+set}" ]] && at="$at $word"
  done
  mapfile -t COMPREPLY < <(compgen -W "${next[$at]}" -- "$cur")
}
complete -o default -F _bartizan bartizan
`

const zshCompletion = `#compdef bartizan
_bartizan() {
  local -A next=(
%s  )
  local at="." word
  for word in ${words[2,CURRENT-1]}; do
    (( ${+next[$at $word]} )) && at="$at $word"
  done
  compadd -- ${=next[$at]} || _files
}
compdef _bartizan bartizan
`

func writeCompletion(w io.Writer, shell string, all []choice) error {
	var b strings.Builder
	switch shell {
	case "fish":
		for _, c := range all {
			for _, word := range c.words {
				under := "__fish_use_subcommand"
				if c.path != "" {
					seen := strings.Fields(c.path)
					for i := range seen {
						seen[i] = "__fish_seen_subcommand_from " + seen[i]
					}
					under = strings.Join(seen, "; and ")
				}
				if flag, ok := strings.CutPrefix(word, "--"); ok {
					fmt.Fprintf(&b, "complete -c bartizan -n '%s' -l %s\n", under, flag)
				} else {
					fmt.Fprintf(&b, "complete -c bartizan -f -n '%s' -a %s\n", under, word)
				}
			}
		}
	default:
		script, entry := bashCompletion, "    [%q]=%q\n"
		if shell == "zsh" {
			script, entry = zshCompletion, "    %q %q\n"
		}
		var next strings.Builder
		for _, c := range all {
			fmt.Fprintf(&next, entry, strings.TrimSpace(". "+c.path), strings.Join(c.words, " "))
		}
		fmt.Fprintf(&b, script, next.String())
	}
	_, err := io.WriteString(w, b.String())
	return err
}
