package source

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
	"unicode"
)

// answer is one request's failure, in our words: those of the server are not
// shown beyond its error code, since it may say anything.
type answer struct {
	kind   error // one of the package's sentinels
	why    string
	advice string
	final  bool // asking again would not help
	status int  // HTTP status, 0 without a response
	// after is how long the server wants to be left alone, 0 if it says nothing.
	after time.Duration
	cure  *cure // what may be tried at once, if anything
}

func (a *answer) Error() string { return fmt.Sprintf("%v: %s: %s", a.kind, a.why, a.advice) }

func (a *answer) Unwrap() error { return a.kind }

const (
	adviceNetwork = "check the network and the address, or try again later"
	adviceServer  = "check that the address is right, and that no proxy rewrites its answers"
)

// What a server that is not quite S3, or a proxy before it, gets wrong. At the
// start of an object it is a wrong endpoint more often than a passing fault,
// and Retry.Open is small; later on it is worth asking again.
var (
	errNoETag     = &answer{kind: ErrTransport, why: "the answer has no strong ETag, so that a change of the object would go unnoticed", advice: adviceServer}
	errNoLength   = &answer{kind: ErrTransport, why: "the answer does not say how long the object is", advice: adviceServer}
	errProxyAuth  = &answer{kind: ErrDenied, why: "the proxy wants a name and a password", advice: "set proxy to http://NAME:PASSWORD@HOST:PORT", final: true}
	errNoResume   = &answer{kind: ErrTransport, why: "the connection ended before the object did, and without a strong ETag or a date of change the rest cannot be asked for", advice: "have the server send a strong ETag, or try again", final: true}
	errPage       = &answer{kind: ErrTransport, why: "the server sends a web page instead of the file", advice: "a login page may answer in its place: get this device online, or correct the URL"}
	errNowhere    = &answer{kind: ErrTransport, why: "the server redirects to what is no address", advice: "correct the URL", final: true}
	errNoRange    = &answer{kind: ErrTransport, why: "the server sends the whole object again where its rest was asked for", advice: adviceServer}
	errElsewhere  = &answer{kind: ErrTransport, why: "the fresh address is of another file or server, and without a strong ETag it cannot be told whether it has the same content", advice: "have the server send a strong ETag, or try again", final: true}
	errTooSlow    = &answer{kind: ErrTransport, why: "fewer bytes a second arrive than min_rate wants", advice: adviceNetwork}
	errWrongRange = &answer{kind: ErrTransport, why: "the server sends another range than was asked for", advice: adviceServer}
)

func changed(why string) *answer {
	return &answer{kind: ErrChanged, why: why, advice: "start over with the new one", final: true}
}

// lost is a body that ended before the object did.
func lost(err error) *answer {
	var ours *answer
	if errors.As(err, &ours) {
		return ours
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return unreachable("the connection ended before the object did")
	}
	return unreachable(networkReason(err))
}

func unreachable(why string) *answer {
	return &answer{kind: ErrTransport, why: why, advice: adviceNetwork}
}

// fault is how S3 says what is wrong; other servers say it in their own ways,
// and then it is empty.
type fault struct{ Code, Message, Region string }

func faultOf(resp *http.Response) fault {
	var f fault
	if text, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody)); err == nil {
		_ = xml.Unmarshal(text, &f)
	}
	f.Code = clip(f.Code)
	return f
}

func byStatus(status int, code string) *answer {
	why := strings.TrimSpace(fmt.Sprintf("the server says %d %s", status, cmp.Or(code, http.StatusText(status))))
	switch {
	case status < 300:
		return &answer{kind: ErrTransport, why: "the answer cannot be understood", advice: adviceServer}
	case status == http.StatusNotFound:
		return notFound(code)
	case status == http.StatusPreconditionFailed:
		return changed("it was replaced since it was opened")
	case status == http.StatusRequestedRangeNotSatisfiable:
		return changed("it is shorter than when it was opened")
	case status == http.StatusProxyAuthRequired:
		return errProxyAuth
	case isPassing(status, code):
		return &answer{kind: ErrTransport, why: why, advice: "try again later"}
	case status == http.StatusFound || status == http.StatusSeeOther || status < 400 && code == "":
		// S3 never says the former, and gives a code for the others; networks
		// that want a login first do neither.
		return &answer{kind: ErrTransport, why: why, advice: "a login page or a proxy answers in the server's place: get this device online, or correct the endpoint"}
	case status < 400 || code == "AuthorizationHeaderMalformed":
		return &answer{kind: ErrDenied, why: why, advice: "the bucket is in another region or at another endpoint: correct region or endpoint", final: true}
	}
	return &answer{kind: ErrDenied, why: why, advice: denialAdvice(code), final: true}
}

// isPassing reports a refusal that may be none the next time.
func isPassing(status int, code string) bool {
	return status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || code == "RequestTimeout" || code == "SlowDown"
}

func notFound(code string) *answer {
	if code == "NoSuchBucket" {
		return &answer{kind: ErrNotFound, why: "the bucket does not exist", advice: "correct bucket, region or endpoint, or create it", final: true}
	}
	return &answer{kind: ErrNotFound, why: "the bucket has no such object", advice: "upload it or correct the configured name", final: true}
}

// denialAdvice says what to check when a server refuses.
func denialAdvice(code string) string {
	switch code {
	case "InvalidAccessKeyId":
		return "the server does not know the access key: check accesskey, and that it belongs to this endpoint"
	case "SignatureDoesNotMatch":
		return "the secret key does not fit the access key: check secretkey and region"
	case "ExpiredToken", "InvalidToken", "InvalidTokenId":
		return "the session token is not valid any more: renew it"
	case "RequestTimeTooSkewed":
		return "the clock of this device is wrong: set it"
	case "InvalidObjectState":
		return "the object is archived: restore it or upload it again"
	case "AccessDenied", "":
		return "allow this access key s3:GetObject on the object; S3 answers the same when the object is missing and the key may not list the bucket"
	}
	return "check bucket, name and credentials"
}

// bySendError is for requests that got no response.
func bySendError(err error) *answer {
	var cert *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var ours *answer
	var op *net.OpError
	switch {
	case errors.As(err, &ours):
		return ours
	case errors.As(err, &op) && op.Op == "remote error" && strings.Contains(op.Error(), "certificate"):
		// The server's alert, as crypto/tls words it; nothing else says it.
		return &answer{kind: ErrTransport, why: "the server does not accept this device's certificate: " + clip(op.Err.Error()), advice: "set tls.cert and tls.key to what the server wants, or renew them", final: true}
	case errors.As(err, &cert):
		return &answer{kind: ErrTransport, why: "the server's certificate is not accepted: " + clip(cert.Err.Error()), advice: "check the endpoint's host name, the certificates of this system and the clock", final: true}
	case errors.As(err, &record):
		return &answer{kind: ErrTransport, why: "the server does not speak TLS", advice: "write the endpoint with http://, or correct its port", final: true}
	}
	return unreachable(networkReason(err))
}

// networkReason is the network's own short reason.
func networkReason(err error) string {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return "nothing was received for too long"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed without an answer"
	}
	return clip(err.Error())
}

// clip keeps a foreign text short and on one line.
func clip(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
	const most = 200
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
