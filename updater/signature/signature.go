// Package signature checks the detached signature of a release: one over the
// SHA-256 of the artifact, byte for byte as it is stored, by the key of a
// certificate that lies on the device.
//
// # Guarantee
//
// Only a certificate in the trusted folder counts, and only by its own key.
// What an update says of it is a name in that folder and never a way to a file
// elsewhere: no element of a path, and no symbolic link, leads out of it. The
// folder, and a file in it, that everybody on the device could write are
// refused, as are keys that are too weak, certificates whose key usage forbids
// this, and a signature of another kind than the key.
//
// [Payload.Next] returns io.EOF only when the payload inside did, and the
// signature fits the digest of what was read. Nothing is armed before that.
//
// Every error wraps [ErrUntrusted], or is that of the payload inside.
//
// # Not guaranteed
//
// The signature covers the artifact alone: neither its version nor for which
// device it is. An older signed release is as good as a newer one.
//
// # Time
//
// When a release was signed is nowhere written, so it cannot be told whether
// its certificate was valid then; and a device that refused what was signed a
// year ago, or that woke in 1970, could never be brought anywhere else. So the
// certificate's dates refuse nothing. They are worth a warning
// ([Certificate.Warning]). A key that must no longer count is taken out of the
// folder. For the same reason no chain is built: a certificate is trusted
// because it lies in the folder, not because of who issued it.
//
// # Format
//
//   - The folder holds one PEM file for each certificate, with nothing but this
//     one certificate in it, at most 64 KiB. A certificate named "signer" may lie
//     there as signer, signer.pem or signer.crt. AWS IoT's documents call the
//     name certfile, "name or path"; of a path the last element counts.
//   - sha256-ecdsa: an ECDSA signature as ASN.1 DER, SEQUENCE of r and s (RFC
//     3279, 2.2.3), by a key on P-256 or P-384. AWS Signer makes these, and so
//     does `openssl dgst -sha256 -sign`.
//   - sha256-rsa: RSASSA-PKCS1-v1_5 (RFC 8017, 8.2), by a key of 2048 to 8192
//     bits. That AWS Signer's SHA256withRSA is this one is inferred from the name.
package signature

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// ErrUntrusted is wrapped by every error that says that a signature, or its
// certificate, is not to be believed.
var ErrUntrusted = errors.New("not trusted")

// The algorithms of a signature. In a document they stand behind "sig-".
const (
	ECDSA = "sha256-ecdsa"
	RSA   = "sha256-rsa"
)

// maxSignature bounds a signature, in bytes: that of an RSA key of 8192 bits.
const maxSignature = 1024

// Detached is a signature, and the certificate that it has to be of.
type Detached struct {
	cert      *Certificate
	algorithm string
	sig       []byte
}

// New takes what a document says of a signature: the name of its certificate in
// the folder dir, the algorithm, with "sig-" before it or without, and the
// signature's bytes. What can be refused before a release is fetched, is.
func New(dir, certificate, algorithm string, sig []byte) (*Detached, error) {
	algorithm = strings.TrimPrefix(algorithm, "sig-")
	if err := offered(algorithm); err != nil {
		return nil, err
	}
	cert, err := Load(dir, certificate)
	if err != nil {
		return nil, err
	}
	if err := cert.fits(algorithm, sig); err != nil {
		return nil, err
	}
	return &Detached{cert, algorithm, sig}, nil
}

// Certificate is the one that the signature has to be of.
func (d *Detached) Certificate() *Certificate { return d.cert }

// Verify says whether the signature is one over this SHA-256.
func (d *Detached) Verify(digest [sha256.Size]byte) error {
	return d.cert.Verify(d.algorithm, digest, d.sig)
}

// VerifyHex is Verify of a digest in hexadecimal digits.
func (d *Detached) VerifyHex(digits string) error {
	digest, err := hex.DecodeString(digits)
	if err != nil || len(digest) != sha256.Size {
		return untrusted("the digest of the release is not known, so no signature fits it")
	}
	return d.Verify([sha256.Size]byte(digest))
}

// Checksum tells this signature by this certificate from every other one: what
// a publisher says of a release before it is fetched.
func (d *Detached) Checksum() string {
	h := sha256.New()
	h.Write(d.cert.x509.Raw)
	h.Write(d.sig)
	return "sig:" + hex.EncodeToString(h.Sum(nil))
}

func untrusted(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrUntrusted, fmt.Errorf(format, args...))
}
