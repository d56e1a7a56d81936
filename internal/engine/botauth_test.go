package engine

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"bartizan/internal/policy"
	"bartizan/internal/request"
)

// A bot is verified by a signature over the host that it asks, in time and by a
// key that the operator has; a false one of such a key is an impostor's, and
// anything else says nothing.
func TestBotAuth(t *testing.T) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	o := options(policy.Enforce)
	o.BotKeys = map[string]policy.BotKey{"k1": {Name: "crawler", Key: key.Public().(ed25519.PublicKey)}}
	e := newEngine(t, o)
	sign := func(components, base, id string, created, expires time.Time, tag string) string {
		params := fmt.Sprintf(`(%s);created=%d;expires=%d;keyid="%s";alg="ed25519";tag="%s"`, components, created.Unix(), expires.Unix(), id, tag)
		sig := ed25519.Sign(key, []byte(base+`"@signature-params": `+params))
		return "Signature-Agent: \"https://bot.example\"\r\nSignature-Input: other=(\"@path\"), sig1=" + params + "\r\nSignature: other=:AAAA:, sig1=:" + base64.StdEncoding.EncodeToString(sig) + ":\r\n"
	}
	const both, base = `"@authority" "signature-agent"`, "\"@authority\": api.example.com\n\"signature-agent\": \"https://bot.example\"\n"
	soon := epoch.Add(time.Hour)
	for name, c := range map[string]struct{ head, bot, impostor string }{
		"signed":              {sign(both, base, "k1", epoch, soon, "web-bot-auth"), "crawler", ""},
		"of another host":     {sign(both, "\"@authority\": other.example\n\"signature-agent\": \"https://bot.example\"\n", "k1", epoch, soon, "web-bot-auth"), "", "crawler"},
		"of an unknown key":   {sign(both, base, "k2", epoch, soon, "web-bot-auth"), "", ""},
		"over":                {sign(both, base, "k1", epoch.Add(-2*time.Hour), epoch.Add(-time.Hour), "web-bot-auth"), "", ""},
		"of the future":       {sign(both, base, "k1", epoch.Add(time.Hour), epoch.Add(2*time.Hour), "web-bot-auth"), "", ""},
		"good for too long":   {sign(both, base, "k1", epoch, epoch.Add(48*time.Hour), "web-bot-auth"), "", ""},
		"for another use":     {sign(both, base, "k1", epoch, soon, "something-else"), "", ""},
		"not bound to a host": {sign(`"signature-agent"`, "\"signature-agent\": \"https://bot.example\"\n", "k1", epoch, soon, "web-bot-auth"), "", ""},
		"garbage":             {"Signature-Input: sig1=(\"@authority\";tag=\"web-bot-auth\"\r\nSignature: sig1=:x:\r\n", "", ""},
		"none":                {"", "", ""},
	} {
		r := new(request.Request)
		receive(r, "203.0.113.9", "GET", "/items", c.head)
		e.Begin(epoch, r)
		if r.Network.Bot != c.bot || r.Network.Impostor != c.impostor {
			t.Errorf("%s: got bot %q, impostor %q; want %q, %q", name, r.Network.Bot, r.Network.Impostor, c.bot, c.impostor)
		}
	}
}

func FuzzBotAuth(f *testing.F) {
	f.Add(`sig1=("@authority" "x");created=1;expires=2;keyid="k";tag="web-bot-auth"`, "sig1=:AAAA:")
	f.Fuzz(func(t *testing.T, input, signature string) {
		r := new(request.Request)
		r.Head = request.Head{Method: "GET", Target: "/", Host: "h", Fields: []request.Field{{Name: "Signature-Input", Value: input}, {Name: "Signature", Value: signature}}}
		r.Parse()
		if b, ok := r.BotAuth(); ok && (b.KeyID == "" || len(b.Signature) == 0) {
			t.Errorf("got %+v of %q", b, input)
		}
	})
}
