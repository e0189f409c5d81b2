package source

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// IoTOptions say where the AWS IoT credentials provider is, and what it is asked
// for. All fields but Thing are required; Network.TLS must hold the device's
// certificate, which is what opens the provider.
type IoTOptions struct {
	// Endpoint is the provider's host, with a port or without (443): what
	// `aws iot describe-endpoint --endpoint-type iot:CredentialProvider` prints.
	Endpoint string
	// RoleAlias names the role whose rights the device gets.
	RoleAlias string
	// Thing is the device's name at AWS IoT. Where it is said, the certificate
	// must be attached to it, and policies may speak of it.
	Thing string
	Network
}

// IoTCredentials fetches keys for S3 from the AWS IoT credentials provider. It is
// safe for concurrent use.
//
// # Format
//
// GET /role-aliases/ALIAS/credentials over TLS with the device's certificate, and
// the header x-amzn-iot-thingname. The reply is JSON, {"credentials":
// {"accessKeyId", "secretAccessKey", "sessionToken", "expiration"}}, the last one
// in RFC 3339; an error's name is in x-amzn-ErrorType and its text in {"message"}
// (AWS IoT Core Developer Guide, "Authorizing direct calls to AWS services using
// AWS IoT Core credential provider").
//
// # Time
//
// How long the keys are good is what lies between the server's Date and their
// expiration, and is measured from when they were asked for by a clock that
// nobody sets. The device's own time of day is not looked at, unless the server
// says no Date.
type IoTCredentials struct {
	client http.Client
	url    string
	host   string
	alias  string
	thing  string
	now    func() time.Time

	busy chan struct{} // holds one token: whoever has it may use what follows
	keys aws.Credentials
	// fresh and good are until when the keys are used without asking for others,
	// and until when they may be used at all.
	fresh, good time.Time
}

// NewIoTCredentials checks the options and sends nothing.
func NewIoTCredentials(o IoTOptions) (*IoTCredentials, error) {
	o.Network = o.Network.withDefaults()
	if err := o.Network.check(); err != nil {
		return nil, err
	}
	u, err := url.Parse("https://" + o.Endpoint)
	switch {
	case err != nil || u.Hostname() == "" || u.Host != o.Endpoint:
		return nil, errors.New("cannot ask for credentials because the provider's endpoint is no host: set aws_iot.credentials_endpoint to what `aws iot describe-endpoint --endpoint-type iot:CredentialProvider` prints")
	case o.RoleAlias == "":
		return nil, errors.New("cannot ask for credentials because no role alias is named: set aws_iot.role_alias")
	case o.TLS == nil || len(o.TLS.Certificates) == 0:
		return nil, errors.New("cannot ask for credentials because there is no certificate of this device, which is what opens the provider: set aws_iot.cert and aws_iot.key")
	}
	c := &IoTCredentials{url: u.JoinPath("role-aliases", url.PathEscape(o.RoleAlias), "credentials").String(), host: u.Host, alias: o.RoleAlias, thing: o.Thing, now: o.Now, busy: make(chan struct{}, 1)}
	c.client = http.Client{
		Transport:     newWire(o.Network),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// String names the provider, without credentials.
func (c *IoTCredentials) String() string {
	return fmt.Sprintf("the credentials provider %s (role alias %s)", c.host, c.alias)
}

// GoString does the same for %#v.
func (c *IoTCredentials) GoString() string { return c.String() }

// Retrieve returns the keys that were fetched last, and fetches others some time
// before they expire. Its errors are about one attempt; who asks for an object
// decides how often to try.
func (c *IoTCredentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if err := c.take(ctx); err != nil {
		return aws.Credentials{}, err
	}
	defer c.release()
	if time.Now().Before(c.fresh) {
		return c.keys, nil
	}
	err := c.fetch(ctx)
	if err != nil && ctx.Err() == nil && time.Now().Before(c.good) {
		return c.keys, nil // they do for now
	}
	if err != nil {
		return aws.Credentials{}, err
	}
	return c.keys, nil
}

// Refused forgets the keys with this session token.
func (c *IoTCredentials) Refused(sessionToken string) {
	_ = c.take(context.Background())
	defer c.release()
	if c.keys.SessionToken == sessionToken {
		c.fresh, c.good = time.Time{}, time.Time{}
	}
}

func (c *IoTCredentials) take(ctx context.Context) error {
	select {
	case c.busy <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *IoTCredentials) release() { <-c.busy }

// fetch asks once.
func (c *IoTCredentials) fetch(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, nil)
	if err != nil {
		return c.answer(&answer{kind: ErrTransport, why: "the request cannot be made", advice: "check aws_iot.credentials_endpoint and aws_iot.role_alias", final: true})
	}
	req.Header.Set("User-Agent", "abota")
	req.Header.Set("Accept", "application/json")
	if c.thing != "" {
		req.Header.Set("X-Amzn-Iot-Thingname", c.thing)
	}
	asked := time.Now()
	resp, err := c.client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return c.answer(bySendError(bareURL(err)))
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	switch {
	case resp.StatusCode != http.StatusOK:
		return c.answer(c.refusal(resp, text))
	case err != nil:
		return c.answer(lost(err))
	}
	keys, expires, ok := readKeys(text)
	if !ok {
		return c.answer(&answer{kind: ErrTransport, why: "the answer holds no credentials", advice: adviceServer})
	}
	life := c.life(expires, resp.Header)
	if life <= 0 {
		return c.answer(&answer{kind: ErrTransport, why: "the credentials in the answer have expired already", advice: adviceServer})
	}
	keys.CanExpire, keys.Expires = true, asked.Add(life)
	c.keys, c.good, c.fresh = keys, asked.Add(life), asked.Add(life-min(renewBefore, life/3))
	return nil
}

// renewBefore is how long before they expire keys are fetched anew.
const renewBefore = 5 * time.Minute

// life is how long keys are good, by the clock of the server that made them.
func (c *IoTCredentials) life(expires time.Time, header http.Header) time.Duration {
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		date = c.now()
	}
	return expires.Sub(date)
}

// readKeys reads an answer. Keys that could not stand in a header are none.
func readKeys(text []byte) (keys aws.Credentials, expires time.Time, ok bool) {
	var said struct {
		Credentials struct {
			AccessKeyID     string    `json:"accessKeyId"`
			SecretAccessKey string    `json:"secretAccessKey"`
			SessionToken    string    `json:"sessionToken"`
			Expiration      time.Time `json:"expiration"`
		} `json:"credentials"`
	}
	if json.Unmarshal(text, &said) != nil {
		return keys, expires, false
	}
	in := said.Credentials
	for _, key := range []string{in.AccessKeyID, in.SecretAccessKey, in.SessionToken} {
		if key == "" || strings.ContainsFunc(key, notInKey) {
			return keys, expires, false
		}
	}
	return aws.Credentials{AccessKeyID: in.AccessKeyID, SecretAccessKey: in.SecretAccessKey, SessionToken: in.SessionToken, Source: "AWS IoT"}, in.Expiration, !in.Expiration.IsZero()
}

// refusal makes an answer of a response without keys.
func (c *IoTCredentials) refusal(resp *http.Response, text []byte) *answer {
	var said struct{ Message string }
	_ = json.Unmarshal(text, &said)
	name, _, _ := strings.Cut(resp.Header.Get("X-Amzn-Errortype"), ":")
	why := strings.TrimSpace(fmt.Sprintf("it says %d %s", resp.StatusCode, cmp.Or(clip(name), http.StatusText(resp.StatusCode))))
	if said.Message != "" {
		why += " (" + clip(said.Message) + ")"
	}
	a := &answer{kind: ErrDenied, why: why, final: true, status: resp.StatusCode, after: retryAfter(resp.Header)}
	switch status := resp.StatusCode; {
	case isPassing(status, name):
		a.kind, a.advice, a.final = ErrTransport, "try again later", false
	case status == http.StatusForbidden || status == http.StatusUnauthorized:
		a.advice = "attach this device's certificate to " + c.thingText() + ", and to a policy that allows iot:AssumeRoleWithCertificate on the role alias"
	case status == http.StatusNotFound:
		a.advice = "create the role alias in this account and region, or correct aws_iot.role_alias"
	default:
		a.advice = "check aws_iot.credentials_endpoint and aws_iot.role_alias, and that the role trusts credentials.iot.amazonaws.com"
	}
	return a
}

func (c *IoTCredentials) thingText() string {
	if c.thing == "" {
		return "its thing"
	}
	return "thing " + c.thing
}

// answer says of an answer whose it is: what is asked for is an object in a
// bucket, and this is another server.
func (c *IoTCredentials) answer(a *answer) *answer {
	told := *a
	told.why = c.String() + " gives no keys: " + a.why
	told.advice = iotKeys.Replace(a.advice)
	return &told
}

// iotKeys turns advice about the source's connection into such about this one.
var iotKeys = strings.NewReplacer("tls.cert", "aws_iot.cert", "tls.key", "aws_iot.key", "the endpoint", "aws_iot.credentials_endpoint")

// bareURL takes off the address that net/http puts around an error.
func bareURL(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}
