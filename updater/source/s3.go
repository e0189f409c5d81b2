package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
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
	b := &bucket{wire: newWire(o.Network), signer: v4.NewSigner(), creds: creds, name: o.Bucket, place: o.Region, log: o.Log}
	if o.Endpoint != "" {
		b.place = redact(o.Endpoint)
	}
	b.region.Store(&o.Region)
	b.client = b.newClient(o.Endpoint)
	return &S3{newRemote(b, o.Network, true)}, nil
}

// bucket asks S3. The SDK knows where a bucket is in which part of AWS, and how
// a request is written; when to ask again, at what time to sign, and what an
// error means is decided here.
type bucket struct {
	client *s3.Client
	wire   *wire
	signer *v4.Signer
	creds  Credentials
	name   string
	place  string // endpoint or region, for messages
	log    *slog.Logger

	region atomic.Pointer[string] // that requests are signed for
	// skew is by how much the server's clock is ahead, in nanoseconds, as far
	// as it had to be known.
	skew atomic.Int64
}

// newClient sets up the SDK by hand: its config package would add ways to
// find credentials that no device has, and megabytes.
func (b *bucket) newClient(endpoint string) *s3.Client {
	return s3.New(s3.Options{
		Region: *b.region.Load(), Credentials: b.creds,
		HTTPClient: b, HTTPSignerV4: b,
		// Ours is the only retry policy: it knows what was read already.
		Retryer: aws.NopRetryer{},
		// Many compatible stores know no trailing checksums, and ours are
		// checked on the whole object by later stages.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
		// Session authentication would call a second operation.
		DisableS3ExpressSessionAuth: aws.Bool(true),
	}, func(o *s3.Options) {
		if endpoint != "" {
			o.BaseEndpoint = aws.String(redact(endpoint))
			o.UsePathStyle = true
		}
	})
}

// String names bucket and place, without credentials.
func (b *bucket) String() string { return fmt.Sprintf("s3://%s (%s)", b.name, b.place) }

func (b *bucket) ask(ctx context.Context, name string, q question) (*reply, error) {
	in := &s3.GetObjectInput{Bucket: &b.name, Key: &name, Range: orNil(q.rng), IfMatch: orNil(q.match), IfNoneMatch: orNil(q.unless)}
	out, err := b.client.GetObject(ctx, in, func(o *s3.Options) { o.Region = *b.region.Load() })
	if err != nil {
		return nil, notGranted(err)
	}
	length := int64(-1)
	if out.ContentLength != nil {
		length = *out.ContentLength
	}
	return &reply{
		ReadCloser: out.Body, length: length, contentRange: aws.ToString(out.ContentRange),
		tag: strong(aws.ToString(out.ETag)), version: clip(out.Metadata["version"]), modified: aws.ToTime(out.LastModified),
	}, nil
}

// notGranted tells a request that was sent from one that never can be.
func notGranted(err error) *answer {
	var send *smithyhttp.RequestSendError
	var read *smithy.DeserializationError
	var ours *answer
	switch {
	case errors.As(err, &ours): // of the credentials, or of the request's own
		return ours
	case errors.As(err, &send):
		return bySendError(send.Err)
	case errors.As(err, &read):
		return byStatus(http.StatusOK, "")
	}
	return &answer{kind: ErrTransport, why: "the request cannot be made: " + clip(err.Error()), advice: "check bucket, region and endpoint", final: true}
}

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Do is what the SDK sends by. What is none of the object is an error here
// already: the SDK's own say less.
func (b *bucket) Do(req *http.Request) (*http.Response, error) {
	resp, err := b.wire.RoundTrip(req)
	if err == nil && resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusPartialContent {
		defer resp.Body.Close()
		return nil, b.refused(resp)
	}
	return resp, err
}

// SignHTTP is what the SDK signs by: at the server's time where that had to be
// learnt, and without what a proxy may change on the way.
func (b *bucket) SignHTTP(ctx context.Context, creds aws.Credentials, req *http.Request, payload, service, region string, _ time.Time, opts ...func(*v4.SignerOptions)) error {
	const encoding = "Accept-Encoding"
	accepted := req.Header.Values(encoding)
	req.Header.Del(encoding)
	err := b.signer.SignHTTP(ctx, creds, req, payload, service, region, time.Now().Add(time.Duration(b.skew.Load())), opts...)
	for _, value := range accepted {
		req.Header.Add(encoding, value)
	}
	return err
}

// strong is an ETag that holds for every byte, or nothing.
func strong(tag string) string {
	if strings.HasPrefix(tag, "W/") {
		return ""
	}
	return tag
}

// refused makes an answer of a response that is none of the object, and adds
// what can be done at once about two that no waiting heals.
func (b *bucket) refused(resp *http.Response) *answer {
	f := faultOf(resp)
	a := *byStatus(resp.StatusCode, f.Code)
	a.status, a.after = resp.StatusCode, retryAfter(resp.Header)
	switch {
	case a.status == http.StatusMovedPermanently, a.status == http.StatusTemporaryRedirect, f.Code == "AuthorizationHeaderMalformed":
		a.cure = b.elsewhere(cmp.Or(resp.Header.Get("X-Amz-Bucket-Region"), f.Region))
	case f.Code == "RequestTimeTooSkewed":
		a.cure = b.resigned(resp.Header)
	case isStale(f.Code):
		a.cure = b.rekeyed(resp.Request)
	}
	return &a
}

// isStale reports an error code of keys that are not good any more.
func isStale(code string) bool {
	switch code {
	case "ExpiredToken", "InvalidToken", "InvalidTokenId", "TokenRefreshRequired", "InvalidAccessKeyId":
		return true
	}
	return false
}

// rekeyed asks with fresh keys, where they are fetched from somewhere.
func (b *bucket) rekeyed(refused *http.Request) *cure {
	if _, stay := b.creds.(fixed); stay || refused == nil {
		return nil
	}
	token := refused.Header.Get("X-Amz-Security-Token")
	return &cure{"credentials", func(context.Context) error {
		b.log.Info("the bucket's server does not take the credentials any more: fetching fresh ones", "bucket", b.name)
		b.creds.Refused(token)
		return nil
	}}
}

// elsewhere asks in another region from now on.
func (b *bucket) elsewhere(region string) *cure {
	if region == "" || region == *b.region.Load() || strings.ContainsFunc(region, notInName) {
		return nil
	}
	return &cure{"region", func(context.Context) error {
		b.log.Warn("the bucket is in another region: asking there, correct region in the configuration", "bucket", b.name, "region", region)
		b.region.Store(&region)
		return nil
	}}
}

// resigned signs with the server's time from now on. Nothing else uses that
// time: it is nobody's word.
func (b *bucket) resigned(header http.Header) *cure {
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil || header.Get("Age") != "" {
		return nil
	}
	return &cure{"clock", func(context.Context) error {
		b.log.Warn("this device's clock is not the server's: signing with the server's time", "server", date.UTC().Format(time.RFC3339))
		b.skew.Store(int64(time.Until(date)))
		return nil
	}}
}
