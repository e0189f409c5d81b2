package signature

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"math/big"
	"strings"
)

// Verify says whether sig is a signature over this SHA-256 by the certificate's
// key. The algorithm must be the key's: what is wanted is nobody's choice but
// that of whoever put the certificate there.
func (c *Certificate) Verify(algorithm string, digest [sha256.Size]byte, sig []byte) error {
	if err := c.fits(algorithm, sig); err != nil {
		return err
	}
	var right bool
	switch key := c.x509.PublicKey.(type) {
	case *ecdsa.PublicKey:
		right = ecdsa.VerifyASN1(key, digest[:], sig)
	case *rsa.PublicKey:
		right = rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], sig) == nil
	}
	if !right {
		return untrusted("the signature does not fit: this release was not signed with the key of certificate %s: sign it with that key, name the certificate that it was signed with, or upload the file that was signed", c.name)
	}
	return nil
}

// offered refuses what is no algorithm that could be trusted.
func offered(algorithm string) error {
	switch {
	case strings.HasPrefix(algorithm, "sha1-"):
		return untrusted("a signature over SHA-1 (%.40q) proves nothing any more: use a signing profile with SHA256", algorithm)
	case algorithm != ECDSA && algorithm != RSA:
		return untrusted("the signature's algorithm %.40q is unknown: use %s or %s", algorithm, ECDSA, RSA)
	}
	return nil
}

// fits refuses what cannot be a signature by this key, whatever was signed.
func (c *Certificate) fits(algorithm string, sig []byte) error {
	if err := offered(algorithm); err != nil {
		return err
	}
	_, isECDSA := c.x509.PublicKey.(*ecdsa.PublicKey)
	is := RSA
	if isECDSA {
		is = ECDSA
	}
	switch {
	case algorithm != is:
		return untrusted("the signature is %s, but certificate %s has a key for %s: name the certificate that the release was signed with", algorithm, c.name, is)
	case len(sig) == 0:
		return untrusted("the signature is empty: sign the release")
	case len(sig) > maxSignature:
		return untrusted("the signature has %d bytes, more than the %d that any has: put one signature there", len(sig), maxSignature)
	case isECDSA && !isDER(sig):
		return untrusted("the signature is no ASN.1 DER: give it as openssl and AWS Signer make it, not as r and s side by side")
	}
	return nil
}

// isDER reports whether all of sig is one SEQUENCE of two INTEGERs.
func isDER(sig []byte) bool {
	var pair struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(sig, &pair)
	return err == nil && len(rest) == 0
}
