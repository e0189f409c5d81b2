package service

import (
	"cmp"
	"crypto"
	"crypto/x509"
	"errors"
	"slices"
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
	// RSAKeys has CreateKeysAndCertificate make RSA keys of 2,048 bits, as AWS
	// does, instead of P-256, which a fleet of a thousand has in a second.
	RSAKeys bool
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
	// Events has the ends of jobs and executions announced on $aws/events/…,
	// which AWS does not do unless told to.
	Events bool
	// ConcurrentJobs is how many jobs may roll out at a time, 500 when zero.
	ConcurrentJobs int
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

	mu     sync.Mutex // guards everything below but out
	now    time.Time
	timers timers

	things   map[string]*thing
	groups   map[string]*group
	certs    map[string]*certificate // by ID
	policies map[string]*policy
	jobs     map[string]*job
	made     int64 // jobs and streams made so far, which orders their lists
	packages map[string]*catalogPackage
	catalog  PackageConfiguration
	streams  map[string]*stream
	shadows  map[string]map[string]*shadow // by thing and name
	tags     map[string]map[string]string  // by ARN

	touched map[*thing]bool // whose pending executions may have changed
	box     outbox
}

// New makes an empty service.
func New(cfg Config) (*Service, error) {
	if cfg.Clock == nil || cfg.Region == "" || cfg.Account == "" {
		return nil, errors.New("cannot make the service because clock, region or account is missing: give all three")
	}
	cfg.ConcurrentJobs = cmp.Or(cfg.ConcurrentJobs, maxConcurrentJobs)
	return &Service{
		cfg: cfg, now: whole(cfg.Clock.Now()),
		things: map[string]*thing{}, groups: map[string]*group{}, certs: map[string]*certificate{},
		policies: map[string]*policy{}, jobs: map[string]*job{}, packages: map[string]*catalogPackage{},
		streams: map[string]*stream{}, shadows: map[string]map[string]*shadow{}, tags: map[string]map[string]string{},
		touched: map[*thing]bool{},
	}, nil
}

// whole is a time as the service keeps it: in UTC, to the millisecond, and
// without the monotonic reading, so that it compares as it prints.
func whole(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// Now is the service's time. It never goes back.
func (s *Service) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return later(s.now, whole(s.cfg.Clock.Now()))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Tick has everything happen that is due by the clock, in order of time, each
// as if it were seen at the moment it was due. Every request does so first,
// too; what nobody's request brings about waits for a tick.
func (s *Service) Tick() {
	s.mu.Lock()
	s.catchUp()
	s.mu.Unlock()
	s.box.deliver(s.cfg.Announce)
}

// Next is when something is due next, if anything is.
func (s *Service) Next() (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.timers.next()
}

func (s *Service) catchUp() {
	until := later(s.now, whole(s.cfg.Clock.Now()))
	for {
		due, ok := s.timers.pop(until)
		if !ok {
			break
		}
		s.now = later(s.now, due.at)
		due.run()
		s.tellTouched()
	}
	s.now = until
}

// at has run done at a time, at the next occasion if it is past.
func (s *Service) at(t time.Time, run func()) { s.timers.push(t, run) }

// do is one request: first what is due, then the request, then what devices
// have to hear of it.
func do[T any](s *Service, request func() (T, error)) (T, error) {
	s.mu.Lock()
	s.catchUp()
	out, err := request()
	s.tellTouched()
	s.mu.Unlock()
	s.box.deliver(s.cfg.Announce)
	return out, err
}

// change is do for a request that answers nothing.
func (s *Service) change(request func() error) error {
	_, err := do(s, func() (struct{}, error) { return struct{}{}, request() })
	return err
}

// touch marks a thing whose pending executions may have changed.
func (s *Service) touch(t *thing) { s.touched[t] = true }

// tellTouched announces what changed for the things that were touched, by name,
// so that the same story is always told in the same order.
func (s *Service) tellTouched() {
	if len(s.touched) == 0 {
		return
	}
	touched := make([]*thing, 0, len(s.touched))
	for t := range s.touched {
		touched = append(touched, t)
	}
	clear(s.touched)
	slices.SortFunc(touched, func(a, b *thing) int { return cmp.Compare(a.name, b.name) })
	for _, t := range touched {
		s.tell(t)
	}
}

func (s *Service) arn(kind, name string) string {
	return "arn:aws:iot:" + s.cfg.Region + ":" + s.cfg.Account + ":" + kind + "/" + name
}
