package awsiot

import (
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/aws/smithy-go"
)

// apiCode is the exception's name in an error of the SDK.
func apiCode(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}

// get fetches a URL that needs no more than itself.
func get(t *testing.T, url string) string {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", r.Status, body, err)
	}
	return string(body)
}
