package source

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// signer issues certificates.
type signer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

var serial int64

// issue makes a certificate of its own kind; by nil makes it sign itself.
func (by *signer) issue(t *testing.T, c x509.Certificate) *signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial++
	c.SerialNumber = big.NewInt(serial)
	c.Subject = pkix.Name{CommonName: "test"}
	parent, parentKey := &c, key
	if by != nil {
		parent, parentKey = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, &c, parent, &key.PublicKey, parentKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &signer{cert, key}
}

func authority(from, to time.Time) x509.Certificate {
	return x509.Certificate{NotBefore: from, NotAfter: to, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
}

func leafFor(from, to time.Time, hosts ...string) x509.Certificate {
	c := x509.Certificate{NotBefore: from, NotAfter: to, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
		} else {
			c.DNSNames = append(c.DNSNames, host)
		}
	}
	return c
}

// chain is what a server shows: the leaf first.
func chain(signers ...*signer) tls.Certificate {
	c := tls.Certificate{PrivateKey: signers[0].key}
	for _, s := range signers {
		c.Certificate = append(c.Certificate, s.cert.Raw)
	}
	return c
}

func poolOf(s *signer) *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(s.cert)
	return p
}

func year(n int) time.Time { return time.Date(n, 1, 1, 0, 0, 0, 0, time.UTC) }

// serveTLS answers with one object, whatever is asked for.
func serveTLS(t *testing.T, c *tls.Config) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { stored{[]byte("hello"), `"v1"`}.serve(w, r, -1) }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = c
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

// TestCertificatesWithoutAClock: what is wrong with a certificate is refused
// at any time; that its start is still to come is forgiven.
func TestCertificatesWithoutAClock(t *testing.T) {
	root := (*signer)(nil).issue(t, authority(year(2020), year(2050)))
	between := root.issue(t, authority(year(2020), year(2050)))
	stranger := (*signer)(nil).issue(t, authority(year(2020), year(2050)))
	const host = "127.0.0.1"
	leaf := func(by *signer, from, to int, host string) *signer {
		return by.issue(t, leafFor(year(from), year(to), host))
	}
	for _, row := range []struct {
		name  string
		shows tls.Certificate
		now   int
		ok    bool
		moved bool // the time was moved to the leaf's start
		says  string
	}{
		{"good", chain(leaf(between, 2026, 2028, host), between), 2027, true, false, ""},
		{"in 1970", chain(leaf(between, 2026, 2028, host), between), 1970, true, true, ""},
		{"a year behind", chain(leaf(root, 2027, 2028, host)), 2026, true, true, ""},
		{"in 1970, another host", chain(leaf(between, 2026, 2028, "127.0.0.2"), between), 1970, false, false, "127.0.0.2"},
		{"in 1970, a name for the address", chain(leaf(between, 2026, 2028, "example.com"), between), 1970, false, false, ""},
		{"in 1970, unknown authority", chain(leaf(stranger, 2026, 2028, host), stranger), 1970, false, false, "unknown authority"},
		{"in 1970, signed by itself", chain((*signer)(nil).issue(t, leafFor(year(2026), year(2028), host))), 1970, false, false, ""},
		{"in 1970, without the one between", chain(leaf(between, 2026, 2028, host)), 1970, false, false, ""},
		{"in 1970, signed by a leaf", func() tls.Certificate {
			middle := root.issue(t, leafFor(year(2026), year(2028), host))
			return chain(leaf(middle, 2026, 2028, host), middle)
		}(), 1970, false, false, ""},
		{"in 1970, for clients only", func() tls.Certificate {
			c := leafFor(year(2026), year(2028), host)
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
			return chain(root.issue(t, c))
		}(), 1970, false, false, "incompatible key usage"},
		{"expired", chain(leaf(between, 2024, 2025, host), between), 2026, false, false, ""},
		{"expired before it starts", chain(leaf(between, 2028, 2027, host), between), 1970, false, false, ""},
		{"the one between starts after the leaf", func() tls.Certificate {
			late := root.issue(t, authority(year(2027), year(2050)))
			return chain(leaf(late, 2026, 2028, host), late)
		}(), 1970, false, false, ""},
		{"the one between ended before the leaf starts", func() tls.Certificate {
			early := root.issue(t, authority(year(2020), year(2025)))
			return chain(leaf(early, 2026, 2028, host), early)
		}(), 1970, false, false, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			url := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{row.shows}})
			var said bytes.Buffer
			network := Network{
				TLS: &tls.Config{RootCAs: poolOf(root)}, Now: func() time.Time { return year(row.now) },
				Getenv: noEnv, Log: slog.New(slog.NewTextHandler(&said, nil)), Retry: Retry{Open: 1},
			}
			web := newTestWeb(t, WebOptions{URL: url + "/firmware.zip" + signed, Network: network})
			for range 2 {
				got, err := fetchAll(t.Context(), web, "firmware.zip")
				if ok := err == io.EOF && string(got) == "hello"; ok != row.ok {
					t.Fatalf("%q, %v", got, err)
				}
				if !row.ok {
					wantWebError(t, err, ErrTransport, "certificate is not accepted", row.says)
				}
			}
			if moved := strings.Count(said.String(), "clock is behind"); (moved == 1) != row.moved || moved > 1 {
				t.Errorf("said %q", said.String())
			}
		})
	}
}

// A stranger's certificate from the future must not make the right server's
// look expired afterwards.
func TestRefusedCertificateMovesNoTime(t *testing.T) {
	root := (*signer)(nil).issue(t, authority(year(2020), year(2090)))
	stranger := (*signer)(nil).issue(t, authority(year(2020), year(2090)))
	right := chain(root.issue(t, leafFor(year(2026), year(2028), "127.0.0.1")))
	wrong := chain(stranger.issue(t, leafFor(year(2080), year(2090), "127.0.0.1")))
	shows := &wrong
	url := serveTLS(t, &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return &tls.Config{Certificates: []tls.Certificate{*shows}}, nil
	}})
	web := newTestWeb(t, WebOptions{URL: url + "/firmware.zip", Network: Network{
		TLS: &tls.Config{RootCAs: poolOf(root)}, Now: func() time.Time { return year(1970) }, Getenv: noEnv,
	}})
	_, err := web.Open(t.Context(), "firmware.zip")
	wantWebError(t, err, ErrTransport, "certificate")
	shows = &right
	if got, err := fetchAll(t.Context(), web, "firmware.zip"); err != io.EOF || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
}

// writePEM writes blocks of one type.
func writePEM(t *testing.T, name, kind string, mode os.FileMode, blocks ...[]byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	var text []byte
	for _, b := range blocks {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b})...)
	}
	if err := os.WriteFile(path, text, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func (s *signer) keyFile(t *testing.T, mode os.FileMode) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(s.key)
	if err != nil {
		t.Fatal(err)
	}
	return writePEM(t, "device.key", "PRIVATE KEY", mode, der)
}

func TestPrivateAuthorityAndClientCertificate(t *testing.T) {
	root := (*signer)(nil).issue(t, authority(year(2020), year(2050)))
	device := root.issue(t, leafFor(year(2020), year(2050)))
	url := serveTLS(t, &tls.Config{
		Certificates: []tls.Certificate{chain(root.issue(t, leafFor(year(2020), year(2050), "127.0.0.1")))},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: poolOf(root),
	})
	ca, cert := writePEM(t, "ca.pem", "CERTIFICATE", 0o644, root.cert.Raw), writePEM(t, "device.pem", "CERTIFICATE", 0o644, device.cert.Raw)
	key := device.keyFile(t, 0o600)
	read := func(ca, cert, key string) error {
		trusted, err := TLSFiles(ca, cert, key)
		if err != nil {
			t.Fatal(err)
		}
		_, err = fetchAll(t.Context(), newTestWeb(t, WebOptions{URL: url + "/firmware.zip", Network: Network{TLS: trusted, Getenv: noEnv, Retry: Retry{Open: 1}}}), "firmware.zip")
		return err
	}
	if err := read(ca, cert, key); err != io.EOF {
		t.Errorf("with all three: %v", err)
	}
	wantWebError(t, read(ca, "", ""), ErrTransport, "certificate")
	wantWebError(t, read("", cert, key), ErrTransport, "certificate is not accepted", "unknown authority")
	if c, err := TLSFiles("", "", ""); c != nil || err != nil {
		t.Errorf("nothing: %v, %v", c, err)
	}
}

func TestUnusableTLSFilesAreRefused(t *testing.T) {
	root := (*signer)(nil).issue(t, authority(year(2020), year(2050)))
	ca, key, open := writePEM(t, "ca.pem", "CERTIFICATE", 0o644, root.cert.Raw), root.keyFile(t, 0o600), root.keyFile(t, 0o644)
	other := (*signer)(nil).issue(t, authority(year(2020), year(2050))).keyFile(t, 0o600)
	for _, row := range []struct{ ca, cert, key, says string }{
		{ca: "/absent/ca.pem", says: "/absent/ca.pem"},
		{ca: key, says: "holds no certificate"},
		{ca: t.TempDir(), says: "no file of certificates"},
		{cert: ca, key: "/absent.key", says: "/absent.key"},
		{cert: ca, key: open, says: "chmod 600 " + open},
		{cert: ca, key: other, says: "does not match"},
		{cert: key, key: key, says: "put a certificate and its own key there"},
	} {
		_, err := TLSFiles(row.ca, row.cert, row.key)
		if err == nil || !strings.Contains(err.Error(), row.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v: %v", row, err)
		}
	}
}

// The authorities inside the program are good for what is out there, and only
// where the system has none.
func TestAuthoritiesWithoutASystem(t *testing.T) {
	if os.Getenv("ABOTA_TEST_NO_ROOTS") == "" {
		rerun(t, "SSL_CERT_FILE=/absent", "SSL_CERT_DIR=/absent", "ABOTA_TEST_NO_ROOTS=1")
		return
	}
	ownRoots()
	pool, err := x509.SystemCertPool()
	if err != nil {
		t.Fatal(err)
	}
	names := 0
	//lint:ignore SA1019 it is the fallback's, whose subjects are known
	for _, subject := range pool.Subjects() {
		if bytes.Contains(subject, []byte("Amazon Root CA 1")) || bytes.Contains(subject, []byte("ISRG Root X1")) {
			names++
		}
	}
	if names != 2 {
		t.Errorf("%d of the two authorities that AWS and Let's Encrypt use", names)
	}
}

// rerun runs this test alone in a process with other variables.
func rerun(t *testing.T, environ ...string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), environ...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
