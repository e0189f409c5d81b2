package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestRetryAfterIsReadAsHTTPSays(t *testing.T) {
	for _, row := range []struct {
		after, date string
		want        time.Duration
	}{
		{"", "", 0},
		{"120", "", 2 * time.Minute},
		{"0", "", 0},
		{"-5", "", 0},
		{"soon", "", 0},
		{"1.5", "", 0},
		{"4000000000", "", 0},
		{"2000000000", "", 7 * 24 * time.Hour},
		// By the server's own clock: this device may wake in 1970.
		{"Sat, 21 Nov 2026 10:05:00 GMT", "Sat, 21 Nov 2026 10:00:00 GMT", 5 * time.Minute},
		{"Sat, 21 Nov 2026 10:00:00 GMT", "Sat, 21 Nov 2026 10:05:00 GMT", 0},
		{"Sat, 21 Nov 2026 10:00:00 GMT", "", 0},
	} {
		header := http.Header{}
		header.Set("Retry-After", row.after)
		header.Set("Date", row.date)
		if got := retryAfter(header); got != row.want {
			t.Errorf("Retry-After %q at %q: %v, want %v", row.after, row.date, got, row.want)
		}
	}
}

func TestPauseIsAtLeastWhatTheServerAskedFor(t *testing.T) {
	p := patience{retry: Retry{First: time.Millisecond, Longest: time.Second}}
	p.failed(&answer{after: time.Minute})
	for range 100 {
		if d := p.delay(); d < time.Minute || d > time.Minute+time.Minute/8 {
			t.Fatalf("pause %v, want a minute or a little more", d)
		}
	}
	p.failed(&answer{})
	if d := p.delay(); d > 2*time.Millisecond {
		t.Errorf("pause %v after a failure without the header", d)
	}
}

// A server that wants to be left alone for an hour is, by the caller: the
// time is with the error, and no further request is sent.
func TestLongRetryAfterIsLeftToTheCaller(t *testing.T) {
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "3600")
			s3Error(w, status, "SlowDown")
		})
		_, err := h.source(t).Open(t.Context(), "firmware.zip")
		wantError(t, err, ErrTransport, "SlowDown")
		if RetryAfter(err) != time.Hour || len(h.seen()) != 1 {
			t.Errorf("%d: after %v, %d requests", status, RetryAfter(err), len(h.seen()))
		}
	}
	if RetryAfter(nil) != 0 || RetryAfter(errors.New("x")) != 0 {
		t.Error("a time without a server")
	}
}

func TestMeterWantsAnAverage(t *testing.T) {
	type read struct {
		n    int
		took time.Duration
	}
	for _, row := range []struct {
		name  string
		rate  int64
		reads []read
		slow  int
	}{
		{"fast", 100, []read{{6000, time.Minute}}, 0},
		{"just too slow", 100, []read{{5999, time.Minute}}, 1},
		{"a pause inside the window", 100, []read{{0, 50 * time.Second}, {6000, 10 * time.Second}}, 0},
		{"a byte now and then", 1, []read{{1, 29 * time.Second}, {1, 29 * time.Second}, {1, 29 * time.Second}}, 1},
		{"slow twice, fast, slow", 1, []read{{1, time.Minute}, {1, time.Minute}, {99, time.Minute}, {1, time.Minute}}, 1},
		{"three times", 1, []read{{1, time.Minute}, {1, time.Minute}, {1, time.Minute}}, 3},
		{"not measured", 0, []read{{0, time.Hour}}, 0},
		// Storage that takes an hour for a buffer is not waited for here.
		{"bytes that were there", 1 << 30, []read{{1, 0}, {1, 0}, {1, 0}}, 0},
	} {
		m := meter{rate: row.rate, window: time.Minute}
		for _, r := range row.reads {
			m.add(r.n, r.took)
		}
		if m.slow != row.slow {
			t.Errorf("%s: %d slow windows, want %d", row.name, m.slow, row.slow)
		}
	}
}

// dripping sends a byte now and then, for ever.
func dripping(size int) func(n int, w http.ResponseWriter, r *http.Request) {
	return func(_ int, w http.ResponseWriter, r *http.Request) {
		start := 0
		w.Header().Set("ETag", `"v1"`)
		if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &start); err == nil {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", start, size-1, size))
			w.Header().Set("Content-Length", fmt.Sprint(size-start))
			w.WriteHeader(http.StatusPartialContent)
		} else {
			w.Header().Set("Content-Length", fmt.Sprint(size))
		}
		for r.Context().Err() == nil {
			if _, err := w.Write([]byte("x")); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			time.Sleep(time.Millisecond)
		}
	}
}

func TestDrippingServerIsGivenUp(t *testing.T) {
	h := newHostile(t, dripping(1<<30))
	opts := h.options()
	opts.MinRate, opts.Timeouts.Slow = 1<<20, 20*time.Millisecond
	_, err := fetch(t.Context(), newTestS3(t, opts), "firmware.zip")
	wantError(t, err, ErrTransport, "min_rate")
	// Fewer where the wait for an answer alone fills a window.
	if n := len(h.seen()); n > maxSlow {
		t.Errorf("%d connections, want %d at most", n, maxSlow)
	}
}

// A byte with each answer is progress, but not when each takes its time.
func TestSlowAnswersAreGivenUp(t *testing.T) {
	o := stored{sequence(1000), `"v1"`}
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {
		time.Sleep(1200 * time.Millisecond)
		o.serve(w, r, 1)
	})
	opts := h.options()
	opts.MinRate, opts.Timeouts.Slow = 1, time.Second
	_, err := fetch(t.Context(), newTestS3(t, opts), "firmware.zip")
	wantError(t, err, ErrTransport, "min_rate")
}

// A few bytes and a lost connection, again and again, are no progress.
func TestCrumbsAreNoProgress(t *testing.T) {
	o := stored{sequence(10_000), `"v1"`}
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) { o.serve(w, r, 99) })
	opts := h.options()
	opts.MinRate = 100
	got, err := fetch(t.Context(), newTestS3(t, opts), "firmware.zip")
	wantError(t, err, ErrTransport, "4 failures in a row")
	if len(got) != 4*99 {
		t.Errorf("%d bytes, want those of four connections", len(got))
	}
	opts.MinRate = 99
	if got, err := fetch(t.Context(), newTestS3(t, opts), "firmware.zip"); err != io.EOF || !bytes.Equal(got, o.data) {
		t.Errorf("as many as wanted: %d bytes, %v", len(got), err)
	}
}

func TestRateLimitHoldsForAllStreams(t *testing.T) {
	o := stored{sequence(3000), `"v1"`}
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) { o.serve(w, r, -1) })
	opts := h.options()
	opts.RateLimit = 16_000 // 2000 bytes at once, then as the time passes
	s := newTestS3(t, opts)
	began := time.Now()
	for range 2 {
		if got, err := fetch(t.Context(), s, "firmware.zip"); err != io.EOF || !bytes.Equal(got, o.data) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
	}
	if least := 4000 * time.Second / 16_000; time.Since(began) < least {
		t.Errorf("6000 bytes in %v, at least %v was right", time.Since(began), least)
	}
	if text := fmt.Sprintf("%v %#v", opts.Network, opts.Network); strings.Contains(text, "16000") {
		t.Errorf("options are shown: %s", text)
	}
}

// TestErrorThatNeverEnds: the status is known, and the text is not waited for.
func TestErrorThatNeverEnds(t *testing.T) {
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		for r.Context().Err() == nil {
			if _, err := w.Write([]byte("<")); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			time.Sleep(time.Millisecond)
		}
	})
	opts := h.options()
	opts.Timeouts.Header = 50 * time.Millisecond
	_, err := newTestS3(t, opts).Open(t.Context(), "firmware.zip")
	wantError(t, err, ErrDenied, "403")
}
