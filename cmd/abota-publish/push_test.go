package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"abota/cmd/internal/cli"
	"abota/sim/store"
)

const bigRelease = 40 << 20 // several parts

// pushTo packs a release of size bytes and pushes it to the store at endpoint.
func pushTo(ctx context.Context, t *testing.T, s *store.Store, endpoint, image, bucket string) (int, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "release")
	var out bytes.Buffer
	if code := run(t.Context(), []string{"pack", image, "-o", dir, "--new-key"}, nil, &out, &out); code != cli.ExitDone {
		t.Fatal(out.String())
	}
	out.Reset()
	code := run(ctx, []string{
		"push", dir, "s3://" + bucket, "--create-bucket", "--with-key", "--endpoint", endpoint,
		"--region", s.Region(), "--access-key", s.Keys().AccessKey, "--secret-key", s.Keys().SecretKey,
	}, nil, &out, &out)
	return code, out.String()
}

func imageOf(t *testing.T, size int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(path, noise(size), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// between is a proxy in front of the store that asks meet about each request.
func between(t *testing.T, s *store.Store, meet func(w http.ResponseWriter, r *http.Request) (answered bool)) string {
	t.Helper()
	u, err := url.Parse(s.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(u)
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !meet(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func text(t *testing.T, s *store.Store, bucket, name string) string {
	t.Helper()
	o, err := s.Get(t.Context(), bucket, name)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	data, err := io.ReadAll(o)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return string(data)
}

// TestInterruptedPushLeavesTheOldRelease interrupts the upload at its second
// part, and wants neither another checksum nor parts that somebody pays for.
func TestInterruptedPushLeavesTheOldRelease(t *testing.T) {
	s := store.ForTest(t)
	const bucket = "fleet"
	if code, out := pushTo(t.Context(), t, s, s.Endpoint(), imageOf(t, 1000), bucket); code != cli.ExitDone {
		t.Fatal(out)
	}
	before := text(t, s, bucket, checksumName)
	ctx, interrupt := context.WithCancel(t.Context())
	parts := 0
	endpoint := between(t, s, func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && r.URL.Query().Get("partNumber") != "" {
			parts++
			interrupt()
		}
		return false
	})
	code, out := pushTo(ctx, t, s, endpoint, imageOf(t, bigRelease), bucket)
	if code != cli.ExitFailed || !strings.Contains(out, "interrupted") || parts == 0 {
		t.Errorf("exit code %d after %d parts: %s", code, parts, out)
	}
	if after := text(t, s, bucket, checksumName); after != before {
		t.Errorf("the checksum is %q, was %q", after, before)
	}
	o := storeOptions{endpoint: s.Endpoint(), region: s.Region(), accessKey: s.Keys().AccessKey, secretKey: s.Keys().SecretKey}
	client, err := o.client()
	if err != nil {
		t.Fatal(err)
	}
	for left := range client.ListIncompleteUploads(t.Context(), bucket, tokenName, true) {
		t.Errorf("parts of %s are left behind (%v)", left.Key, left.Err)
	}
}

func TestLargeTokensGoUpInParts(t *testing.T) {
	s := store.ForTest(t)
	var order []string
	endpoint := between(t, s, func(_ http.ResponseWriter, r *http.Request) bool {
		// The bucket's own path ends in a slash.
		name := strings.TrimPrefix(r.URL.Path, "/fleet/")
		whole := r.Method == http.MethodPut && r.URL.RawQuery == ""
		joined := r.Method == http.MethodPost && r.URL.Query().Get("uploadId") != ""
		if name != "" && (whole || joined) {
			order = append(order, name)
		}
		return false
	})
	if code, out := pushTo(t.Context(), t, s, endpoint, imageOf(t, bigRelease), "fleet"); code != cli.ExitDone {
		t.Fatal(out)
	}
	if got := strings.Join(order, " "); got != tokenName+" "+keyName+" "+checksumName {
		t.Errorf("completed in the order %s", got)
	}
	sum := newDigests()
	if _, err := io.WriteString(sum, text(t, s, "fleet", tokenName)); err != nil {
		t.Fatal(err)
	}
	if want := text(t, s, "fleet", checksumName); sum.checksum() != want {
		t.Errorf("the token in the bucket has MD5 %s, the checksum says %s", sum.checksum(), want)
	}
}

func TestStoreErrorsSayWhetherToTryAgain(t *testing.T) {
	to := destination{bucket: "fleet"}
	for _, row := range []struct {
		err  error
		code int
	}{
		{minio.ErrorResponse{Code: minio.NoSuchBucket, StatusCode: 404}, cli.ExitUsage},
		{minio.ErrorResponse{Code: minio.AccessDenied, StatusCode: 403}, cli.ExitUsage},
		{minio.ErrorResponse{Code: minio.SignatureDoesNotMatch, StatusCode: 403}, cli.ExitUsage},
		{minio.ErrorResponse{Code: "EntityTooLarge", StatusCode: 400}, cli.ExitFailed},
		{minio.ErrorResponse{Code: "SlowDown", StatusCode: 503}, cli.ExitTransport},
		{&url.Error{Op: "Put", URL: "http://127.0.0.1", Err: io.ErrUnexpectedEOF}, cli.ExitTransport},
		{context.Canceled, cli.ExitFailed},
	} {
		err := to.explain("upload", row.err)
		if code := exitCode(err); code != row.code {
			t.Errorf("%v: exit code %d, want %d", err, code, row.code)
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("not a line: %q", err)
		}
	}
}
