package mqtt

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// certificate is for a name, signed by an authority, or by itself without one.
func certificate(t *testing.T, name string, by *tls.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: by == nil, BasicConstraintsValid: true,
	}
	parent, signer := c, any(key)
	if by != nil {
		parent, signer = by.Leaf, by.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// overTLS has the broker listen at a port of its own.
func (b *broker) overTLS(c *tls.Config, seen chan<- tls.ConnectionState) (port string) {
	ln, err := tls.Listen("tcp", "127.0.0.1:0", c)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				s := conn.(*tls.Conn)
				if s.Handshake() == nil {
					seen <- s.ConnectionState()
					_ = b.server.EstablishConnection("tls", s)
				}
			}()
		}
	}()
	_, port, _ = net.SplitHostPort(ln.Addr().String())
	return port
}

func TestOverTLS(t *testing.T) {
	root := certificate(t, "root", nil)
	other := certificate(t, "other", nil)
	roots, others := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(root.Leaf)
	others.AddCert(other.Leaf)
	device := certificate(t, "pump-7", &root)
	for name, c := range map[string]struct {
		host  string
		mine  *tls.Config
		most  uint16 // TLS version of the broker
		alpn  bool
		is    error // nil for a connection
		words string
	}{
		"at 8883":               {"localhost", &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{device}}, 0, false, nil, ""},
		"at 443":                {"localhost", &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{device}}, 0, true, nil, ""},
		"TLS 1.2":               {"localhost", &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{device}}, tls.VersionTLS12, true, nil, ""},
		"no certificate":        {"localhost", &tls.Config{RootCAs: roots}, 0, false, ErrRefused, "does not accept this device's certificate"},
		"no certificate, 1.2":   {"localhost", &tls.Config{RootCAs: roots}, tls.VersionTLS12, false, ErrRefused, "that the certificate is registered"},
		"another authority":     {"localhost", &tls.Config{RootCAs: others, Certificates: []tls.Certificate{device}}, 0, false, ErrRefused, "unknown authority"},
		"another host":          {"127.0.0.1", &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{device}}, 0, false, ErrRefused, "127.0.0.1"},
		"no common application": {"localhost", &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{device}}, 1, true, ErrRefused, "refuses the TLS connection"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBroker(t)
			seen := make(chan tls.ConnectionState, 10)
			theirs := &tls.Config{
				Certificates: []tls.Certificate{certificate(t, "localhost", &root)},
				ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: roots, MaxVersion: c.most,
			}
			if c.alpn {
				theirs.NextProtos = []string{alpnName}
			}
			if c.most == 1 {
				theirs.MaxVersion, theirs.NextProtos = 0, []string{"x-amzn-http-ca"}
			}
			port := b.overTLS(theirs, seen)
			o := Options{Address: net.JoinHostPort(c.host, port), ClientID: "c", TLS: c.mine}
			if c.alpn {
				// The port that the link believes in is another than that of the test.
				o.Address = net.JoinHostPort(c.host, alpnPort)
				o.Dial = func(ctx context.Context, address string, names []string) (net.Conn, error) {
					if address != o.Address {
						t.Errorf("it dialled %s", address)
					}
					return (&Link{o: o}).dialTLS(ctx, net.JoinHostPort(c.host, port), names)
				}
			}
			l, err := New(o)
			if err != nil {
				t.Fatal(err)
			}
			run(t, l)
			if c.is != nil {
				for l.mu.Lock(); l.last == nil; l.mu.Lock() {
					l.mu.Unlock()
					time.Sleep(time.Millisecond)
				}
				l.mu.Unlock()
				if err := l.Err(); !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.words) {
					t.Errorf("Err is %v", err)
				}
				return
			}
			connected(t, l)
			st := <-seen
			want := ""
			if c.alpn {
				want = alpnName
			}
			if st.ServerName != c.host || st.NegotiatedProtocol != want || len(st.PeerCertificates) != 1 {
				t.Errorf("the broker saw SNI %q, protocol %q, %d certificates", st.ServerName, st.NegotiatedProtocol, len(st.PeerCertificates))
			}
			if err := l.Publish(t.Context(), "a", make([]byte, 100_000)); err != nil {
				t.Error(err)
			}
		})
	}
	if names := protocols("localhost:443"); !slices.Equal(names, []string{alpnName}) {
		t.Errorf("names %v", names)
	}
}

func TestABrokerWithoutTLS(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			conn.Close()
		}
	}()
	end := byError(func() error {
		_, err := (&Link{o: Options{TLS: &tls.Config{}}}).dialTLS(t.Context(), ln.Addr().String(), nil)
		return err
	}())
	if !errors.Is(end, ErrRefused) || !strings.Contains(end.Error(), "does not speak TLS") {
		t.Errorf("error %v", end)
	}
}
