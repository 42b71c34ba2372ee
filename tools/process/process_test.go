package process_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kithdb/kith/client"
	"github.com/kithdb/kith/server/api"
	"github.com/kithdb/kith/tools/process"
)

// limit is what the issue grants SIGTERM.
const limit = 10 * time.Second

// journal is a log that a test may read while it grows.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

func build(t *testing.T) string {
	t.Helper()
	binary, err := process.Build(t.Context(), "../..", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

func start(t *testing.T, o process.Options) *process.Server {
	t.Helper()
	s, err := process.Start(context.WithoutCancel(t.Context()), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestServe is the whole life of a real server: load, SIGTERM under load with
// connections kept open, restart, kill, restart.
func TestServe(t *testing.T) {
	t.Setenv("KITH_API_KEY", "of another server")
	var log journal
	o := process.Options{Binary: build(t), DataDir: filepath.Join(t.TempDir(), "data"), Log: &log,
		Args: []string{"--disk-reserve-mib", "-1"}}
	s := start(t, o)
	c, err := client.New(s.URL(), client.Options{Retry: client.Retry{Attempts: 1}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.CreateCollection(t.Context(), "life", client.Single(2, api.Euclid)); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Resident(); err != nil || r <= 0 {
		t.Errorf("resident %d, %v", r, err)
	}
	acknowledged := make(chan uint64)
	go func() { acknowledged <- write(t.Context(), c) }()
	time.Sleep(200 * time.Millisecond) // some load; nothing below depends on how much
	if err := s.Stop(limit); err != nil {
		t.Fatal(err)
	}
	n := <-acknowledged
	for _, end := range []func(*process.Server) error{(*process.Server).Kill, func(s *process.Server) error { return s.Stop(limit) }} {
		s = start(t, o)
		if c, err = client.New(s.URL(), client.Options{}); err != nil {
			t.Fatal(err)
		}
		count, err := c.Count(t.Context(), "life", nil)
		if err != nil || uint64(count) < n || uint64(count) > n+1 {
			t.Errorf("%d points, %d were acknowledged; %v", count, n, err)
		}
		if err := end(s); err != nil {
			t.Error(err)
		}
	}
	if !strings.Contains(log.String(), `"msg":"stopping"`) || strings.Contains(log.String(), "ANYONE") {
		t.Errorf("log:\n%s", log.String())
	}
}

// write stores points one by one until the server refuses, and counts them.
func write(ctx context.Context, c *client.Client) uint64 {
	for n := uint64(0); ; n++ {
		p := client.Point{ID: client.Number(n), Vectors: client.Unnamed([]float32{float32(n), 1})}
		if _, err := c.Upsert(ctx, "life", []client.Point{p}, client.Committed); err != nil {
			return n
		}
	}
}

// TestASlowClientDoesNotHoldTheEnd stops a server while a body is half sent.
func TestASlowClientDoesNotHoldTheEnd(t *testing.T) {
	s := start(t, process.Options{Binary: build(t), DataDir: t.TempDir(), Args: []string{"--stop-timeout", "1s"}})
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("PUT /collections/slow HTTP/1.1\r\nHost: kith\r\nContent-Length: 1000\r\n\r\n{\"vec")); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(limit); err != nil {
		t.Error(err)
	}
}

func TestTheSecondProcessIsRefused(t *testing.T) {
	o := process.Options{Binary: build(t), DataDir: t.TempDir()}
	s := start(t, o)
	if other, err := process.Start(t.Context(), o); err == nil {
		t.Error("two servers on one folder", other.Stop(limit))
	} else if !strings.Contains(err.Error(), "in use") {
		t.Errorf("refused without the reason: %v", err)
	}
	if err := s.Stop(limit); err != nil {
		t.Error(err)
	}
}

func TestTLSAndKeys(t *testing.T) {
	dir := t.TempDir()
	pool := certificate(t, dir)
	var log journal
	s := start(t, process.Options{Binary: build(t), DataDir: filepath.Join(dir, "data"), Log: &log,
		Args: []string{"--tls-cert", filepath.Join(dir, "cert.pem"), "--tls-key", filepath.Join(dir, "key.pem")},
		Env:  []string{"KITH_API_KEY=full", "KITH_READ_ONLY_API_KEY=reader"}})
	defer func() {
		if err := s.Stop(limit); err != nil {
			t.Error(err)
		}
	}()
	if !strings.HasPrefix(s.URL(), "https://") {
		t.Fatalf("URL %s", s.URL())
	}
	web := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	as := func(key string) *client.Client {
		c, err := client.New(s.URL(), client.Options{APIKey: key, HTTP: web})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	ctx := t.Context()
	if err := as("full").CreateCollection(ctx, "c", client.Single(2, api.Dot)); err != nil {
		t.Error(err)
	}
	if _, err := as("reader").Collections(ctx); err != nil {
		t.Error(err)
	}
	if err := as("reader").CreateCollection(ctx, "d", client.Single(2, api.Dot)); !errors.Is(err, client.ErrUnauthorized) {
		t.Errorf("a reader creates: %v", err)
	}
	if _, err := as("").Collections(ctx); !errors.Is(err, client.ErrUnauthorized) {
		t.Errorf("nobody reads: %v", err)
	}
	if strings.Contains(log.String(), "reader") {
		t.Error("the log tells a key")
	}
}

// certificate writes a key pair of 127.0.0.1 and returns the pool that trusts it.
func certificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kith"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, text := range map[string][]byte{"cert.pem": cert, "key.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	return pool
}
