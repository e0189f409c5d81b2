// Package service is a model of AWS IoT as far as updates over the air need
// it: things, groups, certificates, jobs with their executions, packages,
// streams' records and shadows, on a clock of its own. It does no I/O.
package service

import (
	"crypto"
	"crypto/x509"
	"errors"
	"sync"
	"time"
)

// Config says who the service is and whom it asks. Hooks run while the service
// is locked unless they say otherwise, and must not call it.
type Config struct {
	// Region and Account (12 digits) are in every ARN.
	Region, Account string
	// Clock is the service's time.
	Clock Clock
	// Endpoints are DescribeEndpoint's answers by type: iot:Data-ATS, iot:Data,
	// iot:CredentialProvider, iot:Jobs.
	Endpoints map[string]string
	// CA and CAKey sign devices' certificates.
	CA    *x509.Certificate
	CAKey crypto.Signer
	// Announce publishes a message to whoever subscribed. Announcements come
	// one after another in the order of the changes that caused them, after the
	// change, and not while the service is locked: Announce may call it.
	Announce func(Announcement)
	// Presign makes the URL that a placeholder stands for, at every read by a
	// device; version may be empty.
	Presign func(bucket, key, version string, expires time.Duration) (string, error)
	// ReadDocument reads a job's documentSource, an S3 URL. It may be slow: the
	// service is not locked.
	ReadDocument func(url string) (string, error)
}

// Announcement is a message that the service publishes on its own.
type Announcement struct {
	// Thing is whom it is about; empty for none.
	Thing   string
	Topic   string
	Payload []byte
}

// Service is the model. It is safe for concurrent use.
type Service struct {
	cfg Config
	mu  sync.Mutex
}

// New makes an empty service.
func New(cfg Config) (*Service, error) {
	if cfg.Clock == nil || cfg.Region == "" || cfg.Account == "" {
		return nil, errors.New("cannot make the service because clock, region or account is missing: give all three")
	}
	return &Service{cfg: cfg}, nil
}

// Now is the service's time. It never goes back.
func (s *Service) Now() time.Time { return s.cfg.Clock.Now() }

// Tick has everything happen that is due by the clock, in order of time, each
// as if it were seen at the moment it was due. Every request does it too, so
// that only announcements wait for a tick.
func (s *Service) Tick() {}

// Next is when something is due next, if anything is.
func (s *Service) Next() (time.Time, bool) { return time.Time{}, false }
