package source

import (
	"cmp"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"time"
)

// Network says how a server is reached, and what is done about one that
// fails. Each field that is zero has a default.
type Network struct {
	// TLS overrides certificate authorities and client certificate; see
	// [TLSFiles].
	TLS *tls.Config
	// Now is the time at which certificates are checked: the best that is
	// known, where the system's clock may not be set. Nil means that clock.
	Now func() time.Time
	// Proxy is the URL of a proxy for every request. Empty means HTTP_PROXY,
	// HTTPS_PROXY and NO_PROXY.
	Proxy string
	// MinRate is how many bytes a second a download must bring. A stream that
	// falls below it, on average over Timeouts.Slow of waiting for bytes, is
	// asked for on another connection, and given up with the third one. 0 lets
	// it crawl.
	MinRate int64
	// RateLimit is how many bytes a second are read at most, by all of one
	// source's streams together. 0 means as many as there are.
	RateLimit int64
	// Retry and Timeouts have defaults for each field that is zero.
	Retry    Retry
	Timeouts Timeouts
	// Getenv reads the environment; nil means os.Getenv.
	Getenv func(string) string
	// Log is told what was done about a server's peculiarities; nil means
	// nobody.
	Log *slog.Logger
}

// Retry bounds what is done about a network that fails.
type Retry struct {
	// Open is how often an object is asked for before Open, Get, Look or
	// Changed give up. Default 4: somebody may be waiting.
	Open int
	// Resume is how many failures in a row, without progress, end a stream.
	// Default 10, about two minutes of outage. Progress is one byte, or as
	// many as Network.MinRate wants in a second.
	Resume int
	// First is the pause after the first failure, doubled with each further
	// one up to Longest; up to half of a pause is taken off at random, so
	// that a fleet does not return all at once. Defaults 500 ms and 30 s.
	First, Longest time.Duration
	// After is the longest Retry-After that is waited for; a server that asks
	// for more ends the attempt, see [RetryAfter]. Default 2 min.
	After time.Duration
}

// Timeouts bound each wait for the network. There is none for a whole object,
// since a slow link is no failure.
type Timeouts struct {
	Connect   time.Duration // TCP connection; default 10 s
	Handshake time.Duration // TLS handshake; default 10 s
	Header    time.Duration // from request to response header; default 30 s
	Idle      time.Duration // between two reads that bring bytes; default 30 s
	Slow      time.Duration // that Network.MinRate is averaged over; default 60 s
}

// String shows none of it, since the proxy's URL may hold a password.
func (n Network) String() string { return "{network}" }

// GoString does the same for %#v.
func (n Network) GoString() string { return "source.Network" + n.String() }

func (n Network) withDefaults() Network {
	if n.Getenv == nil {
		n.Getenv = os.Getenv
	}
	if n.Now == nil {
		n.Now = time.Now
	}
	if n.Log == nil {
		n.Log = slog.New(slog.DiscardHandler)
	}
	r, t := &n.Retry, &n.Timeouts
	r.Open, r.Resume = cmp.Or(r.Open, 4), cmp.Or(r.Resume, 10)
	r.First, r.Longest = cmp.Or(r.First, 500*time.Millisecond), cmp.Or(r.Longest, 30*time.Second)
	r.After = cmp.Or(r.After, 2*time.Minute)
	t.Connect, t.Handshake = cmp.Or(t.Connect, 10*time.Second), cmp.Or(t.Handshake, 10*time.Second)
	t.Header, t.Idle = cmp.Or(t.Header, 30*time.Second), cmp.Or(t.Idle, 30*time.Second)
	t.Slow = cmp.Or(t.Slow, time.Minute)
	return n
}

func (n Network) check() error {
	if n.Proxy == "" {
		return nil
	}
	u, err := url.Parse(n.Proxy)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return errors.New("cannot use the configured proxy because it is not a URL: write it like http://proxy.example.com:3128")
	}
	return nil
}
