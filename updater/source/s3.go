package source

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go/encoding/httpbinding"
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
		if b.base, err = url.Parse(b.place); err != nil {
			return nil, fmt.Errorf("cannot use endpoint %s: %w", b.place, err)
		}
	}
	b.region.Store(&o.Region)
	return &S3{newRemote(b, o.Network, true)}, nil
}

// bucket asks S3. Of the SDK only the signer is used: its client for S3 knows
// a hundred operations more than the one that is needed here, in a megabyte.
type bucket struct {
	wire   *wire
	signer *v4.Signer
	creds  aws.Credentials
	base   *url.URL // the configured endpoint; nil means AWS
	name   string
	place  string // endpoint or region, for messages
	log    *slog.Logger

	region atomic.Pointer[string] // that requests are signed for
	// skew is by how much the server's clock is ahead, in nanoseconds, as far
	// as it had to be known.
	skew atomic.Int64
}

// String names bucket and place, without credentials.
func (b *bucket) String() string { return fmt.Sprintf("s3://%s (%s)", b.name, b.place) }

// noContent is the SHA-256 of a request without a body.
const noContent = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func (b *bucket) ask(ctx context.Context, name string, q question) (*reply, error) {
	region := *b.region.Load()
	req := (&http.Request{Method: http.MethodGet, URL: b.address(region, name), Header: http.Header{}}).WithContext(ctx)
	q.header(req.Header)
	req.Header.Set("X-Amz-Content-Sha256", noContent)
	at := time.Now().Add(time.Duration(b.skew.Load()))
	if err := b.signer.SignHTTP(ctx, b.creds, req, noContent, "s3", region, at, withPathAsItIs); err != nil {
		return nil, &answer{kind: ErrTransport, why: "the request cannot be signed: " + clip(err.Error()), advice: "check bucket, region and endpoint", final: true}
	}
	// What a proxy may change on the way is not signed.
	req.Header.Set("Accept-Encoding", "identity")
	req.Header.Set("User-Agent", "abota")
	resp, err := b.wire.RoundTrip(req)
	if err != nil {
		return nil, bySendError(err)
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusPartialContent {
		defer resp.Body.Close()
		return nil, b.refused(resp)
	}
	out := granted(resp)
	out.tag = strong(resp.Header.Get("ETag"))
	return out, nil
}

// withPathAsItIs: S3's signatures are over the path as it is sent.
func withPathAsItIs(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }

// address is where an object lies. The bucket is part of the host's name, as
// AWS wants it, where there is no endpoint and the name allows it.
func (b *bucket) address(region, key string) *url.URL {
	u := url.URL{Scheme: "https", Host: "s3." + region + "." + domain(region)}
	path := "/" + key
	switch {
	case b.base != nil:
		u = *b.base
		path = u.Path + "/" + b.name + path
	case inHostName(b.name):
		u.Host = b.name + "." + u.Host
	default:
		path = "/" + b.name + path
	}
	u.Path, u.RawPath = path, httpbinding.EscapePath(path, false)
	return &u
}

// domain is AWS's in the partition that a region belongs to.
func domain(region string) string {
	for _, d := range []struct{ prefix, domain string }{
		{"cn-", "amazonaws.com.cn"},
		{"us-iso-", "c2s.ic.gov"},
		{"us-isob-", "sc2s.sgov.gov"},
		{"eusc-", "amazonaws.eu"},
	} {
		if strings.HasPrefix(region, d.prefix) {
			return d.domain
		}
	}
	return "amazonaws.com"
}

// inHostName reports whether a bucket's name can stand in a host's, and is
// covered by the certificate there, which holds for one label.
func inHostName(bucket string) bool {
	return !strings.ContainsAny(bucket, "._") && strings.ToLower(bucket) == bucket
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
	}
	return &a
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
