package listen

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// certificate holds the pair that a listener serves and reads its files again
// when they change. It is safe for concurrent use.
type certificate struct {
	source  TLS
	onError func(error)
	current atomic.Pointer[tls.Certificate]
	looked  atomic.Int64 // when the files were looked at last, Unix nanoseconds

	mu    sync.Mutex // held while looking
	stamp fileStamp  // of the files that were tried last
}

// fileStamp tells whether a pair of files changed.
type fileStamp struct {
	certTime, keyTime time.Time
	certSize, keySize int64
}

// lookEvery is how often handshakes may look at the files.
const lookEvery = time.Second

// newCertificate loads the pair; unlike a later change, a first pair that cannot
// be loaded is an error.
func newCertificate(source TLS, onError func(error)) (*certificate, error) {
	c := &certificate{source: source, onError: onError}
	if source.CertFile == "" && source.KeyFile == "" {
		pair, err := tls.X509KeyPair(source.CertPEM, source.KeyPEM)
		if err != nil {
			return nil, fmt.Errorf("loading certificate: %w", err)
		}
		c.current.Store(&pair)
		return c, nil
	}
	var err error
	if c.stamp, err = source.stampFiles(); err != nil {
		return nil, fmt.Errorf("loading certificate: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(source.CertFile, source.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("loading certificate %q with key %q: %w", source.CertFile, source.KeyFile, err)
	}
	c.current.Store(&pair)
	c.looked.Store(time.Now().UnixNano())
	return c, nil
}

// get is the tls.Config.GetCertificate of the listener.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.look(time.Now())
	return c.current.Load(), nil
}

// look loads the files again if they changed. A handshake that finds another one
// looking goes on with the pair there is.
func (c *certificate) look(now time.Time) {
	if c.source.CertFile == "" || now.UnixNano()-c.looked.Load() < int64(lookEvery) || !c.mu.TryLock() {
		return
	}
	defer c.mu.Unlock()
	c.looked.Store(now.UnixNano())
	stamp, err := c.source.stampFiles()
	if stamp == c.stamp {
		return
	}
	c.stamp = stamp
	if err != nil {
		c.onError(fmt.Errorf("reloading certificate: %w; the old one stays in use", err))
		return
	}
	pair, err := tls.LoadX509KeyPair(c.source.CertFile, c.source.KeyFile)
	if err != nil {
		c.onError(fmt.Errorf("reloading certificate %q: %w; the old one stays in use", c.source.CertFile, err))
		return
	}
	c.current.Store(&pair)
}

// stampFiles looks at both files. The zero stamp stands for files that are not there.
func (t TLS) stampFiles() (fileStamp, error) {
	cert, err := os.Stat(t.CertFile)
	key, err2 := os.Stat(t.KeyFile)
	if err = errors.Join(err, err2); err != nil {
		return fileStamp{}, err
	}
	return fileStamp{cert.ModTime(), key.ModTime(), cert.Size(), key.Size()}, nil
}

// SelfSigned makes a certificate for hosts (names or addresses; this machine's
// loopback if there are none) that is valid
// for a year from now, for trying out and for hops inside; no client trusts it
// unasked. The caller may write the PEM to files and pass those to TLS.
func SelfSigned(hosts []string, now time.Time) (certPEM, keyPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("making certificate: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, nil, fmt.Errorf("making certificate: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "bartizan self-signed"},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.AddDate(1, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	if len(hosts) == 0 {
		hosts = []string{"localhost", "127.0.0.1", "::1"}
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, nil, fmt.Errorf("making certificate: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("making certificate: %w", err)
	}
	return encodePEM("CERTIFICATE", der), encodePEM("PRIVATE KEY", keyDER), nil
}

func encodePEM(kind string, der []byte) []byte {
	var b bytes.Buffer
	_ = pem.Encode(&b, &pem.Block{Type: kind, Bytes: der}) // a bytes.Buffer takes everything
	return b.Bytes()
}
