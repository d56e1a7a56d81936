package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"bartizan/internal/forecast"
)

type reportCommand struct {
	socket
	Reset bool `help:"Begin the counts anew, after the printed report."`
}

// Run prints what enforcing would have refused, and whether it is safe.
func (c *reportCommand) Run() error {
	client, err := c.dial()
	if err != nil {
		return err
	}
	r, err := client.Forecast()
	if err != nil {
		return err
	}
	if c.JSON {
		err = printJSON(r)
	} else {
		err = printForecast(os.Stdout, r, time.Now())
	}
	if err != nil || !c.Reset {
		return err
	}
	return client.ResetForecast()
}

// groupsShown bounds the groups of one table; --json has all.
const groupsShown = 12

func printForecast(w io.Writer, r forecast.Report, now time.Time) error {
	say(w, "Observed since %s (%s). Numbers of clients are estimates, within a few percent.",
		r.Since.Local().Format(time.DateTime), forecast.Span(now.Sub(r.Since)))
	if !r.Changed.IsZero() {
		say(w, "The configuration changed at %s; what was not seen again since then is marked with ~ and counts no more.", r.Changed.Local().Format(time.DateTime))
	}
	if len(r.Sites) == 0 {
		say(w, "No request has been seen yet: send some traffic through the gateway, then ask again.")
		return nil
	}
	for i := range r.Sites {
		if err := printSite(w, &r.Sites[i]); err != nil {
			return err
		}
	}
	return nil
}

func printSite(w io.Writer, s *forecast.Site) error {
	fmt.Fprintln(w)
	var t table
	t.addf("site %s\t%d requests of %d clients: %d known to be good, %d established", s.Name, s.Requests, s.Clients,
		s.Good, s.Established)
	t.addf("refused\t%d requests of %d clients would be refused; %d of these clients are known to be good, %d would "+
		"be refused without proof", s.Refused, s.RefusedClients, s.RefusedGood, s.SoftClients)
	if s.Exempt > 0 {
		t.addf("exempt\t%d requests came from private addresses, %d of them would be refused if protect_private were "+
			"true", s.Exempt, s.ExemptRefused)
	}
	verdict := "yes: set mode: enforce, for one site or route at a time"
	if !s.Safe {
		verdict = "not yet:"
	}
	t.addf("safe to enforce\t%s", verdict)
	for _, reason := range s.NotYet {
		t.addf("\t%s", reason)
	}
	for _, advice := range s.Advice {
		t.addf("note\t%s", advice)
	}
	if err := t.print(w); err != nil {
		return err
	}
	if err := printRefusals(w, s.Refusals); err != nil {
		return err
	}
	if err := printEvidence(w, s.Evidence); err != nil {
		return err
	}
	printExceptions(w, s)
	return nil
}

func printRefusals(w io.Writer, groups []forecast.Group) error {
	if len(groups) == 0 {
		return nil
	}
	fmt.Fprintln(w, "\nWhat would be refused; good: clients known to be good. `bartizan explain REFERENCE` shows one.")
	var t table
	t.addf("why\twould\trequests\tclients\tgood\twhere, and references")
	for _, g := range groups[:min(len(groups), groupsShown)] {
		why := strings.TrimSpace(g.Reason + " " + g.What)
		t.addf("%s%s\t%s\t%d\t%d\t%d\t%s", settled(g), why, g.Would, g.Requests, g.Clients, g.Good,
			place(g))
	}
	return printMore(w, &t, len(groups))
}

func printEvidence(w io.Writer, groups []forecast.Group) error {
	if len(groups) == 0 {
		return nil
	}
	fmt.Fprintln(w, "\nStrong evidence that led there.")
	var t table
	t.addf("evidence\trequests\tclients\tgood\twhere, and references")
	for _, g := range groups[:min(len(groups), groupsShown)] {
		t.addf("%s%s (%s)\t%d\t%d\t%d\t%s", settled(g), g.What, g.Band, g.Requests, g.Clients, g.Good,
			place(g))
	}
	return printMore(w, &t, len(groups))
}

// printExceptions prints what to paste: for what good clients show or, where none is
// known to be good, for what the most clients do.
func printExceptions(w io.Writer, s *forecast.Site) {
	var lines []string
	for _, g := range s.Evidence {
		if !g.Settled && (g.Good > 0 || s.Good == 0 && len(lines) < groupsShown/2) {
			lines = append(lines, "  "+printable(g.Exception))
		}
	}
	if len(lines) > 0 {
		fmt.Fprintf(w, "\nWhere this is usual for your API, paste its exception; it acts at once:\n\nexceptions:\n%s\n",
			strings.Join(lines, "\n"))
	}
}

// place says where a group's requests went, and names some.
func place(g forecast.Group) string {
	return strings.TrimSpace(g.Endpoint + " " + g.Field + " " + strings.Join(g.Examples, " "))
}

func settled(g forecast.Group) string {
	if g.Settled {
		return "~ "
	}
	return ""
}

func printMore(w io.Writer, t *table, all int) error {
	if all > groupsShown {
		t.addf("%d more: --json", all-groupsShown)
	}
	return t.print(w)
}
