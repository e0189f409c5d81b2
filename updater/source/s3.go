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

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
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
	b := &bucket{wire: newWire(o.Network), signer: v4.NewSigner(), creds: creds, endpoint: o.Endpoint, name: o.Bucket, place: o.Region, log: o.Log}
	if o.Endpoint != "" {
		b.place = redact(o.Endpoint)
	}
	b.region.Store(&o.Region)
	return &S3{newRemote(b, o.Network, true)}, nil
}

// bucket asks S3. The SDK knows how a request is signed; the rest of it, of which
// one operation is needed here, would be more than a megabyte.
type bucket struct {
	wire     *wire
	signer   *v4.Signer
	creds    Credentials
	endpoint string // empty for AWS itself
	name     string
	place    string // endpoint or region, for messages
	log      *slog.Logger

	region atomic.Pointer[string] // that requests are signed for
	// skew is by how much the server's clock is ahead, in nanoseconds, as far
	// as it had to be known.
	skew atomic.Int64
}

// String names bucket and place, without credentials.
func (b *bucket) String() string { return fmt.Sprintf("s3://%s (%s)", b.name, b.place) }

// emptySum is the SHA-256 of a request's body, which is empty.
const emptySum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func (b *bucket) ask(ctx context.Context, name string, q question) (*reply, error) {
	req, err := b.request(ctx, name, q)
	if err != nil {
		return nil, err
	}
	resp, err := b.wire.RoundTrip(req)
	if err != nil {
		return nil, bySendError(err)
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusPartialContent {
		defer resp.Body.Close()
		return nil, b.refused(resp)
	}
	got := granted(resp)
	if got.modified.IsZero() && resp.Header.Get("Last-Modified") != "" {
		resp.Body.Close()
		return nil, byStatus(http.StatusOK, "") // S3 says when, or nothing
	}
	got.tag = strong(resp.Header.Get("ETag"))
	return got, nil
}

// request is signed at the server's time where that had to be learnt, and
// without what a proxy may change on the way.
func (b *bucket) request(ctx context.Context, name string, q question) (*http.Request, error) {
	if name == "" {
		return nil, unmade(errors.New("the object has no name"))
	}
	region := *b.region.Load()
	target, service := address(b.endpoint, region, b.name, name)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, unmade(err)
	}
	q.header(req.Header)
	req.Header.Set("X-Amz-Content-Sha256", emptySum)
	keys, err := b.creds.Retrieve(ctx)
	if err != nil {
		return nil, unmade(err)
	}
	now := time.Now().Add(time.Duration(b.skew.Load()))
	if err := b.signer.SignHTTP(ctx, keys, req, emptySum, service, region, now, escapedAlready); err != nil {
		return nil, unmade(err)
	}
	req.Header.Set("User-Agent", "abota")
	req.Header.Set("Accept-Encoding", "identity")
	return req, nil
}

// escapedAlready has the signer take the path as it is sent, as S3 wants it.
func escapedAlready(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }

// unmade is for a request that never can be sent.
func unmade(err error) *answer {
	var ours *answer
	if errors.As(err, &ours) { // of the credentials
		return ours
	}
	return &answer{kind: ErrTransport, why: "the request cannot be made: " + clip(err.Error()), advice: "check bucket, region and endpoint", final: true}
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
