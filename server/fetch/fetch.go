// Package fetch reads from URLs that users give: only when that is allowed, only
// from addresses that are allowed, and within bounds of size, time and hops.
//
// Who calls: server. What it calls: net/http. It never follows a proxy of the
// environment and never sends a key to another host.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

var (
	// ErrForbidden: the server's configuration does not allow the URL.
	ErrForbidden = errors.New("fetching this URL is not allowed")
	// ErrRemote: the other side did not answer as it should.
	ErrRemote = errors.New("the URL could not be fetched")
)

// Options says what may be fetched. The zero value allows nothing.
type Options struct {
	Allowed  bool
	Private  bool          // also addresses of this machine and of private networks
	MaxBytes int64         // of one answer; 0: 1 TiB
	Timeout  time.Duration // of one answer whole; 0: an hour
}

const (
	maxRedirects = 3
	dialTimeout  = 10 * time.Second
	headTimeout  = 30 * time.Second
)

// Fetcher fetches. Safe from any goroutine.
type Fetcher struct {
	o    Options
	http *http.Client
}

// New makes a fetcher.
func New(o Options) *Fetcher {
	if o.MaxBytes <= 0 {
		o.MaxBytes = 1 << 40
	}
	if o.Timeout <= 0 {
		o.Timeout = time.Hour
	}
	f := &Fetcher{o: o}
	// The address is looked at when it is dialled, after the name was resolved: a
	// name cannot point elsewhere in between.
	dialer := &net.Dialer{Timeout: dialTimeout, Control: func(_, address string, _ syscall.RawConn) error { return f.dialled(address) }}
	f.http = &http.Client{
		Timeout:       o.Timeout,
		CheckRedirect: redirect,
		Transport: &http.Transport{DialContext: dialer.DialContext, TLSHandshakeTimeout: dialTimeout,
			ResponseHeaderTimeout: headTimeout, DisableKeepAlives: true, DisableCompression: true},
	}
	return f
}

func redirect(next *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return fmt.Errorf("%w: more than %d redirects", ErrForbidden, maxRedirects)
	}
	if next.URL.Scheme != "http" && next.URL.Scheme != "https" {
		return fmt.Errorf("%w: redirect to scheme %q", ErrForbidden, next.URL.Scheme)
	}
	if next.URL.Host != via[0].URL.Host || next.URL.Scheme != via[0].URL.Scheme {
		next.Header.Del("api-key")
	}
	return nil
}

// shared is the address space between carriers and their customers (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

func (f *Fetcher) dialled(address string) error {
	if f.o.Private {
		return nil
	}
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: address %q", ErrForbidden, address)
	}
	ip := at.Addr().Unmap()
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() || shared.Contains(ip) || embedded(ip) {
		return fmt.Errorf("%w: %s is an address of a private network; snapshot_private_urls allows those", ErrForbidden, ip)
	}
	return nil
}

// embedded tells whether an IPv6 address carries an IPv4 one, which a gateway
// would unwrap (NAT64, 6to4).
func embedded(ip netip.Addr) bool {
	return ip.Is6() && (netip.MustParsePrefix("64:ff9b::/16").Contains(ip) || netip.MustParsePrefix("2002::/16").Contains(ip))
}

// Fetch writes what a URL answers to w. key goes along as the api-key header
// unless it is "".
func (f *Fetcher) Fetch(ctx context.Context, from *url.URL, key string, w io.Writer) error {
	if !f.o.Allowed {
		return fmt.Errorf("%w: start the server with snapshot_urls to allow it", ErrForbidden)
	}
	if from.Scheme != "http" && from.Scheme != "https" || from.Host == "" || from.User != nil {
		return fmt.Errorf("%w: use http://HOST/… or https://HOST/… without credentials", ErrForbidden)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from.String(), nil)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRemote, err)
	}
	if key != "" {
		req.Header.Set("api-key", key)
	}
	resp, err := f.http.Do(req)
	if err != nil {
		return remote(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: it answers %s", ErrRemote, resp.Status)
	}
	if resp.ContentLength > f.o.MaxBytes {
		return fmt.Errorf("%w: it has %d bytes, the most is %d", ErrRemote, resp.ContentLength, f.o.MaxBytes)
	}
	return copyBounded(w, resp.Body, f.o.MaxBytes)
}

// copyBounded tells faults of reading from those of writing.
func copyBounded(w io.Writer, r io.Reader, most int64) error {
	buf := make([]byte, 256<<10)
	for got := int64(0); ; {
		n, err := r.Read(buf)
		if got += int64(n); got > most {
			return fmt.Errorf("%w: it has more than %d bytes", ErrRemote, most)
		}
		if _, werr := w.Write(buf[:n]); werr != nil {
			return werr
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return remote(err)
		}
	}
}

func remote(err error) error {
	if errors.Is(err, ErrForbidden) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrRemote, err)
}
