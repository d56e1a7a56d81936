package main

import (
	"fmt"
	"os"
	"text/tabwriter"

	"bartizan/internal/openapi"
)

type apiCommand struct {
	List   apiListCommand   `cmd:"" help:"List the learned endpoints."`
	Export apiExportCommand `cmd:"" help:"Write them as an OpenAPI 3.1 document."`
}

type apiListCommand struct{ socket }

// Run prints one endpoint a line.
func (c *apiListCommand) Run() error {
	all, err := c.dial().Endpoints()
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(all)
	}
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "site\tendpoint\trequests\tclients\tparameters\tcredentials\tcertain")
	for _, e := range all {
		fmt.Fprintf(t, "%s\t%s %s\t%d\t%.0f\t%d\t%.0f %%\t%v\n", e.Site, e.Method, e.Template, e.Requests, e.Clients, len(e.Parameters), 100*e.Credentials, e.Certain)
	}
	return t.Flush()
}

type apiExportCommand struct {
	socket
	Site string `help:"Site to export, by its first host." default:"*"`
}

// Run prints the document.
func (c *apiExportCommand) Run() error {
	all, err := c.dial().Endpoints()
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
