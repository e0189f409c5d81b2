package broker

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// conn is a client's connection, and who is behind it.
type conn struct {
	net.Conn
	broker      *Broker
	port        *port
	raw         net.Conn
	certificate string // its ID; empty without TLS
	name        string // its common name

	in, out *rate.Limiter // nil is unbounded
	muted   atomic.Bool   // nothing is sent any more
	done    chan struct{} // closed when the session ends
	end     func()        // closes done
	work    chan func()   // requests, one after the other
}

func newConn(b *Broker, p *port, raw net.Conn) *conn {
	c := &conn{Conn: raw, raw: raw, broker: b, port: p, done: make(chan struct{}), work: make(chan func(), maxInflight)}
	c.end = sync.OnceFunc(func() { close(c.done) })
	if n := b.opts.Throughput; n > 0 {
		c.in, c.out = rate.NewLimiter(rate.Limit(n), n), rate.NewLimiter(rate.Limit(n), n)
	}
	return c
}

// greet does the TLS handshake, if any, and says why a client is not welcome.
func (c *conn) greet(ctx context.Context) error {
	if c.port.tls == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	secure := tls.Server(c.raw, c.port.tls)
	c.Conn = secure
	if err := secure.HandshakeContext(ctx); err != nil {
		return err
	}
	state := secure.ConnectionState()
	leaf := state.PeerCertificates[0]
	sum := sha256.Sum256(leaf.Raw)
	c.certificate, c.name = hex.EncodeToString(sum[:]), leaf.Subject.CommonName
	switch {
	case c.port.alpn && state.NegotiatedProtocol != protocolALPN:
		return errors.New("the client does not name the protocol " + protocolALPN + " (ALPN), without which this port does not speak MQTT")
	case c.broker.opts.RequireSNI && state.ServerName == "":
		return errors.New("the client does not name the server (SNI)")
	}
	if _, ok := c.things(); !ok {
		return fmt.Errorf("the certificate of %q is not registered or not active", c.name)
	}
	return nil
}

// things are those whose topics the client may use; false without an active
// certificate. It is asked each time, since certificates are attached and
// detached at any time.
func (c *conn) things() ([]string, bool) {
	model := c.broker.opts.Model
	known, err := model.DescribeCertificate(c.certificate)
	if err != nil || known.CertificateDescription.Status != "ACTIVE" {
		return nil, false
	}
	things, err := model.ListPrincipalThings(known.CertificateDescription.CertificateARN)
	return things, err == nil
}

// cut ends the connection by RST instead of FIN.
func (c *conn) cut() {
	if tcp, ok := c.raw.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // fails only if it is gone already
	}
	_ = c.raw.Close()
}

// run answers the client's requests in their order, so that one that takes
// long does not keep its pings from being answered.
func (c *conn) run() {
	for {
		select {
		case job := <-c.work:
			job()
		case <-c.done:
			return
		}
	}
}

// enqueue waits where the client has too many requests under way.
func (c *conn) enqueue(job func()) {
	select {
	case c.work <- job:
	case <-c.done:
	}
}

// pause waits for a duration, or the end of the session.
func (c *conn) pause(d time.Duration) { pause(d, c.done) }

func pause(d time.Duration, done <-chan struct{}) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-done:
	}
}

// SetDeadline is for what is read. What is written has a time of its own: a
// client that takes nothing would hold up all who publish to it.
func (c *conn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// Read reads no faster than the connection's throughput.
func (c *conn) Read(p []byte) (int, error) {
	if c.in != nil {
		p = p[:min(len(p), c.in.Burst())]
	}
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.wait(c.in, n)
	}
	return n, err
}

// Write writes no faster than the connection's throughput.
func (c *conn) Write(p []byte) (int, error) {
	for done := 0; ; {
		part := p[done:]
		if c.out != nil {
			part = part[:min(len(part), c.out.Burst())]
		}
		c.wait(c.out, len(part))
		n, err := c.write(part)
		done += n
		if err != nil || done == len(p) {
			return done, err
		}
	}
}

func (c *conn) write(p []byte) (int, error) {
	if c.muted.Load() {
		return len(p), nil
	}
	if err := c.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

func (c *conn) wait(l *rate.Limiter, n int) {
	if l != nil {
		c.pause(l.ReserveN(time.Now(), n).Delay())
	}
}
