// Package demo is a small shop API to protect, and people and programs to play
// against it: good visitors and several attackers, each from loopback addresses
// of its own. It is for showing and for tests; nothing of it runs in production.
package demo

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// Shop is the sample API. It is safe for concurrent use and keeps a bounded
// amount of everything.
type Shop struct {
	mu       sync.Mutex
	sessions map[string]string // token to user
	orders   map[int]order
	reviews  []review
	next     int
}

type order struct {
	ID      int    `json:"id"`
	User    string `json:"user"`
	Product int    `json:"product"`
	Paid    bool   `json:"paid"`
}

type review struct {
	Product int    `json:"product"`
	Text    string `json:"text"`
}

type product struct {
	ID    int    `json:"id"`
	Name  string `json:"name"`
	Price int    `json:"price"` // cents
}

const (
	maxSessions = 10_000
	maxOrders   = 10_000
	maxReviews  = 1_000
	products    = 200
	maxBody     = 64 << 10
)

// NewShop returns an empty shop with 200 products. Every user "name" has the
// password "name-secret".
func NewShop() *Shop { return &Shop{sessions: map[string]string{}, orders: map[int]order{}} }

// Handler returns the API.
func (s *Shop) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, map[string]string{"shop": "bartizan demo"})
	})
	mux.HandleFunc("POST /api/login", s.login)
	mux.HandleFunc("GET /api/products", s.list)
	mux.HandleFunc("GET /api/products/{id}", s.show)
	mux.HandleFunc("GET /api/search", s.search)
	mux.HandleFunc("POST /api/cart", s.signedIn(s.cart))
	mux.HandleFunc("POST /api/orders", s.signedIn(s.order))
	mux.HandleFunc("GET /api/orders/{id}", s.signedIn(s.showOrder))
	mux.HandleFunc("POST /api/checkout", s.signedIn(s.checkout))
	mux.HandleFunc("GET /api/reviews", s.listReviews)
	mux.HandleFunc("POST /api/reviews", s.signedIn(s.review))
	return mux
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone: nobody to tell
}

func refuse(w http.ResponseWriter, status int, why string) {
	reply(w, status, map[string]string{"error": why})
}

func read(w http.ResponseWriter, r *http.Request, v any) bool {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(v); err != nil {
		refuse(w, 400, "want a JSON body")
		return false
	}
	return true
}

func (s *Shop) login(w http.ResponseWriter, r *http.Request) {
	var in struct{ User, Password string }
	if !read(w, r, &in) {
		return
	}
	if in.User == "" || in.Password != in.User+"-secret" {
		refuse(w, 401, "wrong user or password")
		return
	}
	token := rand.Text()
	s.mu.Lock()
	if len(s.sessions) >= maxSessions {
		clear(s.sessions)
	}
	s.sessions[token] = in.User
	s.mu.Unlock()
	reply(w, 200, map[string]string{"token": token})
}

// signedIn lets only known tokens through and hands the user on.
func (s *Shop) signedIn(next func(http.ResponseWriter, *http.Request, string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		s.mu.Lock()
		user := s.sessions[token]
		s.mu.Unlock()
		if user == "" {
			refuse(w, 401, "sign in first")
			return
		}
		next(w, r, user)
	}
}

func productOf(id int) product {
	names := [...]string{"lamp", "chair", "table", "shelf", "rug", "vase", "clock", "mirror"}
	return product{id, fmt.Sprintf("%s no. %d", names[id%len(names)], id), 990 + id*37}
}

func (s *Shop) list(w http.ResponseWriter, r *http.Request) {
	page, _ := strconv.Atoi(r.URL.Query().Get("page")) // anything else is the first page
	var out []product
	for id := max(page, 0)*20 + 1; id <= products && len(out) < 20; id++ {
		out = append(out, productOf(id))
	}
	reply(w, 200, out)
}

func (s *Shop) show(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil || id < 1 || id > products {
		refuse(w, 404, "no such product")
		return
	}
	reply(w, 200, productOf(id))
}

func (s *Shop) search(w http.ResponseWriter, r *http.Request) {
	var out []product
	for id := 1; id <= products && len(out) < 20; id++ {
		if p := productOf(id); strings.Contains(p.Name, r.URL.Query().Get("q")) {
			out = append(out, p)
		}
	}
	reply(w, 200, out)
}

func (s *Shop) cart(w http.ResponseWriter, r *http.Request, _ string) {
	var in struct{ Product, Quantity int }
	if read(w, r, &in) {
		reply(w, 201, in)
	}
}

func (s *Shop) order(w http.ResponseWriter, r *http.Request, user string) {
	var in struct{ Product int }
	if !read(w, r, &in) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.orders) >= maxOrders {
		clear(s.orders)
	}
	s.next++
	o := order{ID: s.next, User: user, Product: in.Product}
	s.orders[o.ID] = o
	reply(w, 201, o)
}

func (s *Shop) showOrder(w http.ResponseWriter, r *http.Request, user string) {
	id, _ := strconv.Atoi(r.PathValue("id")) // anything else is no order
	s.mu.Lock()
	o, ok := s.orders[id]
	s.mu.Unlock()
	if !ok || o.User != user {
		refuse(w, 404, "no such order")
		return
	}
	reply(w, 200, o)
}

func (s *Shop) checkout(w http.ResponseWriter, r *http.Request, user string) {
	var in struct{ Order int }
	if !read(w, r, &in) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.orders[in.Order]
	if !ok || o.User != user {
		refuse(w, 404, "no such order")
		return
	}
	o.Paid = true
	s.orders[o.ID] = o
	reply(w, 200, o)
}

func (s *Shop) listReviews(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	reply(w, 200, s.reviews)
}

func (s *Shop) review(w http.ResponseWriter, r *http.Request, _ string) {
	var in review
	if !read(w, r, &in) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.reviews) >= maxReviews {
		s.reviews = s.reviews[:0]
	}
	s.reviews = append(s.reviews, in)
	reply(w, 201, in)
}
