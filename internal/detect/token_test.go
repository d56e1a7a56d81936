package detect_test

import (
	"encoding/base64"
	"testing"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

func token(header, claims string) string {
	e := base64.RawURLEncoding
	return e.EncodeToString([]byte(header)) + "." + e.EncodeToString([]byte(claims)) + ".c2lnbmF0dXJl"
}

func TestTokens(t *testing.T) {
	d := newDetector(t)
	tests := []struct {
		header, claims string
		kind           signal.Kind
		found          bool
		band           signal.Band
	}{
		{`{"alg":"HS256","typ":"JWT"}`, `{"sub":"ann"}`, signal.JWTAbuse, false, 0},
		{`{"alg":"none"}`, `{"sub":"ann"}`, signal.JWTAbuse, true, signal.Certain},
		{`{"alg":"nOnE","typ":"JWT"}`, `{}`, signal.JWTAbuse, true, signal.Certain},
		{`{"alg":"HS256","kid":"../../dev/null"}`, `{}`, signal.JWTAbuse, true, signal.Certain},
		{`{"alg":"HS256","kid":"x' UNION SELECT 'k"}`, `{}`, signal.JWTAbuse, true, signal.Certain},
		{`{"alg":"RS256","jku":"https://e.example/jwks"}`, `{}`, signal.JWTAbuse, true, signal.Likely},
		{`{"alg":"RS256","kid":"2024-01"}`, `{"sub":"ann"}`, signal.JWTAbuse, false, 0},
		{`{"alg":"HS256"}`, `{"sub":"1' or '1'='1"}`, signal.SQLInjection, true, signal.Certain},
	}
	for _, tt := range tests {
		r := head(d, "/", request.Field{Name: "Authorization", Value: "Bearer " + token(tt.header, tt.claims)})
		band, found := bandOf(r.Signals, tt.kind)
		if found != tt.found || found && band != tt.band {
			t.Errorf("%s %s: %v is %v (found %v); want %v (%v)", tt.header, tt.claims, tt.kind, band, found, tt.band, tt.found)
		}
		for _, s := range r.Signals {
			if s.Note != "~" {
				t.Errorf("%s: note %q shows a secret", tt.header, s.Note)
			}
		}
	}
}

func TestNestedDocument(t *testing.T) {
	if got, found := best(t, request.InForm, "payload", `{"filter":{"name":"x' or 'a'='a"}}`, signal.SQLInjection); !found || got != signal.Certain {
		t.Errorf("SQL in a document in a field: got %v (found %v); want certain", got, found)
	}
}

func TestGraphQLLiteral(t *testing.T) {
	if got, found := best(t, request.InJSON, "query", `query { user(name: "x' or 'a'='a", id: 5) { id } }`, signal.SQLInjection); !found || got != signal.Certain {
		t.Errorf("SQL in a literal of GraphQL: got %v (found %v); want certain", got, found)
	}
	if got, found := best(t, request.InJSON, "query", `query { user(name: "O'Hara", id: 5) { id name } }`, signal.SQLInjection); found && got > signal.Hint {
		t.Errorf("an honest query: got %v; want at most a hint", got)
	}
}
