package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration written as "5m" or "24h".
type Duration time.Duration

// UnmarshalYAML reads a duration.
func (d *Duration) UnmarshalYAML(b []byte) error {
	s := scalar(b)
	v, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("reading duration %q: want a number with a unit, such as 30s, 5m or 24h", s)
	}
	*d = Duration(v)
	return nil
}

// MarshalYAML writes it as it is read.
func (d Duration) MarshalYAML() ([]byte, error) { return []byte(d.String()), nil }

// String returns "5m" rather than "5m0s".
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Size is a number of bytes written as "64KiB" or "1GiB".
type Size int64

var units = []struct {
	name string
	size Size
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// UnmarshalYAML reads a size.
func (z *Size) UnmarshalYAML(b []byte) error {
	s := scalar(b)
	for _, u := range append(units, struct {
		name string
		size Size
	}{"", 1}) {
		digits, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 0 || n > int64(1<<50/u.size) {
			break
		}
		*z = Size(n) * u.size
		return nil
	}
	return fmt.Errorf("reading size %q: want a whole number with KiB, MiB or GiB", s)
}

// MarshalYAML writes it in its largest whole unit.
func (z Size) MarshalYAML() ([]byte, error) { return []byte(z.String()), nil }

// String returns the size in its largest whole unit.
func (z Size) String() string {
	for _, u := range units {
		if z >= u.size && z%u.size == 0 {
			return strconv.FormatInt(int64(z/u.size), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(z), 10)
}

// Quantity is so much in so long, written "10/s", "600/10m" or, of time, "2s/1m".
type Quantity string

// UnmarshalYAML reads a quantity.
func (q *Quantity) UnmarshalYAML(b []byte) error {
	*q = Quantity(scalar(b))
	_, _, err := q.split()
	return err
}

// split returns amount and time; nothing where nothing is said.
func (q Quantity) split() (amount string, every time.Duration, err error) {
	if q == "" {
		return "", 0, nil
	}
	amount, rest, ok := strings.Cut(string(q), "/")
	if rest != "" && (rest[0] < '0' || rest[0] > '9') {
		rest = "1" + rest
	}
	if every, err = time.ParseDuration(rest); !ok || err != nil || every <= 0 {
		return "", 0, fmt.Errorf("reading %q: want so much in so long, such as 10/s, 600/10m or, of time, 2s/1m", string(q))
	}
	return amount, every, nil
}

// count reads the amount as a number of requests.
func (q Quantity) count() (n int64, every time.Duration, err error) {
	amount, every, err := q.split()
	if amount == "" {
		return 0, every, err
	}
	if n, err = strconv.ParseInt(amount, 10, 32); err != nil || n < 1 {
		return 0, every, fmt.Errorf("is %q: want a whole number of requests, such as 10/s", string(q))
	}
	return n, every, nil
}

// duration reads the amount as a time.
func (q Quantity) duration() (d, every time.Duration, err error) {
	amount, every, err := q.split()
	if amount == "" {
		return 0, every, err
	}
	if d, err = time.ParseDuration(amount); err != nil || d <= 0 {
		return 0, every, fmt.Errorf("is %q: want a time of the upstream, such as 2s/1m", string(q))
	}
	return d, every, nil
}

func scalar(b []byte) string { return strings.Trim(strings.TrimSpace(string(b)), `"'`) }

// expand replaces ${NAME} by the environment's value; "$${" stands for "${".
func expand(s string, lookup func(string) (string, bool)) (string, error) {
	var out strings.Builder
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			out.WriteString(s)
			return out.String(), nil
		}
		if i > 0 && s[i-1] == '$' {
			out.WriteString(s[:i-1] + "${")
			s = s[i+2:]
			continue
		}
		end := strings.IndexByte(s[i:], '}')
		if end < 0 {
			return "", errors.New("${ without }")
		}
		name := s[i+2 : i+end]
		v, ok := lookup(name)
		if !ok {
			return "", fmt.Errorf("environment variable %s is not set", name)
		}
		out.WriteString(s[:i] + v)
		s = s[i+end+1:]
	}
}
