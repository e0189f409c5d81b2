package signature

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"time"
)

// The sizes of an RSA key, in bits.
const minRSA, maxRSA = 2048, 8 * maxSignature

// Certificate is one that lies in the trusted folder, and may be used.
type Certificate struct {
	name string // of its file
	x509 *x509.Certificate
}

// String is the name of its file.
func (c *Certificate) String() string { return c.name }

// Warning says that the certificate is not valid at a time, or nothing. It is
// no reason to refuse what it signed; see the package's documentation.
func (c *Certificate) Warning(at time.Time) string {
	const day = "2006-01-02"
	switch {
	case at.After(c.x509.NotAfter):
		return fmt.Sprintf("certificate %s has expired on %s: what it signed is taken all the same, but bring a fresh one with the next release", c.name, c.x509.NotAfter.UTC().Format(day))
	case at.Before(c.x509.NotBefore):
		return fmt.Sprintf("certificate %s is valid from %s: it is taken all the same, but look at the device's clock", c.name, c.x509.NotBefore.UTC().Format(day))
	}
	return ""
}

// parseCertificate reads a file's text, path being its name for messages.
func parseCertificate(path string, text []byte) (*x509.Certificate, error) {
	block, rest := pem.Decode(text)
	switch {
	case block == nil:
		return nil, untrusted("cannot use %s because it holds no certificate: put it there in PEM (-----BEGIN CERTIFICATE-----)", path)
	case block.Type != "CERTIFICATE":
		return nil, untrusted("cannot use %s because it begins with a %.40q: put the certificate there, and nothing else", path, block.Type)
	}
	if more, _ := pem.Decode(rest); more != nil {
		return nil, untrusted("cannot use %s because a %.40q follows the certificate: leave the signer's own certificate alone in its file, so that there is no doubt which one is trusted", path, more.Type)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, untrusted("cannot use %s because its certificate cannot be read (%w): make it again", path, err)
	}
	if err := fitToSign(path, cert); err != nil {
		return nil, err
	}
	return cert, nil
}

// fitToSign refuses what must not vouch for a release.
func fitToSign(path string, cert *x509.Certificate) error {
	usages := len(cert.ExtKeyUsage) + len(cert.UnknownExtKeyUsage)
	signs := slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageCodeSigning) || slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageAny)
	switch {
	case cert.KeyUsage != 0 && cert.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return untrusted("cannot use %s because its key usage does not allow signatures: make it with keyUsage=digitalSignature", path)
	case usages > 0 && !signs:
		return untrusted("cannot use %s because its extended key usage does not allow code signing: make it with extendedKeyUsage=codeSigning", path)
	case len(cert.UnhandledCriticalExtensions) > 0:
		return untrusted("cannot use %s because its extension %s is critical and unknown: make it without", path, cert.UnhandledCriticalExtensions[0])
	}
	switch key := cert.PublicKey.(type) {
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() || key.Curve == elliptic.P384() {
			return nil
		}
		return untrusted("cannot use %s because its key is on curve %s: use P-256 or P-384", path, key.Curve.Params().Name)
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < minRSA || bits > maxRSA {
			return untrusted("cannot use %s because its RSA key has %d bits: use %d to %d", path, bits, minRSA, maxRSA)
		}
		return nil
	}
	return untrusted("cannot use %s because its key is neither ECDSA nor RSA (%s): use ECDSA on P-256", path, cert.PublicKeyAlgorithm)
}
