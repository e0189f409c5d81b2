package source

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"
)

// signedFor is the region in a request's credential scope.
func signedFor(r *http.Request) string {
	_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=ACCESS/")
	parts := strings.Split(scope, "/")
	if len(parts) < 2 {
		return ""
	}
	return parts[1]
}

func TestBucketInAnotherRegionIsAskedThere(t *testing.T) {
	for _, row := range []struct {
		status int
		code   string
	}{{301, "PermanentRedirect"}, {307, "TemporaryRedirect"}, {400, "AuthorizationHeaderMalformed"}} {
		o := stored{sequence(1000), `"v1"`}
		h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {
			if signedFor(r) != "eu-west-3" {
				if row.status != 400 {
					w.Header().Set("X-Amz-Bucket-Region", "eu-west-3")
				}
				w.WriteHeader(row.status)
				fmt.Fprintf(w, "<Error><Code>%s</Code><Region>eu-west-3</Region></Error>", row.code)
				return
			}
			o.serve(w, r, 400)
		})
		var said bytes.Buffer
		opts := h.options()
		opts.Log = slog.New(slog.NewTextHandler(&said, nil))
		s := newTestS3(t, opts)
		for range 2 {
			if got, err := fetch(t.Context(), s, "firmware.zip"); err != io.EOF || !bytes.Equal(got, o.data) {
				t.Fatalf("%s: %d bytes, %v", row.code, len(got), err)
			}
		}
		// Three connections for each object, and one more once.
		if n := len(h.seen()); n != 7 || strings.Count(said.String(), "region=eu-west-3") != 1 {
			t.Errorf("%s: %d requests, said %q", row.code, n, said.String())
		}
	}
}

func TestRegionsThatLeadNowhere(t *testing.T) {
	for name, region := range map[string]func(r *http.Request) string{
		"none":     func(*http.Request) string { return "" },
		"the same": func(r *http.Request) string { return signedFor(r) },
		"a host":   func(*http.Request) string { return "evil.example.com/" },
		"in circles": func(r *http.Request) string {
			if signedFor(r) == "eu-west-1" {
				return "eu-west-2"
			}
			return "eu-west-1"
		},
	} {
		h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Amz-Bucket-Region", region(r))
			s3Error(w, 301, "PermanentRedirect")
		})
		_, err := h.source(t).Open(t.Context(), "firmware.zip")
		wantError(t, err, ErrDenied, "correct region or endpoint")
		if n := len(h.seen()); n > 2 {
			t.Errorf("%s: %d requests", name, n)
		}
	}
}

// skewed is a server whose clock is ahead of this one's, and which refuses
// requests that were not signed by it.
func skewed(ahead *time.Duration, o stored) func(n int, w http.ResponseWriter, r *http.Request) {
	return func(n int, w http.ResponseWriter, r *http.Request) {
		now := time.Now().Add(*ahead)
		w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
		signed, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
		if err != nil || now.Sub(signed).Abs() > 15*time.Minute {
			s3Error(w, http.StatusForbidden, "RequestTimeTooSkewed")
			return
		}
		o.serve(w, r, -1)
	}
}

func TestServersTimeIsUsedForSigning(t *testing.T) {
	ahead := 56 * 365 * 24 * time.Hour // as a device in 1970 sees it
	o := stored{sequence(1000), `"v1"`}
	h := newHostile(t, skewed(&ahead, o))
	var said bytes.Buffer
	opts := h.options()
	opts.Log = slog.New(slog.NewTextHandler(&said, nil))
	s := newTestS3(t, opts)
	for range 3 {
		if got, err := fetch(t.Context(), s, "firmware.zip"); err != io.EOF || !bytes.Equal(got, o.data) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
	}
	if n := len(h.seen()); n != 4 || strings.Count(said.String(), "signing with the server's time") != 1 {
		t.Errorf("%d requests for three objects, want one more; said %q", n, said.String())
	}
	// The device's clock is set meanwhile: the other way round.
	ahead = 0
	if got, err := fetch(t.Context(), s, "firmware.zip"); err != io.EOF || !bytes.Equal(got, o.data) {
		t.Errorf("after the clock was set: %d bytes, %v", len(got), err)
	}
}

func TestSkewThatDoesNotHealIsSaid(t *testing.T) {
	for name, date := range map[string][]string{"no date": nil, "a date": {"Sat, 21 Nov 2026 10:00:00 GMT"}} {
		h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {
			w.Header()["Date"] = date
			s3Error(w, http.StatusForbidden, "RequestTimeTooSkewed")
		})
		_, err := h.source(t).Open(t.Context(), "firmware.zip")
		wantError(t, err, ErrDenied, "the clock of this device is wrong: set it")
		if n := len(h.seen()); n > 2 {
			t.Errorf("%s: %d requests", name, n)
		}
	}
}
