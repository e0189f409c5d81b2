package source

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// greeter is a TLS server that greets each client with what it has learned of
// it: SNI, the protocol agreed on, and how many certificates it has shown.
func greeter(t *testing.T, c *tls.Config) string {
	t.Helper()
	ln, err := tls.Listen("tcp", "127.0.0.1:0", c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
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
					st := s.ConnectionState()
					io.WriteString(s, st.ServerName+" "+st.NegotiatedProtocol+" "+strings.Repeat("c", len(st.PeerCertificates)))
				}
			}()
		}
	}()
	return ln.Addr().String()
}

func TestDialer(t *testing.T) {
	root := (*signer)(nil).issue(t, authority(year(2020), year(2050)))
	stranger := (*signer)(nil).issue(t, authority(year(2020), year(2050)))
	server := chain(root.issue(t, leafFor(year(2026), year(2028), "localhost")))
	device := chain(root.issue(t, leafFor(year(2026), year(2028), "pump-7")))
	address := greeter(t, &tls.Config{
		Certificates: []tls.Certificate{server}, NextProtos: []string{"x-amzn-mqtt-ca"},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: poolOf(root), Time: func() time.Time { return year(2027) },
	})
	_, port, _ := net.SplitHostPort(address)
	for name, c := range map[string]struct {
		roots     *x509.CertPool
		protocols []string
		host      string
		now       int
		want      string // empty for a refusal
	}{
		"as AWS IoT at 443":    {poolOf(root), []string{"x-amzn-mqtt-ca"}, "localhost", 2027, "localhost x-amzn-mqtt-ca c"},
		"at 8883":              {poolOf(root), nil, "localhost", 2027, "localhost  c"},
		"in 1970":              {poolOf(root), nil, "localhost", 1970, "localhost  c"},
		"expired":              {poolOf(root), nil, "localhost", 2030, ""},
		"another host":         {poolOf(root), nil, "127.0.0.1", 1970, ""},
		"another authority":    {poolOf(stranger), nil, "localhost", 2027, ""},
		"another, and in 1970": {poolOf(stranger), nil, "localhost", 1970, ""},
		"the system's":         {nil, nil, "localhost", 2027, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := NewDialer(Network{
				TLS: &tls.Config{RootCAs: c.roots, Certificates: []tls.Certificate{device}}, Now: func() time.Time { return year(c.now) },
			})
			conn, err := d.Dial(t.Context(), net.JoinHostPort(c.host, port), c.protocols)
			if err != nil {
				if !errors.As(err, new(*tls.CertificateVerificationError)) || c.want != "" {
					t.Errorf("error %v", err)
				}
				return
			}
			defer conn.Close()
			if got, _ := io.ReadAll(conn); string(got) != c.want {
				t.Errorf("the server saw %q, want %q", got, c.want)
			}
		})
	}
}

func TestDialerDoesNotWaitForEver(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0") // which says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	d := NewDialer(Network{Timeouts: Timeouts{Handshake: 10 * time.Millisecond}})
	if _, err := d.Dial(t.Context(), ln.Addr().String(), nil); !errors.Is(err, os.ErrDeadlineExceeded) && !strings.Contains(err.Error(), "deadline") {
		t.Errorf("error %v", err)
	}
	if _, err := d.Dial(t.Context(), "no port", nil); err == nil {
		t.Error("an address without a port was dialled")
	}
}
