package request

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSecretNames(t *testing.T) {
	for _, n := range []string{"Authorization", "cookie", "X-API-Key", "X-Foo-Token", "Private-Token", "X-Amz-Signature"} {
		if !SecretHeader(n) {
			t.Errorf("SecretHeader(%q) = false; want true", n)
		}
	}
	for _, n := range []string{"User-Agent", "Accept", "X-Request-Id", "", "Host", "Token"} {
		if SecretHeader(n) {
			t.Errorf("SecretHeader(%q) = true; want false", n)
		}
	}
	for _, n := range []string{"password", "user.new_password", "card[number_cvv].cvv", "accessToken", "api-key", "OTP", "session[pin]", "PHPSESSID"} {
		if !SecretField(n) {
			t.Errorf("SecretField(%q) = false; want true", n)
		}
	}
	for _, n := range []string{"", "id", "q", "user.name", "spinner", "company", "[]", "a.[]"} {
		if SecretField(n) {
			t.Errorf("SecretField(%q) = true; want false", n)
		}
	}
}

func TestExcerpt(t *testing.T) {
	tests := []struct {
		in   string
		max  int
		want string
	}{
		{"' or 1=1--", 96, "' or 1=1--"},
		{"a\r\n\x00b\x1b[31m", 96, `a\r\n\x00b\x1b[31m`},
		{"card 4111 1111 1111 1111 end", 96, "card ~ end"},
		{"card 4111-1111-1111-1112 end", 96, "card 4111-1111-1111-1112 end"},
		{"t=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcDEF123", 96, "t=~"},
		{"Bearer ghp_ilkr7Iyf4FfNtvU7aBHuvOcfwrdzxo9pjtwf", 96, "Bearer ~"},
		{"abcdefghijklmnop", 10, "abcdefg…"},
		{"ééééé", 7, "éé…"},
		{"\xff\u202ea", 96, `\xff\xe2\x80\xaea`},
		{"x", 0, ""},
		{"../../../../etc/passwd", 96, "../../../../etc/passwd"},
	}
	for _, tt := range tests {
		if got := Excerpt(tt.in, tt.max); got != tt.want {
			t.Errorf("Excerpt(%q, %d) = %q; want %q", tt.in, tt.max, got, tt.want)
		}
	}
}

func FuzzExcerpt(f *testing.F) {
	f.Add("4111111111111111", 10)
	f.Add("é\x00", 3)
	f.Fuzz(func(t *testing.T, s string, max int) {
		max %= 4096
		got := Excerpt(s, max)
		if max >= 0 && len(got) > max || !utf8.ValidString(got) || strings.ContainsAny(got, "\r\n\x00\x1b") {
			t.Errorf("Excerpt(%q, %d) = %q", s, max, got)
		}
		SecretField(s)
		SecretHeader(s)
		LoginField(s)
	})
}

func TestTemplate(t *testing.T) {
	tests := []struct{ in, want string }{
		{"/", "/"},
		{"", ""},
		{"/users", "/users"},
		{"/users/17/orders/0b0f7a52-1111-4222-8333-0123456789ab", "/users/{int}/orders/{uuid}"},
		{"/c/507f1f77bcf86cd799439011/", "/c/{hex}/"},
		{"/d/2026-11-24/x", "/d/{date}/x"},
		{"/d/2026-11-24T06:00:00Z", "/d/{date}"},
		{"/m/ann@example.com", "/m/{email}"},
		{"/m/ann%40example.com", "/m/{email}"},
		{"/t/AbC123dEf456GhI789", "/t/{token}"},
		{"/v1/api-docs/swagger.json", "/v1/api-docs/swagger.json"},
		{"/wiki/caf%C3%A9", "/wiki/{text}"},
		{"/x/-5", "/x/{int}"},
		{"/deadbeef", "/deadbeef"},
		{"/content-management-and-delivery", "/content-management-and-delivery"},
		{strings.Repeat("/a", 40), strings.Repeat("/a", 32) + "/{more}"},
	}
	for _, tt := range tests {
		if got := Template(tt.in); got != tt.want {
			t.Errorf("Template(%q) = %q; want %q", tt.in, got, tt.want)
		}
	}
	if n := testing.AllocsPerRun(50, func() { Template("/api/v1/users/search") }); n != 0 {
		t.Errorf("Template allocates %v times for a constant path; want 0", n)
	}
}

func FuzzTemplate(f *testing.F) {
	f.Add("/a/1/%40")
	f.Fuzz(func(t *testing.T, s string) {
		if got := Template(s); len(got) > 33*(maxWord+1)+16 {
			t.Errorf("Template(%q) has %d bytes", s, len(got))
		} else if again := Template(got); strings.Count(got, "{") == 0 && again != got {
			t.Errorf("Template(%q) = %q; again %q", s, got, again)
		}
	})
}
