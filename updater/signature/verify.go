package signature

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"strings"
)

// Verify says whether sig is a signature over this SHA-256 by the certificate's
// key. The algorithm must be the key's: what is wanted is nobody's choice but
// that of whoever put the certificate there.
func (c *Certificate) Verify(algorithm string, digest [sha256.Size]byte, sig []byte) error {
	if err := c.speaks(algorithm); err != nil {
		return err
	}
	switch {
	case len(sig) == 0:
		return untrusted("the signature is empty: sign the release")
	case len(sig) > maxSignature:
		return untrusted("the signature has %d bytes, more than the %d that any has: put one signature there", len(sig), maxSignature)
	}
	switch key := c.x509.PublicKey.(type) {
	case *ecdsa.PublicKey:
		if ecdsa.VerifyASN1(key, digest[:], sig) {
			return nil
		}
		if isPair(key, sig) {
			return untrusted("the signature is r and s side by side (%d bytes), which is not how it has to be written: give it as ASN.1 DER, as openssl and AWS Signer make it", len(sig))
		}
	case *rsa.PublicKey:
		if rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], sig) == nil {
			return nil
		}
	}
	return untrusted("the signature does not fit: this release was not signed with the key of certificate %s: sign it with that key, name the certificate that it was signed with, or upload the file that was signed", c.name)
}

// isPair reports what some signers make in the place of DER.
func isPair(key *ecdsa.PublicKey, sig []byte) bool {
	return len(sig) == 2*((key.Curve.Params().BitSize+7)/8)
}

// speaks reports whether the key makes signatures of this kind.
func (c *Certificate) speaks(algorithm string) error {
	switch {
	case strings.HasPrefix(algorithm, "sha1-"):
		return untrusted("a signature over SHA-1 (%s) proves nothing any more: use a signing profile with SHA256", algorithm)
	case algorithm != ECDSA && algorithm != RSA:
		return untrusted("the signature's algorithm %.40q is unknown: use %s or %s", algorithm, ECDSA, RSA)
	case algorithm != c.algorithm():
		return untrusted("the signature is %s, but certificate %s has a key for %s: name the certificate that the release was signed with", algorithm, c.name, c.algorithm())
	}
	return nil
}

// algorithm is the one that the key makes.
func (c *Certificate) algorithm() string {
	if _, is := c.x509.PublicKey.(*rsa.PublicKey); is {
		return RSA
	}
	return ECDSA
}
