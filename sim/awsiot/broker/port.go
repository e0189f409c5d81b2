package broker

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
)

// protocolALPN is the name under which MQTT with a client certificate is
// spoken, also on port 443.
const protocolALPN = "x-amzn-mqtt-ca"

// port is one address at which the broker listens. Its listener is guarded by
// the broker's mutex, and nil while it does not listen.
type port struct {
	name     string
	tls      *tls.Config // nil is plain TCP
	alpn     bool        // the protocol must be named
	address  string
	listener net.Listener
}

// newPorts are the three ways in: plain, as on port 8883, and as on port 443.
func (b *Broker) newPorts() [3]*port {
	const anyPort = "127.0.0.1:0"
	return [3]*port{
		{name: "mqtt", address: anyPort},
		{name: "mqtts", address: anyPort, tls: b.tlsConfig()},
		{name: "alpn", address: anyPort, tls: b.tlsConfig(), alpn: true},
	}
}

func (b *Broker) tlsConfig() *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{b.opts.Certificate},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    b.opts.Authority,
		NextProtos:   []string{protocolALPN},
		MinVersion:   tls.VersionTLS12,
	}
}

// Addr is host:port without TLS.
func (b *Broker) Addr() string { return b.address(0) }

// AddrTLS is host:port with TLS and a device certificate, as AWS's 8883: the
// protocol may be named or not.
func (b *Broker) AddrTLS() string { return b.address(1) }

// AddrALPN is host:port as AWS's 443: with a device certificate, and the
// protocol must be named x-amzn-mqtt-ca.
func (b *Broker) AddrALPN() string { return b.address(2) }

func (b *Broker) address(i int) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ports[i].address
}

// Listen accepts connections again, at the same ports as before. Sessions and
// the model have stayed.
func (b *Broker) Listen() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.ports {
		if p.listener != nil || p.tls != nil && b.opts.Authority == nil {
			continue
		}
		var lc net.ListenConfig
		l, err := lc.Listen(context.Background(), "tcp", p.address)
		if err != nil {
			return fmt.Errorf("listen for MQTT: %w", err)
		}
		p.listener, p.address = l, l.Addr().String()
		b.wg.Go(func() { b.accept(p, l) })
	}
	return nil
}

// Stop stops listening and drops every connection without a word, as a service
// that is gone.
func (b *Broker) Stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.ports {
		if p.listener != nil {
			p.listener.Close()
			p.listener = nil
		}
	}
	for c := range b.live {
		c.cut()
	}
}

func (b *Broker) accept(p *port, l net.Listener) {
	for {
		raw, err := l.Accept()
		if err != nil {
			return // ends by Stop only
		}
		c := newConn(b, p, raw)
		b.wg.Go(func() { b.serve(context.Background(), c) })
	}
}
