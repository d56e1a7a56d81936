package request

import "testing"

func TestMeant(t *testing.T) {
	for _, c := range []struct {
		status int
		code   string
		want   int
	}{
		{200, "0", 200}, {200, "5", 404}, {200, "12", 404}, {200, "16", 401}, {200, "7", 403}, {200, "1", 504}, {200, "14", 503},
		{200, "17", 500}, {200, "-1", 500}, {200, "", 500}, {200, "99999999999999999999", 500}, {503, "5", 503},
	} {
		if o := (Outcome{Status: c.status, GRPC: GRPCCode(c.code)}); o.Meant() != c.want {
			t.Errorf("%d with grpc-status %q: got %d; want %d", c.status, c.code, o.Meant(), c.want)
		}
	}
}
