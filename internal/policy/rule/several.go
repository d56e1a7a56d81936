package rule

import (
	"fmt"

	"bartizan/internal/request"
)

// several is a text of which a request may carry several values: it returns the first
// whose index is at least from, and where to go on, or a negative next for no more.
//
// A server takes one of them, and nobody knows which. So each comparison is asked of
// every value: in a rule that restrains it holds if it does for any, in one that allows
// if it does for all. The same goes behind not: it holds if the comparison fails for any
// value, or for all. What is absent is one empty value.
type several func(r *request.Request, from int) (value string, next int)

// each returns the condition that holds is true of any value, or of all.
func (c *compiler) each(list several, holds func(r *request.Request, v string) bool) Condition {
	any := c.all == c.negated // behind not, "any fails" is "not all hold"
	return func(r *request.Request) bool {
		v, next := list(r, 0)
		if next < 0 {
			return holds(r, "")
		}
		for ; next >= 0; v, next = list(r, next) {
			if holds(r, v) == any {
				return any
			}
		}
		return !any
	}
}

// mostPairs bounds the work of one comparison of several with several values. What has
// more is restrained, and not allowed.
const mostPairs = 1024

// pairs is each of every pair of two lists.
func (c *compiler) pairs(left, right several, compare func(a, b string) bool) Condition {
	any := c.all == c.negated
	return func(r *request.Request) bool {
		n := 0
		for v, next := left(r, 0); ; {
			for w, other := right(r, 0); ; {
				if n++; n > mostPairs || compare(v, w) == any {
					return any
				}
				if other < 0 {
					break
				}
				if w, other = right(r, other); other < 0 {
					break
				}
			}
			if next < 0 {
				return !any
			}
			if v, next = left(r, next); next < 0 {
				return !any
			}
		}
	}
}

// The functions that stand for several values.
func header(name string) (any, error) {
	want, err := fieldName("header", name)
	return several(func(r *request.Request, from int) (string, int) {
		for i := from; i < len(r.Head.Fields); i++ {
			if want.Matches(r.Head.Fields[i].Name) {
				return r.Head.Fields[i].Value, i + 1
			}
		}
		return "", -1
	}), err
}

func query(name string) (any, error) {
	want, err := fieldName("query", name)
	return several(func(r *request.Request, from int) (string, int) { return param(r.Query, from, &want) }), err
}

func cookie(name string) (any, error) {
	want, err := fieldName("cookie", name)
	return several(func(r *request.Request, from int) (string, int) { return param(r.Cookies, from, &want) }), err
}

func fieldName(function, name string) (request.FieldName, error) {
	want, err := request.NewFieldName(name, true)
	if err != nil {
		err = fmt.Errorf("%s: the name %q %w", function, name, err)
	}
	return want, err
}

func param(list []request.Param, from int, want *request.FieldName) (string, int) {
	for i := from; i < len(list); i++ {
		if want.Matches(list[i].Name) {
			return list[i].Value, i + 1
		}
	}
	return "", -1
}
