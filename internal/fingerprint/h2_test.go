package fingerprint

import "testing"

func TestAkamai(t *testing.T) {
	// Strings as captured from the named clients, and the opening behind each.
	for _, tc := range []struct {
		client string
		in     Opening
		want   string
	}{
		{"Chromium 156", Opening{[]Setting{{1, 65536}, {2, 0}, {4, 6291456}, {6, 262144}}, 15663105, nil, "m,a,s,p"}, "1:65536;2:0;4:6291456;6:262144|15663105|0|m,a,s,p"},
		{"Firefox ESR 153", Opening{[]Setting{{1, 65536}, {2, 0}, {4, 131072}, {5, 16384}}, 12517377, nil, "m,p,a,s"}, "1:65536;2:0;4:131072;5:16384|12517377|0|m,p,a,s"},
		{"curl 7.88", Opening{[]Setting{{3, 100}, {4, 33554432}, {2, 0}}, 33488897, nil, "m,p,s,a"}, "3:100;4:33554432;2:0|33488897|0|m,p,s,a"},
		{"Node http2", Opening{Pseudo: "p,m,a,s"}, "|00|0|p,m,a,s"},
		{"Firefox of 2017, white paper", Opening{[]Setting{{1, 65536}, {4, 131072}, {5, 16384}}, 12517377,
			[]Priority{{3, false, 0, 201}, {5, false, 0, 101}, {7, false, 0, 1}, {9, false, 7, 1}, {11, false, 3, 1}, {13, false, 0, 241}}, "m,p,a,s"},
			"1:65536;4:131072;5:16384|12517377|3:0:0:201,5:0:0:101,7:0:0:1,9:0:7:1,11:0:3:1,13:0:0:241|m,p,a,s"},
		{"exclusive", Opening{nil, 1, []Priority{{1, true, 4294967295 >> 1, 256}}, ""}, "|1|1:1:2147483647:256|"},
	} {
		if got := tc.in.Akamai(); got != tc.want {
			t.Errorf("%s: got %q; want %q", tc.client, got, tc.want)
		}
	}
}
