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
	"strconv"
	"sync"
	"time"
)

// perSource is how many connections come from one address: the gateway takes 1,000.
const perSource = 750

// exploit brings its client to the tarpit stage of the run's configuration.
const exploit = `{"user":"x' UNION SELECT password FROM users WHERE '1'='1' -- "}`

// from dials from the n-th attacker's address.
func from(n int, address string, secure bool) (net.Conn, error) {
	if secure {
		return tls.DialWithDialer(source(16, n), "tcp", address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	}
	return source(16, n).Dial("tcp", address)
}

// hold opens so many connections that the gateway will hold, and keeps them.
func hold(address string, connections int, secure bool) {
	var all []net.Conn
	for i := range connections {
		if i%perSource == 0 {
			fall(i/perSource, address, secure)
		}
		c, err := from(i/perSource, address, secure)
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
func fall(n int, address string, secure bool) {
	c, err := from(n, address, secure)
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

// pace asks at a steady pace, whether or not answers come, and times them from
// when they were due.
func pace(address string, perSecond, seconds int) {
	var clients []*http.Client // twenty people
	for i := range 20 {
		clients = append(clients, &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DialContext: source(0, 10+i).DialContext}})
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
			status, _ := ask(clients[i%len(clients)], "http://"+address+"/api/products/"+strconv.Itoa(1+rand.IntN(1000)), patient)
			mu.Lock()
			defer mu.Unlock()
			took = append(took, time.Since(due))
			if status != http.StatusOK {
				failed++
			}
		})
	}
	wg.Wait()
	fmt.Printf("%.2f %.2f %d\n", percentile(took, 0.5), percentile(took, 0.99), failed)
}
