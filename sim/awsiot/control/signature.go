package control

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	dateFormat = "20060102T150405Z"
	// maxSkew is how far the clocks of client and service may be apart.
	maxSkew = 15 * time.Minute
)

// signature is what a request says about its signature.
type signature struct {
	access, region, service string
	date                    string // day of the scope
	headers                 []string
	value                   string // hexadecimal digits
	query                   bool   // pre-signed
}

// readSignature finds the signature in the header or, pre-signed, in the
// query. It is nil where there is none of Version 4.
func readSignature(r *http.Request) (*signature, *fault) {
	s := &signature{}
	var credential, headers string
	switch q := r.URL.Query(); {
	case strings.HasPrefix(r.Header.Get("Authorization"), algorithm+" "):
		parts := authorization(r.Header.Get("Authorization"))
		credential, headers, s.value = parts["Credential"], parts["SignedHeaders"], parts["Signature"]
	case q.Get("X-Amz-Algorithm") == algorithm:
		credential, headers, s.value = q.Get("X-Amz-Credential"), q.Get("X-Amz-SignedHeaders"), q.Get("X-Amz-Signature")
		s.query = true
	default:
		return nil, nil
	}
	scope := strings.Split(credential, "/")
	const parts = 5
	if len(scope) != parts || scope[parts-1] != "aws4_request" || headers == "" || s.value == "" {
		return nil, refuse("IncompleteSignatureException", "the signature must have a Credential of the form KEY/DATE/REGION/SERVICE/aws4_request, SignedHeaders and a Signature; it has the credential %q", credential)
	}
	s.access, s.date, s.region, s.service = scope[0], scope[1], scope[2], scope[3]
	s.headers = strings.Split(headers, ";")
	return s, nil
}

// authorization takes the header's value apart.
func authorization(value string) map[string]string {
	parts := map[string]string{}
	for part := range strings.SplitSeq(strings.TrimPrefix(value, algorithm), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		parts[name] = value
	}
	return parts
}

// verify makes the signature again and compares.
func (s *signature) verify(r *http.Request, body []byte, k key) *fault {
	stamp := r.Header.Get("X-Amz-Date")
	if s.query {
		stamp = r.URL.Query().Get("X-Amz-Date")
	}
	at, err := time.Parse(dateFormat, stamp)
	if err != nil || !strings.HasPrefix(stamp, s.date) {
		return refuse("IncompleteSignatureException", "X-Amz-Date %q is not a time of the form %s on the day of the credential, %s", stamp, dateFormat, s.date)
	}
	if f := s.inTime(r, at); f != nil {
		return f
	}
	sum := sha256.Sum256(body)
	digest := hex.EncodeToString(sum[:])
	if claimed := r.Header.Get("X-Amz-Content-Sha256"); claimed != "" && claimed != digest {
		return refuse("InvalidSignatureException", "x-amz-content-sha256 is %q, but the body's SHA-256 is %s", claimed, digest)
	}
	made, err := s.again(r, digest, k, at)
	if err != nil {
		return refuse("IncompleteSignatureException", "the signature cannot be verified: %v", err)
	}
	if !hmac.Equal([]byte(made.value), []byte(s.value)) || !slices.Equal(made.headers, s.headers) {
		return refuse("InvalidSignatureException", "the request signature we calculated does not match the signature you provided: check the secret key of %s, and what changed the request on its way", s.access)
	}
	return nil
}

// inTime compares with this machine's clock, as clients sign by theirs.
func (s *signature) inTime(r *http.Request, at time.Time) *fault {
	age := time.Since(at)
	most := maxSkew
	if s.query {
		seconds, err := strconv.Atoi(r.URL.Query().Get("X-Amz-Expires"))
		if err == nil {
			most = time.Duration(seconds) * time.Second
		}
	}
	if age > most || age < -maxSkew {
		return refuse("InvalidSignatureException", "the signature is of %s, but it is %s now: set the client's clock, or sign again", at.Format(time.RFC3339), time.Now().UTC().Format(time.RFC3339))
	}
	return nil
}

// again signs what the client says that it signed, and nothing else.
func (s *signature) again(r *http.Request, digest string, k key, at time.Time) (*signature, error) {
	u := *r.URL
	u.Host = r.Host
	request := &http.Request{Method: r.Method, URL: &u, Host: r.Host, Header: http.Header{}}
	for _, name := range s.headers {
		switch name {
		case "host":
		case "content-length":
			request.ContentLength = r.ContentLength
		default:
			request.Header[http.CanonicalHeaderKey(name)] = r.Header.Values(name)
		}
	}
	creds := aws.Credentials{AccessKeyID: k.AccessKey, SecretAccessKey: k.SecretKey}
	sdk := v4.NewSigner()
	if !s.query {
		if err := sdk.SignHTTP(context.Background(), creds, request, digest, s.service, s.region, at); err != nil {
			return nil, err
		}
		return reread(request)
	}
	q := u.Query()
	q.Del("X-Amz-Signature")
	u.RawQuery = q.Encode()
	signed, _, err := sdk.PresignHTTP(context.Background(), creds, request, digest, s.service, s.region, at)
	if err != nil {
		return nil, err
	}
	if request.URL, err = url.Parse(signed); err != nil {
		return nil, err
	}
	return reread(request)
}

// reread reads a signature of our own making.
func reread(r *http.Request) (*signature, error) {
	made, f := readSignature(r)
	if f != nil {
		return nil, f
	}
	return made, nil
}

// token is the session token that a request bears.
func (s *signature) token(r *http.Request) string {
	if s.query {
		return r.URL.Query().Get("X-Amz-Security-Token")
	}
	return r.Header.Get("X-Amz-Security-Token")
}
