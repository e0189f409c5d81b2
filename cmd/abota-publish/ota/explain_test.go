package ota

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"abota/cmd/internal/cli"
)

func TestExplainSaysWhetherToTryAgain(t *testing.T) {
	said := func(status int, code string) error {
		return &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}},
			Err:      &smithy.GenericAPIError{Code: code, Message: "because"},
		}}
	}
	for _, row := range []struct {
		err  error
		code int
		want string
	}{
		{said(404, "ResourceNotFoundException"), cli.ExitUsage, "it is not there (ResourceNotFoundException: because)"},
		{said(409, "ResourceAlreadyExistsException"), cli.ExitRefused, "it exists already"},
		{said(403, "AccessDenied"), cli.ExitUsage, "check the credentials"},
		{said(403, "Unheard"), cli.ExitUsage, "check the credentials"},
		{said(301, "PermanentRedirect"), cli.ExitUsage, "in another region"},
		{said(400, "AuthorizationHeaderMalformed"), cli.ExitUsage, "in another region"},
		{said(400, "InvalidRequestException"), cli.ExitFailed, "the service refuses (InvalidRequestException: because)"},
		{said(410, "LimitExceededException"), cli.ExitFailed, "LimitExceededException"},
		{said(400, "ThrottlingException"), cli.ExitTransport, "try again later"},
		{said(429, "TooManyRequestsException"), cli.ExitTransport, "try again later"},
		{said(429, "TooManyRequests"), cli.ExitTransport, "try again later"}, // as HeadObject has it
		{said(503, "ServiceUnavailableException"), cli.ExitTransport, "try again later"},
		{&url.Error{Op: "Put", URL: "http://h/x", Err: &net.OpError{Op: "dial", Err: errors.New("refused")}}, cli.ExitTransport, `Put "http://h/x": dial: refused`},
		{context.Canceled, cli.ExitFailed, "interrupted"},
	} {
		err := explain("do it", row.err)
		var e *Error
		if !errors.As(err, &e) || e.Code != row.code || !strings.HasPrefix(err.Error(), "cannot do it: ") || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%v: %v, want exit code %d and %q", row.err, err, row.code, row.want)
		}
	}
}

func TestWithoutCredentialsOrRegion(t *testing.T) {
	none := t.TempDir() + "/none"
	for name, value := range map[string]string{
		"AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none, "AWS_EC2_METADATA_DISABLED": "true", "HOME": none,
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_REGION": "", "AWS_DEFAULT_REGION": "",
	} {
		t.Setenv(name, value)
	}
	f := newFake(t)
	for want, change := range map[string]func(a *Access){
		"no region":                             func(a *Access) { a.Region = "" },
		"no credentials: set AWS_ACCESS_KEY_ID": func(a *Access) { a.AccessKey, a.SecretKey = "", "" },
		"belong together":                       func(a *Access) { a.SecretKey = "" },
		"an endpoint is http://HOST:PORT":       func(a *Access) { a.Endpoint = "h:1" },
		"cannot read the configuration":         func(a *Access) { a.Profile = "absent" },
	} {
		a := f.access()
		change(&a)
		code, text := f.ask(t, false, func(out *cli.Output) error { return List(t.Context(), out, a, ListOptions{}) })
		if code != cli.ExitUsage || !strings.Contains(text, want) {
			t.Errorf("exit code %d, want %q: %s", code, want, text)
		}
	}
}
