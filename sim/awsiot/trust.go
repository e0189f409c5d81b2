package awsiot

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"abota/sim/awsiot/service"
	"abota/sim/awsiot/signer"
	"abota/sim/front"
)

// years is how long certificates are valid.
const years = 10

// trust makes the authority of every certificate, and a folder for those that
// sign code.
func (c *Cloud) trust(context.Context) (err error) {
	now := time.Now()
	if c.authority, err = front.NewAuthority("abota-sim emulator, not AWS", now.Add(-time.Hour), now.AddDate(years, 0, 0)); err != nil {
		return err
	}
	c.endpoints.CA = filepath.Join(c.opts.Dir, "ca.pem")
	if err := os.WriteFile(c.endpoints.CA, c.authority.PEM(), 0o600); err != nil {
		return fmt.Errorf("write the authority's certificate: %w", err)
	}
	c.endpoints.Certs, err = c.makeDir("certificates")
	return err
}

// serverCertificate names every way to this machine, QEMU's too.
func (c *Cloud) serverCertificate() (tls.Certificate, error) {
	const guests = "10.0.2.2"
	now := time.Now()
	pair, _, _, err := c.authority.Issue(front.Leaf{
		Hosts:     []string{loopback, "localhost", guests, c.opts.Host},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(years, 0, 0),
	})
	return pair, err
}

// plainName is a name that may be a file's in a folder of ours.
var plainName = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]*$`)

// keepCertificate writes a profile's certificate where people find it: by the
// name of the profile, and by the certname that job documents will have, if
// that is a plain name. So the folder can be a device's trusted one.
func (c *Cloud) keepCertificate(p signer.Profile, cert []byte) error {
	names := []string{p.Name + ".pem"}
	if name := filepath.Base(p.Parameters["certname"]); plainName.MatchString(name) {
		names = append(names, name)
	}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(c.endpoints.Certs, name), cert, 0o600); err != nil {
			return fmt.Errorf("write the certificate of signing profile %s: %w", p.Name, err)
		}
	}
	return nil
}

// SigningCertificate is the certificate of a signing profile in PEM, which a
// device must have to trust what the profile signs.
func (c *Cloud) SigningCertificate(profile string) ([]byte, error) {
	return c.signer.Certificate(profile)
}

// Things are those to which an active certificate is attached, by its ID.
func (c *Cloud) Things(certificate string) ([]string, bool) {
	known, err := c.service.DescribeCertificate(certificate)
	if err != nil || known.CertificateDescription.Status != "ACTIVE" {
		return nil, false
	}
	things, err := c.service.ListPrincipalThings(known.CertificateDescription.CertificateARN)
	return things, err == nil
}

// Device is a thing with what its agent needs to be it. All but the names are
// files.
type Device struct {
	Thing          string `json:"thing"`
	CertificateARN string `json:"certificatearn"`
	Certificate    string `json:"certificate"`
	Key            string `json:"key"`
	CA             string `json:"ca"`
}

// NewDevice makes a thing with a certificate of its own, and puts it into
// groups, which are made where they are missing.
func (c *Cloud) NewDevice(thing string, groups ...string) (Device, error) {
	if _, err := c.service.CreateThing(service.CreateThingInput{ThingName: thing}); err != nil {
		return Device{}, err
	}
	made, err := c.service.CreateKeysAndCertificate(true)
	if err != nil {
		return Device{}, err
	}
	if err := c.service.AttachThingPrincipal(thing, made.CertificateARN); err != nil {
		return Device{}, err
	}
	for _, g := range groups {
		if err := c.join(thing, g); err != nil {
			return Device{}, err
		}
	}
	dir, err := c.makeDir("devices", thing)
	if err != nil {
		return Device{}, err
	}
	d := Device{thing, made.CertificateARN, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), c.endpoints.CA}
	for path, text := range map[string]string{d.Certificate: made.CertificatePEM, d.Key: made.KeyPair.PrivateKey} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return Device{}, fmt.Errorf("write the keys of thing %s: %w", thing, err)
		}
	}
	return d, nil
}

func (c *Cloud) join(thing, group string) error {
	if _, err := c.service.DescribeThingGroup(group); err != nil {
		if _, err := c.service.CreateThingGroup(service.CreateThingGroupInput{ThingGroupName: group}); err != nil {
			return err
		}
	}
	return c.service.AddThingToThingGroup(service.GroupMemberInput{ThingGroupName: group, ThingName: thing})
}
