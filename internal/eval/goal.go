package eval

import (
	"fmt"
	"slices"
	"strings"
)

// development are the corpora that the detector was developed on; goals say
// nothing of any other file.
var development = []string{
	"atrdf1.jsonl.gz", "aws_examples.jsonl.gz", "content_apis.jsonl.gz", "crs_regression.jsonl.gz", "csic2010.jsonl.gz",
	"curl_docs.jsonl.gz", "dirsearch.jsonl.gz", "fwaf_bad.jsonl.gz", "grananqvist_params.jsonl.gz",
	"httpparams.jsonl.gz",
	"libinjection.jsonl.gz", "nikto.jsonl.gz", "nuclei_cves.jsonl.gz", "openapi_directory.jsonl.gz",
	"payload_lists.jsonl.gz",
	"postman.jsonl.gz", "rec_github.jsonl.gz", "search_queries.jsonl.gz", "sqlmap.jsonl.gz",
}

// goal is a bound that the detector is held to on the development corpora.
type goal struct {
	name string
	rows func(file string, x *row) bool
	// recall is the least share of rows at certain or likely, in percent.
	recall float64
	// hits is the largest share of benign rows, in percent; certain counts only
	// that band.
	hits    float64
	certain bool
}

// goalCount is what was measured.
type goalCount struct{ rows, certain, likely int }

func (c *goalCount) add(in func(string, *row) bool, file string, x *row, o result) {
	if !slices.Contains(development, file) || !in(file, x) {
		return
	}
	c.rows++
	if !o.found {
		return
	}
	switch o.band {
	case 2:
		c.certain++
	case 1:
		c.likely++
	}
}

// share returns the percentage of hits.
func (c goalCount) share(certain bool) float64 {
	n := c.certain
	if !certain {
		n += c.likely
	}
	return 100 * float64(n) / float64(max(c.rows, 1))
}

// goals are what the development corpora are to show; rows not weak.
var goals = []goal{
	{name: "httpparams", rows: attacks("httpparams"), recall: 99},
	{name: "grananqvist_params", rows: attacks("grananqvist_params"), recall: 99},
	{name: "libinjection", rows: attacks("libinjection"), recall: 99},
	{name: "sqlmap", rows: attacks("sqlmap"), recall: 99},
	{name: "payload_lists without open-redirect", rows: without(attacks("payload_lists"), "open-redirect"), recall: 99},
	{name: "fwaf_bad", rows: attacks("fwaf_bad"), recall: 97},
	{name: "nuclei_cves, classes with a payload", rows: without(attacks("nuclei_cves"), "open-redirect", "other", "auth-bypass", "disclosure", "upload"), recall: 92},
	{name: "atrdf1 without log forging", rows: without(attacks("atrdf1"), "crlf"), recall: 92},
	{name: "crs_regression PL1, 930-934 941 942 944", rows: coreRules, recall: 90},
	{name: "benign, not hard", rows: func(_ string, x *row) bool { return x.Label == "benign" && !bool(x.Weak) && !bool(x.Hard) }, hits: 0.03},
	{name: "benign, hard", rows: func(_ string, x *row) bool { return x.Label == "benign" && !bool(x.Weak) && bool(x.Hard) }, hits: 0.5},
	{name: "benign, all, certain", rows: func(_ string, x *row) bool { return x.Label == "benign" && !bool(x.Weak) }, hits: 0.005, certain: true},
}

func attacks(file string) func(string, *row) bool {
	return func(f string, x *row) bool {
		return x.Label == "attack" && !bool(x.Weak) && strings.HasPrefix(f, file+".")
	}
}

func without(in func(string, *row) bool, classes ...string) func(string, *row) bool {
	return func(f string, x *row) bool {
		for _, c := range classes {
			if x.Class == c || x.Sub == c {
				return false
			}
		}
		return in(f, x)
	}
}

func coreRules(f string, x *row) bool {
	if !attacks("crs_regression")(f, x) || x.PL != 1 {
		return false
	}
	rule := fmt.Sprint(x.Rule)
	for _, family := range [...]string{"930", "931", "932", "933", "934", "941", "942", "944"} {
		if strings.HasPrefix(rule, family) || strings.HasPrefix(rule, "9.") && strings.HasPrefix(strings.ReplaceAll(rule, ".", ""), family) {
			return true
		}
	}
	return false
}

// met reports whether the goal is reached; a goal without rows is.
func (g goal) met(c goalCount) bool {
	if c.rows == 0 {
		return true
	}
	if g.recall > 0 {
		return c.share(false) >= g.recall
	}
	return c.share(g.certain) <= g.hits
}
