package source

import (
	"context"
	"crypto/tls"
	"net"
)

// Dialer makes TLS connections for protocols other than HTTP, and trusts as
// this package's requests do: authorities, client certificate and timeouts are
// the Network's, and a certificate whose start is still to come is checked at
// its start, see the package's Time.
type Dialer struct {
	net   Network
	trust *trust
	tls   *tls.Config
}

// NewDialer connects nothing. Of n it uses TLS, Now, Timeouts.Connect,
// Timeouts.Handshake and Log; it goes through no proxy.
func NewDialer(n Network) *Dialer {
	n = n.withDefaults()
	d := &Dialer{net: n, trust: &trust{now: n.Now, log: n.Log}}
	d.tls = d.trust.config(n.TLS)
	return d
}

// Dial connects to a host and port and shakes hands: with the host's name as
// SNI, unless the TLS configuration has another, and protocols as the names
// for ALPN, nil for none. Its errors are those of packages net and tls.
func (d *Dialer) Dial(ctx context.Context, address string, protocols []string) (net.Conn, error) {
	config := d.tls.Clone()
	config.NextProtos = protocols
	if config.RootCAs == nil {
		ownRoots()
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if config.ServerName == "" {
		config.ServerName = host
	}
	conn, err := d.dial(ctx, address, config)
	if err != nil && d.trust.forgives(err, config.ServerName) {
		conn, err = d.dial(ctx, address, config)
	}
	return conn, err
}

func (d *Dialer) dial(ctx context.Context, address string, config *tls.Config) (net.Conn, error) {
	raw, err := (&net.Dialer{Timeout: d.net.Timeouts.Connect}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, d.net.Timeouts.Handshake)
	defer cancel()
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, err
	}
	return conn, nil
}
