package main

import (
	"cmp"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"bartizan/internal/control"
	"bartizan/internal/engine"
	"bartizan/internal/policy"
	"bartizan/internal/signal"
)

func printJSON(v any) error {
	enc := json.NewEncoder(os.Stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

type explainCommand struct {
	socket
	ID string `arg:"" help:"Reference id, as the refusal shows it."`
}

// Run prints what was decided, why, and what would undo it.
func (c *explainCommand) Run() error {
	client, err := c.dial()
	if err != nil {
		return err
	}
	x, err := client.Explain(c.ID)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(x)
	}
	return printExplanation(os.Stdout, x)
}

func printExplanation(w io.Writer, x engine.Explanation) error {
	var t table
	verdict := x.Would
	if len(x.Departs) > 0 {
		verdict = "refuse what the API does not take"
	}
	if x.Waiver != "" {
		verdict += fmt.Sprintf(", but passed (%s)", x.Waiver)
	}
	t.addf("request\t%s\t%s", x.Request, x.Time.Format(time.RFC3339Nano))
	t.addf("what\t%s %s%s\tendpoint %s", x.Method, x.Host, x.Path, x.Endpoint)
	t.addf("who\t%s\tattacker %s, software %s %s", x.Client, x.Attacker, x.Software, x.JA4)
	t.addf("verdict\t%s\treason %s, mode %s, policy %d", verdict, strings.TrimSpace(x.Reason+" "+x.Entry), x.Mode,
		x.Policy)
	t.addf("then\tstage %s\trisk %.1f", x.Stage, x.Risk)
	if x.Imposed != "" {
		t.addf("rule\t%s\tacts on the client since its outcome", x.Imposed)
	}
	if x.Pass != "" {
		t.addf("pass\t%s", x.Pass)
	}
	for _, d := range x.Departs {
		t.addf("departs\t%s", d)
	}
	for _, s := range x.Signals {
		t.addf("evidence\t%s (%s)\t%+.1f nats at %s: %s", s.Kind, s.Band, s.Weight, s.Where, s.Note)
	}
	if x.Botnet != nil && x.Botnet.Signature != nil {
		t.addf("botnet\t%s\t%s", strings.TrimSpace(x.Botnet.Signature.Name+" "+x.Botnet.Campaign.Name),
			x.Botnet.Signature.Why)
	}
	if err := t.print(w); err != nil {
		return err
	}
	if err := printRecords(w, x.Records); err != nil {
		return err
	}
	for _, u := range x.Undo {
		fmt.Fprintln(w, "undo:", u)
	}
	return nil
}

// printRecords shows each record and the sum behind its risk.
func printRecords(w io.Writer, records []engine.Record) error {
	var t table
	for _, r := range records {
		until := ""
		if r.Until != nil {
			until = " until " + r.Until.Format(time.RFC3339)
		}
		t.addf("%s %s\t%s\t%s%s, risk %.1f, blocked %d times", r.Scope, r.Name, r.Address, r.Stage, until, r.Risk,
			r.Blocks)
		if r.Scope == "network" {
			t.addf("\t\t%s", r.Because)
			continue
		}
		if r.Ruled != nil {
			t.addf("\trule\t%s until %s", r.Rule, r.Ruled.Format(time.RFC3339))
		}
		if r.Intent != "" {
			t.addf("\t%s\t%s: %s", r.Phase, strings.TrimSpace(r.Intent+" "+r.Named), r.Because)
		}
		for _, p := range r.Parts {
			requests := "requests no longer kept"
			if len(p.Requests) > 0 {
				requests = strings.Join(p.Requests, " ")
			}
			t.addf("\t%+.1f\t%s (%s), %.1f times: %s", p.Nats, p.Name, p.Band, p.Mass, requests)
		}
		sum := []string{"prior -4.6"}
		for _, v := range r.Vantages {
			sum = append(sum, fmt.Sprintf("%s %+.1f", v.Name, v.Nats))
		}
		if r.Hard > 0 {
			sum = append(sum, fmt.Sprintf("proof %+.1f", r.Hard))
		}
		t.addf("\t= %.1f\t%s (log odds; no vantage counts for more than its cap)", r.Score, strings.Join(sum, ", "))
		for _, l := range r.Links {
			t.addf("\tlinked\t%s since %s, %d clients", l.Why, l.Since.Format(time.RFC3339), l.Count)
			for _, m := range l.Clients {
				t.addf("\t\t%s %s joined %s", m.Name, m.Address, m.Joined.Format(time.RFC3339))
			}
		}
	}
	return t.print(w)
}

type explainAddressCommand struct {
	socket
	Address string `arg:"" help:"Client address."`
}

// Run prints all records of an address.
func (c *explainAddressCommand) Run() error {
	client, err := c.dial()
	if err != nil {
		return err
	}
	records, err := client.Address(c.Address)
	if err != nil {
		return err
	}
	return c.print(records, "nothing is known of "+c.Address+"; what is refused there may be refused for its credential, or what many share: see explain REFERENCE")
}

func (s socket) print(records []engine.Record, none string) error {
	if s.JSON {
		return printJSON(records)
	}
	if len(records) == 0 {
		say(os.Stdout, "%s", none)
		return nil
	}
	all := len(records)
	records = slices.DeleteFunc(records, func(r engine.Record) bool {
		return r.Stage == signal.Clear.String() && len(r.Parts) == 0 && len(r.Links) == 0 && r.Ruled == nil
	})
	if err := printRecords(os.Stdout, records); err != nil {
		return err
	}
	if n := all - len(records); n > 0 {
		fmt.Printf("%d of the %d records of this address are clear and hold no evidence: other software, or a credential, there\n", n, all)
	}
	return nil
}

type attackersCommand struct{ socket }

// Run prints the riskiest records.
func (c *attackersCommand) Run() error {
	client, err := c.dial()
	if err != nil {
		return err
	}
	records, err := client.Attackers()
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(records)
	}
	if len(records) == 0 {
		say(os.Stdout, "nobody is at watch or above")
		return nil
	}
	return printAttackers(os.Stdout, records)
}

// printAttackers shows each attacker in a few lines: who, how far, what for, with what.
func printAttackers(w io.Writer, records []engine.Record) error {
	var t table
	for _, r := range records {
		until := ""
		if r.Until != nil {
			until = " until " + r.Until.Format(time.RFC3339)
		}
		t.addf("%s\t%s%s, risk %.0f", cmp.Or(r.Address, r.Name), r.Stage, until, r.Risk)
		if r.Scope == "network" {
			t.addf("\t%s", r.Because)
			continue
		}
		if r.Intent != "" {
			t.addf("\t%s (%s): %s", strings.TrimSpace(r.Intent+" "+r.Named), r.Phase, r.Because)
		}
		if r.Notable > 0 {
			t.addf("\t%d notable requests, most of them %s, by %s", r.Notable, r.Target, r.Software)
		}
		t.addf("\tfirst seen %s, last seen %s", r.First.UTC().Format(time.DateTime), r.Seen.UTC().Format(time.DateTime))
		var kinds []string
		for _, p := range r.Parts {
			kinds = append(kinds, p.Name+" ("+p.Band+")")
		}
		if len(kinds) > 0 {
			t.addf("\tevidence: %s", strings.Join(kinds, ", "))
		}
		if r.Ruled != nil {
			t.addf("\trule %s until %s", r.Rule, r.Ruled.Format(time.RFC3339))
		}
		for _, l := range r.Links {
			t.addf("\tlinked with %d clients: %s", l.Count, l.Why)
		}
		names := append([]string{r.Scope + " " + r.Name}, r.Also...)
		t.addf("\trecords: %s (bartizan explain-address %s, bartizan unblock %s)", strings.Join(names, ", "),
			address(r.Address), r.Name)
	}
	return t.print(w)
}

// address is what commands take of a record's address: a prefix of one address is that.
func address(prefix string) string {
	if p, err := netip.ParsePrefix(prefix); err == nil {
		return p.Addr().String()
	}
	return prefix
}

type evidenceCommand struct{ socket }

// Run prints what each kind of evidence is worth, as shipped and as seen.
func (c *evidenceCommand) Run() error {
	client, err := c.dial()
	if err != nil {
		return err
	}
	x, err := client.Evidence()
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(x)
	}
	say(os.Stdout, "%d hours of clients known to attack, %d of clients known to be good, since the start; nothing "+
		"applies this", x.Attackers, x.Good)
	if x.Attackers+x.Good == 0 {
		say(os.Stdout, "nothing is measured yet: a client is known to be good by an accepted credential or an "+
			"answered challenge, to attack by a botnet's signature, a decoy or a forged pass")
	}
	var t table
	t.addf("kind\tband\tshipped\tmeasured\tattackers\tgood\t")
	for _, k := range x.Kinds {
		t.addf("%s\t%s\t%.1f\t%.1f\t%d\t%d\t%s", k.Kind, k.Band, k.Shipped, k.Measured, k.Attackers, k.Good, k.Doc)
	}
	return t.print(os.Stdout)
}

type unblockCommand struct {
	socket
	Who string `arg:"" help:"Address, attacker name such as a-7k2m9xq1, or network such as 2001:db8:1::/48."`
}

// Run clears the records.
func (c *unblockCommand) Run() error {
	client, err := c.dial()
	if err != nil {
		return err
	}
	u, err := client.Unblock(c.Who)
	if err != nil {
		return err
	}
	fmt.Printf("cleared %d records of %s\n", u.Records, c.Who)
	return nil
}

type passAllCommand struct {
	socket
	For time.Duration `help:"How long, at most 24h; 0s ends it." required:""`
}

// Run starts or ends break-glass.
func (c *passAllCommand) Run() error {
	client, err := c.dial()
	if err != nil {
		return err
	}
	p, err := client.PassAll(c.For)
	if err != nil {
		return err
	}
	if c.For == 0 {
		fmt.Println("verdicts are carried out again")
		return nil
	}
	fmt.Println("everything passes until", p.Until.Format(time.RFC3339))
	return nil
}

type selftestCommand struct {
	socket
	Host string `help:"Host name to ask for." default:"localhost"`
}

// Run sends the marked attack through every listener, as a stranger and as a private
// client, and explains the verdicts.
func (c *selftestCommand) Run() error {
	client, err := c.dial()
	if err != nil {
		return err
	}
	first, err := client.Selftest()
	if err != nil {
		return err
	}
	for _, l := range first.Listeners {
		fmt.Printf("listener %s (tls %v): an SQL injection that goes nowhere, from a stranger\n", l.Address, l.TLS)
		x, err := c.try(client, l, false)
		if err != nil {
			return err
		}
		if err := printExplanation(os.Stdout, x); err != nil {
			return err
		}
		near, err := c.try(client, l, true)
		if err != nil {
			return err
		}
		fmt.Printf("the same from a private address: %s, reason %s %s\n", near.Would, near.Reason, near.Waiver)
		if near.Waiver == policy.PrivateClient.String() {
			say(os.Stdout, "%s", exempt)
		}
	}
	return nil
}

// try sends one self test; a token is good for one.
func (c *selftestCommand) try(client *control.Client, l control.Listener, private bool) (x engine.Explanation, err error) {
	t, err := client.Selftest()
	if err != nil {
		return x, err
	}
	id, err := sendSelftest(l, c.Host, t.Token, private)
	if err != nil {
		return x, fmt.Errorf("testing listener %s: %w", l.Address, err)
	}
	if x, err = client.Explain(id); err != nil {
		return x, fmt.Errorf("testing listener %s: the attack left no trace: %w", l.Address, err)
	}
	if x.Would == "pass" && x.Waiver != policy.PrivateClient.String() {
		return x, fmt.Errorf("testing listener %s: the attack was not recognised as one", l.Address)
	}
	return x, nil
}

func sendSelftest(l control.Listener, host, token string, private bool) (id string, err error) {
	u := url.URL{Scheme: "http", Host: strings.Replace(strings.Replace(l.Address, "[::]", "127.0.0.1", 1), "0.0.0.0", "127.0.0.1", 1), Path: "/", RawQuery: url.Values{"q": {"1' UNION SELECT password FROM users--"}}.Encode()}
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	if l.TLS {
		// The gateway's own listener on this machine: whether its certificate is
		// trusted is not what is tested.
		u.Scheme, tr.TLSClientConfig = "https", &tls.Config{InsecureSkipVerify: true, ServerName: host} //nolint:gosec
	}
	req, err := http.NewRequest(http.MethodGet, u.String(), nil)
	if err != nil {
		return "", err
	}
	req.Host = host
	req.Header.Set("Bartizan-Selftest", token)
	if private {
		req.Header.Set("Bartizan-Selftest-Client", "private")
	}
	resp, err := (&http.Client{Transport: tr, Timeout: 10 * time.Second}).Do(req)
	if err != nil {
		return "", err
	}
	resp.Body.Close()
	if id = resp.Header.Get("Bartizan-Reference"); id == "" {
		return "", fmt.Errorf("the answer (%s) carries no reference: does something else listen there?", resp.Status)
	}
	return id, nil
}
