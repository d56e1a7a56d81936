package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// columns is how wide what we print may be: what a terminal, a ticket and a printout
// show without breaking lines.
const columns = 100

// table prints rows in columns. A row's last cell takes what is left of the width and
// goes on below itself; other cells are as wide as the widest, but at most a third of
// the width, and are cut with "…" beyond that.
type table struct {
	rows [][]string
}

// add appends a row.
func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// addf appends a row whose cells are separated by tabs in the format. What strings and
// errors among args hold of control characters is shown as "?": they come from clients
// as often as not, and a terminal would obey them.
func (t *table) addf(format string, args ...any) {
	for i, a := range args {
		switch a := a.(type) {
		case string:
			args[i] = printable(a)
		case error:
			args[i] = printable(a.Error())
		}
	}
	t.add(strings.Split(fmt.Sprintf(format, args...), "\t")...)
}

// printable returns s with "?" for each control character.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '?'
		}
		return r
	}, s)
}

const (
	gap      = 2
	widest   = columns / 3
	leastEnd = 24 // of the last column, if it has so much, however wide the others are
)

// widths returns how wide each column but the last is.
func (t *table) widths() []int {
	var widths []int
	end := 0
	for _, r := range t.rows {
		for i, cell := range r {
			n := utf8.RuneCountInString(cell)
			if i == len(r)-1 {
				end = max(end, n)
				continue
			}
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], min(n, widest))
		}
	}
	for {
		sum := min(end, leastEnd)
		for _, n := range widths {
			sum += n + gap
		}
		if sum <= columns || len(widths) == 0 {
			return widths
		}
		widest := slices.Index(widths, slices.Max(widths))
		if widths[widest] == 0 {
			return widths
		}
		widths[widest]--
	}
}

// print writes the rows.
func (t *table) print(w io.Writer) error {
	widths := t.widths()
	var out strings.Builder
	for _, r := range t.rows {
		at := 0
		for i := range len(r) - 1 {
			cell := cut(r[i], widths[i])
			out.WriteString(cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+gap))
			at += widths[i] + gap
		}
		last := ""
		if len(r) > 0 {
			last = r[len(r)-1]
		}
		for i, line := range wrap(last, max(columns-at, 1)) {
			if i > 0 {
				out.WriteString("\n" + strings.Repeat(" ", at))
			}
			out.WriteString(line)
		}
		out.WriteString("\n")
	}
	for line := range strings.Lines(out.String()) {
		if _, err := io.WriteString(w, strings.TrimRight(line, " \n")+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// cut shortens s to n runes.
func cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	r := []rune(s)
	return string(r[:max(n-1, 0)]) + "…"
}

// wrap breaks s between words into lines of at most n runes; a word that is longer is
// broken itself.
func wrap(s string, n int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > n {
			lines, line = append(lines, line), ""
		}
		for utf8.RuneCountInString(word) > n {
			r := []rune(word)
			lines, word = append(lines, string(r[:n])), string(r[n:])
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// say prints a sentence, broken at the width.
func say(w io.Writer, format string, args ...any) {
	for _, line := range wrap(fmt.Sprintf(format, args...), columns) {
		fmt.Fprintln(w, line)
	}
}
