package fingerprint

import "strconv"

// Opening is what a client sends on an HTTP/2 connection before and in its first
// request, as far as it tells implementations apart.
type Opening struct {
	Settings     []Setting // of the first SETTINGS frame, in order
	WindowUpdate uint32    // increment of the connection's window; 0 if there was none
	Priorities   []Priority
	Pseudo       string // first letters of the pseudo-headers in order: "m,a,s,p"
}

// Setting is one parameter of a SETTINGS frame (RFC 9113 section 6.5.1).
type Setting struct {
	ID    uint16
	Value uint32
}

// Priority is one PRIORITY frame (RFC 7540 section 6.3).
type Priority struct {
	Stream    uint32
	Exclusive bool
	DependsOn uint32
	Weight    int // 1 to 256
}

// Akamai returns the opening in the notation of Akamai's white paper:
// "1:65536;2:0;4:6291456;6:262144|15663105|0|m,a,s,p".
//
// Source: Shuster and Gal, "Passive Fingerprinting of HTTP/2 Clients", Black Hat
// Europe 2017. A missing WINDOW_UPDATE is "00", no PRIORITY is "0".
func (o Opening) Akamai() string {
	b := make([]byte, 0, 64)
	for i, s := range o.Settings {
		if i > 0 {
			b = append(b, ';')
		}
		b = strconv.AppendUint(b, uint64(s.ID), 10)
		b = append(b, ':')
		b = strconv.AppendUint(b, uint64(s.Value), 10)
	}
	b = append(b, '|')
	if o.WindowUpdate == 0 {
		b = append(b, "00"...)
	} else {
		b = strconv.AppendUint(b, uint64(o.WindowUpdate), 10)
	}
	b = append(b, '|')
	if len(o.Priorities) == 0 {
		b = append(b, '0')
	}
	for i, p := range o.Priorities {
		if i > 0 {
			b = append(b, ',')
		}
		b = p.append(b)
	}
	b = append(b, '|')
	return string(append(b, o.Pseudo...))
}

// append appends "stream:exclusive:dependsOn:weight".
func (p Priority) append(b []byte) []byte {
	exclusive := byte('0')
	if p.Exclusive {
		exclusive = '1'
	}
	b = strconv.AppendUint(b, uint64(p.Stream), 10)
	b = append(b, ':', exclusive, ':')
	b = strconv.AppendUint(b, uint64(p.DependsOn), 10)
	b = append(b, ':')
	return strconv.AppendInt(b, int64(p.Weight), 10)
}
