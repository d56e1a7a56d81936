package document

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// mostFaults is how many faults an error lists, and how many more are counted.
const (
	mostFaults  = 50
	mostCounted = 1000
)

// Faults gathers what is wrong with a document. The zero value has none.
type Faults struct {
	list []error
	seen map[string]bool
}

// Add takes an error in, or each of those that it joins; nil is none.
func (f *Faults) Add(err error) {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range many.Unwrap() {
			f.Add(e)
		}
		return
	}
	if err == nil || len(f.list) >= mostCounted || f.seen[err.Error()] {
		return
	}
	if f.seen == nil {
		f.seen = map[string]bool{}
	}
	f.seen[err.Error()] = true
	f.list = append(f.list, err)
}

// None reports whether nothing is wrong.
func (f *Faults) None() bool { return len(f.list) == 0 }

// At reports whether something is wrong at n or below it.
func (f *Faults) At(n Node) bool {
	for _, err := range f.list {
		p := (*placed)(nil)
		if errors.As(err, &p) && p.file == n.File.Name &&
			(p.pointer == n.Pointer || strings.HasPrefix(p.pointer, n.Pointer+"/")) {
			return true
		}
	}
	return false
}

// Err returns all faults in order of file, line and place, one by one in Unwrap and one a
// line in its text; nil for none.
func (f *Faults) Err() error {
	slices.SortStableFunc(f.list, func(a, b error) int {
		x, y := placeOf(a), placeOf(b)
		return cmp.Or(cmp.Compare(x.file, y.file), cmp.Compare(x.line, y.line),
			cmp.Compare(x.pointer, y.pointer), cmp.Compare(a.Error(), b.Error()))
	})
	switch n := len(f.list); {
	case n == 0:
		return nil
	case n == 1:
		return f.list[0]
	case n > mostFaults:
		return errors.Join(append(slices.Clone(f.list[:mostFaults]), fmt.Errorf("and %d more", n-mostFaults))...)
	}
	return errors.Join(f.list...)
}

func placeOf(err error) placed {
	p := (*placed)(nil)
	if errors.As(err, &p) {
		return *p
	}
	return placed{}
}
