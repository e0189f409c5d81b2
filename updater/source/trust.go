package source

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// trust says at what time a server's certificate is checked. A device may wake
// in 1970, and must reach its source all the same; so where a certificate is
// good but for its start, which is still to come, it is checked at its start.
// The check itself is always the TLS library's.
type trust struct {
	now   func() time.Time
	roots *x509.CertPool // nil means the system's
	log   *slog.Logger

	mu    sync.Mutex
	start time.Time // of the newest certificate that was taken so
}

// config is what connections are made with.
func (t *trust) config(base *tls.Config) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if base != nil {
		c = base.Clone()
	}
	c.Time = t.time
	t.roots = c.RootCAs
	return c
}

func (t *trust) time() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := t.now(); now.After(t.start) {
		return now
	}
	return t.start
}

// forgives reports whether err says only that the certificate of host is not
// valid yet, so that the same connection will be accepted now.
func (t *trust) forgives(err error, host string) bool {
	var refused *tls.CertificateVerificationError
	if !errors.As(err, &refused) || len(refused.UnverifiedCertificates) == 0 {
		return false
	}
	leaf := refused.UnverifiedCertificates[0]
	if !leaf.NotBefore.After(t.time()) {
		return false
	}
	// Nobody's word moves the time before all else has been proven.
	between := x509.NewCertPool()
	for _, c := range refused.UnverifiedCertificates[1:] {
		between.AddCert(c)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: t.roots, Intermediates: between, DNSName: host, CurrentTime: leaf.NotBefore}); err != nil {
		refused.Err = err // what no clock would change is the reason to tell
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.start = leaf.NotBefore
	t.log.Warn("this device's clock is behind: the server's certificate is checked at the time at which it starts",
		"host", host, "start", leaf.NotBefore.UTC().Format(time.RFC3339))
	return true
}
