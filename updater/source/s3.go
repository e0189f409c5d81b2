package source

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// S3 is a bucket. It is safe for concurrent use.
type S3 struct{ remote }

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
	b := &bucket{client: newClient(o, creds), name: o.Bucket, place: o.Region, log: o.Log}
	if o.Endpoint != "" {
		b.place = redact(o.Endpoint)
	}
	b.region.Store(&o.Region)
	return &S3{newRemote(b, o.Network, true)}, nil
}

// newClient sets up the SDK by hand: its config package would add ways to
// find credentials that no device has, and megabytes.
func newClient(o S3Options, creds aws.Credentials) *s3.Client {
	return s3.New(s3.Options{
		Region: o.Region,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return creds, nil
		}),
		HTTPClient: newWire(o.Network),
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

// bucket asks S3.
type bucket struct {
	client *s3.Client
	name   string
	place  string                 // endpoint or region, for messages
	region atomic.Pointer[string] // that requests are signed for
	log    *slog.Logger
}

// String names bucket and place, without credentials.
func (b *bucket) String() string { return fmt.Sprintf("s3://%s (%s)", b.name, b.place) }

func (b *bucket) ask(ctx context.Context, name string, q question) (*reply, error) {
	in := &s3.GetObjectInput{Bucket: &b.name, Key: &name, Range: orNil(q.rng), IfMatch: orNil(q.match), IfNoneMatch: orNil(q.unless)}
	out, err := b.client.GetObject(ctx, in, func(o *s3.Options) { o.Region = *b.region.Load() })
	if err != nil {
		return nil, b.cured(classify(err), err)
	}
	length := int64(-1)
	if out.ContentLength != nil {
		length = *out.ContentLength
	}
	return &reply{
		ReadCloser: out.Body, length: length, contentRange: aws.ToString(out.ContentRange),
		tag: strong(aws.ToString(out.ETag)), version: out.Metadata["version"], modified: aws.ToTime(out.LastModified),
	}, nil
}

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// strong is an ETag that holds for every byte, or nothing.
func strong(tag string) string {
	if strings.HasPrefix(tag, "W/") {
		return ""
	}
	return tag
}

// cured adds what can be done at once about two answers that no waiting heals.
func (b *bucket) cured(a *answer, err error) *answer {
	var resp *smithyhttp.ResponseError
	if !errors.As(err, &resp) || resp.Response == nil || resp.Response.Response == nil {
		return a
	}
	header, code := resp.Response.Header, errorCode(err)
	switch {
	case a.status == http.StatusMovedPermanently || a.status == http.StatusTemporaryRedirect || code == "AuthorizationHeaderMalformed":
		if region := header.Get("X-Amz-Bucket-Region"); region != "" && region != *b.region.Load() && !strings.ContainsFunc(region, notInName) {
			a.cure = &cure{"region", func(context.Context) error {
				b.log.Warn("the bucket is in another region: asking there, correct region in the configuration", "bucket", b.name, "region", region)
				b.region.Store(&region)
				return nil
			}}
		}
	case code == "RequestTimeTooSkewed":
		// The SDK has noted by how much the clocks differ, and signs the next
		// request with the server's time. Nothing else uses that time.
		if date, dateErr := http.ParseTime(header.Get("Date")); dateErr == nil {
			a.cure = &cure{"clock", func(context.Context) error {
				b.log.Warn("this device's clock is wrong: signing with the server's time", "server", date.UTC().Format(time.RFC3339))
				return nil
			}}
		}
	}
	return a
}
