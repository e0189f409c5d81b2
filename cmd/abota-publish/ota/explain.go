package ota

import (
	"context"
	"errors"
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
)

// absent reports that what was asked for is not there.
func absent(err error) bool { return slices.Contains(absentCodes, answerOf(err).code) }

func exists(err error) bool { return answerOf(err).code == "ResourceAlreadyExistsException" }

func denied(err error) bool {
	a := answerOf(err)
	return slices.Contains(deniedCodes, a.code) || a.status == http.StatusForbidden || a.status == http.StatusUnauthorized
}

// unknown reports that whoever answers does not know the question at all.
func unknown(err error) bool {
	a := answerOf(err)
	return slices.Contains(unknownCodes, a.code) || a.status == http.StatusNotImplemented || a.status == http.StatusMethodNotAllowed
}

// rejected reports that the service decided, so that nothing was done.
func rejected(err error) bool {
	a := answerOf(err)
	return a.status >= 400 && a.status < 500
}

// explain says what a failed request means: doing is what it was for.
func explain(doing string, err error) error {
	a := answerOf(err)
	switch {
	case errors.Is(err, context.Canceled):
		return coded(cli.ExitFailed, "cannot %s: interrupted: %w", doing, context.Canceled)
	case slices.Contains(elsewhereCodes, a.code) || a.status == http.StatusMovedPermanently:
		return coded(cli.ExitUsage, "cannot %s: the bucket is in another region (%s), and jobs, streams and signing jobs take buckets of their own: add --region, or take a bucket in this one", doing, a.text(err))
	case slices.Contains(throttleCodes, a.code):
		return coded(cli.ExitTransport, "cannot %s: too many requests at once (%s): try again later", doing, a.text(err))
	case absent(err):
		return coded(cli.ExitUsage, "cannot %s: it is not there (%s): check its name, the region and the account", doing, a.text(err))
	case denied(err):
		return coded(cli.ExitUsage, "cannot %s: the service refuses (%s): check the credentials, and that their policy allows it", doing, a.text(err))
	case a.status >= 400 && a.status < 500:
		return coded(cli.ExitFailed, "cannot %s: the service refuses (%s)", doing, a.text(err))
	case a.status == 0 && strings.Contains(err.Error(), "get credentials"):
		return coded(cli.ExitUsage, "cannot %s: no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile with --profile (%w)", doing, err)
	}
	return coded(cli.ExitTransport, "cannot %s: the service did not do it, try again later: %s", doing, a.text(err))
}
