package source

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// maxPEM bounds a file of certificates, in bytes.
const maxPEM = 4 << 20

// TLSFiles reads what connections trust and show, all of it PEM files. ca are
// the authorities that are trusted instead of the system's; cert and key are
// this device's own. Empty names are left out; all empty gives nil. A key that
// everybody on the device can read is refused.
func TLSFiles(ca, cert, key string) (*tls.Config, error) {
	if ca == "" && cert == "" && key == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != "" {
		text, _, err := readPEM(ca)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("cannot use %s because it holds no certificate: put the authority's certificate there, in PEM", ca)
		}
	}
	if cert != "" || key != "" {
		pair, err := keyPair(cert, key)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// ownRoots gives a system that has no authorities those in this program. It is
// done when the first connection needs it, since it takes longer than all of
// what a boot with nothing to do may take.
var ownRoots = sync.OnceFunc(func() {
	if system, err := x509.SystemCertPool(); err == nil && !system.Equal(x509.NewCertPool()) {
		return
	}
	pool := x509.NewCertPool()
	for root := range bundle.Roots() {
		cert, err := x509.ParseCertificate(root.Certificate)
		switch {
		case err != nil: // one that this Go does not read is one less to trust
		case root.Constraint != nil:
			pool.AddCertWithConstraint(cert, root.Constraint)
		default:
			pool.AddCert(cert)
		}
	}
	x509.SetFallbackRoots(pool)
})

func keyPair(cert, key string) (tls.Certificate, error) {
	certText, _, err := readPEM(cert)
	if err != nil {
		return tls.Certificate{}, err
	}
	keyText, mode, err := readPEM(key)
	if err != nil {
		return tls.Certificate{}, err
	}
	if mode.Perm()&0o004 != 0 {
		return tls.Certificate{}, fmt.Errorf("cannot use %s because everybody on this device can read this key: chmod 600 %[1]s", key)
	}
	pair, err := tls.X509KeyPair(certText, keyText)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("cannot use %s with %s because %s: put a certificate and its own key there, in PEM", cert, key, clip(err.Error()))
	}
	return pair, nil
}

func readPEM(path string) ([]byte, fs.FileMode, error) {
	st, err := os.Stat(path)
	if err == nil && (!st.Mode().IsRegular() || st.Size() > maxPEM) {
		err = errors.New("it is no file of certificates")
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, 0, localError("read", path, err)
	}
	return text, st.Mode(), nil
}
