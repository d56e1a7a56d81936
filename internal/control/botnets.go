package control

import (
	"net/http"
	"net/netip"
	"time"

	"bartizan/internal/swarm"
)

// SignatureAct is what an operator did to a signature.
type SignatureAct struct {
	Name string    `json:"name"`
	Act  swarm.Act `json:"act"`
	At   time.Time `json:"at"`
}

// Botnets is what is known of botnets.
type Botnets struct {
	Campaigns []swarm.Campaign `json:"campaigns"`
	Certainty swarm.Certainty  `json:"certainty"`
}

const campaignsShown = 100

func (s *Server) campaigns(w http.ResponseWriter, _ *http.Request) {
	e := s.options.Engine
	reply(w, Botnets{e.Campaigns(campaignsShown), e.Certainty()})
}

func (s *Server) members(w http.ResponseWriter, r *http.Request) {
	reply(w, s.options.Engine.Members(r.PathValue("name")))
}

func (s *Server) signatures(w http.ResponseWriter, _ *http.Request) {
	reply(w, s.options.Engine.Signatures())
}

func (s *Server) signature(w http.ResponseWriter, r *http.Request) {
	a := SignatureAct{r.PathValue("name"), swarm.Act(r.PathValue("act")), s.options.Now().UTC()}
	if err := s.options.Engine.Do(a.At, a.Name, a.Act); err != nil {
		fail(w, http.StatusNotFound, err)
		return
	}
	s.done(w, Act{Signature: &a}, a)
}

// Campaigns asks for the botnets found.
func (c *Client) Campaigns() (out Botnets, err error) {
	err = c.call("GET", "/campaigns", &out)
	return out, err
}

// Members asks for the addresses of a campaign.
func (c *Client) Members(name string) (out []netip.Addr, err error) {
	err = c.call("GET", "/campaigns/"+name+"/members", &out)
	return out, err
}

// Signatures asks for all botnet signatures.
func (c *Client) Signatures() (out []swarm.Signature, err error) {
	err = c.call("GET", "/signatures", &out)
	return out, err
}

// Signature acts on one.
func (c *Client) Signature(name string, act swarm.Act) (out SignatureAct, err error) {
	err = c.call("POST", "/signatures/"+name+"/"+string(act), &out)
	return out, err
}
