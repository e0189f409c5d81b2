package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	testSecret = "SECRETKEYsecretkey"
	testToken  = "TOKENtoken"
)

// stored is one state of an object on a server that keeps to the protocol.
type stored struct {
	data []byte
	etag string
}

// serve answers like S3, but closes the connection after cut bytes of the
// body; a negative cut means never.
func (o stored) serve(w http.ResponseWriter, r *http.Request, cut int) {
	w.Header().Set("ETag", o.etag)
	w.Header().Set("Last-Modified", "Sat, 21 Nov 2026 10:00:00 GMT")
	w.Header().Set("x-amz-meta-version", "1.4.0")
	if match := r.Header.Get("If-Match"); match != "" && match != o.etag {
		s3Error(w, http.StatusPreconditionFailed, "PreconditionFailed")
		return
	}
	if r.Header.Get("If-None-Match") == o.etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body, status := o.data, http.StatusOK
	if spec, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok {
		from, to, _ := strings.Cut(spec, "-")
		start, _ := strconv.Atoi(from)
		end, err := strconv.Atoi(to)
		if err != nil {
			end = len(o.data) - 1
		}
		if start >= len(o.data) {
			s3Error(w, http.StatusRequestedRangeNotSatisfiable, "InvalidRange")
			return
		}
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", start, end, len(o.data)))
		body, status = o.data[start:end+1], http.StatusPartialContent
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if cut < 0 || cut >= len(body) {
		w.Write(body)
		return
	}
	w.Write(body[:cut])
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func s3Error(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>said by\nthe server</Message></Error>", code)
}

// hostile is a server whose n-th answer, from 0, is up to the test.
type hostile struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
}

func newHostile(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request)) *hostile {
	t.Helper()
	h := &hostile{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		n := len(h.requests)
		h.requests = append(h.requests, r)
		h.mu.Unlock()
		answer(n, w, r)
	}))
	t.Cleanup(func() {
		h.CloseClientConnections()
		h.Close()
	})
	return h
}

func newTLSServer(t *testing.T, handler http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // it logs each refused handshake
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func noEnv(string) string { return "" }

func (h *hostile) seen() []*http.Request {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]*http.Request(nil), h.requests...)
}

// options reach the server, with pauses too short to notice.
func (h *hostile) options() S3Options {
	return S3Options{
		Bucket: "fleet", Endpoint: h.URL,
		AccessKey: "ACCESS", SecretKey: testSecret, SessionToken: testToken,
		Network: Network{
			Retry:  Retry{Open: 3, Resume: 4, First: time.Microsecond, Longest: time.Millisecond},
			Getenv: noEnv,
		},
	}
}

func (h *hostile) source(t *testing.T) *S3 { return newTestS3(t, h.options()) }

func newTestS3(t testing.TB, o S3Options) *S3 {
	t.Helper()
	s, err := NewS3(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fetch reads a whole object, in pieces of an odd size.
func fetch(ctx context.Context, s *S3, name string) ([]byte, error) {
	o, err := s.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	var got bytes.Buffer
	buf := make([]byte, 1021)
	for {
		n, err := o.Read(buf)
		got.Write(buf[:n])
		if err != nil {
			if again, err2 := o.Read(buf); again != 0 || err2 != err {
				return nil, fmt.Errorf("after %w, Read = %d, %w: not sticky", err, again, err2)
			}
			return got.Bytes(), err
		}
	}
}

// wantError checks what holds for every error: its sentinel, one line, the
// object's name, and no secret.
func wantError(t *testing.T, err, sentinel error, parts ...string) {
	t.Helper()
	if !errors.Is(err, sentinel) {
		t.Fatalf("error %v, want %v", err, sentinel)
	}
	text := err.Error()
	for _, part := range append(parts, "firmware.zip", "fleet") {
		if !strings.Contains(text, part) {
			t.Errorf("error %q does not mention %q", text, part)
		}
	}
	for _, secret := range []string{testSecret, testToken, "x-id", "\n", "Signature="} {
		if strings.Contains(text, secret) {
			t.Errorf("error %q shows %q", text, secret)
		}
	}
}

func sequence(n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(i*7 + i>>8)
	}
	return data
}
