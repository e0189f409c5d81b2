package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/md5"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"abota/cmd/internal/cli"
)

// pemFile writes one block.
func pemFile(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	must(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}

// issueFor makes a certificate and its key in dir, by the authority or, without
// one, by itself.
func issueFor(t *testing.T, dir, name string, by *tls.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	parent, parentKey := c, any(key)
	if by == nil {
		c.IsCA, c.BasicConstraintsValid, c.ExtKeyUsage = true, true, nil
	} else {
		parent, parentKey = by.Leaf, by.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), parentKey)
	must(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	pemFile(t, filepath.Join(dir, name+".pem"), "CERTIFICATE", der)
	pemFile(t, filepath.Join(dir, name+".key"), "PRIVATE KEY", secret)
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key"))
	must(t, err)
	return pair
}

// TestDeviceWithoutKeysReadsTheBucket: `abota install` in the ordinary mode with
// nothing but the device's certificate, which the credentials provider knows.
func TestDeviceWithoutKeysReadsTheBucket(t *testing.T) {
	dir := t.TempDir()
	releases := filepath.Join(dir, "release")
	must(t, writeRelease(releases, "system 2", 5000))
	for _, name := range []string{"a.img", "b.img"} {
		must(t, os.WriteFile(filepath.Join(dir, name), make([]byte, 64<<10), 0o600))
	}
	root := issueFor(t, dir, "root", nil)
	issueFor(t, dir, "device", &root)
	authorities := x509.NewCertPool()
	authorities.AddCert(root.Leaf)

	var given atomic.Int64
	var refuses atomic.Bool
	provider := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given.Add(1)
		if refuses.Load() || r.Header.Get("x-amzn-iot-thingname") != "pump-17" {
			w.Header().Set("x-amzn-ErrorType", "AccessDeniedException")
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, `{"message":"Access Denied"}`)
			return
		}
		fmt.Fprintf(w, `{"credentials":{"accessKeyId":"ASIAFETCHED","secretAccessKey":"hush","sessionToken":"hushtoken","expiration":%q}}`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	}))
	provider.Config.ErrorLog = log.New(io.Discard, "", 0)
	provider.TLS = &tls.Config{Certificates: []tls.Certificate{issueFor(t, t.TempDir(), "server", &root)}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: authorities}
	provider.StartTLS()
	t.Cleanup(provider.Close)

	bucket := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, err := os.ReadFile(filepath.Join(releases, path.Base(r.URL.Path)))
		if err != nil || r.Header.Get("X-Amz-Security-Token") != "hushtoken" || !strings.Contains(r.Header.Get("Authorization"), "Credential=ASIAFETCHED/") {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		w.Header().Set("ETag", fmt.Sprintf(`"%x"`, md5.Sum(content)))
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(content)))
	}))
	t.Cleanup(bucket.Close)

	config := filepath.Join(dir, "config.yaml")
	must(t, os.WriteFile(config, fmt.Appendf(nil, `bucket: fleet
endpoint: %[2]s
key_file: %[1]s/release/key.key
slots:
  a: %[1]s/a.img
  b: %[1]s/b.img
state_dir: %[1]s/state
retry: {open: 1}
device_id: pump-17
aws_iot:
  credentials_endpoint: %[3]s
  role_alias: firmware-reader
  cert: %[1]s/device.pem
  key: %[1]s/device.key
  ca_file: %[1]s/root.pem
`, dir, bucket.URL, provider.Listener.Addr()), 0o600))
	abota := func(args ...string) (int, string) {
		var out strings.Builder
		code := run(t.Context(), append([]string{"--config", config, "--booted", "A"}, args...), strings.NewReader(""), &out, &out)
		if strings.Contains(out.String(), "hush") {
			t.Errorf("shows a secret: %s", &out)
		}
		return code, out.String()
	}
	for _, row := range []struct {
		args   []string
		code   int
		says   string
		asks   int64
		before func()
	}{
		{[]string{"check"}, cli.ExitDone, "is offered", 1, nil},
		{[]string{"install"}, cli.ExitDone, "installed release", 1, nil},
		{[]string{"check"}, cli.ExitNothingToDo, "waits for a reboot", 1, nil},
		{[]string{"check", "--set", "aws_iot.thing=pump-18"}, cli.ExitUsage, "attach this device's certificate to thing pump-18", 1, nil},
		{[]string{"check", "--set", "accesskey=AK", "--set", "secretkey=SK"}, cli.ExitUsage, "access denied", 0, nil},
		{[]string{"check"}, cli.ExitUsage, "403 AccessDeniedException (Access Denied)", 1, func() { refuses.Store(true) }},
		{[]string{"check", "--set", "aws_iot.credentials_endpoint=127.0.0.1:1"}, cli.ExitTransport, "the credentials provider 127.0.0.1:1", 0, nil},
		{[]string{"check", "--set", "aws_iot.ca_file=" + dir + "/absent.pem"}, cli.ExitUsage, "absent.pem", 0, nil},
		{[]string{"check", "--set", "aws_iot.role_alias=", "--set", "aws_iot.credentials_endpoint="}, cli.ExitUsage, "aws_iot.role_alias", 0, nil},
	} {
		if row.before != nil {
			row.before()
		}
		given.Store(0)
		code, out := abota(row.args...)
		if code != row.code || !strings.Contains(out, row.says) || given.Load() != row.asks {
			t.Errorf("%v: exit %d, keys fetched %d times, want %d and %d, %q:\n%s", row.args, code, given.Load(), row.code, row.asks, row.says, out)
		}
	}
	content, err := os.ReadFile(filepath.Join(dir, "b.img"))
	if err != nil || !strings.HasPrefix(string(content), "system 2") {
		t.Errorf("slot B: %.20q, %v", content, err)
	}
}
