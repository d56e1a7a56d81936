package main

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"bartizan/internal/control"
	"bartizan/internal/engine"
	"bartizan/internal/signal"
)

// socket are the flags of commands that ask a running gateway.
type socket struct {
	Data string `help:"The gateway's data folder." default:"./data" type:"path"`
	JSON bool   `name:"json" help:"Print JSON."`
}

func (s socket) dial() *control.Client { return control.Dial(filepath.Join(s.Data, "control.sock")) }

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
	x, err := c.dial().Explain(c.ID)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(x)
	}
	return printExplanation(os.Stdout, x)
}

func printExplanation(w io.Writer, x engine.Explanation) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	verdict := x.Would
	if x.Waiver != "" {
		verdict += fmt.Sprintf(", but passed (%s)", x.Waiver)
	}
	fmt.Fprintf(t, "request\t%s\t%s\n", x.Request, x.Time.Format(time.RFC3339Nano))
	fmt.Fprintf(t, "what\t%s %s%s\tendpoint %s\n", x.Method, x.Host, x.Path, x.Endpoint)
	fmt.Fprintf(t, "who\t%s\tattacker %s, software %s %s\n", x.Client, x.Attacker, x.Software, x.JA4)
	fmt.Fprintf(t, "verdict\t%s\treason %s, mode %s, policy %d\n", verdict, strings.TrimSpace(x.Reason+" "+x.Entry), x.Mode, x.Policy)
	fmt.Fprintf(t, "then\tstage %s\trisk %.1f\n", x.Stage, x.Risk)
	if x.Imposed != "" {
		fmt.Fprintf(t, "rule\t%s\tacts on the client since its outcome\n", x.Imposed)
	}
	if x.Pass != "" {
		fmt.Fprintf(t, "pass\t%s\n", x.Pass)
	}
	for _, s := range x.Signals {
		fmt.Fprintf(t, "evidence\t%s (%s)\t%+.1f nats at %s: %s\n", s.Kind, s.Band, s.Weight, s.Where, s.Note)
	}
	if x.Botnet != nil && x.Botnet.Signature != nil {
		fmt.Fprintf(t, "botnet\t%s\t%s\n", strings.TrimSpace(x.Botnet.Signature.Name+" "+x.Botnet.Campaign.Name), x.Botnet.Signature.Why)
	}
	if err := t.Flush(); err != nil {
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
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range records {
		until := ""
		if r.Until != nil {
			until = " until " + r.Until.Format(time.RFC3339)
		}
		fmt.Fprintf(t, "%s %s\t%s\t%s%s, risk %.1f, blocked %d times\n", r.Scope, r.Name, r.Address, r.Stage, until, r.Risk, r.Blocks)
		if r.Scope == "network" {
			fmt.Fprintf(t, "\t\t%s\n", r.Because)
			continue
		}
		if r.Ruled != nil {
			fmt.Fprintf(t, "\trule\t%s until %s\n", r.Rule, r.Ruled.Format(time.RFC3339))
		}
		if r.Intent != "" {
			fmt.Fprintf(t, "\t%s\t%s: %s\n", r.Phase, r.Intent, r.Because)
		}
		for _, p := range r.Parts {
			requests := "requests no longer kept"
			if len(p.Requests) > 0 {
				requests = strings.Join(p.Requests, " ")
			}
			fmt.Fprintf(t, "\t%+.1f\t%s (%s), %.1f times: %s\n", p.Nats, p.Name, p.Band, p.Mass, requests)
		}
		sum := []string{"prior -4.6"}
		for _, v := range r.Vantages {
			sum = append(sum, fmt.Sprintf("%s %+.1f", v.Name, v.Nats))
		}
		if r.Hard > 0 {
			sum = append(sum, fmt.Sprintf("proof %+.1f", r.Hard))
		}
		fmt.Fprintf(t, "\t= %.1f\t%s (capped by vantage)\n", r.Score, strings.Join(sum, ", "))
		for _, l := range r.Links {
			fmt.Fprintf(t, "\tlinked\t%s since %s, %d clients\n", l.Why, l.Since.Format(time.RFC3339), l.Count)
			for _, m := range l.Clients {
				fmt.Fprintf(t, "\t\t%s %s joined %s\n", m.Name, m.Address, m.Joined.Format(time.RFC3339))
			}
		}
	}
	return t.Flush()
}

type explainAddressCommand struct {
	socket
	Address string `arg:"" help:"Client address."`
}

// Run prints all records of an address.
func (c *explainAddressCommand) Run() error {
	records, err := c.dial().Address(c.Address)
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
		fmt.Println(none)
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
		fmt.Printf("%d of %d records are clear and hold no evidence\n", n, all)
	}
	return nil
}

type attackersCommand struct{ socket }

// Run prints the riskiest records.
func (c *attackersCommand) Run() error {
	records, err := c.dial().Attackers()
	if err != nil {
		return err
	}
	return c.print(records, "nobody is at watch or above")
}

type evidenceCommand struct{ socket }

// Run prints what each kind of evidence is worth, as shipped and as seen.
func (c *evidenceCommand) Run() error {
	x, err := c.dial().Evidence()
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(x)
	}
	fmt.Printf("%d hours of clients known to attack, %d of clients known to be good, since the start; nothing applies this\n", x.Attackers, x.Good)
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "kind\tband\tshipped\tmeasured\tattackers\tgood\t")
	for _, k := range x.Kinds {
		fmt.Fprintf(t, "%s\t%s\t%.1f\t%.1f\t%d\t%d\t%s\n", k.Kind, k.Band, k.Shipped, k.Measured, k.Attackers, k.Good, k.Doc)
	}
	return t.Flush()
}

type unblockCommand struct {
	socket
	Who string `arg:"" help:"Address, attacker name such as a-7k2m9xq1, or network such as 2001:db8:1::/48."`
}

// Run clears the records.
func (c *unblockCommand) Run() error {
	u, err := c.dial().Unblock(c.Who)
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
	p, err := c.dial().PassAll(c.For)
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

// Run sends the marked attack through every listener and explains the verdict.
func (c *selftestCommand) Run() error {
	client := c.dial()
	first, err := client.Selftest()
	if err != nil {
		return err
	}
	for i, l := range first.Listeners {
		token := first.Token
		if i > 0 { // a token is good for one request
			next, err := client.Selftest()
			if err != nil {
				return err
			}
			token = next.Token
		}
		id, err := sendSelftest(l, c.Host, token)
		if err != nil {
			return fmt.Errorf("testing listener %s: %w", l.Address, err)
		}
		fmt.Printf("listener %s (tls %v): an SQL injection that goes nowhere\n", l.Address, l.TLS)
		x, err := client.Explain(id)
		if err != nil {
			return fmt.Errorf("testing listener %s: the attack left no trace: %w", l.Address, err)
		}
		if err := printExplanation(os.Stdout, x); err != nil {
			return err
		}
		if x.Would == "pass" {
			return fmt.Errorf("testing listener %s: the attack was not recognised as one", l.Address)
		}
	}
	return nil
}

func sendSelftest(l control.Listener, host, token string) (id string, err error) {
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
