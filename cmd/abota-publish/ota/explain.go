package ota

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"abota/cmd/internal/cli"
)

// answer is what a service said, as far as it said something.
type answer struct {
	code, message string
	status        int // of HTTP, 0 without an answer
}

func answerOf(err error) answer {
	var a answer
	var api smithy.APIError
	if errors.As(err, &api) {
		a.code, a.message = api.ErrorCode(), api.ErrorMessage()
	}
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		a.status = response.HTTPStatusCode()
	}
	return a
}

// text is the service's own words, or what came in between.
func (a answer) text(err error) string {
	var request *url.Error
	if a.code == "" && errors.As(err, &request) {
		return request.Error()
	}
	if a.code == "" {
		return err.Error()
	}
	return strings.TrimSuffix(a.code+": "+a.message, ": ")
}

var (
	absentCodes = []string{"NotFound", "NoSuchKey", "NoSuchBucket", "NoSuchVersion", "ResourceNotFoundException"}
	deniedCodes = []string{
		"AccessDenied", "AccessDeniedException", "Forbidden", "UnauthorizedException", "InvalidClientTokenId", "InvalidAccessKeyId",
		"SignatureDoesNotMatch", "ExpiredToken", "ExpiredTokenException", "InvalidToken", "UnrecognizedClientException", "NotAuthorized",
	}
	elsewhereCodes = []string{"PermanentRedirect", "MovedPermanently", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
	throttleCodes  = []string{"ThrottlingException", "Throttling", "TooManyRequestsException", "SlowDown", "RequestThrottled"}
	unknownCodes   = []string{"NotImplemented", "UnknownOperationException", "UnknownOperation", "MethodNotAllowed"}
	// bareCodes are the SDK's for a reply that names none.
	bareCodes = []string{"", "UnknownError", "NotFound"}
)

// absent reports that what was asked for is not there.
func absent(err error) bool { return slices.Contains(absentCodes, answerOf(err).code) }

func exists(err error) bool { return answerOf(err).code == "ResourceAlreadyExistsException" }

func denied(err error) bool {
	a := answerOf(err)
	return slices.Contains(deniedCodes, a.code) || a.status == http.StatusForbidden || a.status == http.StatusUnauthorized
}

// unknown reports that whoever answers does not know the question at all: a
// service that knows it names an exception when it refuses.
func unknown(err error) bool {
	a := answerOf(err)
	return slices.Contains(unknownCodes, a.code) || a.status == http.StatusNotImplemented || a.status == http.StatusMethodNotAllowed ||
		rejected(err) && slices.Contains(bareCodes, a.code)
}

// rejected reports that the service decided, so that nothing was done.
func rejected(err error) bool {
	a := answerOf(err)
	return a.status >= 400 && a.status < 500
}

// explain says what a failed request means: doing is what it was for. What
// the service answered can still be asked of the result.
func explain(doing string, err error) error {
	code, meaning := meaningOf(err)
	return &Error{Code: code, Err: fmt.Errorf("cannot %s: %s", doing, meaning), cause: err}
}

func meaningOf(err error) (code int, meaning string) {
	a := answerOf(err)
	said := a.text(err)
	switch {
	case errors.Is(err, context.Canceled):
		return cli.ExitFailed, "interrupted"
	case slices.Contains(elsewhereCodes, a.code) || a.status == http.StatusMovedPermanently:
		return cli.ExitUsage, "the bucket is in another region (" + said + "), and jobs, streams and signing jobs take buckets of their own: add --region, or take a bucket in this one"
	case slices.Contains(throttleCodes, a.code) || a.status == http.StatusTooManyRequests:
		return cli.ExitTransport, "too many requests at once (" + said + "): try again later"
	case exists(err):
		return cli.ExitRefused, "it exists already (" + said + "): take another name"
	case absent(err):
		return cli.ExitUsage, "it is not there (" + said + "): check its name, the region and the account"
	case denied(err):
		return cli.ExitUsage, "the service refuses (" + said + "): check the credentials, and that their policy allows it"
	case a.status >= 400 && a.status < 500:
		return cli.ExitFailed, "the service refuses (" + said + ")"
	case a.status == 0 && strings.Contains(err.Error(), "get credentials"):
		return cli.ExitUsage, "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile with --profile (" + said + ")"
	}
	return cli.ExitTransport, "the service did not do it, try again later: " + said
}
