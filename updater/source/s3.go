package source

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// S3 is a bucket. It is safe for concurrent use.
type S3 struct {
	client *s3.Client
	bucket string
	place  string // endpoint or region, for messages
	retry  Retry
}

// NewS3 checks the options and sends nothing.
func NewS3(o S3Options) (*S3, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	creds, err := o.credentials()
	if err != nil {
		return nil, err
	}
	place := o.Region
	if o.Endpoint != "" {
		place = redact(o.Endpoint)
	}
	return &S3{client: newClient(o, creds), bucket: o.Bucket, place: place, retry: o.Retry}, nil
}

// newClient sets up the SDK by hand: its config package would add ways to
// find credentials that no device has, and megabytes.
func newClient(o S3Options, creds aws.Credentials) *s3.Client {
	return s3.New(s3.Options{
		Region: o.Region,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return creds, nil
		}),
		HTTPClient: newWire(o),
		// Ours is the only retry policy: it knows what was read already.
		Retryer: aws.NopRetryer{},
		// Many compatible stores know no trailing checksums, and ours are
		// checked on the whole object by later stages.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
		// Session authentication would call a second operation.
		DisableS3ExpressSessionAuth: aws.Bool(true),
	}, func(c *s3.Options) {
		if o.Endpoint != "" {
			c.BaseEndpoint = aws.String(redact(o.Endpoint))
			c.UsePathStyle = true
		}
	})
}

// String names bucket and place, without credentials.
func (s *S3) String() string { return fmt.Sprintf("s3://%s (%s)", s.bucket, s.place) }

// Open asks for an object. The stream resumes by itself until ctx is done,
// the object changes, or Retry is used up.
func (s *S3) Open(ctx context.Context, name string) (*Object, error) {
	if name == "" {
		return nil, fmt.Errorf("cannot read from %s because the object has no name: correct the configured name", s)
	}
	st := newStream(ctx, s, name)
	if err := st.open(); err != nil {
		st.Close()
		return nil, err
	}
	return &Object{info: st.info, body: st}, nil
}

// Get reads an object of at most limit bytes.
func (s *S3) Get(ctx context.Context, name string, limit int64) ([]byte, Info, error) {
	o, err := s.Open(ctx, name)
	if err != nil {
		return nil, Info{}, err
	}
	return readAll(o, s.object(name), limit)
}

// Changed reports whether the object is another one than was.
func (s *S3) Changed(ctx context.Context, name string, was Info) (bool, error) {
	in := &s3.GetObjectInput{Bucket: &s.bucket, Key: &name, IfNoneMatch: &was.ETag}
	if was.Size > 0 { // an empty object has no byte 0 to ask for
		in.Range = aws.String("bytes=0-0")
	}
	var changed bool
	p := patience{retry: s.retry, budget: s.retry.Open}
	err := p.persist(ctx, func() (err error) {
		changed, err = s.changedOnce(ctx, in, was)
		return err
	})
	return changed, s.explain(ctx, "look at", name, err)
}

func (s *S3) changedOnce(ctx context.Context, in *s3.GetObjectInput, was Info) (bool, error) {
	ctx, cancel := context.WithCancel(ctx) // which also ends the body
	defer cancel()
	out, err := s.client.GetObject(ctx, in)
	if err != nil {
		a := classify(err)
		switch a.status {
		case 304:
			return false, nil
		case 416: // it is empty now
			return true, nil
		}
		return false, a
	}
	tag := aws.ToString(out.ETag)
	if tag == "" {
		return false, errNoETag
	}
	return tag != was.ETag, nil
}

// object names one object for messages.
func (s *S3) object(name string) string { return fmt.Sprintf("%q in %s", name, s) }

// explain turns the outcome of persist into the caller's error.
func (s *S3) explain(ctx context.Context, verb, name string, err error) error {
	var a *answer
	switch {
	case err == nil:
		return nil
	case errors.As(err, &a):
		return fmt.Errorf("cannot %s %s: %w", verb, s.object(name), err)
	case ctx.Err() != nil && !errors.Is(err, ctx.Err()):
		err = ctx.Err()
	}
	return fmt.Errorf("%s %s: %w", verb, s.object(name), err)
}
