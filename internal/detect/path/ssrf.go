package path

import (
	"strings"

	"bartizan/internal/detect/lex"
)

// Address judges the URLs in a value by where they lead: into the network
// around the server, or to the metadata of a cloud, in any spelling. strange
// says that the spelling is one that no one writes.
func Address(s string) (st lex.Strength, at int, strange bool) {
	for i := 0; i < len(s); i++ {
		j := strings.IndexByte(s[i:], ':')
		if j < 0 {
			break
		}
		i += j
		n := lex.Skip(s, i+1, "/\\")
		if n == i+1 && !(strings.HasSuffix(s[:i], "http") && lex.Digit(lex.Byte(s, n)) && strings.IndexByte(lex.Ahead(s, n)[:min(len(s)-n, 4)], '.') > 0) || i < 2 || !lex.Letter(s[i-1]) {
			continue
		}
		if n == i+2 && lex.Digit(lex.Byte(s, n)) && !strings.HasSuffix(s[:i], "http") &&
			!strings.HasSuffix(s[:i], "https") && !strings.HasSuffix(s[:i], "ftp") {
			continue // at:/77/news: a path
		}
		confused := false
		if j := strings.IndexByte(lex.Ahead(s, n)[:min(len(s)-n, 64)], '@'); j >= 0 && !strings.ContainsAny(s[n:n+j], "/ ") {
			confused = strings.ContainsAny(s[n:n+j], "?#") // parsers differ in where the host is
			n += j + 1
		}
		got, odd := host(s[n:min(len(s), n+96)])
		if confused && got == lex.None {
			continue
		}
		if got == lex.Hint && (confused || unusual(s[:i]) || foreignPort(s[:i], s[n:]) || breaks(s[n:])) {
			got, odd = lex.Likely, true
		}
		if got > st {
			st, at, strange = got, max(i-8, 0), odd
		}
	}
	if st == lex.None && strings.HasPrefix(s, "//") && metadata(s[2:]) {
		return lex.Certain, 0, false
	}
	if st == lex.None && len(s) < 96 {
		if got, odd := host(s); got > st && !strings.ContainsAny(s, " ,;") && (odd && (strings.IndexByte(s, '.') > 0 || strings.IndexByte(s, '-') > 0) && (!lex.Digit(s[0]) || strings.HasPrefix(s, "0x") || strings.Contains(s, ".io")) || metadata(s)) {
			return got, 0, odd
		}
	}
	return st, at, strange
}

// unusual reports whether a URL's scheme is one that only fetches what it should not.
func unusual(before string) bool {
	for _, w := range [...]string{"gopher", "dict", "netdoc", "tftp", "jar:http", "jar:https"} {
		if strings.HasSuffix(before, w) {
			return true
		}
	}
	return false
}

// foreignPort reports whether HTTP is to be spoken to a service that speaks it not.
func foreignPort(before, rest string) bool {
	if !strings.HasSuffix(before, "http") && !strings.HasSuffix(before, "https") {
		return false
	}
	i := strings.IndexAny(rest, ":/?# ")
	if i < 0 || rest[i] != ':' {
		return false
	}
	n := i + 1
	for n < len(rest) && lex.Digit(rest[n]) {
		n++
	}
	return lex.OneOf(rest[i+1:n], "21", "22", "23", "25", "110", "143", "389", "445", "636", "2375", "3306", "3389", "5432", "6379", "11211", "27017")
}

// breaks reports whether a line break stands in what follows a URL's host.
func breaks(rest string) bool {
	rest = rest[:min(len(rest), 96)]
	if i := strings.IndexByte(rest, ' '); i >= 0 {
		rest = rest[:i]
	}
	return strings.Contains(rest, "%0a") || strings.Contains(rest, "%0d")
}

// Callback returns where the name of a service stands that collects call-backs
// of attack tools, or -1.
func Callback(s string) int {
	for _, h := range [...]string{".oast.", "oast.me", "oast.pro", "interact.sh", "interactsh", "burpcollaborator.net", "oastify.com", "dnslog.cn", "ceye.io", ".bxss.me"} {
		if i := strings.Index(s, h); i >= 0 {
			return i
		}
	}
	return -1
}

// metadata reports whether s begins with a host that only machines of a cloud ask.
func metadata(s string) bool {
	return s != "" && machines.At(s, 0)
}

var machines = lex.NeedlesOf("169.254.169.254", "metadata.google.internal", "100.100.100.200", "instance-data/",
	"169.254.170.2", "192.0.0.192", "rancher-metadata", "metadata.packet.net", "fd00:ec2::254",
	"metadata/computemetadata", "alibaba.zaproxy.org", "metadata.azure")

// host judges the host that s begins with.
func host(s string) (st lex.Strength, strange bool) {
	var buf [96]byte
	if folded, ok := fold(buf[:0], s[:min(len(s), 96)]); ok {
		st, _ = host(string(folded))
		return max(st, lex.Likely), true // nobody writes a host so
	}
	if metadata(s) {
		return lex.Certain, false
	}
	end := strings.IndexAny(s, "/?#\\\"'<> ,&)!")
	if end < 0 {
		end = len(s)
	}
	h, rest := s[:end], s[end:]
	if strings.HasPrefix(h, "[") {
		return ipv6(h)
	}
	h, _, _ = strings.Cut(h, ":")
	if inside(h) {
		return lex.Likely, true
	}
	if v, ok, odd := number(h); ok {
		return address(v, odd, rest)
	}
	if h == "localhost" || strings.HasSuffix(h, ".localhost") || strings.HasSuffix(h, ".internal") {
		return lex.Hint, false
	}
	return lex.None, false
}

// names are what resolves into the network around the server, and hosts that collect
// call-backs, by their last byte.
var names = func() (t [256][]string) {
	for _, n := range [...]string{".nip.io", ".sslip.io", ".xip.io", "localtest.me", "lvh.me", ".rbndr.us", ".1u.ms",
		"localhost.localdomain", "ip6-localhost", "ip6-loopback", "host.docker.internal", "host.containers.internal",
		"gateway.docker.internal", "kubernetes.default", "kubernetes.default.svc", ".svc.cluster.local",
		"kubernetes.docker.internal", "ipv6-localhost", "ipv6-loopback", "localhost4.localdomain4",
		"localhost6.localdomain6", "vcap.me", "lacolhost.com", ".burpcollaborator.net", ".oastify.com", ".oast.pro",
		".oast.fun", ".oast.live", ".oast.me", ".oast.site", ".oast.online", ".interact.sh", ".interactsh.com",
		".dnslog.cn", ".ceye.io", ".bxss.me", ".canarytokens.com", ".requestbin.net", ".dnslog.link"} {
		t[n[len(n)-1]] = append(t[n[len(n)-1]], n)
	}
	return t
}()

// inside reports whether a host is one of names, or ends in one that begins with a dot.
func inside(h string) bool {
	if h == "" {
		return false
	}
	for _, n := range names[h[len(h)-1]] {
		if strings.HasSuffix(h, n) || h == strings.TrimPrefix(n, ".") {
			return true
		}
	}
	return false
}

// ipv6 judges an address in brackets.
func ipv6(h string) (lex.Strength, bool) {
	switch in := strings.Trim(h, "[]"); {
	case strings.Contains(in, "ffff:") || strings.Contains(in, "a9fe:a9fe") || strings.Contains(in, "ffff:7f"):
		return lex.Likely, true
	case strings.HasPrefix(in, "::]"), in == "::", strings.HasPrefix(h, "[::]"), strings.HasPrefix(h, "[::1]"), strings.HasPrefix(h, "[0000::1]"), strings.HasPrefix(in, "fd00:"), strings.HasPrefix(in, "0:0:0:0:0:0:0:1"):
		return lex.Likely, true
	case len(in) > 3:
		return lex.Hint, false
	}
	return lex.None, false
}

// number reads an IPv4 address in every form that inet_aton takes. odd says
// that it is not four decimal numbers.
func number(h string) (v uint32, ok, odd bool) {
	if h == "" || !lex.Digit(h[0]) {
		return 0, false, false
	}
	var parts [4]uint64
	n := 0
	for rest := h; ; n++ {
		if n == 4 {
			return 0, false, false
		}
		var p string
		var more bool
		p, rest, more = strings.Cut(rest, ".")
		x, strange, ok := part(p)
		if !ok {
			return 0, false, false
		}
		odd = odd || strange
		parts[n] = x
		if !more {
			n++
			break
		}
	}
	for i := range n - 1 {
		if parts[i] > 255 {
			return 0, false, false
		}
		v |= uint32(parts[i]) << (24 - 8*i)
	}
	last := parts[n-1]
	if last >= 1<<(8*(5-n)) {
		return 0, false, false
	}
	return v | uint32(last), true, odd || n != 4
}

// part reads one number of an address: decimal, octal or hexadecimal.
func part(p string) (x uint64, strange, ok bool) {
	base := uint64(10)
	switch {
	case strings.HasPrefix(p, "0x"):
		base, p, strange = 16, p[2:], true
	case len(p) > 1 && p[0] == '0':
		base, p, strange = 8, p[1:], true
	}
	if p == "" || len(p) > 14 {
		return 0, false, false
	}
	for i := 0; i < len(p); i++ {
		d := uint64(255)
		switch c := p[i]; {
		case lex.Digit(c):
			d = uint64(c - '0')
		case c-'a' < 6:
			d = uint64(c-'a') + 10
		}
		if d >= base {
			return 0, false, false
		}
		x = x*base + d
	}
	return x, strange, true
}

// address judges a number by the network it is in.
func address(v uint32, odd bool, rest string) (lex.Strength, bool) {
	inside := v>>24 == 127 || v>>24 == 10 || v>>20 == 0xac1 || v>>16 == 0xc0a8 || v>>16 == 0xa9fe || v>>24 == 0
	switch {
	case v>>16 == 0xa9fe && v>>8 != 0xa9fea9 && v>>8 != 0xa9feaa && !odd: // a printer, a camera
		return lex.Hint, false
	case v == 0xa9fea9fe || v>>16 == 0xa9fe && !odd:
		return lex.Certain, odd
	case odd && inside:
		return lex.Likely, true
	case odd && rest != "":
		return lex.Likely, true
	case inside:
		return lex.Hint, false
	}
	return lex.None, false
}

// fold appends to dst what resolvers make of a host in digits and letters with
// circles around them and in full stops of the East. ok is false if there are
// no circles.
func fold(dst []byte, s string) (out []byte, ok bool) {
	if strings.IndexByte(s, 0xe2) < 0 { // with which all circles begin
		return dst, false
	}
	for _, r := range s {
		switch {
		case r >= '①' && r <= '⑨':
			dst, ok = append(dst, byte(r-'①')+'1'), true
		case r >= '⑩' && r <= '⑲':
			dst, ok = append(dst, '1', byte(r-'⑩')+'0'), true
		case r == '⓪':
			dst, ok = append(dst, '0'), true
		case r >= 'ⓐ' && r <= 'ⓩ':
			dst, ok = append(dst, byte(r-'ⓐ')+'a'), true
		case r == '。' || r == '｡' || r == '．':
			dst = append(dst, '.')
		case r < 0x80:
			dst = append(dst, byte(r))
		default:
			return dst, ok
		}
	}
	return dst, ok
}
