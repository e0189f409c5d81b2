package awsiot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"abota/sim/front"
	"abota/sim/store"
)

// What is made at the start, ready for a first job.
const (
	// Account is the one that everything belongs to.
	Account = "123456789012"
	// Bucket keeps versions.
	Bucket = "fleet-firmware"
)

// Options say what to start.
type Options struct {
	// Dir is an existing, empty work folder.
	Dir string
	// Host is the name or address by which devices reach this machine, and
	// which is named in certificates, links and answers; 127.0.0.1 when empty.
	// It is never listened at.
	Host string
}

// Endpoints is how to reach everything, for people and programs.
type Endpoints struct {
	S3          string `json:"s3"`          // http://host:port, MinIO itself
	Control     string `json:"control"`     // http://host:port, every service by its signing name
	MQTT        string `json:"mqtt"`        // host:port, without TLS
	MQTTS       string `json:"mqtts"`       // host:port, with a device certificate
	Credentials string `json:"credentials"` // https://host:port, the credentials provider
	Data        string `json:"data"`        // https://host:port, jobs and shadows with a device certificate
	Region      string `json:"region"`
	AccessKey   string `json:"accesskey"`
	SecretKey   string `json:"secretkey"`
	Account     string `json:"account"`
	Bucket      string `json:"bucket"`
	CA          string `json:"ca"`           // file: the authority of all servers and devices
	Certs       string `json:"certificates"` // folder: the code-signing certificates
}

// Cloud is a running AWS IoT.
type Cloud struct {
	opts      Options
	store     *store.Store
	authority *front.Authority
	endpoints Endpoints
}

// Start starts everything, until Close.
func Start(ctx context.Context, opts Options) (_ *Cloud, err error) {
	if opts.Host == "" {
		opts.Host = "127.0.0.1"
	}
	c := &Cloud{opts: opts}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	if err := c.trust(); err != nil {
		return nil, err
	}
	if err := c.openStore(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// trust makes the authority of every certificate.
func (c *Cloud) trust() (err error) {
	const years = 10
	now := time.Now()
	if c.authority, err = front.NewAuthority("abota-sim AWS IoT", now.Add(-time.Hour), now.AddDate(years, 0, 0)); err != nil {
		return err
	}
	c.endpoints.CA = filepath.Join(c.opts.Dir, "ca.pem")
	if err := os.WriteFile(c.endpoints.CA, c.authority.PEM(), 0o600); err != nil {
		return fmt.Errorf("write the authority's certificate: %w", err)
	}
	return nil
}

// openStore starts MinIO with a bucket that keeps versions.
func (c *Cloud) openStore(ctx context.Context) (err error) {
	if c.store, err = store.Start(context.WithoutCancel(ctx), filepath.Join(c.opts.Dir, "store")); err != nil {
		return err
	}
	if err := c.store.MakeBucket(ctx, Bucket); err != nil {
		return err
	}
	keys := c.store.Keys()
	c.endpoints.S3, c.endpoints.Region, c.endpoints.Account, c.endpoints.Bucket = c.store.Endpoint(), c.store.Region(), Account, Bucket
	c.endpoints.AccessKey, c.endpoints.SecretKey = keys.AccessKey, keys.SecretKey
	return c.store.KeepVersions(ctx, Bucket)
}

// Endpoints is how to reach it. What is not served is empty.
func (c *Cloud) Endpoints() Endpoints { return c.endpoints }

// Store is the S3 of the account.
func (c *Cloud) Store() *store.Store { return c.store }

// Authority issues the certificates of servers and devices.
func (c *Cloud) Authority() *front.Authority { return c.authority }

// Close ends everything.
func (c *Cloud) Close() error {
	if c.store == nil {
		return nil
	}
	return c.store.Stop()
}
