package simulate

import (
	"math/rand/v2"
	"strconv"
)

// The shop's endpoints.
const (
	home = iota
	loginPage
	login
	search
	product
	viewCart
	addCart
	checkout
	orders
	order
	profile
	refresh
	reset
	register
	missing
	others    // the first of the other resources
	endpoints = others + 20
)

// call makes a request to an endpoint.
func call(r *rand.Rand, e int) (q request) {
	q.method = "GET"
	number := func(n int) string { return strconv.Itoa(1 + r.IntN(n)) }
	post := func(target, body string) {
		q.method, q.target, q.body, q.media = "POST", target, body, "application/json"
	}
	switch e {
	case home:
		q.target, q.navigate = "/", true
	case loginPage:
		q.target, q.navigate = "/login", true
	case login:
		post("/api/login", `{"user":"`+word(r)+number(999)+`@example.org","password":"`+word(r)+word(r)+`"}`)
	case search:
		q.target = "/api/search?q=" + word(r)
		if r.IntN(3) == 0 {
			q.target += "&page=" + number(9)
		}
		if r.IntN(12) == 0 {
			q.target += "&sort=price"
		}
	case product:
		q.target = "/api/products/" + number(20000)
	case viewCart:
		q.target = "/api/cart"
	case addCart:
		post("/api/cart", `{"product":`+number(20000)+`,"quantity":`+number(3)+`}`)
	case checkout:
		post("/api/checkout", `{"cart":`+number(1e6)+`,"address":"`+word(r)+` `+number(99)+`","note":"`+word(r)+`"}`)
	case orders:
		q.target = "/api/orders"
	case order:
		q.target = "/api/orders/" + number(1e6)
	case profile:
		q.target = "/api/profile"
	case refresh:
		post("/api/token/refresh", `{"refresh":"`+hex(r, 32)+`"}`)
	case reset:
		post("/api/password/reset", `{"email":"`+word(r)+number(999)+`@example.org"}`)
	case register:
		post("/api/register", `{"email":"`+word(r)+number(999)+`@example.org","name":"`+word(r)+`","password":"`+word(r)+word(r)+`"}`)
	case missing:
		q.target = "/api/" + word(r) + "/" + word(r)
	default:
		q.target = "/api/r" + strconv.Itoa(e) + "/" + number(5000)
		if e%5 == 0 {
			post(q.target, `{"value":`+number(100)+`}`)
		}
	}
	if r.IntN(170) == 0 && q.method == "GET" && e != search {
		q.target += "?utm_source=" + word(r)
	}
	return q
}

// answer is what the shop says.
func answer(r *rand.Rand, e int, loggedIn bool) int {
	x := r.Float64()
	switch {
	case e == missing:
		return 404
	case e == login && x < 0.09:
		return 401
	case (e == orders || e == order || e == profile || e == checkout) && !loggedIn:
		return 401
	case x < 0.01:
		return 404
	case x < 0.013:
		return 401
	case x < 0.015:
		return 500
	}
	return 200
}

func word(r *rand.Rand) string {
	b := make([]byte, 4+r.IntN(6))
	for i := range b {
		b[i] = byte('a' + r.IntN(26))
	}
	return string(b)
}

func hex(r *rand.Rand, n int) string {
	const digits = "0123456789abcdef"
	b := make([]byte, n)
	for i := range b {
		b[i] = digits[r.IntN(16)]
	}
	return string(b)
}
