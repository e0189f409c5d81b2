package signer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1" // what old platforms hash with, and devices must refuse
	_ "crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

// rsaBits are what the certificates of AWS's walk-throughs have.
const rsaBits = 2048

// identity is a key and the certificate that devices know it by.
type identity struct {
	key  crypto.Signer
	cert []byte // DER
}

// newIdentity makes a key for an encryption algorithm, and a certificate of
// the form that code-signing certificates have.
func newIdentity(name, encryption string) (identity, error) {
	var key crypto.Signer
	var err error
	if encryption == "RSA" {
		key, err = rsa.GenerateKey(rand.Reader, rsaBits)
	} else {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		return identity{}, fmt.Errorf("make a signing key for %s: %w", name, err)
	}
	const years = 10
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		// Whoever meets the certificate elsewhere shall know whose it is.
		Subject:   pkix.Name{Organization: []string{"abota-sim emulator, not AWS"}, CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(years, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return identity{}, fmt.Errorf("make a certificate for %s: %w", name, err)
	}
	return identity{key, der}, nil
}

func (i identity) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.cert})
}

// ecKey is the identity's key where it is an elliptic one.
func ecKey(i identity) (*ecdsa.PrivateKey, bool) {
	key, ok := i.key.(*ecdsa.PrivateKey)
	return key, ok
}

// hash is what an algorithm's name stands for.
func hash(name string) crypto.Hash {
	if name == "SHA1" {
		return crypto.SHA1
	}
	return crypto.SHA256
}

// sign signs a digest: ECDSA in ASN.1 DER, RSA by PKCS #1 v1.5.
func (i identity) sign(digest []byte, hash crypto.Hash) ([]byte, error) {
	signature, err := i.key.Sign(rand.Reader, digest, hash)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return signature, nil
}
