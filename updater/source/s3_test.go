package source

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestInfoSaysWhatTheServerSaid(t *testing.T) {
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) { stored{[]byte("hello"), `"v1"`}.serve(w, r, -1) })
	data, info, err := h.source(t).Get(t.Context(), "checksum.txt", 5)
	want := Info{Size: 5, ETag: `"v1"`, Version: "1.4.0", Modified: time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)}
	if err != nil || string(data) != "hello" || info != want {
		t.Errorf("Get = %q, %+v, %v, want %+v", data, info, err, want)
	}
}

func TestEmptyObjectEndsAtOnce(t *testing.T) {
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) { stored{nil, `"v1"`}.serve(w, r, -1) })
	if got, err := fetch(t.Context(), h.source(t), "firmware.zip"); err != io.EOF || len(got) != 0 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestGetRefusesWhatIsTooLargeUnread(t *testing.T) {
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) { stored{sequence(6), `"v1"`}.serve(w, r, -1) })
	_, _, err := h.source(t).Get(t.Context(), "firmware.zip", 5)
	if err == nil || !strings.Contains(err.Error(), "6 bytes") || !strings.Contains(err.Error(), "firmware.zip") {
		t.Errorf("error %v, want a refusal with the size", err)
	}
}

func TestFinalAnswersAreNotAskedForAgain(t *testing.T) {
	tests := []struct {
		status int
		code   string
		kind   error
		says   string
	}{
		{404, "NoSuchKey", ErrNotFound, "no such object"},
		{404, "NoSuchBucket", ErrNotFound, "bucket does not exist"},
		{403, "AccessDenied", ErrDenied, "s3:GetObject"},
		{403, "InvalidAccessKeyId", ErrDenied, "accesskey"},
		{403, "SignatureDoesNotMatch", ErrDenied, "secretkey"},
		{403, "InvalidObjectState", ErrDenied, "archived"},
		{400, "ExpiredToken", ErrDenied, "token"},
		{400, "AuthorizationHeaderMalformed", ErrDenied, "region"},
		{400, "InvalidRequest", ErrDenied, "InvalidRequest"},
		{401, "Whatever", ErrDenied, "Whatever"},
		{301, "PermanentRedirect", ErrDenied, "region"},
		{307, "TemporaryRedirect", ErrDenied, "region"},
		{412, "PreconditionFailed", ErrChanged, "replaced"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.status, " ", tt.code), func(t *testing.T) {
			h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Location", "http://127.0.0.1:1/")
				s3Error(w, tt.status, tt.code)
			})
			_, err := h.source(t).Open(t.Context(), "firmware.zip")
			wantError(t, err, tt.kind, tt.says, h.URL)
			_, err = h.source(t).Changed(t.Context(), "firmware.zip", Info{Size: 1, ETag: `"v1"`})
			wantError(t, err, tt.kind, tt.says)
			if len(h.seen()) != 2 {
				t.Errorf("%d requests for two calls", len(h.seen()))
			}
		})
	}
}

func TestPassingFaultsAreRetriedThenGivenUp(t *testing.T) {
	faults := map[string]func(w http.ResponseWriter, r *http.Request){
		"500":            func(w http.ResponseWriter, r *http.Request) { s3Error(w, 500, "InternalError") },
		"503":            func(w http.ResponseWriter, r *http.Request) { s3Error(w, 503, "SlowDown") },
		"429":            func(w http.ResponseWriter, r *http.Request) { s3Error(w, 429, "") },
		"RequestTimeout": func(w http.ResponseWriter, r *http.Request) { s3Error(w, 400, "RequestTimeout") },
		"302 by a login page": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://127.0.0.1:1/login")
			w.WriteHeader(302)
			io.WriteString(w, "<html>welcome</html>")
		},
		"502 by a proxy": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(502)
			io.WriteString(w, "<html>bad gateway")
		},
		"endless error body": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(500)
			for range 256 {
				w.Write(make([]byte, 64<<10))
			}
		},
		"no answer":      func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) },
		"captive portal": func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "<html>log in") },
		"weak ETag": func(w http.ResponseWriter, r *http.Request) {
			stored{[]byte("x"), `W/"v1"`}.serve(w, r, -1)
		},
		"no length": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"v1"`)
			w.(http.Flusher).Flush()
			io.WriteString(w, "x")
		},
		"a range nobody asked for": func(w http.ResponseWriter, r *http.Request) {
			r.Header.Set("Range", "bytes=1-")
			stored{[]byte("xyz"), `"v1"`}.serve(w, r, -1)
		},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			faulty := 2
			h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {
				if n < faulty {
					fault(w, r)
					return
				}
				stored{[]byte("fine"), `"v1"`}.serve(w, r, -1)
			})
			if got, err := fetch(t.Context(), h.source(t), "firmware.zip"); err != io.EOF || string(got) != "fine" {
				t.Fatalf("two faults: %q, %v", got, err)
			}
			h.requests, faulty = nil, 100
			_, err := h.source(t).Open(t.Context(), "firmware.zip")
			wantError(t, err, ErrTransport, "3 failures in a row")
			if len(h.seen()) != 3 {
				t.Errorf("%d requests, want 3", len(h.seen()))
			}
		})
	}
}

func TestRefusedConnectionIsATransportFailure(t *testing.T) {
	h := newHostile(t, nil)
	h.Close()
	_, err := h.source(t).Open(t.Context(), "firmware.zip")
	wantError(t, err, ErrTransport, "connection refused", h.URL)
}

func TestTLSMistakesAreNotRetried(t *testing.T) {
	plain := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {})
	opts := plain.options()
	opts.Endpoint = "https" + strings.TrimPrefix(opts.Endpoint, "http")
	opts.Retry.First = time.Hour // a retry would show
	_, err := newTestS3(t, opts).Open(t.Context(), "firmware.zip")
	wantError(t, err, ErrTransport, "http://")

	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) { stored{[]byte("x"), `"v1"`}.serve(w, r, -1) })
	handler := h.Config.Handler
	h.Close()
	h.Server = newTLSServer(t, handler)
	opts.Endpoint = h.URL
	_, err = newTestS3(t, opts).Open(t.Context(), "firmware.zip")
	wantError(t, err, ErrTransport, "certificate", "the clock")

	opts.TLS = h.Client().Transport.(*http.Transport).TLSClientConfig
	if got, err := fetch(t.Context(), newTestS3(t, opts), "firmware.zip"); err != io.EOF || string(got) != "x" {
		t.Errorf("with the right authority: %q, %v", got, err)
	}
}

func TestServerThatWantsACertificateSaysSo(t *testing.T) {
	h := newHostile(t, nil)
	s := httptest.NewUnstartedServer(h.Config.Handler)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	s.StartTLS()
	t.Cleanup(s.Close)
	opts := h.options()
	opts.Endpoint = s.URL
	opts.Retry.First = time.Hour // a retry would show
	opts.TLS = s.Client().Transport.(*http.Transport).TLSClientConfig
	_, err := newTestS3(t, opts).Open(t.Context(), "firmware.zip")
	wantError(t, err, ErrTransport, "tls.cert")
}

func TestChangedAsksConditionallyForOneByte(t *testing.T) {
	tests := []struct {
		name      string
		now       stored
		was       Info
		want      bool
		wantRange string
	}{
		{"same", stored{[]byte("abc"), `"v1"`}, Info{Size: 3, ETag: `"v1"`}, false, "bytes=0-0"},
		{"replaced", stored{[]byte("abc"), `"v2"`}, Info{Size: 3, ETag: `"v1"`}, true, "bytes=0-0"},
		{"emptied", stored{nil, `"v2"`}, Info{Size: 3, ETag: `"v1"`}, true, "bytes=0-0"},
		{"empty as before", stored{nil, `"v1"`}, Info{ETag: `"v1"`}, false, ""},
		{"filled", stored{[]byte("abc"), `"v2"`}, Info{ETag: `"v1"`}, true, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) { tt.now.serve(w, r, -1) })
			got, err := h.source(t).Changed(t.Context(), "firmware.zip", tt.was)
			r := h.seen()[0]
			if err != nil || got != tt.want || r.Method != "GET" || r.Header.Get("Range") != tt.wantRange || r.Header.Get("If-None-Match") != `"v1"` {
				t.Errorf("Changed = %v, %v after %s Range %q", got, err, r.Method, r.Header.Get("Range"))
			}
		})
	}
}

func TestChangedTrustsTheETagWhereTheConditionIsIgnored(t *testing.T) {
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {
		r.Header.Del("If-None-Match")
		stored{[]byte("abc"), `"v1"`}.serve(w, r, -1)
	})
	if got, err := h.source(t).Changed(t.Context(), "firmware.zip", Info{Size: 3, ETag: `"v1"`}); got || err != nil {
		t.Errorf("Changed = %v, %v", got, err)
	}
}

// TestWhatIsReallySent reads the bytes of a request off the socket, since the
// HTTP library adds headers of its own below the SDK.
func TestWhatIsReallySent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	sent := make(chan []string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		var lines []string
		for in := bufio.NewScanner(conn); in.Scan() && in.Text() != ""; {
			lines = append(lines, in.Text())
		}
		sent <- lines
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 1\r\n\r\nx")
	}()
	s := newTestS3(t, S3Options{Bucket: "fleet", Endpoint: "http://" + l.Addr().String() + "/", AccessKey: "ACCESS", SecretKey: testSecret, SessionToken: testToken, Network: Network{Getenv: noEnv}})
	if got, err := fetch(t.Context(), s, "a b/firmware.zip"); err != io.EOF || string(got) != "x" {
		t.Fatalf("%q, %v", got, err)
	}
	lines := <-sent
	text := strings.Join(lines, "\n")
	t.Log(text)
	if !strings.HasPrefix(lines[0], "GET /fleet/a%20b/firmware.zip?") {
		t.Errorf("request line %q", lines[0])
	}
	for _, want := range []string{"\nAccept-Encoding: identity", "\nAuthorization: AWS4-HMAC-SHA256 Credential=ACCESS/", "/us-east-1/s3/aws4_request, SignedHeaders=", "\nX-Amz-Security-Token: " + testToken} {
		if !strings.Contains(text, want) {
			t.Errorf("not sent: %q", want)
		}
	}
	for _, bad := range []string{"Checksum-Mode", "gzip", "SignedHeaders=accept-encoding", "Expect", "Range:", testSecret} {
		if strings.Contains(text, bad) {
			t.Errorf("sent: %q", bad)
		}
	}
}

func TestConnectionIsReusedBetweenObjects(t *testing.T) {
	addrs := map[string]bool{}
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {
		addrs[r.RemoteAddr] = true
		stored{sequence(1000), `"v1"`}.serve(w, r, -1)
	})
	s := h.source(t)
	for range 3 {
		if _, _, err := s.Get(t.Context(), "firmware.zip", 1000); err != nil {
			t.Fatal(err)
		}
	}
	if len(addrs) != 1 {
		t.Errorf("%d connections for three objects one after the other", len(addrs))
	}
}

func TestNoNameIsRefusedUnsent(t *testing.T) {
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {})
	if _, err := h.source(t).Open(t.Context(), ""); err == nil || len(h.seen()) != 0 {
		t.Errorf("error %v after %d requests", err, len(h.seen()))
	}
}

func TestCancelledOpenSendsNothing(t *testing.T) {
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := h.source(t).Open(ctx, "firmware.zip")
	wantError(t, err, context.Canceled)
	if errors.Is(err, ErrTransport) || len(h.seen()) != 0 {
		t.Errorf("error %v after %d requests", err, len(h.seen()))
	}
}

func TestObjectOfManyMegabytesArrivesWhole(t *testing.T) {
	o := stored{sequence(3 << 20), `"v1"`}
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) { o.serve(w, r, 1<<20) })
	got, err := fetch(t.Context(), h.source(t), "firmware.zip")
	if err != io.EOF || !bytes.Equal(got, o.data) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
}
