package main

import (
	"fmt"
	"io"
	"os"
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
		client, err := c.dial()
		if err != nil {
			return err
		}
		list, err := client.Members(c.Members)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			fmt.Println("no address of " + c.Members + " is known")
		}
		for _, a := range list {
			fmt.Println(a)
		}
		return nil
	}
	client, err := c.dial()
	if err != nil {
		return err
	}
	b, err := client.Campaigns()
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
	say(w, "good traffic known: %d requests, %d of them held out for proofs; a signature can be shown to hit at most "+
		"%.4f %% of it%s", x.Rows, x.HeldOut, 100*x.Bound,
		map[bool]string{true: "", false: ": too little to block by it, more traffic is needed"}[x.Enough])
	return nil
}

func printCampaign(w io.Writer, c swarm.Campaign) error {
	var t table
	state := "open"
	if !c.Open {
		state = "over"
	}
	t.addf("%s\t%s, %s: %s %s", c.Name, state, c.Phase, c.Intent, c.Named)
	t.addf("  when\t%s to %s, at most %.1f requests a second", c.First.Format(time.RFC3339),
		c.Last.Format(time.RFC3339), c.Peak)
	t.addf("  who\t%d addresses in %d networks (/24, /48) have shown themselves", c.Addresses, c.Prefixes)
	t.addf("  tool\t%s", c.Tool)
	for _, target := range c.Targets {
		t.addf("  target\t%s, %d requests", target.Endpoint, target.Requests)
	}
	cost := "nothing gained"
	if c.Successes > 0 {
		cost = fmt.Sprintf("%d answered well: %.0f addresses each", c.Successes, c.AddressesPerSuccess)
	}
	t.addf("  requests\t%d, %d stopped, %d answered; %s", c.Requests, c.Stopped, c.Answered, cost)
	t.addf("  others\t%d matches of known-good clients; at most %.4f %% of good traffic is hit", c.Spared,
		100*c.Collateral)
	for _, g := range c.Signatures {
		t.addf("  %s\t%s, %s since %s, %d matches: %s", g.Name, g.State, g.Action, g.Born.Format(time.RFC3339),
			g.Matches, g.Why)
	}
	return t.print(w)
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
		client, err := c.dial()
		if err != nil {
			return err
		}
		if _, err := client.Signature(c.Name, swarm.Act(c.Act)); err != nil {
			return err
		}
		fmt.Printf("%s: %s\n", c.Name, c.Act)
		return nil
	}
	client, err := c.dial()
	if err != nil {
		return err
	}
	list, err := client.Signatures()
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(list)
	}
	if len(list) == 0 {
		fmt.Println("there are no signatures")
		return nil
	}
	var t table
	for _, g := range list {
		t.addf("%s\t%s\t%s\t%d matches, %d stopped, %d spared, %d of %d canaries answered well\t%s", g.Name, g.State,
			g.Action, g.Matches, g.Stopped, g.Spared, g.CanariesServed, g.Canaries, g.Why)
	}
	return t.print(os.Stdout)
}
