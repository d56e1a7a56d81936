package policy

import "strings"

// Breaking returns a value of letters, digits and plain signs that the patch of this
// name does not allow, to try the patch with; ok is false if none is known.
func (p *Policy) Breaking(name string) (value string, ok bool) {
	for i := range p.patches {
		x := &p.patches[i]
		if x.Name != name {
			continue
		}
		for _, v := range []string{
			"@@load(1)", "zz zz", "zzz", "0x.7", "-", "7", "true",
			long(x.Allow.Max, "a"), long(x.Allow.Max, "1"),
		} {
			if !x.allows(v) {
				return v, true
			}
		}
	}
	return "", false
}

// long returns a value longer than most bytes, if that is not very long.
func long(most int, of string) string {
	if most <= 0 || most > 4096 {
		return of
	}
	return strings.Repeat(of, most+1)
}
