package schema

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// limit is a number of a schema.
type limit struct {
	rat    *big.Rat
	f      float64
	exact  bool // f is rat
	places int  // n where rat is a power of ten 10^-n, up to 9; or -1
}

func limitOf(r *big.Rat) *limit {
	if r == nil {
		return nil
	}
	f, exact := r.Float64()
	l := &limit{r, f, exact, -1}
	for n, d := 0, big.NewInt(1); n < 10; n, d = n+1, new(big.Int).Mul(d, big.NewInt(10)) {
		if r.Cmp(new(big.Rat).SetFrac(big.NewInt(1), d)) == 0 {
			l.places = n
		}
	}
	return l
}

// compare returns the sign of a JSON number less l. Floats decide unless it is
// close; exact arithmetic is kept to numbers of a size that costs nothing.
func (l *limit) compare(text string) int {
	if l.exact && len(text) <= 15 && plain(text) {
		return sign(whole(text) - l.f)
	}
	f, _ := strconv.ParseFloat(text, 64) // out of range: an infinity, which is right
	d := f - l.f
	if math.IsInf(f, 0) || math.Abs(d) > 1e-9*max(math.Abs(f), math.Abs(l.f)) {
		return sign(d)
	}
	if r := ratOf(text); r != nil {
		return r.Cmp(l.rat)
	}
	return sign(d)
}

// whole returns the value of at most 15 digits.
func whole(text string) float64 {
	n := int64(0)
	for i := 0; i < len(text); i++ {
		if text[i] != '-' {
			n = 10*n + int64(text[i]-'0')
		}
	}
	if text[0] == '-' {
		n = -n
	}
	return float64(n)
}

func sign(d float64) int {
	switch {
	case d < 0:
		return -1
	case d > 0:
		return 1
	}
	return 0
}

// ratOf returns the exact value of a number of modest size, or nil.
func ratOf(text string) *big.Rat {
	if len(text) > 64 {
		return nil
	}
	if _, exponent, ok := cutExponent(text); ok && (exponent > 400 || exponent < -400) {
		return nil
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return nil
	}
	return r
}

// divides reports whether text is a multiple of l; what is too large to tell is.
func (l *limit) divides(text string) bool {
	if l.places >= 0 && !strings.ContainsAny(text, "eE") { // prices: multiples of 0.01
		_, fraction, _ := strings.Cut(text, ".")
		return len(strings.TrimRight(fraction, "0")) <= l.places
	}
	if plain(text) && len(text) <= 18 && l.rat.IsInt() && l.rat.Num().IsInt64() {
		n, err := strconv.ParseInt(text, 10, 64)
		if d := l.rat.Num().Int64(); err == nil && d != 0 {
			return n%d == 0
		}
	}
	r := ratOf(text)
	return r == nil || l.rat.Sign() == 0 || r.Quo(r, l.rat).IsInt()
}

// plain reports whether a number has digits only, and perhaps a minus.
func plain(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i]-'0' >= 10 && (i > 0 || text[i] != '-') {
			return false
		}
	}
	return text != "" && text != "-"
}

// cutExponent splits a number at its exponent; huge ones are cut to a million.
func cutExponent(text string) (mantissa string, exponent int, found bool) {
	i := strings.IndexAny(text, "eE")
	if i < 0 {
		return text, 0, false
	}
	e, err := strconv.Atoi(text[i+1:])
	if err != nil || e > 1e6 || e < -1e6 {
		e = 1e6
		if text[i+1] == '-' {
			e = -1e6
		}
	}
	return text[:i], e, true
}

// integer reports whether a JSON number has no fraction; "1.0" and "1e2" have none.
func integer(text string) bool {
	if plain(text) {
		return true
	}
	mantissa, exponent, _ := cutExponent(text)
	whole, fraction, _ := strings.Cut(mantissa, ".")
	fraction = strings.TrimRight(fraction, "0")
	if fraction != "" {
		return len(fraction) <= exponent
	}
	whole = strings.TrimLeft(whole, "-0")
	return exponent >= 0 || len(whole)-len(strings.TrimRight(whole, "0")) >= -exponent || whole == ""
}

// IsNumber reports whether text is a JSON number, but that it may begin with
// zeros: in a URL many programs write so.
func IsNumber(text string) bool {
	n := len(text)
	if n == 0 {
		return false
	}
	i := 0
	if text[0] == '-' {
		i++
	}
	for i < n-1 && text[i] == '0' && text[i+1]-'0' < 10 {
		i++
	}
	return i < n && text[i] != '-' && numberLength(text[i:]) == n-i
}
