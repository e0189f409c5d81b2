package ota

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/google/uuid"

	"abota/cmd/internal/cli"
)

// Created is what Create made, as JSON.
type Created struct {
	JobID      string     `json:"job_id"`
	JobARN     string     `json:"job_arn"`
	Stream     string     `json:"stream,omitempty"`
	Object     *object    `json:"object,omitempty"`
	Document   string     `json:"document"`
	Start      *time.Time `json:"start,omitempty"`
	End        *time.Time `json:"end,omitempty"`
	DryRun     bool       `json:"dry_run,omitempty"`
	Requests   []sent     `json:"requests,omitempty"`
	Reads      []string   `json:"reads,omitempty"`
	Executions *Outcome   `json:"outcome,omitempty"`
}

// Options say how Create goes.
type Options struct {
	DryRun bool // print every request that would change something, and send only those that read
	Wait   bool // until the job is over
}

// Create makes the job, and everything that it needs. It prints the result.
func Create(ctx context.Context, out *cli.Output, a Access, r *Request, o Options) error {
	if o.DryRun && o.Wait {
		return usage("--dry-run and --wait exclude each other")
	}
	s := &session{out: out, now: time.Now, every: lookEvery}
	warnings, err := r.Check(s.now())
	if err != nil {
		return err
	}
	for _, w := range warnings {
		s.warn("%s", w)
	}
	var via func(doer) doer
	if o.DryRun {
		s.dry = &dryRun{}
		via = s.dry.over
	}
	if s.services, err = connect(ctx, a, via); err != nil {
		return err
	}
	return s.create(ctx, r, o)
}

func (s *session) create(ctx context.Context, r *Request, o Options) error {
	made, err := s.makeAll(ctx, r)
	if err != nil {
		s.cleanUp(ctx, r.Cleanup)
		return err
	}
	s.forget()
	if s.dry != nil {
		s.dry.report(s.out, made)
		return nil
	}
	s.out.Say("job %s is made%s", made.JobID, made.times())
	if o.Wait {
		var outcome Outcome
		outcome, err = s.wait(ctx, made.JobID)
		made.Executions = &outcome
	}
	if s.out.JSON {
		s.out.Result(made)
	}
	return err
}

func (c Created) times() string {
	text := ""
	if c.Start != nil {
		text += ", starts at " + c.Start.Format(scheduleFormat) + " UTC"
	}
	if c.End != nil {
		text += ", ends at " + c.End.Format(scheduleFormat) + " UTC"
	}
	return text
}

// makeAll asks everything first, and then makes one thing after the other.
func (s *session) makeAll(ctx context.Context, r *Request) (made Created, err error) {
	var f facts
	if f.account, err = s.account(ctx); err != nil {
		return made, err
	}
	if r.Role != "" {
		if err := f.account.owns(f.account.role(r.Role)); err != nil {
			return made, err
		}
	}
	if err := s.jobIsNew(ctx, FullJobID(r.JobID)); err != nil {
		return made, err
	}
	var p prepared
	if r.Source == "" {
		if p, err = s.prepare(ctx, r); err != nil {
			return made, err
		}
	} else {
		s.releaseExists(ctx, r.Source)
	}
	if err := s.targetsExist(ctx, f.account, r); err != nil {
		return made, err
	}
	if f.packages, err = s.packagesExist(ctx, f.account, r); err != nil {
		return made, err
	}
	if r.Source == "" {
		if err := s.deliver(ctx, r, p, &f); err != nil {
			return made, err
		}
	}
	return s.makeJob(ctx, r, f)
}

// prepared is what the checks of the binary and its signature found.
type prepared struct {
	binary   object
	size     int64
	key      crypto.Signer
	profile  profile
	existing *signedObject // with --signed-object, and with a stream of one
	file     int           // in the existing stream
}

// prepare reads all that is there already.
func (s *session) prepare(ctx context.Context, r *Request) (p prepared, err error) {
	if r.SignKey != "" {
		if p.key, err = readSignKey(r.SignKey); err != nil {
			return p, err
		}
		if doubt := keyDoubts(p.key); doubt != "" {
			s.warn("%s", doubt)
		}
	}
	if r.Stream != "" {
		err = s.findStream(ctx, r, &p)
	} else {
		p.binary = object{Bucket: r.Bucket, Key: r.Binary}
		err = s.versioned(ctx, r.Bucket)
	}
	if err != nil {
		return p, err
	}
	if err := s.findSignature(ctx, r, &p); err != nil {
		return p, err
	}
	if p.binary, p.size, err = s.head(ctx, p.binary); err != nil {
		return p, err
	}
	if p.existing != nil && p.existing.sig.Size != p.size {
		return p, untrusted("the signature in %s is of %d bytes, and %s has %d: sign this binary, or name the signed object that belongs to it", p.existing.json, p.existing.sig.Size, p.binary, p.size)
	}
	warnings, err := r.checkSize(p.size)
	for _, w := range warnings {
		s.warn("%s", w)
	}
	return p, err
}

// findStream takes the binary from a stream that exists.
func (s *session) findStream(ctx context.Context, r *Request, p *prepared) error {
	out, err := s.iot.DescribeStream(ctx, &iot.DescribeStreamInput{StreamId: &r.Stream})
	if err != nil && absent(err) {
		return wrong("there is no stream %q: check its id, the region and the account", r.Stream)
	}
	if err != nil {
		return explain("look at stream "+r.Stream, err)
	}
	if out.StreamInfo != nil {
		for _, f := range out.StreamInfo.Files {
			if int(aws.ToInt32(f.FileId)) == r.StreamFile && f.S3Location != nil {
				p.binary = object{aws.ToString(f.S3Location.Bucket), aws.ToString(f.S3Location.Key), aws.ToString(f.S3Location.Version)}
				p.file = r.StreamFile
				return nil
			}
		}
	}
	return wrong("the stream %q has no file %d: name one with --stream-file", r.Stream, r.StreamFile)
}

// findSignature takes one that exists, or sees that one can be made.
func (s *session) findSignature(ctx context.Context, r *Request, p *prepared) (err error) {
	if r.SignKey != "" {
		return nil
	}
	if r.Profile != "" {
		if p.profile, err = s.signingProfile(ctx, r.Profile); err != nil {
			return err
		}
		if _, err = r.certName(p.profile.cert); err != nil && !p.profile.unseen {
			return err
		}
	}
	bucket, key := p.binary.Bucket, r.SignedObject
	if key == "" && r.Stream != "" {
		key = p.binary.Key // perhaps it was copied over its signature
	}
	if key == "" {
		return nil
	}
	found, err := s.findSigned(ctx, bucket, key)
	if errors.Is(err, errNotSigned) && r.SignedObject == "" {
		return nil
	}
	if err != nil {
		return err
	}
	if found.sig.Cert, err = r.certName(p.profile.cert); err != nil {
		return err
	}
	p.existing = &found
	if p.binary.Key == "" {
		if p.binary = found.raw; p.binary.Version == "" {
			return wrong("no version of %s is the binary that it signs: name BINARY", key)
		}
	}
	return nil
}

// deliver signs the binary and makes it available.
func (s *session) deliver(ctx context.Context, r *Request, p prepared, f *facts) (err error) {
	f.file, f.stream, f.streamed = p.binary, r.Stream, p.file
	switch {
	case p.key != nil:
		f.sig, err = s.signLocally(ctx, r, p.key, p.binary, p.size)
	case p.existing != nil:
		f.sig = p.existing.sig
	default:
		var signed object
		if f.sig, signed, err = s.signByService(ctx, r, p.profile, p.binary, p.size); err == nil {
			err = f.sig.of(p.binary, p.size)
		}
		if err == nil && r.copies() {
			f.file, err = s.copyOver(ctx, p.binary, signed)
		}
	}
	if err != nil || r.Stream != "" || !r.Protocols.MQTT {
		return err
	}
	return s.makeStream(ctx, r, f)
}

// of wants a signature over all of the binary.
func (s signature) of(binary object, size int64) error {
	if s.Size != size {
		return untrusted("the signature is of %d bytes, and %s has %d: try again", s.Size, binary, size)
	}
	return nil
}

func (s *session) makeStream(ctx context.Context, r *Request, f *facts) error {
	id := Prefix + uuid.NewString()
	if s.dry != nil {
		id = Prefix + "<uuid>"
	}
	f.stream = id
	s.made("stream "+id, func(ctx context.Context) error {
		_, err := s.iot.DeleteStream(ctx, &iot.DeleteStreamInput{StreamId: &id})
		if err == nil {
			s.warn("removed stream %s", id)
		} else if absent(err) {
			return nil // it was not made after all
		}
		return err
	})
	_, err := s.iot.CreateStream(ctx, r.newStream(id, *f))
	if err != nil && !exists(err) { // it exists if the first answer was lost, and nobody else has this id
		return explain("make the stream", err)
	}
	if s.dry == nil {
		s.out.Say("stream %s has %s", id, f.file)
	}
	return nil
}

// makeJob is the last step, and the one that devices see.
func (s *session) makeJob(ctx context.Context, r *Request, f facts) (Created, error) {
	in, when, err := r.newJob(f, s.now())
	if err != nil {
		return Created{}, err
	}
	made := Created{JobID: *in.JobId, Stream: f.stream, Document: *in.Document, Start: orNil(when.start), End: orNil(when.end)}
	if f.file.Key != "" {
		made.Object = &f.file
	}
	out, err := s.iot.CreateJob(ctx, in)
	if err == nil {
		made.JobARN = aws.ToString(out.JobArn)
		return made, nil
	}
	if rejected(err) && !exists(err) {
		return made, explain("make job "+made.JobID, err)
	}
	err = s.settle(ctx, &made, err)
	return made, err
}

func orNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// settle finds out what became of a job whose request has no clear answer:
// what a job refers to must not be removed.
func (s *session) settle(ctx context.Context, made *Created, cause error) error {
	quiet, stop := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer stop()
	out, err := s.iot.GetJobDocument(quiet, &iot.GetJobDocumentInput{JobId: &made.JobID})
	switch {
	case err != nil && (absent(err) || answerOf(err).status == http.StatusNotFound):
		return explain("make job "+made.JobID, cause)
	case err != nil:
		s.warn("it is not known whether the job %s was made: nothing of it is removed: look with `abota-publish ota show %s`", made.JobID, shortJobID(made.JobID))
		s.cleanUp(ctx, false)
		return explain("make job "+made.JobID, cause)
	case !sameJSON(aws.ToString(out.Document), made.Document):
		return refused("the job %s exists already, made by somebody else meanwhile: take another id", made.JobID)
	case ctx.Err() != nil:
		s.forget()
		return fmt.Errorf("interrupted, but the job %s was made before: `abota-publish ota cancel %s` stops it", made.JobID, shortJobID(made.JobID))
	}
	described, err := s.iot.DescribeJob(quiet, &iot.DescribeJobInput{JobId: &made.JobID})
	if err == nil && described.Job != nil {
		made.JobARN = aws.ToString(described.Job.JobArn)
	}
	return nil // the answer was lost, not the request
}
