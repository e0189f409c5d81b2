package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// signed is a query that must never be shown.
const signed = "?X-Amz-Signature=" + testSecret + "&X-Amz-Expires=60"

func webOptions(h *hostile, path string) WebOptions {
	return WebOptions{URL: h.URL + path, Network: h.options().Network}
}

func newTestWeb(t *testing.T, o WebOptions) *Web {
	t.Helper()
	w, err := NewWeb(o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// wantWebError is wantError for what has no bucket.
func wantWebError(t *testing.T, err, sentinel error, parts ...string) {
	t.Helper()
	if !errors.Is(err, sentinel) {
		t.Fatalf("error %v, want %v", err, sentinel)
	}
	text := err.Error()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("error %q does not mention %q", text, part)
		}
	}
	for _, secret := range []string{testSecret, "Signature", "Expires", "\n"} {
		if strings.Contains(text, secret) {
			t.Errorf("error %q shows %q", text, secret)
		}
	}
}

func TestWebReadsAFileAndItsSiblings(t *testing.T) {
	o := stored{sequence(3000), `"v1"`}
	var sent []string
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {
		sent = append(sent, r.URL.String())
		o.serve(w, r, -1)
	})
	for _, path := range []string{"/a/b/image.bin", "/a/b/"} {
		web := newTestWeb(t, webOptions(h, path))
		got, err := fetchAll(t.Context(), web, "image.bin")
		if err != io.EOF || !bytes.Equal(got, o.data) {
			t.Fatalf("%s: %d bytes, %v", path, len(got), err)
		}
		if _, _, err := web.Get(t.Context(), "checksum.txt", 3000); err != nil {
			t.Error(err)
		}
		if web.Alone() || web.String() != h.URL+"/a/b" {
			t.Errorf("%s: alone %v, %s", path, web.Alone(), web)
		}
	}
	if want := "/a/b/image.bin /a/b/checksum.txt /a/b/image.bin /a/b/checksum.txt"; strings.Join(sent, " ") != want {
		t.Errorf("asked for %q", sent)
	}
	if name := newTestWeb(t, webOptions(h, "/a/b/image.bin")).File(); name != "image.bin" {
		t.Errorf("File = %q", name)
	}
	if name := newTestWeb(t, webOptions(h, "/a/b/")).File(); name != "" {
		t.Errorf("File of a folder = %q", name)
	}
}

// fetchAll is fetch for any source.
func fetchAll(ctx context.Context, s interface {
	Open(context.Context, string) (*Object, error)
}, name string,
) ([]byte, error) {
	o, err := s.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	got, err := io.ReadAll(o)
	if err == nil {
		err = io.EOF
	}
	return got, err
}

func TestSignedURLStandsForItsObjectAlone(t *testing.T) {
	o := stored{sequence(5000), `"v1"`}
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) { o.serve(w, r, 2000) })
	web := newTestWeb(t, webOptions(h, "/fleet/firmware.zip"+signed))
	got, err := fetchAll(t.Context(), web, web.File())
	if err != io.EOF || !bytes.Equal(got, o.data) || !web.Alone() {
		t.Fatalf("%d bytes, %v, alone %v", len(got), err, web.Alone())
	}
	for i, r := range h.seen() {
		rng, match := "", ""
		if i > 0 {
			rng, match = fmt.Sprintf("bytes=%d-", 2000*i), `"v1"`
		}
		if r.URL.String() != "/fleet/firmware.zip"+signed || r.Header.Get("Range") != rng ||
			r.Header.Get("If-Match") != match || r.Header.Get("If-Range") != match || r.Header.Get("Accept-Encoding") != "identity" {
			t.Errorf("request %d: %s %v", i, r.URL, r.Header)
		}
	}
	if text := fmt.Sprintf("%v %#v %s", webOptions(h, "/x"+signed), webOptions(h, "/x"+signed), web); strings.Contains(text, testSecret) {
		t.Errorf("shown: %s", text)
	}
}

func TestUnusableURLsAreRefused(t *testing.T) {
	for _, text := range []string{"", "ftp://host/x", "https://", "https:///x" + signed, "http://ho\nst/" + signed, "://" + testSecret} {
		_, err := NewWeb(WebOptions{URL: text})
		if err == nil || strings.Contains(err.Error(), testSecret) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := NewWeb(WebOptions{URL: "http://h/x", Network: Network{Proxy: "socks5://u:" + testSecret + "@h"}}); err == nil || strings.Contains(err.Error(), testSecret) {
		t.Errorf("proxy: %v", err)
	}
}

func TestWebAnswersThatAreNoObject(t *testing.T) {
	xml := func(status int, code, message string) func(w http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.WriteHeader(status)
			fmt.Fprintf(w, "<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>%s</Message></Error>", code, message)
		}
	}
	plain := func(status int) func(w http.ResponseWriter) {
		return func(w http.ResponseWriter) { w.WriteHeader(status); io.WriteString(w, "<html>"+testSecret) }
	}
	for _, row := range []struct {
		answer func(w http.ResponseWriter)
		kind   error
		says   string
		asked  int
	}{
		{plain(404), ErrNotFound, "no such file", 1},
		{plain(401), ErrDenied, "401 Unauthorized: check the URL", 1},
		{plain(403), ErrDenied, "403 Forbidden", 1},
		{plain(410), ErrDenied, "not valid any more (the server says 410 Gone): give a fresh one, or set url_command", 1},
		{plain(407), ErrDenied, "the proxy wants a name and a password", 1},
		{xml(403, "AccessDenied", "Request has expired"), ErrDenied, "not valid any more", 1},
		{xml(400, "ExpiredToken", "The provided token has expired."), ErrDenied, "not valid any more", 1},
		{xml(403, "AccessDenied", "Access Denied"), ErrDenied, "403 AccessDenied: check the URL", 1},
		{xml(301, "PermanentRedirect", "no"), ErrDenied, "301 PermanentRedirect", 1},
		{plain(408), ErrTransport, "408", 3},
		{plain(429), ErrTransport, "429", 3},
		{plain(503), ErrTransport, "503", 3},
		{xml(400, "RequestTimeout", "slow"), ErrTransport, "RequestTimeout", 3},
		{func(w http.ResponseWriter) { io.WriteString(w, "<!DOCTYPE html><html>log in") }, ErrTransport, "a web page instead of the file", 3},
		{func(w http.ResponseWriter) {
			w.Header().Set("Location", "/login"+signed)
			w.WriteHeader(http.StatusFound)
		}, ErrTransport, "redirects more than 5 times", 6},
		{plain(204), ErrTransport, "cannot be understood", 3},
		{func(w http.ResponseWriter) { panic(http.ErrAbortHandler) }, ErrTransport, "closed without an answer", 3},
	} {
		h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) { row.answer(w) })
		_, err := newTestWeb(t, webOptions(h, "/firmware.zip"+signed)).Open(t.Context(), "firmware.zip")
		wantWebError(t, err, row.kind, row.says, "firmware.zip", h.URL)
		if n := len(h.seen()); n != row.asked {
			t.Errorf("%q: %d requests, want %d", row.says, n, row.asked)
		}
	}
}

func TestWebStreamWithoutAnyTagCannotBeResumed(t *testing.T) {
	data := sequence(1000)
	cut := -1
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {
		w.Header()["Date"] = nil // else a Last-Modified could stand for it
		stored{data, `W/"v1"`}.serve(w, r, cut)
	})
	web := newTestWeb(t, webOptions(h, "/firmware.zip"))
	o := opened(t, web.Open)
	if _, err := o.ReadAt(make([]byte, 10), 10); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a piece of an unknown state: %v", err)
	}
	if got, err := io.ReadAll(o); err != nil || !bytes.Equal(got, data) || o.Info().ETag != "" {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	cut = 400
	h.requests = nil
	got, err := fetchAll(t.Context(), web, "firmware.zip")
	wantWebError(t, err, ErrTransport, "without a strong ETag")
	if len(got) != 400 || len(h.seen()) != 1 {
		t.Errorf("%d bytes in %d requests", len(got), len(h.seen()))
	}
}

func TestDateOfChangeStandsInForAWeakTag(t *testing.T) {
	const old, fresh = "Sat, 21 Nov 2026 10:00:00 GMT", "Sat, 21 Nov 2026 11:00:00 GMT"
	data, modified := sequence(1000), old
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `W/"v1"`)
		w.Header().Set("Date", "Sun, 22 Nov 2026 10:00:00 GMT")
		at, _ := http.ParseTime(modified)
		if n == 0 {
			w = &cutShort{w, 400}
		}
		http.ServeContent(w, r, "", at, bytes.NewReader(data))
	})
	web := newTestWeb(t, webOptions(h, "/firmware.zip"))
	o := opened(t, web.Open)
	wantPiece(t, o, data, 900, 50)
	if got, err := io.ReadAll(o); err != nil || !bytes.Equal(got, data) || o.Info().ETag != old {
		t.Fatalf("%d bytes, %v, %+v", len(got), err, o.Info())
	}
	if r := h.seen()[2]; r.Header.Get("If-Unmodified-Since") != old || r.Header.Get("If-Range") != old {
		t.Errorf("resumed with %v", r.Header)
	}
	if changed, err := web.Changed(t.Context(), "firmware.zip", o.Info()); changed || err != nil {
		t.Errorf("Changed = %v, %v", changed, err)
	}
	modified = fresh
	if changed, err := web.Changed(t.Context(), "firmware.zip", o.Info()); !changed || err != nil {
		t.Errorf("replaced: Changed = %v, %v", changed, err)
	}
	_, err := o.ReadAt(make([]byte, 10), 0)
	wantWebError(t, err, ErrChanged)
}

// cutShort ends the connection after some bytes.
type cutShort struct {
	http.ResponseWriter
	left int
}

func (c *cutShort) Write(p []byte) (int, error) {
	n, _ := c.ResponseWriter.Write(p[:min(len(p), c.left)])
	if c.left -= n; c.left == 0 {
		c.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	return n, nil
}

func TestValidatorIsStrongOrNone(t *testing.T) {
	const date, earlier, justNow = "Sat, 21 Nov 2026 10:00:00 GMT", "Sat, 21 Nov 2026 09:59:59 GMT", "Sat, 21 Nov 2026 10:00:00 GMT"
	for _, row := range []struct{ etag, modified, date, want string }{
		{`"v1"`, earlier, date, `"v1"`},
		{`W/"v1"`, earlier, date, earlier},
		{"", earlier, date, earlier},
		{"", justNow, date, ""}, // it may change again within the second
		{"", earlier, "", ""},
		{"", "yesterday", date, ""},
		{"unquoted", "", date, ""},
	} {
		h := http.Header{"Etag": {row.etag}, "Last-Modified": {row.modified}, "Date": {row.date}}
		if got := validator(h); got != row.want {
			t.Errorf("%v: %q, want %q", h, got, row.want)
		}
	}
}

func TestLookReadsNothing(t *testing.T) {
	o := stored{sequence(5000), `"v1"`}
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "plain") {
			r.Header.Del("Range") // a server that knows no ranges
		}
		o.serve(w, r, -1)
	})
	want := Info{Size: 5000, ETag: `"v1"`, Version: "1.4.0", Modified: time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)}
	s3, web := h.source(t), newTestWeb(t, webOptions(h, "/firmware.zip"))
	for name, look := range map[string]func(context.Context, string) (Info, error){"S3": s3.Look, "Web": web.Look} {
		for _, object := range []string{"firmware.zip", "plain"} {
			if got, err := look(t.Context(), object); err != nil || got != want {
				t.Errorf("%s %s: %+v, %v", name, object, got, err)
			}
		}
	}
	for _, r := range h.seen() {
		if r.URL.Path != "/plain" && r.URL.Path != "/fleet/plain" && r.Header.Get("Range") != "bytes=0-0" {
			t.Errorf("%s: Range %q", r.URL.Path, r.Header.Get("Range"))
		}
	}
	o.data = nil
	if got, err := s3.Look(t.Context(), "firmware.zip"); err != nil || got != (Info{}) {
		t.Errorf("empty: %+v, %v", got, err)
	}
	d, _ := newTestDir(t, map[string]string{"firmware.zip": "hello", "version.txt": "1.4.0"})
	if got, err := d.Look(t.Context(), "firmware.zip"); err != nil || got.Size != 5 || got.Version != "1.4.0" || got.ETag == "" {
		t.Errorf("folder: %+v, %v", got, err)
	}
	if _, err := d.Look(t.Context(), "absent"); !errors.Is(err, ErrNotFound) {
		t.Errorf("folder: %v", err)
	}
}

func TestHeaderWithoutEndIsRefused(t *testing.T) {
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("x", 2*maxHeader))
		stored{[]byte("x"), `"v1"`}.serve(w, r, -1)
	})
	_, err := newTestWeb(t, webOptions(h, "/firmware.zip")).Open(t.Context(), "firmware.zip")
	wantWebError(t, err, ErrTransport, "header")
}

func TestForeignTextStaysOnItsLine(t *testing.T) {
	if got := clip("a\x1b[2J\u009b31m\r\nb\x7f"); got != "a [2J 31m  b " {
		t.Errorf("got %q", got)
	}
}
