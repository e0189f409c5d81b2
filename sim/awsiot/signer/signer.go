package signer

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"abota/sim/store"
)

// Objects is the S3 that jobs read from and write to; *store.Store is one.
type Objects interface {
	Open(ctx context.Context, bucket, name, version string) (store.Object, store.Version, error)
	Put(ctx context.Context, bucket, name string, r io.Reader, size int64, metadata map[string]string) error
}

// Options say where a signer is and what it works with.
type Options struct {
	Objects Objects
	Region  string
	Account string
	// Now is the time that jobs show, time.Now when nil.
	Now func() time.Time
	// Pause is how long a job is InProgress at least, in real time. The
	// service takes a second or more.
	Pause time.Duration
	// Certified is told the certificate of each profile that is put, in PEM;
	// when it cannot take it, the profile is refused. Nil drops it.
	Certified func(p Profile, cert []byte) error
}

// Signer is the service. Its methods may be called from several goroutines.
type Signer struct {
	opts Options
	ctx  context.Context
	stop context.CancelFunc
	work sync.WaitGroup

	mu         sync.Mutex
	profiles   []*Profile // in the order they were put
	identities map[string]identity
	jobs       []*Job
	tokens     map[string]string // request token to job
}

// New makes a service without profiles. Close ends its jobs.
func New(opts Options) *Signer {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	s := &Signer{opts: opts, identities: map[string]identity{}, tokens: map[string]string{}}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

// Close ends the jobs under way and waits for their end.
func (s *Signer) Close() {
	s.stop()
	s.work.Wait()
}

func (s *Signer) now() float64 {
	const milli = 1000
	return float64(s.opts.Now().UnixMilli()) / milli
}

func invalid(format string, args ...any) error {
	return &Error{codeValidation, fmt.Sprintf(format, args...)}
}

func missing(format string, args ...any) error {
	return &Error{codeNotFound, fmt.Sprintf(format, args...)}
}

var (
	profileNames    = regexp.MustCompile(`^[a-zA-Z0-9_]{2,64}$`)
	certificateARNs = regexp.MustCompile(`^arn:aws[a-zA-Z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/[a-zA-Z0-9-]+$`)
)

// Put makes a profile, or a new version of one that is there (inferred; the
// documentation says only that it creates). A canceled one stays canceled.
func (s *Signer) Put(p Profile) (Profile, error) {
	platform, err := check(p)
	if err != nil {
		return Profile{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.find(p.Name)
	if old != nil && old.Status != Active {
		return Profile{}, invalid("the signing profile %s is %s, and its name cannot be used again: choose another", p.Name, old.Status)
	}
	encryption, _ := algorithms(&p, platform)
	if err := s.know(p.Material.CertificateARN, p.Name, encryption); err != nil {
		return Profile{}, err
	}
	p.Version = rand.Text()[:10]
	p.ARN = fmt.Sprintf("arn:aws:signer:%s:%s:/signing-profiles/%s", s.opts.Region, s.opts.Account, p.Name)
	p.VersionARN, p.PlatformName, p.Status = p.ARN+"/"+p.Version, platform.Name, Active
	if s.opts.Certified != nil {
		if err := s.opts.Certified(p, s.identities[p.Material.CertificateARN].pem()); err != nil {
			return Profile{}, err
		}
	}
	if old != nil {
		*old = p
	} else {
		s.profiles = append(s.profiles, &p)
	}
	return p, nil
}

// check finds the platform of a profile and what the profile lacks.
func check(p Profile) (Platform, error) {
	if !profileNames.MatchString(p.Name) {
		return Platform{}, invalid("profileName %q is not 2 to 64 letters, digits and underscores", p.Name)
	}
	platform, err := FindPlatform(p.Platform)
	if err != nil {
		return platform, err
	}
	if p.Material == nil || !certificateARNs.MatchString(p.Material.CertificateARN) {
		return platform, invalid("signingMaterial.certificateArn must be the ARN of a certificate in ACM for platform %s", p.Platform)
	}
	encryption, digest := algorithms(&p, platform)
	if !slices.Contains(platform.Configuration.Encryption.Allowed, encryption) {
		return platform, invalid("encryptionAlgorithm %q is none of %v that platform %s allows", encryption, platform.Configuration.Encryption.Allowed, p.Platform)
	}
	if !slices.Contains(platform.Configuration.Hash.Allowed, digest) {
		return platform, invalid("hashAlgorithm %q is none of %v that platform %s allows", digest, platform.Configuration.Hash.Allowed, p.Platform)
	}
	if f := format(&p, platform); !slices.Contains(platform.Format.Supported, f) {
		return platform, invalid("signingImageFormat %q is none of %v that platform %s supports", f, platform.Format.Supported, p.Platform)
	}
	return platform, nil
}

// know makes the key of a certificate that is named for the first time.
func (s *Signer) know(arn, name, encryption string) error {
	if known, there := s.identities[arn]; there {
		if _, ec := ecKey(known); ec != (encryption == "ECDSA") {
			return invalid("the certificate %s has no %s key, which the profile wants", arn, encryption)
		}
		return nil
	}
	made, err := newIdentity(name, encryption)
	if err != nil {
		return err
	}
	s.identities[arn] = made
	return nil
}

func (s *Signer) find(name string) *Profile {
	for _, p := range s.profiles {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// Profile shows one.
func (s *Signer) Profile(name string) (Profile, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.find(name)
	if p == nil {
		return Profile{}, missing("there is no signing profile %s", name)
	}
	return *p, nil
}

// Cancel keeps a profile from signing, for good.
func (s *Signer) Cancel(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.find(name)
	if p == nil {
		return missing("there is no signing profile %s", name)
	}
	p.Status = Canceled
	return nil
}

// Profiles shows all, in the order they were made.
func (s *Signer) Profiles() []Profile {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Profile
	for _, p := range s.profiles {
		all = append(all, *p)
	}
	return all
}

// Certificate is the code-signing certificate of a profile in PEM, which a
// device must have to trust what the profile signs.
func (s *Signer) Certificate(profile string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.find(profile)
	if p == nil {
		return nil, missing("there is no signing profile %s", profile)
	}
	return s.identities[p.Material.CertificateARN].pem(), nil
}

// Platforms are those that code is signed for.
func Platforms() []Platform { return platforms() }

// FindPlatform finds one by its ID.
func FindPlatform(id string) (Platform, error) {
	var ids []string
	for _, p := range platforms() {
		if p.ID == id {
			return p, nil
		}
		ids = append(ids, p.ID)
	}
	return Platform{}, missing("there is no signing platform %q; there are %s", id, strings.Join(ids, ", "))
}

// algorithms is what a profile signs with.
func algorithms(p *Profile, platform Platform) (encryption, hash string) {
	encryption, hash = platform.Configuration.Encryption.Default, platform.Configuration.Hash.Default
	if p.Overrides == nil || p.Overrides.Configuration == nil {
		return encryption, hash
	}
	if c := p.Overrides.Configuration; c.Encryption != "" {
		encryption = c.Encryption
	}
	if c := p.Overrides.Configuration; c.Hash != "" {
		hash = c.Hash
	}
	return encryption, hash
}

// format is how a profile writes the signed object.
func format(p *Profile, platform Platform) string {
	if p.Overrides != nil && p.Overrides.Format != "" {
		return p.Overrides.Format
	}
	return platform.Format.Default
}
