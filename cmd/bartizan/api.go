package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	"bartizan/internal/apimap"
	"bartizan/internal/openapi"
)

type apiCommand struct {
	List   apiListCommand   `cmd:"" help:"List the learned endpoints."`
	Export apiExportCommand `cmd:"" help:"Write them as an OpenAPI 3.1 document."`
	Report apiReportCommand `cmd:"" help:"Say what enforcing them (sites.learned) would have refused since the program began."`
	// Approve comes behind Report: nobody should approve what he has not read.
	Approve apiApproveCommand `cmd:"" help:"Make what was learned of a site the law now (sites.learned: enforce), without waiting for days and networks."`
	Drift   apiDriftCommand   `cmd:"" help:"Compare them with the API's own document."`
}

type apiListCommand struct{ socket }

// Run prints one endpoint a line.
func (c *apiListCommand) Run() error {
	client, err := c.dial()
	if err != nil {
		return err
	}
	all, err := client.Endpoints()
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(all)
	}
	if len(all) == 0 {
		fmt.Println("nothing has been learned yet: an endpoint shows once the API has answered requests to it well")
		return nil
	}
	var t table
	t.addf("site\tendpoint\trequests\tclients\tparameters\tcredentials\tcertain")
	for _, e := range all {
		t.addf("%s\t%s %s\t%d\t%.0f\t%d\t%.0f %%\t%v", e.Site, e.Method, e.Template, e.Requests, e.Clients,
			len(e.Parameters), 100*e.Credentials, e.Certain)
	}
	return t.print(os.Stdout)
}

type apiExportCommand struct {
	socket
	Site string `help:"Site to export, by its first host." default:"*"`
}

// Run prints the document.
func (c *apiExportCommand) Run() error {
	client, err := c.dial()
	if err != nil {
		return err
	}
	all, err := client.Endpoints()
	if err != nil {
		return err
	}
	out, err := openapi.Export(c.Site, all)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(out)
	return err
}

type apiReportCommand struct{ socket }

// Run prints one endpoint a line: where "answered well" is not 0, enforcing would
// have broken something that works.
func (c *apiReportCommand) Run() error {
	client, err := c.dial()
	if err != nil {
		return err
	}
	all, err := client.Departures()
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(all)
	}
	const unseen = "not in it: paths that nobody called through the gateway while it learned. Enforcing answers them 404, " +
		"but for health checks, / and files such as /robots.txt; call them once, or set sites.openapi"
	if len(all) == 0 {
		fmt.Println("enforcing what was learned would have refused nothing since the start")
		fmt.Println(unseen)
		return nil
	}
	var t table
	t.addf("site\tendpoint\tenforceable\tenforced\trequests\twould refuse\tof clients\tanswered well\tplaces")
	for _, d := range all {
		name := d.Method + " " + d.Template
		if d.Template == "" {
			name = map[string]string{"any": "(unknown paths)", "unknown": "(unknown methods)"}[d.Method]
		}
		t.addf("%s\t%s\t%v\t%v\t%d\t%d\t%d\t%d\t%s", d.Site, name, d.Ripe, d.Settled, d.Requests, d.Refused, d.Clients,
			d.Good, strings.Join(d.Places, " "))
	}
	if err := t.print(os.Stdout); err != nil {
		return err
	}
	fmt.Println(unseen)
	return nil
}

type apiApproveCommand struct {
	socket
	Site string `arg:"" optional:"" help:"Site, by its first host." default:"*"`
}

// Run approves.
func (c *apiApproveCommand) Run() error {
	client, err := c.dial()
	if err != nil {
		return err
	}
	a, err := client.Approve(c.Site)
	if err != nil {
		return err
	}
	say(os.Stdout, "approved what was learned of %d endpoints of %s: where sites.learned is enforce, departures are "+
		"refused from now on", a.Endpoints, c.Site)
	return nil
}

type apiDriftCommand struct {
	socket
	Document string `arg:"" optional:"" help:"OpenAPI document; the site's own by default." type:"path"`
	Site     string `help:"Site to compare, by its first host; the one that has a document by default." placeholder:"HOST"`
}

// Run prints what is documented and unused, used and undocumented, and what is
// used otherwise than documented.
func (c *apiDriftCommand) Run() error {
	client, err := c.dial()
	if err != nil {
		return err
	}
	documents, err := client.Documents()
	if err != nil {
		return err
	}
	document, site, err := documentOf(documents, c.Document, c.Site)
	if err != nil {
		return err
	}
	spec, err := openapi.Load(document)
	if err != nil {
		return err
	}
	all, err := client.Endpoints()
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(e apimap.Endpoint) bool { return e.Site != site })
	d := openapi.Compare(spec, all)
	if c.JSON {
		return printJSON(d)
	}
	var t table
	for _, list := range []struct {
		name string
		all  []openapi.Usage
	}{{"as documented", d.Used}, {"unused", d.Unused}, {"undocumented", d.Undocumented}, {"drifting", d.Drifting}} {
		for _, u := range list.all {
			t.addf("%s\t%s %s\t%d requests", list.name, u.Method, cmp.Or(u.Template, u.Learned), u.Requests)
			for _, ch := range u.Changes {
				t.addf("\t  %s\t%s", ch.Where, ch.What)
			}
		}
	}
	if len(t.rows) == 0 {
		fmt.Println("the document names no endpoint, and none of the site has been learned")
		return nil
	}
	return t.print(os.Stdout)
}
