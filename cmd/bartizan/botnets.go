package main

import (
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"bartizan/internal/control"
	"bartizan/internal/swarm"
)

type campaignsCommand struct {
	socket
	Members string `help:"List the addresses of this campaign." placeholder:"NAME"`
}

// Run prints the botnets found.
func (c *campaignsCommand) Run() error {
	if c.Members != "" {
		list, err := c.dial().Members(c.Members)
		if err != nil {
			return err
		}
		for _, a := range list {
			fmt.Println(a)
		}
		return nil
	}
	b, err := c.dial().Campaigns()
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(b)
	}
	return printBotnets(os.Stdout, b)
}

func printBotnets(w io.Writer, b control.Botnets) error {
	for _, c := range b.Campaigns {
		if err := printCampaign(w, c); err != nil {
			return err
		}
	}
	x := b.Certainty
	if len(b.Campaigns) == 0 {
		fmt.Fprintln(w, "no botnet has been found")
	}
	_, err := fmt.Fprintf(w, "good traffic known: %d requests, %d of them held out for proofs; a signature can be shown to hit at most %.4f %% of it%s\n", x.Rows, x.HeldOut, 100*x.Bound,
		map[bool]string{true: "", false: ": too little to block by it, more traffic is needed"}[x.Enough])
	return err
}

func printCampaign(w io.Writer, c swarm.Campaign) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	state := "open"
	if !c.Open {
		state = "over"
	}
	fmt.Fprintf(t, "%s\t%s, %s: %s\n", c.Name, state, c.Phase, c.Intent)
	fmt.Fprintf(t, "  when\t%s to %s, at most %.1f requests a second\n", c.First.Format(time.RFC3339), c.Last.Format(time.RFC3339), c.Peak)
	fmt.Fprintf(t, "  who\t%d addresses in %d networks (/24, /48) have shown themselves\n", c.Addresses, c.Prefixes)
	fmt.Fprintf(t, "  tool\t%s\n", c.Tool)
	for _, target := range c.Targets {
		fmt.Fprintf(t, "  target\t%s, %d requests\n", target.Endpoint, target.Requests)
	}
	cost := "nothing gained"
	if c.Successes > 0 {
		cost = fmt.Sprintf("%d answered well: %.0f addresses each", c.Successes, c.AddressesPerSuccess)
	}
	fmt.Fprintf(t, "  requests\t%d, %d stopped, %d answered; %s\n", c.Requests, c.Stopped, c.Answered, cost)
	fmt.Fprintf(t, "  others\t%d matches of known-good clients; at most %.4f %% of good traffic is hit\n", c.Spared, 100*c.Collateral)
	for _, g := range c.Signatures {
		fmt.Fprintf(t, "  %s\t%s, %s since %s, %d matches: %s\n", g.Name, g.State, g.Action, g.Born.Format(time.RFC3339), g.Matches, g.Why)
	}
	return t.Flush()
}

type signaturesCommand struct {
	socket
	Act  string `arg:"" optional:"" help:"approve, hold, retire, pin or unpin; limit, challenge or block sets what it does."`
	Name string `arg:"" optional:"" help:"Of the signature: s-12."`
}

// Run prints the signatures, or acts on one.
func (c *signaturesCommand) Run() error {
	if c.Act != "" {
		if c.Name == "" {
			return fmt.Errorf("want a signature to %s, such as s-12", c.Act)
		}
		if _, err := c.dial().Signature(c.Name, swarm.Act(c.Act)); err != nil {
			return err
		}
		fmt.Printf("%s: %s\n", c.Name, c.Act)
		return nil
	}
	list, err := c.dial().Signatures()
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(list)
	}
	if len(list) == 0 {
		fmt.Println("there are no signatures")
	}
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, g := range list {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d matches, %d stopped, %d spared, %d of %d canaries answered well\t%s\n", g.Name, g.State, g.Action, g.Matches, g.Stopped, g.Spared, g.CanariesServed, g.Canaries, g.Why)
	}
	return t.Flush()
}
