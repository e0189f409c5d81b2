package service

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net/http"
	"time"
)

// certificate is a device's, a principal.
type certificate struct {
	id, pem           string
	status            string // ACTIVE, INACTIVE or REVOKED
	created, modified time.Time
	things            map[*thing]bool
	policies          map[string]bool
}

// CreateKeysAndCertificate makes a key and a certificate of the service's
// authority. The private key is not kept.
func (s *Service) CreateKeysAndCertificate(setAsActive bool) (CreateKeysAndCertificateOutput, error) {
	der, keys, err := s.issue() // slow, so not while the service is locked
	if err != nil {
		return CreateKeysAndCertificateOutput{}, err
	}
	return do(s, func() (CreateKeysAndCertificateOutput, error) {
		c := &certificate{
			id: certificateID(der), pem: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
			status: "INACTIVE", created: s.now, modified: s.now, things: map[*thing]bool{}, policies: map[string]bool{},
		}
		if setAsActive {
			c.status = "ACTIVE"
		}
		s.certs[c.id] = c
		return CreateKeysAndCertificateOutput{s.arn("cert", c.id), c.id, c.pem, keys}, nil
	})
}

// certificateID is the SHA-256 of a certificate, as AWS names them.
func certificateID(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

func (s *Service) issue() ([]byte, KeyPair, error) {
	if s.cfg.CA == nil || s.cfg.CAKey == nil {
		return nil, KeyPair{}, AsError(invalid("no certificate can be made because the service was given no authority"))
	}
	key, keys, err := s.newKey()
	if err != nil {
		return nil, KeyPair{}, AsError(err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 158))
	if err != nil {
		return nil, KeyPair{}, AsError(err)
	}
	// The authority's own validity: a device may live in another time than the
	// service's clock.
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "AWS IoT Certificate"},
		NotBefore: s.cfg.CA.NotBefore, NotAfter: s.cfg.CA.NotAfter, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, s.cfg.CA, key.Public(), s.cfg.CAKey)
	if err != nil {
		return nil, KeyPair{}, AsError(err)
	}
	return der, keys, nil
}

func (s *Service) newKey() (crypto.Signer, KeyPair, error) {
	var key crypto.Signer
	var private *pem.Block
	if s.cfg.RSAKeys {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, KeyPair{}, err
		}
		key, private = k, &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)}
	} else {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, KeyPair{}, err
		}
		der, err := x509.MarshalECPrivateKey(k)
		if err != nil {
			return nil, KeyPair{}, err
		}
		key, private = k, &pem.Block{Type: "EC PRIVATE KEY", Bytes: der}
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, KeyPair{}, err
	}
	return key, KeyPair{string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})), string(pem.EncodeToMemory(private))}, nil
}

// DescribeCertificate shows a certificate.
func (s *Service) DescribeCertificate(id string) (DescribeCertificateOutput, error) {
	return do(s, func() (DescribeCertificateOutput, error) {
		c, err := s.certificate(id)
		if err != nil {
			return DescribeCertificateOutput{}, err
		}
		return DescribeCertificateOutput{s.describe(c)}, nil
	})
}

func (s *Service) describe(c *certificate) CertificateDescription {
	return CertificateDescription{s.arn("cert", c.id), c.id, c.status, c.pem, Timestamp{c.created}, Timestamp{c.modified}}
}

// Identify finds a client's certificate, by its DER, for those who speak TLS;
// only one whose status is ACTIVE may connect.
func (s *Service) Identify(der []byte) (CertificateDescription, error) {
	out, err := s.DescribeCertificate(certificateID(der))
	return out.CertificateDescription, err
}

// UpdateCertificate sets a certificate's status, ACTIVE, INACTIVE or REVOKED.
func (s *Service) UpdateCertificate(id, status string) error {
	return s.change(func() error {
		c, err := s.certificate(id)
		if err != nil {
			return err
		}
		switch status {
		case "ACTIVE", "INACTIVE", "REVOKED":
		default:
			return invalid("newStatus %s is none of ACTIVE, INACTIVE and REVOKED", show(status))
		}
		c.status, c.modified = status, s.now
		return nil
	})
}

// DeleteCertificate removes a certificate that is not active and that nothing
// is attached to; force removes the attachments of policies.
func (s *Service) DeleteCertificate(id string, force bool) error {
	return s.change(func() error {
		c, err := s.certificate(id)
		if err != nil {
			return err
		}
		if c.status == "ACTIVE" {
			return &Error{Type: "CertificateStateException", Status: http.StatusNotAcceptable, Message: "certificate " + id + " is active: deactivate it first"}
		}
		if len(c.things) > 0 || len(c.policies) > 0 && !force {
			return inUse("certificate %s is attached to things or has policies: detach them first", id)
		}
		for name := range c.policies {
			delete(s.policies[name].targets, s.arn("cert", id))
		}
		delete(s.certs, id)
		return nil
	})
}

func (s *Service) certificate(id string) (*certificate, error) {
	if c := s.certs[id]; c != nil {
		return c, nil
	}
	return nil, notFound("certificate %s does not exist", show(id))
}

// principal is the certificate of an ARN.
func (s *Service) principal(arn string) (*certificate, error) {
	id, err := s.named("cert", "", arn)
	if err != nil {
		return nil, err
	}
	return s.certificate(id)
}

// AttachThingPrincipal binds a certificate, by its ARN, to a thing.
func (s *Service) AttachThingPrincipal(thing, principal string) error {
	return s.change(func() error {
		t, c, err := s.pair(thing, principal)
		if err == nil {
			t.principals[principal], c.things[t] = true, true
		}
		return err
	})
}

// DetachThingPrincipal unbinds them.
func (s *Service) DetachThingPrincipal(thing, principal string) error {
	return s.change(func() error {
		t, c, err := s.pair(thing, principal)
		if err == nil {
			delete(t.principals, principal)
			delete(c.things, t)
		}
		return err
	})
}

func (s *Service) pair(name, principal string) (*thing, *certificate, error) {
	t, err := s.thing(name)
	if err != nil {
		return nil, nil, err
	}
	c, err := s.principal(principal)
	return t, c, err
}

// ListThingPrincipals lists the certificates of a thing, as ARNs.
func (s *Service) ListThingPrincipals(name string) ([]string, error) {
	return do(s, func() ([]string, error) {
		t, err := s.thing(name)
		if err != nil {
			return nil, err
		}
		return append([]string{}, sortedKeys(t.principals)...), nil
	})
}

// ListPrincipalThings lists the things of a certificate.
func (s *Service) ListPrincipalThings(principal string) ([]string, error) {
	return do(s, func() ([]string, error) {
		c, err := s.principal(principal)
		if err != nil {
			return nil, err
		}
		names := []string{}
		for _, t := range byName(c.things) {
			names = append(names, t.name)
		}
		return names, nil
	})
}
