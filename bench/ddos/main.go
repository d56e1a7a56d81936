// Command ddos is what floods and the tarpit are measured with: an upstream that can do
// so much at once, a flood from thousands of addresses, attackers that are held, and
// visitors who want something meanwhile.
//
//	ddos upstream ADDRESS WORKERS MILLISECONDS    /api/search takes so long, all else a tenth;
//	                                              drops what nobody waits for
//	ddos stubborn …                               the same, and works on for callers that have left
//	ddos flood ADDRESS SOURCES PER-SECOND SECONDS [PATIENCE]
//	                                              prints answers by status; a caller leaves after
//	                                              so many seconds, 5
//	ddos varied …                                 the same, each address asks for something else first
//	ddos visit ADDRESS VISITORS SECONDS FIRST     prints share of successes, p50 and p99 in ms;
//	                                              who is told to wait does, and asks once more
//	ddos hold [-tls] ADDRESS CONNECTIONS          until standard input ends
//	ddos pace ADDRESS PER-SECOND SECONDS          prints p50 and p99 in ms, and failures
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	a := os.Args[1:]
	switch {
	case len(a) == 4 && (a[0] == "upstream" || a[0] == "stubborn"):
		upstream(a[1], number(a[2]), time.Duration(number(a[3]))*time.Millisecond, a[0] == "stubborn")
	case (len(a) == 5 || len(a) == 6) && (a[0] == "flood" || a[0] == "varied"):
		patience := patient
		if len(a) == 6 {
			patience = time.Duration(number(a[5])) * time.Second
		}
		flood(a[1], number(a[2]), number(a[3]), number(a[4]), a[0] == "varied", patience)
	case len(a) == 5 && a[0] == "visit":
		visit(a[1], number(a[2]), number(a[3]), number(a[4]))
	case len(a) == 3 && a[0] == "hold":
		hold(a[1], number(a[2]), false)
	case len(a) == 4 && a[0] == "hold" && a[1] == "-tls":
		hold(a[2], number(a[3]), true)
	case len(a) == 4 && a[0] == "pace":
		pace(a[1], number(a[2]), number(a[3]))
	default:
		log.Fatal("usage: ddos upstream | flood | visit | hold | pace: see the source")
	}
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		log.Fatal(err)
	}
	return n
}

// upstream works on so many requests at once and lets the rest wait, as a pool of
// workers before a database does. A stubborn one works on for callers that have left, as most do.
func upstream(address string, workers int, search time.Duration, stubborn bool) {
	room := make(chan struct{}, workers)
	log.Fatal(http.ListenAndServe(address, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		room <- struct{}{}
		defer func() { <-room }()
		if !stubborn && r.Context().Err() != nil {
			return // as good servers do: nobody waits for it any more
		}
		if r.URL.Path == "/api/search" {
			time.Sleep(search)
		} else {
			time.Sleep(search / 10)
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"found":1}`)
	})))
}

// source is the n-th loopback address of a range; the port is the kernel's choice
// at connect, so that one address can have all of them.
func source(first, n int) *net.Dialer {
	return &net.Dialer{
		LocalAddr: &net.TCPAddr{IP: net.IPv4(127, byte(first), byte(n>>8), byte(n))}, Timeout: 5 * time.Second,
		Control: func(_, _ string, c syscall.RawConn) error {
			const bindNoPort = 24 // IP_BIND_ADDRESS_NO_PORT
			return c.Control(func(fd uintptr) { syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, bindNoPort, 1) })
		},
	}
}

// patient is how long visitors wait.
const patient = 5 * time.Second

// ask is one request as an app sends it, whose caller leaves after a time; the flood's look
// the same.
func ask(client *http.Client, url string, patience time.Duration) (status int, retry time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		log.Fatal(err)
	}
	r.Header.Set("User-Agent", "shop-app/3.2 (android 16)")
	r.Header.Set("Accept", "application/json")
	res, err := client.Do(r)
	if err != nil {
		return 0, 0
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return 0, 0
	}
	seconds, _ := strconv.Atoi(res.Header.Get("Retry-After")) // 0: not told
	return res.StatusCode, time.Duration(seconds) * time.Second
}

// flood asks the costly endpoint for something new each time, from one address after
// the other, each request on a connection of its own, whether or not answers come. A
// varied one begins with a product from each address.
func flood(address string, sources, perSecond, seconds int, varied bool, patience time.Duration) {
	var mu sync.Mutex
	by := map[int]int{}
	var wg sync.WaitGroup
	room := make(chan struct{}, 8000) // open files
	start := time.Now()
	for i := range perSecond * seconds {
		time.Sleep(time.Until(start.Add(time.Duration(i) * time.Second / time.Duration(perSecond))))
		room <- struct{}{}
		wg.Go(func() {
			defer func() { <-room }()
			tr := &http.Transport{DialContext: source(32, i%sources).DialContext, DisableKeepAlives: true}
			url := fmt.Sprintf("http://%s/api/search?q=%x", address, rand.Uint64())
			if varied && i < sources {
				url = fmt.Sprintf("http://%s/api/products/%d", address, rand.IntN(1000))
			}
			status, _ := ask(&http.Client{Transport: tr}, url, patience)
			mu.Lock()
			defer mu.Unlock()
			by[status]++
		})
	}
	wg.Wait()
	var out []string
	for status, n := range by {
		out = append(out, fmt.Sprintf("%d: %d", status, n))
	}
	slices.Sort(out)
	fmt.Printf("%d a second from %d addresses (status: answers; 0: none within %v)  %s\n", perSecond, sources, patience, strings.Join(out, ", "))
}

// visit has visitors, each with an address and a connection of its own, ask twice a
// second on average.
func visit(address string, visitors, seconds, first int) {
	var mu sync.Mutex
	var took []time.Duration
	ok, busy, later := 0, 0, 0
	var wg sync.WaitGroup
	end := time.Now().Add(time.Duration(seconds) * time.Second)
	for v := range visitors {
		wg.Go(func() {
			client := &http.Client{Transport: &http.Transport{DialContext: source(first, v+1).DialContext}}
			for time.Now().Before(end) {
				time.Sleep(time.Duration(rand.ExpFloat64() * 0.5 * float64(time.Second)))
				url := fmt.Sprintf("http://%s/api/products/%d", address, rand.IntN(1000))
				if rand.IntN(4) == 0 {
					url = fmt.Sprintf("http://%s/api/search?q=lamp%d", address, rand.IntN(50))
				}
				start := time.Now()
				status, retry := ask(client, url, patient)
				spent := time.Since(start)
				again := 0
				if status == http.StatusServiceUnavailable && retry > 0 {
					time.Sleep(retry)
					again, _ = ask(client, url, patient)
				}
				mu.Lock()
				took = append(took, spent)
				if status == http.StatusOK {
					ok++
				} else if status == http.StatusServiceUnavailable {
					busy++
				}
				if status == http.StatusOK || again == http.StatusOK {
					later++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	share := func(n int) float64 { return 100 * float64(n) / float64(len(took)) }
	fmt.Printf("%6.2f %% of %d succeeded (503: %d), %.2f %% with one retry where told; p50 %.0f ms, p99 %.0f ms\n", share(ok), len(took), busy, share(later), percentile(took, 0.5), percentile(took, 0.99))
}

// percentile returns a percentile of times, in ms; it sorts them.
func percentile(took []time.Duration, p float64) float64 {
	slices.Sort(took)
	return float64(took[int(p*float64(len(took)-1))]) / float64(time.Millisecond)
}
