package listen

import (
	"crypto/tls"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

func TestCertificateReload(t *testing.T) {
	dir := t.TempDir()
	files := TLS{CertFile: filepath.Join(dir, "c.pem"), KeyFile: filepath.Join(dir, "k.pem")}
	write := func(name string) {
		t.Helper()
		cert, key, err := SelfSigned([]string{name}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.WriteFile(files.CertFile, cert, 0o600), os.WriteFile(files.KeyFile, key, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	write("one.example")
	var mu sync.Mutex
	var reported []error
	s := start(t, Options{Handler: &recorder{}, TLS: &files, OnError: func(err error) {
		mu.Lock()
		defer mu.Unlock()
		reported = append(reported, err)
	}})
	served := func() string {
		c, err := tls.Dial("tcp", s.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].DNSNames[0]
	}
	if got := served(); got != "one.example" {
		t.Fatalf("got %s; want one.example", got)
	}
	if err := os.WriteFile(files.KeyFile, []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the bad key to be reported", func() bool {
		if got := served(); got != "one.example" {
			t.Fatalf("with a bad key got %s; want the old certificate", got)
		}
		mu.Lock()
		defer mu.Unlock()
		return len(reported) > 0
	})
	write("two.example")
	waitFor(t, "the new certificate", func() bool { return served() == "two.example" })
	mu.Lock()
	defer mu.Unlock()
	if len(reported) > 2 { // the files are written one after the other
		t.Errorf("%d errors reported; want one for each change: %v", len(reported), reported)
	}
}
