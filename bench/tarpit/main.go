// Command tarpit is what the tarpit is measured with: attackers that are held, and
// visitors whose answers are timed meanwhile.
//
//	tarpit hold [-tls] ADDRESS CONNECTIONS   until standard input ends
//	tarpit visit ADDRESS PER-SECOND SECONDS  prints p50 and p99 in ms, and failures
package main

import (
	"bufio"
	"crypto/tls"
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
	"time"
)

func main() {
	args := os.Args[1:]
	secure := len(args) > 1 && args[1] == "-tls"
	if secure {
		args = slices.Delete(args, 1, 2)
	}
	switch {
	case len(args) == 3 && args[0] == "hold":
		hold(args[1], number(args[2]), secure)
	case len(args) == 4 && args[0] == "visit":
		visit(args[1], number(args[2]), number(args[3]))
	default:
		log.Fatal("usage: tarpit hold [-tls] ADDRESS CONNECTIONS | tarpit visit ADDRESS PER-SECOND SECONDS")
	}
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		log.Fatal(err)
	}
	return n
}

// perSource is how many connections come from one address: the gateway takes 1,000.
const perSource = 750

// exploit brings its client to the tarpit stage of the run's configuration.
const exploit = `{"user":"x' UNION SELECT password FROM users WHERE '1'='1' -- "}`

// from dials from a loopback address of its own.
func from(source int, address string, secure bool) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 16, byte(source>>8), byte(source))}, Timeout: 10 * time.Second}
	if secure {
		return tls.DialWithDialer(&d, "tcp", address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	}
	return d.Dial("tcp", address)
}

// hold opens so many connections that the gateway will hold, and keeps them.
func hold(address string, connections int, secure bool) {
	var all []net.Conn
	for i := range connections {
		source := i / perSource
		if i%perSource == 0 {
			fall(source, address, secure)
		}
		c, err := from(source, address, secure)
		if err != nil {
			log.Fatalf("connection %d: %v", i, err)
		}
		fmt.Fprintf(c, "GET /api/products/%d HTTP/1.1\r\nHost: a\r\nUser-Agent: attacker/1.0\r\n\r\n", i)
		all = append(all, c)
	}
	fmt.Println("open", len(all))
	io.Copy(io.Discard, os.Stdin)
}

// fall sends one exploit, which is refused.
func fall(source int, address string, secure bool) {
	c, err := from(source, address, secure)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST /api/login HTTP/1.1\r\nHost: a\r\nUser-Agent: attacker/1.0\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(exploit), exploit)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || res.StatusCode != http.StatusForbidden {
		log.Fatalf("the exploit was not refused: %v, %v", res, err)
	}
}

// visit asks at a steady pace, whether or not answers come, and times them from
// when they were due.
func visit(address string, perSecond, seconds int) {
	var clients []*http.Client // twenty people
	for i := range 20 {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(10+i))}}
		clients = append(clients, &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DialContext: d.DialContext}, Timeout: 10 * time.Second})
	}
	var mu sync.Mutex
	var took []time.Duration
	failed := 0
	var wg sync.WaitGroup
	start := time.Now()
	for i := range perSecond * seconds {
		due := start.Add(time.Duration(i) * time.Second / time.Duration(perSecond))
		time.Sleep(time.Until(due))
		wg.Go(func() {
			ok := get(clients[i%len(clients)], "http://"+address+"/api/products/"+strconv.Itoa(1+rand.IntN(1000)))
			mu.Lock()
			defer mu.Unlock()
			took = append(took, time.Since(due))
			if !ok {
				failed++
			}
		})
	}
	wg.Wait()
	slices.Sort(took)
	at := func(p float64) float64 { return float64(took[int(p*float64(len(took)-1))]) / float64(time.Millisecond) }
	fmt.Printf("%.2f %.2f %d\n", at(0.5), at(0.99), failed)
}

func get(client *http.Client, url string) bool {
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		log.Fatal(err)
	}
	r.Header.Set("User-Agent", "shop-app/3.2 (android 16)")
	r.Header.Set("Accept", "application/json")
	res, err := client.Do(r)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return err == nil && res.StatusCode == http.StatusOK && strings.Contains(string(b), "lamp")
}
