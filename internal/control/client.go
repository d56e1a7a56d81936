package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"bartizan/internal/apimap"
	"bartizan/internal/engine"
	"bartizan/internal/forecast"
)

// Client asks a running gateway over its socket.
type Client struct{ http http.Client }

// Dial returns a client for the socket at path. It does not connect yet.
func Dial(path string) *Client {
	return &Client{http.Client{
		Timeout: 10 * time.Second,
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			c, err := d.DialContext(ctx, "unix", path)
			if err != nil {
				return nil, fmt.Errorf("reaching the gateway at %s: %w (is it running, with this --data?)", path, err)
			}
			return c, nil
		}},
	}}
}

// Explain asks why a request was judged as it was.
func (c *Client) Explain(id string) (x engine.Explanation, err error) {
	return x, c.call(http.MethodGet, "/explain/"+url.PathEscape(id), &x)
}

// Address asks for all records of an address.
func (c *Client) Address(a string) (records []engine.Record, err error) {
	return records, c.call(http.MethodGet, "/address/"+url.PathEscape(a), &records)
}

// Attackers asks for the riskiest records.
func (c *Client) Attackers() (records []engine.Record, err error) {
	return records, c.call(http.MethodGet, "/attackers", &records)
}

// Evidence asks what evidence is worth at this site.
func (c *Client) Evidence() (x engine.Evidence, err error) {
	return x, c.call(http.MethodGet, "/evidence", &x)
}

// Endpoints asks for what has been learned of the APIs.
func (c *Client) Endpoints() (endpoints []apimap.Endpoint, err error) {
	return endpoints, c.call(http.MethodGet, "/endpoints", &endpoints)
}

// Documents asks for the files of the sites' own OpenAPI documents, by first host.
func (c *Client) Documents() (files map[string]string, err error) {
	return files, c.call(http.MethodGet, "/documents", &files)
}

// Departures asks what the learned model as the law would have refused.
func (c *Client) Departures() (all []apimap.Departure, err error) {
	return all, c.call(http.MethodGet, "/departures", &all)
}

// Forecast asks what enforcing would have refused.
func (c *Client) Forecast() (r forecast.Report, err error) {
	return r, c.call(http.MethodGet, "/forecast", &r)
}

// ResetForecast has these counts begin anew.
func (c *Client) ResetForecast() error {
	return c.call(http.MethodPost, "/forecast/reset", new(struct{}))
}

// Unblock clears an address or a named attacker.
func (c *Client) Unblock(who string) (u Unblocked, err error) {
	return u, c.call(http.MethodPost, "/unblock/"+url.PathEscape(who), &u)
}

// Approve makes what was learned of a site the law.
func (c *Client) Approve(site string) (a Approved, err error) {
	return a, c.call(http.MethodPost, "/approve?site="+url.QueryEscape(site), &a)
}

// PassAll lets everything pass for d.
func (c *Client) PassAll(d time.Duration) (p Passing, err error) {
	return p, c.call(http.MethodPost, "/pass-all?for="+d.String(), &p)
}

// Selftest asks for what a self test needs.
func (c *Client) Selftest() (s Selftest, err error) {
	return s, c.call(http.MethodPost, "/selftest", &s)
}

func (c *Client) call(method, path string, into any) error {
	req, err := http.NewRequest(method, "http://bartizan"+path, nil)
	if err != nil {
		return fmt.Errorf("asking the gateway: %w", err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			return u.Err
		}
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		var f failure
		if err := json.NewDecoder(resp.Body).Decode(&f); err != nil || f.Error == "" {
			return fmt.Errorf("asking the gateway: %s", resp.Status)
		}
		return errors.New(f.Error)
	}
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		return fmt.Errorf("reading the gateway's answer: %w", err)
	}
	return nil
}
