package sink

import (
	"strings"
	"time"

	"bartizan/internal/engine"
	"bartizan/internal/request"
)

// Access is one access line.
type Access struct {
	Time     time.Time `json:"time"`
	ID       string    `json:"reference"`
	Client   string    `json:"client"`
	Country  string    `json:"country,omitempty"`
	ASN      uint32    `json:"asn,omitempty"`
	Bot      string    `json:"bot,omitempty"` // that the client has been verified to be
	Site     string    `json:"site,omitempty"`
	Method   string    `json:"method"`
	Host     string    `json:"host,omitempty"`
	Path     string    `json:"path"`
	Proto    string    `json:"proto"`
	JA4      string    `json:"ja4,omitempty"`
	Software string    `json:"software"`
	Status   int       `json:"status"`
	GRPC     int       `json:"grpc_status,omitempty"` // of a gRPC answer, if it is not OK
	Received int64     `json:"received"`              // body bytes
	Sent     int64     `json:"sent"`                  // body bytes
	Duration float64   `json:"duration_ms"`
	Action   string    `json:"action"`
	Would    string    `json:"would"`
	Stage    string    `json:"stage"`
	Risk     float64   `json:"risk"`
	Pass     string    `json:"pass,omitempty"`
	Aborted  bool      `json:"aborted,omitempty"`
	// NotValidated says why not all of the request was compared with the API's document.
	NotValidated string `json:"not_validated,omitempty"`
}

// AccessOf renders one exchange. It copies what it keeps.
func AccessOf(r *request.Request, v engine.Verdict, o request.Outcome) Access {
	text := func(s string) string { return strings.Clone(request.Excerpt(s, 256)) }
	return Access{
		Time: r.Time.UTC(), ID: r.ID, Client: r.Client.Addr.String(), Country: strings.Clone(r.Network.Country), ASN: r.Network.ASN,
		Bot: r.Network.Bot, Site: r.Site, Method: text(r.Head.Method), Host: text(r.Head.Host), Path: text(r.Path),
		Proto: text(r.Head.Proto), JA4: r.Conn.TLS.JA4, Software: r.Software.Claimed.String(), Status: o.Status, GRPC: o.GRPC, Received: o.RequestSize, Sent: o.ResponseSize,
		Duration: float64(o.Duration.Microseconds()) / 1000, Action: v.Action.String(), Would: v.Would.String(), Stage: r.Standing.Stage.String(),
		Risk: float64(int(r.Standing.Risk*10)) / 10, Pass: r.Pass.String(), Aborted: o.Aborted, NotValidated: r.Unvalidated,
	}
}
