package fingerprint

import (
	"strconv"
	"strings"
	"testing"
)

// list reads "1301,c02b" as numbers; "" is an empty list.
func list(t *testing.T, s string) (out []uint16) {
	t.Helper()
	if s == "" {
		return nil
	}
	for _, x := range strings.Split(s, ",") {
		v, err := strconv.ParseUint(x, 16, 16)
		if err != nil {
			t.Fatalf("reading %q: %v", x, err)
		}
		out = append(out, uint16(v))
	}
	return out
}

// vectors are hellos in wire order with the JA4 that others computed for them.
var vectors = []struct {
	source                                    string
	versions, ciphers, extensions, signatures string
	alpn                                      []string
	want                                      string
}{
	{"JA4.md, worked example", "0304,0303",
		"1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035",
		"001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015",
		"0403,0804,0401,0503,0805,0501,0806,0601", []string{"h2", "http/1.1"},
		"t13d1516h2_8daaf6152771_e5627efa2ab1"},
	{"the same with GREASE in every list", "4a4a,0304,0303",
		"1a1a,1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035",
		"fafa,001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0a0a,0015",
		"2a2a,0403,0804,0401,0503,0805,0501,0806,0601", []string{"h2", "http/1.1"},
		"t13d1516h2_8daaf6152771_e5627efa2ab1"},
	{"FoxIO sigalg-grease.pcapng (Chrome, ML-DSA)", "0304,0303",
		"1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035",
		"fe0d,0010,0017,0033,44cd,ff01,000a,000d,0023,002b,000b,ca34,002d,0000,0005,001b,0012",
		"0904,0905,0906,0403,0804,0401,0503,0805,0501,0806,0601", []string{"h2"},
		"t13d1517h2_8daaf6152771_cb7bf5808d99"},
	{"FoxIO badcurveball.pcap (Chrome 79)", "0304,0303,0302,0301",
		"1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035,000a",
		"0000,0017,ff01,000a,000b,0023,0010,0005,000d,0012,0033,002d,002b,001b,0015",
		"0403,0804,0401,0503,0805,0501,0806,0601,0201", []string{"h2"},
		"t13d1615h2_46e7e9700bed_45f260be83e2"},
	{"FoxIO socks-https-example.pcap (TLS 1.0, SNI only)", "0301",
		"0039,0038,0035,0016,0013,000a,0033,0032,002f,009a,0099,0096,0005,0004,0015,0012,0009,0014,0011,0008,0006,0003,00ff",
		"0000", "", nil, "t10d230100_6a57a6f57151_000000000000"},
	{"browserleaks, Chrome 146", "0304,0303",
		"1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035",
		"fe0d,002b,0012,44cd,000a,ff01,0033,0005,0023,0000,000d,0010,000b,001b,0017,002d",
		"0403,0804,0401,0503,0805,0501,0806,0601", []string{"h2"},
		"t13d1516h2_8daaf6152771_d8a2da3f94cd"},
	{"Wireshark, Firefox", "0304,0303",
		"1301,1303,1302,c02b,c02f,cca9,cca8,c02c,c030,c00a,c009,c013,c014,009c,009d,002f,0035",
		"0000,000a,000b,000d,0010,0017,002b,0033,ff01,002d",
		"0403,0503,0804,0805,0806,0401,0501,0601,0203,0201", []string{"h2"},
		"t13d1710h2_5b57614c22b0_1b18b669d02d"},
	{"Wireshark, OpenSSL with one cipher", "0304", "1303",
		"0000,000b,000a,0023,0016,0017,000d,002b,002d,0033",
		"0403,0503,0603,0807,0808,081a,081b,081c,0809,080a,080b,0804,0805,0806,0401,0501,0601", nil,
		"t13d011000_58070c528ac8_3eb3b556ea2c"},
	{"Wireshark, Schannel", "0304,0303",
		"1302,1301,c02c,c02b,c030,c02f,c024,c023,c028,c027,c00a,c009,c014,c013,009d,009c,003d,003c,0035,002f",
		"0000,0005,002b,000d,0023,000a,000b,0010,0033,0031,0017,ff01,002d",
		"0804,0805,0806,0401,0501,0201,0403,0503,0203,0202,0601,0603", []string{"http/1.1"},
		"t13d2013h1_2b729b4bf6f3_e24568c0d440"},
	{"Wireshark, Firefox ESR (16 ciphers)", "0304,0303",
		"1301,1303,1302,c02b,c02f,cca9,cca8,c02c,c030,c00a,c013,c014,009c,009d,002f,0035",
		"0000,0017,ff01,000a,000b,0023,0010,0005,0022,0012,0033,002b,000d,002d,001c,001b,fe0d",
		"0403,0503,0603,0804,0805,0806,0401,0501,0601,0203,0201", []string{"h2"},
		"t13d1617h2_86a278354501_3cbfd9057e0d"},
	{"curl 7.88 with OpenSSL 3, huginn-net", "0304,0303",
		"1302,1303,1301,c02c,c030,009f,cca9,cca8,ccaa,c02b,c02f,009e,c024,c028,006b,c023,c027,0067,c00a,c014,0039,c009,c013,0033,009d,009c,003d,003c,0035,002f,00ff",
		"0000,000b,000a,0010,0016,0017,0031,000d,002b,002d,0033,0015",
		"0403,0503,0603,0807,0808,0809,080a,080b,0804,0805,0806,0401,0501,0601,0303,0301,0302,0402,0502,0602", []string{"h2", "http/1.1"},
		"t13d3112h2_e8f1e7e78f70_b26ce05bbdd6"},
	{"rustls, no ALPN", "0304,0303",
		"1301,1302,1303,c02f,c02b,c030,c02c,c027,cca9,cca8,c009,c013,c00a,c014,009c,009d,002f,0035",
		"0000,0017,ff01,000a,000b,0023,000d,0033,002d,002b",
		"0403,0804,0401,0503,0805,0501,0806,0601,0201", nil,
		"t13d181000_5d04281c6031_78e6aca7449b"},
}

func TestJA4Vectors(t *testing.T) {
	for _, v := range vectors {
		h := Hello{list(t, v.versions), list(t, v.ciphers), list(t, v.extensions), list(t, v.signatures), v.alpn}
		if got, raw := JA4(h, 't'); got != v.want {
			t.Errorf("%s: got %s (raw %s); want %s", v.source, got, raw, v.want)
		}
	}
}

func TestJA4Raw(t *testing.T) {
	v := vectors[0]
	h := Hello{list(t, v.versions), list(t, v.ciphers), list(t, v.extensions), list(t, v.signatures), v.alpn}
	const want = "t13d1516h2_002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9_0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01_0403,0804,0401,0503,0805,0501,0806,0601"
	if _, got := JA4(h, 't'); got != want {
		t.Errorf("got %s; want %s (JA4.md)", got, want)
	}
	// JA4.md: without signature algorithms the list ends without an underscore.
	h.Signatures = nil
	if got, _ := JA4(h, 't'); !strings.HasSuffix(got, "_6d807ffa2a79") {
		t.Errorf("without signature algorithms got %s; want …_6d807ffa2a79 (JA4.md)", got)
	}
}

func TestJA4Part(t *testing.T) {
	many := make([]uint16, 120)
	for i := range many {
		many[i] = uint16(i + 1)
	}
	for _, tc := range []struct {
		name      string
		in        Hello
		transport byte
		want      string // what the fingerprint begins with
	}{
		{"nothing", Hello{}, 't', "t00i000000_000000000000_000000000000"},
		{"TLS 1.2, address only", Hello{Versions: []uint16{0x0303}, Extensions: []uint16{10}}, 't', "t12i000100_000000000000_"},
		{"signatures without extensions", Hello{Versions: []uint16{0x0303}, Signatures: []uint16{0x0403}}, 't', "t12i000000_000000000000_000000000000"},
		{"only SNI and ALPN", Hello{Versions: []uint16{0x0302}, Extensions: []uint16{0, 16}, ALPN: []string{"h2"}}, 't', "t11d0002h2_000000000000_000000000000"},
		{"QUIC", Hello{Versions: []uint16{0x0304}, ALPN: []string{"h3"}}, 'q', "q13i0000h3_"},
		{"DTLS 1.2", Hello{Versions: []uint16{0xfefd}}, 'd', "dd2i000000_"},
		{"SSL 3.0", Hello{Versions: []uint16{0x0300}}, 't', "ts3i"},
		{"counts end at 99", Hello{Ciphers: many, Extensions: many}, 't', "t00i9999"},
	} {
		if got, _ := JA4(tc.in, tc.transport); !strings.HasPrefix(got, tc.want) {
			t.Errorf("%s: got %s; want %s…", tc.name, got, tc.want)
		}
	}
}

// The examples of JA4.md, "ALPN Extension Value".
func TestJA4ALPN(t *testing.T) {
	for in, want := range map[string]string{
		"\xab": "ab", "\xab\xcd": "ad", "0\xab": "3b", "01\xab\xcd": "3d", "0\xab\xcd1": "01",
		"x": "xx", "": "00", "http/1.1": "h1", "h2": "h2", "\xba\xdd": "bd",
	} {
		if got := alpnMark([]string{in}); got != want {
			t.Errorf("alpnMark(%q) = %s; want %s", in, got, want)
		}
	}
}

func TestFreshDropsResumption(t *testing.T) {
	full := Hello{Extensions: []uint16{0, 43, 13}}
	resumed := Hello{Extensions: []uint16{0, 42, 43, 13, 41}}
	a, _ := JA4(full.Fresh(), 't')
	b, _ := JA4(resumed.Fresh(), 't')
	if a != b || len(resumed.Extensions) != 5 {
		t.Errorf("got %s and %s; want the same, and the hello as it was", a, b)
	}
}

func BenchmarkJA4(b *testing.B) {
	h := Hello{Versions: []uint16{0x0304, 0x0303}, ALPN: []string{"h2"}}
	for i := range uint16(16) {
		h.Ciphers = append(h.Ciphers, 0xc000+i)
		h.Extensions = append(h.Extensions, 40-i)
		h.Signatures = append(h.Signatures, 0x0800+i)
	}
	b.ReportAllocs()
	for b.Loop() {
		JA4(h, 't')
	}
}
