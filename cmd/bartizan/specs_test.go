package main

import (
	"strings"
	"testing"
)

// What is compared is what is named, else the site's own document.
func TestDocumentOf(t *testing.T) {
	one, two := map[string]string{"a": "a.yaml"}, map[string]string{"a": "a.yaml", "b": "b.yaml"}
	for _, c := range []struct {
		documents            map[string]string
		document, site, want string
	}{
		{one, "", "", "a.yaml of a"}, {one, "x.yaml", "", "x.yaml of a"}, {one, "x.yaml", "z", "x.yaml of z"}, {two, "", "b", "b.yaml of b"},
		{two, "x.yaml", "", "x.yaml of *"}, {two, "", "", "hint: --site"}, {nil, "", "", "sites.openapi"}, {one, "", "z", "sites.openapi"}, {nil, "x.yaml", "", "x.yaml of *"},
	} {
		file, site, err := documentOf(c.documents, c.document, c.site)
		got := file + " of " + site
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%v, document %q, site %q: got %q; want %q", c.documents, c.document, c.site, got, c.want)
		}
	}
}
