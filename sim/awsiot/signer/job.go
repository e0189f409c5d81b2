package signer

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"

	"abota/sim/store"
)

// Start begins to sign a version of an object. What the request itself lacks
// is refused; what turns out at work, as an object that is not there, is the
// job's failure. A request with a token that was seen before is the same
// request.
func (s *Signer) Start(r Start) (Job, error) {
	if err := r.check(s.opts.Account); err != nil {
		return Job{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if id, seen := s.tokens[r.Token]; seen {
		return *s.job(id), nil
	}
	p := s.find(r.Profile)
	if p == nil {
		return Job{}, missing("there is no signing profile %s", r.Profile)
	}
	job := s.newJob(r, p)
	s.jobs = append(s.jobs, job)
	s.tokens[r.Token] = job.ID
	profile, id := *p, s.identities[p.Material.CertificateARN]
	s.work.Go(func() { s.carry(job, r, profile, id) })
	return *job, nil
}

func (r Start) check(account string) error {
	switch {
	case r.Source == nil || r.Source.S3 == nil || r.Source.S3.Bucket == "" || r.Source.S3.Key == "":
		return invalid("source.s3 must name a bucketName and a key")
	case r.Source.S3.Version == "":
		return invalid("source.s3.version is missing: code is signed in buckets that keep versions")
	case r.Destination == nil || r.Destination.S3 == nil || r.Destination.S3.Bucket == "":
		return invalid("destination.s3 must name a bucketName")
	case !profileNames.MatchString(r.Profile):
		return invalid("profileName %q is not 2 to 64 letters, digits and underscores", r.Profile)
	case r.Token == "":
		return invalid("clientRequestToken is missing")
	case r.ProfileOwner != "" && r.ProfileOwner != account:
		return &Error{"AccessDeniedException", "the emulator has one account, and profileOwner " + r.ProfileOwner + " is another"}
	}
	return nil
}

func (s *Signer) newJob(r Start, p *Profile) *Job {
	return &Job{
		ID: uuid.NewString(), Source: r.Source, Material: p.Material,
		Platform: p.Platform, PlatformName: p.PlatformName, Profile: p.Name, ProfileVersion: p.Version,
		Overrides: p.Overrides, Parameters: p.Parameters, CreatedAt: s.now(),
		RequestedBy: "arn:aws:iam::" + s.opts.Account + ":root", Status: InProgress,
		Owner: s.opts.Account, Invoker: s.opts.Account,
	}
}

// carry does a job and notes how it ended.
func (s *Signer) carry(job *Job, r Start, p Profile, id identity) {
	select {
	case <-s.ctx.Done():
	case <-time.After(s.opts.Pause):
	}
	signed, err := s.sign(r, p, id)
	s.mu.Lock()
	defer s.mu.Unlock()
	job.CompletedAt = s.now()
	if err != nil {
		job.Status, job.Reason = Failed, err.Error()
		return
	}
	job.Status, job.Signed = Succeeded, &Place{signed}
	job.Reason = "Signing Succeeded"
}

// sign reads the version twice, once to sign it and once to write it out.
func (s *Signer) sign(r Start, p Profile, id identity) (*S3Object, error) {
	if p.Status != Active {
		return nil, fmt.Errorf("the signing profile %s is %s", p.Name, p.Status)
	}
	platform, err := FindPlatform(p.Platform)
	if err != nil {
		return nil, err
	}
	source := r.Source.S3
	object, version, err := s.opts.Objects.Open(s.ctx, source.Bucket, source.Key, source.Version)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("the source, version %s of %s in bucket %s, was not found", source.Version, source.Key, source.Bucket)
	}
	if err != nil {
		return nil, fmt.Errorf("the source cannot be read: %w", err)
	}
	defer object.Close()
	if version.Size > int64(platform.MaxSize)*mebibyte {
		return nil, fmt.Errorf("the source has %d bytes, more than the %d MB that platform %s allows", version.Size, platform.MaxSize, platform.ID)
	}
	head, err := signature(object, version.Size, &p, platform, id)
	if err != nil {
		return nil, err
	}
	if _, err := object.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("the source cannot be read again: %w", err)
	}
	signed := &S3Object{Bucket: r.Destination.S3.Bucket, Key: r.Destination.S3.Prefix + uuid.NewString()}
	if format(&p, platform) == "JSONDetached" {
		return signed, s.put(signed, head, `,"payloadLocation":`+location(source)+`}`, nil, 0)
	}
	return signed, s.put(signed, head+`,"payload":"`, `"}`, object, version.Size)
}

// signature signs the bytes and writes the signed object up to its payload.
func signature(object io.Reader, size int64, p *Profile, platform Platform, id identity) (string, error) {
	encryption, digest := algorithms(p, platform)
	h := hash(digest).New()
	if n, err := io.Copy(h, object); err != nil || n != size {
		return "", fmt.Errorf("the source cannot be read whole: %d of %d bytes: %w", n, size, errOr(err, io.ErrUnexpectedEOF))
	}
	made, err := id.sign(h.Sum(nil), hash(digest))
	if err != nil {
		return "", err
	}
	head, err := json.Marshal(struct {
		Size      int64  `json:"rawPayloadSize"`
		Signature []byte `json:"signature"` // base64 in JSON
		Algorithm string `json:"signatureAlgorithm"`
	}{size, made, digest + "with" + encryption})
	return strings.TrimSuffix(string(head), "}"), err
}

func errOr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// location is where a detached payload is.
func location(o *S3Object) string {
	text, _ := json.Marshal(Place{&S3Object{Bucket: o.Bucket, Key: o.Key, Version: o.Version}}) // strings always marshal
	return string(text)
}

// put writes head, size bytes of payload in base64, and tail, as they come.
func (s *Signer) put(to *S3Object, head, tail string, payload io.Reader, size int64) error {
	r, w := io.Pipe()
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, err := io.WriteString(w, head)
		if err == nil && payload != nil {
			err = encode(w, payload)
		}
		if err == nil {
			_, err = io.WriteString(w, tail)
		}
		w.CloseWithError(err)
	}()
	total := int64(len(head)+len(tail)) + encodedLen(size)
	err := s.opts.Objects.Put(s.ctx, to.Bucket, to.Key, r, total, nil)
	r.CloseWithError(io.ErrClosedPipe) // ends the writer where Put gave up
	<-written
	if err != nil {
		return fmt.Errorf("the signed object cannot be written: %w", err)
	}
	return nil
}

// encodedLen is base64.EncodedLen for sizes that an int may not hold.
func encodedLen(n int64) int64 {
	const in, out = 3, 4
	return (n + in - 1) / in * out
}

func encode(w io.Writer, payload io.Reader) error {
	encoder := base64.NewEncoder(base64.StdEncoding, w)
	if _, err := io.Copy(encoder, payload); err != nil {
		return err
	}
	return encoder.Close()
}

func (s *Signer) job(id string) *Job {
	for _, j := range s.jobs {
		if j.ID == id {
			return j
		}
	}
	return nil
}

// Job shows one.
func (s *Signer) Job(id string) (Job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j := s.job(id)
	if j == nil {
		return Job{}, missing("there is no signing job %s", id)
	}
	return *j, nil
}

// Jobs shows all, in the order they were started.
func (s *Signer) Jobs() []Job {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Job
	for _, j := range s.jobs {
		all = append(all, *j)
	}
	return all
}
