package awsiot

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"abota/sim/awsiot/broker"
	"abota/sim/awsiot/control"
	"abota/sim/awsiot/roles"
	"abota/sim/awsiot/service"
	"abota/sim/awsiot/signer"
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

// loopback is where everything listens.
const loopback = "127.0.0.1"

// Options say what to start.
type Options struct {
	// Dir is an existing, empty work folder.
	Dir string
	// Host is the name or address by which devices reach this machine, as
	// 10.0.2.2 for guests of QEMU's user network. It is named in the
	// certificates of servers, in pre-signed links and in DescribeEndpoint's
	// answers; 127.0.0.1 when empty. It is never listened at.
	Host string
	// Clock is the service's, real time when nil. Signatures, certificates
	// and temporary keys are judged by the machine's clock in any case.
	Clock *service.VirtualClock
	// Pause is how long a signing job takes at least, 300 ms when zero.
	Pause time.Duration
	// Throughput bounds each MQTT connection, in bytes per second and
	// direction; 0 is unbounded. AWS's is [broker.ConnectionThroughput].
	Throughput int
	// Log gets a line for each request to the control plane and for what is
	// worth one in the broker. Nil drops it.
	Log func(string)
}

// Endpoints is how to reach everything, for people and programs.
type Endpoints struct {
	S3          string `json:"s3"`          // http://host:port, MinIO itself
	Control     string `json:"control"`     // http://host:port, every service by its signing name
	MQTT        string `json:"mqtt"`        // host:port, without TLS
	MQTTS       string `json:"mqtts"`       // host:port, with a device certificate
	ALPN        string `json:"alpn"`        // host:port, the same where ALPN must be x-amzn-mqtt-ca
	Credentials string `json:"credentials"` // https://host:port, the credentials provider
	Data        string `json:"data"`        // https://host:port, jobs and shadows with a device certificate
	Clock       string `json:"clock"`       // the service's time: GET, or POST advance=DURATION, speed=N
	Region      string `json:"region"`
	AccessKey   string `json:"accesskey"`
	SecretKey   string `json:"secretkey"`
	Account     string `json:"account"`
	Bucket      string `json:"bucket"`
	CA          string `json:"ca"`           // file: the authority of all servers and devices
	Certs       string `json:"certificates"` // folder: the code-signing certificates, by profile and certname
}

// Cloud is a running AWS IoT.
type Cloud struct {
	opts      Options
	store     *store.Store
	links     atomic.Pointer[links]
	authority *front.Authority
	service   *service.Service
	signer    *signer.Signer
	roles     *roles.Roles
	broker    *broker.Broker
	addresses map[string]string // DescribeEndpoint's
	servers   []*http.Server
	stopTicks func()
	endpoints Endpoints
}

// Start starts everything, until Close.
func Start(ctx context.Context, opts Options) (_ *Cloud, err error) {
	c := &Cloud{opts: opts, addresses: map[string]string{}}
	c.defaults()
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	for _, step := range []func(context.Context) error{c.trust, c.openStore, c.openModel, c.openBroker, c.openServers} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	c.stopTicks = c.tick()
	return c, nil
}

func (c *Cloud) defaults() {
	const pause = 300 * time.Millisecond
	if c.opts.Host == "" {
		c.opts.Host = loopback
	}
	if c.opts.Clock == nil {
		c.opts.Clock = service.NewClock(time.Now(), 1)
	}
	if c.opts.Pause == 0 {
		c.opts.Pause = pause
	}
}

// openStore starts MinIO with a bucket that keeps versions.
func (c *Cloud) openStore(ctx context.Context) (err error) {
	if c.store, err = store.Start(context.WithoutCancel(ctx), filepath.Join(c.opts.Dir, "store")); err != nil {
		return err
	}
	if err := c.store.MakeBucket(ctx, Bucket); err != nil {
		return err
	}
	if err := c.store.KeepVersions(ctx, Bucket); err != nil {
		return err
	}
	if err := c.LeadLinks(c.seen(c.store.Endpoint()), 0); err != nil {
		return err
	}
	keys, e := c.store.Keys(), &c.endpoints
	e.S3, e.Region, e.Account, e.Bucket = c.store.Endpoint(), c.store.Region(), Account, Bucket
	e.AccessKey, e.SecretKey = keys.AccessKey, keys.SecretKey
	return nil
}

// openModel makes what has no address: the services themselves.
func (c *Cloud) openModel(context.Context) (err error) {
	cert, key := c.authority.Signer()
	c.service, err = service.New(service.Config{
		Region: c.store.Region(), Account: Account, Clock: c.opts.Clock,
		Endpoints: c.addresses, CA: cert, CAKey: key,
		// The broker asks the model, and is there before anybody asks it.
		Announce: func(a service.Announcement) { c.broker.Announce(a) },
		Presign: func(bucket, key, version string, expires time.Duration) (string, error) {
			return c.links.Load().version(bucket, key, version, expires)
		},
		ReadDocument: c.readDocument,
	})
	if err != nil {
		return err
	}
	c.signer = signer.New(signer.Options{
		Objects: c.store, Region: c.store.Region(), Account: Account, Now: c.opts.Clock.Now,
		Pause: c.opts.Pause, Certified: c.keepCertificate,
	})
	c.roles = roles.New(c.store.Region(), Account, c.opts.Clock.Now)
	return nil
}

func (c *Cloud) openBroker(context.Context) (err error) {
	pair, err := c.serverCertificate()
	if err != nil {
		return err
	}
	c.broker, err = broker.New(broker.Options{
		Model: c.service, Objects: broker.Store{Store: c.store},
		Certificate: pair, Authority: c.authority.Pool(), Throughput: c.opts.Throughput, Log: c.opts.Log,
	})
	if err != nil {
		return err
	}
	e := &c.endpoints
	e.MQTT, e.MQTTS, e.ALPN = c.broker.Addr(), c.broker.AddrTLS(), c.broker.AddrALPN()
	return nil
}

// links makes the pre-signed links of jobs.
type links struct {
	store.Links
	most time.Duration // how long they hold at most; 0 is as long as jobs say
}

func (l *links) version(bucket, key, version string, expires time.Duration) (string, error) {
	if l.most > 0 {
		expires = min(expires, l.most)
	}
	return l.Version(context.Background(), bucket, key, version, expires)
}

// LeadLinks has the pre-signed links of jobs name another address, host:port,
// that leads to the store, and hold for so long at most; 0 is as long as
// the job says. It may be called at any time.
func (c *Cloud) LeadLinks(address string, most time.Duration) error {
	l, err := c.store.Links(address)
	if err != nil {
		return err
	}
	c.links.Store(&links{l, most})
	return nil
}

// Endpoints is how to reach it from this machine.
func (c *Cloud) Endpoints() Endpoints { return c.endpoints }

// Store is the S3 of the account.
func (c *Cloud) Store() *store.Store { return c.store }

// Service is the model of AWS IoT.
func (c *Cloud) Service() *service.Service { return c.service }

// Signer is the model of AWS Signer.
func (c *Cloud) Signer() *signer.Signer { return c.signer }

// Roles are the role aliases.
func (c *Cloud) Roles() *roles.Roles { return c.roles }

// Broker is the MQTT broker.
func (c *Cloud) Broker() *broker.Broker { return c.broker }

// Clock is the service's clock.
func (c *Cloud) Clock() *service.VirtualClock { return c.opts.Clock }

// Authority issues the certificates of servers and devices.
func (c *Cloud) Authority() *front.Authority { return c.authority }

// Close ends everything. The work folder stays.
func (c *Cloud) Close() error {
	var errs []error
	if c.stopTicks != nil {
		c.stopTicks()
	}
	for _, s := range c.servers {
		errs = append(errs, s.Close())
	}
	if c.signer != nil {
		c.signer.Close()
	}
	if c.broker != nil {
		errs = append(errs, c.broker.Close())
	}
	if c.store != nil {
		errs = append(errs, c.store.Stop())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("stop the AWS IoT of %s: %w", c.opts.Dir, err)
	}
	return nil
}

// makeDir is a folder in the work folder.
func (c *Cloud) makeDir(name ...string) (string, error) {
	dir := filepath.Join(append([]string{c.opts.Dir}, name...)...)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make a folder for certificates: %w", err)
	}
	return dir, nil
}

var _ control.Registry = (*Cloud)(nil)
