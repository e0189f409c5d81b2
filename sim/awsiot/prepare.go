package awsiot

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"

	"abota/sim/awsiot/roles"
	"abota/sim/awsiot/signer"
)

// What [Cloud.Prepare] makes.
const (
	Thing     = "device-1"
	Group     = "fleet"
	Profile   = "firmware_signing"
	CertName  = "firmware-signing.pem" // the certificate's name on devices
	RoleAlias = "abota"
	OTARole   = "OTARole"
	Image     = "firmware.bin" // in Bucket
	imageSize = 256 << 10
)

// Prepared is a cloud with everything that a first job needs.
type Prepared struct {
	Endpoints
	Device    Device `json:"device"`    // a thing in the group, with its certificate
	Group     string `json:"group"`     // of things
	Profile   string `json:"profile"`   // of the signer
	CertName  string `json:"certname"`  // as job documents of the profile have it
	RoleAlias string `json:"rolealias"` // of the credentials provider
	Role      string `json:"role"`      // for streams and links; there is no IAM behind it
	Image     string `json:"image"`     // an object of random bytes in the bucket
}

// Prepare makes a thing in a group, a signing profile, a role alias, and an
// object that can be sent to the thing.
func (c *Cloud) Prepare(ctx context.Context) (Prepared, error) {
	p := Prepared{
		Endpoints: c.endpoints, Group: Group, Profile: Profile, CertName: CertName,
		RoleAlias: RoleAlias, Role: OTARole, Image: Image,
	}
	var err error
	if p.Device, err = c.NewDevice(Thing, Group); err != nil {
		return p, fmt.Errorf("prepare a thing: %w", err)
	}
	if err := c.PrepareAccount(); err != nil {
		return p, err
	}
	image := make([]byte, imageSize)
	_, _ = rand.Read(image) // never fails
	if err := c.store.Put(ctx, Bucket, Image, bytes.NewReader(image), imageSize, nil); err != nil {
		return p, fmt.Errorf("prepare an object: %w", err)
	}
	return p, nil
}

// PrepareAccount makes the signing profile and the role alias.
func (c *Cloud) PrepareAccount() error {
	if _, err := c.signer.Put(signer.Profile{
		Name: Profile, Platform: "AmazonFreeRTOS-Default", Parameters: map[string]string{"certname": CertName},
		Material: &signer.Material{CertificateARN: fmt.Sprintf("arn:aws:acm:%s:%s:certificate/abota-sim", c.endpoints.Region, Account)},
	}); err != nil {
		return fmt.Errorf("prepare a signing profile: %w", err)
	}
	if _, err := c.roles.Create(roles.Input{Alias: RoleAlias, RoleARN: "arn:aws:iam::" + Account + ":role/DeviceRole"}); err != nil {
		return fmt.Errorf("prepare a role alias: %w", err)
	}
	return nil
}
