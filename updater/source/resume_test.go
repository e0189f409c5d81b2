package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"testing"
	"time"
)

func TestStreamSurvivesACutAfterEveryByte(t *testing.T) {
	o := stored{sequence(300), `"v1"`}
	for cut := 1; cut <= len(o.data); cut++ {
		h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) { o.serve(w, r, cut) })
		got, err := fetch(t.Context(), h.source(t), "firmware.zip")
		if err != io.EOF || !bytes.Equal(got, o.data) {
			t.Fatalf("cut after %d bytes: %d bytes, %v", cut, len(got), err)
		}
		if want, seen := (len(o.data)+cut-1)/cut, len(h.seen()); seen != want {
			t.Errorf("cut after %d bytes: %d requests, want %d", cut, seen, want)
		}
		h.Close()
	}
}

func TestResumeAsksForTheRestOfThePinnedObject(t *testing.T) {
	o := stored{sequence(5000), `"v1"`}
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) { o.serve(w, r, 2000) })
	if _, err := fetch(t.Context(), h.source(t), "dir/firmware.zip"); err != io.EOF {
		t.Fatal(err)
	}
	for i, r := range h.seen() {
		wantRange, wantMatch := "", ""
		if i > 0 {
			wantRange, wantMatch = fmt.Sprintf("bytes=%d-", 2000*i), `"v1"`
		}
		if r.Method != "GET" || r.URL.Path != "/fleet/dir/firmware.zip" || r.Header.Get("Range") != wantRange || r.Header.Get("If-Match") != wantMatch {
			t.Errorf("request %d: %s %s Range %q If-Match %q", i, r.Method, r.URL.Path, r.Header.Get("Range"), r.Header.Get("If-Match"))
		}
	}
	if len(h.seen()) != 3 {
		t.Errorf("%d requests, want 3", len(h.seen()))
	}
}

func TestCutsWithoutProgressUseUpTheBudget(t *testing.T) {
	o := stored{sequence(100), `"v1"`}
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {
		if n == 0 {
			o.serve(w, r, 10)
			return
		}
		o.serve(w, r, 0)
	})
	got, err := fetch(t.Context(), h.source(t), "firmware.zip")
	wantError(t, err, ErrTransport, "4 failures in a row")
	// The cut after ten bytes is the first failure of four.
	if len(got) != 10 || len(h.seen()) != 4 {
		t.Errorf("%d bytes in %d requests, want 10 in 4", len(got), len(h.seen()))
	}
}

func TestProgressRenewsTheBudget(t *testing.T) {
	o := stored{sequence(100), `"v1"`}
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {
		switch n % 4 {
		case 0:
			o.serve(w, r, 10)
		case 1:
			s3Error(w, http.StatusServiceUnavailable, "SlowDown")
		case 2:
			s3Error(w, http.StatusTooManyRequests, "TooManyRequests")
		case 3:
			o.serve(w, r, 7)
		}
	})
	got, err := fetch(t.Context(), h.source(t), "firmware.zip")
	if err != io.EOF || !bytes.Equal(got, o.data) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
}

func TestReplacedObjectIsNeverJoined(t *testing.T) {
	old, fresh := stored{sequence(1000), `"v1"`}, stored{bytes.Repeat([]byte("x"), 1000), `"v2"`}
	answers := map[string]func(w http.ResponseWriter, r *http.Request){
		"412": func(w http.ResponseWriter, r *http.Request) { fresh.serve(w, r, -1) },
		"If-Match ignored": func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("If-Match")
			fresh.serve(w, r, -1)
		},
		"If-Match and Range ignored": func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("If-Match")
			r.Header.Del("Range")
			fresh.serve(w, r, -1)
		},
		"shorter": func(w http.ResponseWriter, r *http.Request) {
			s3Error(w, http.StatusRequestedRangeNotSatisfiable, "InvalidRange")
		},
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {
				if n == 0 {
					old.serve(w, r, 400)
					return
				}
				answer(w, r)
			})
			got, err := fetch(t.Context(), h.source(t), "firmware.zip")
			wantError(t, err, ErrChanged)
			if !bytes.Equal(got, old.data[:400]) || len(h.seen()) != 2 {
				t.Errorf("%d bytes in %d requests, want the first 400 in 2", len(got), len(h.seen()))
			}
		})
	}
}

func TestAnswersThatDoNotFitAreAskedForAgain(t *testing.T) {
	o := stored{sequence(1000), `"v1"`}
	misfit := func(name, value string) func(w http.ResponseWriter, r *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", o.etag)
			w.Header().Set("Content-Range", "bytes 400-999/1000")
			w.Header().Set("Content-Length", "600")
			w.Header().Set(name, value)
			if w.Header().Get(name) == "" {
				w.Header().Del(name)
			}
			w.WriteHeader(http.StatusPartialContent)
			w.(http.Flusher).Flush() // without a length this makes it chunked
			w.Write(make([]byte, 600))
		}
	}
	answers := map[string]func(w http.ResponseWriter, r *http.Request){
		"200 to a Range":    func(w http.ResponseWriter, r *http.Request) { r.Header.Del("Range"); o.serve(w, r, -1) },
		"other start":       misfit("Content-Range", "bytes 0-599/1000"),
		"other end":         misfit("Content-Range", "bytes 400-998/1000"),
		"other size":        misfit("Content-Range", "bytes 400-999/2000"),
		"unknown size":      misfit("Content-Range", "bytes 400-999/*"),
		"nonsense":          misfit("Content-Range", "lines 3-4"),
		"no Content-Range":  misfit("Content-Range", ""),
		"no ETag":           misfit("ETag", ""),
		"short body":        misfit("Content-Length", "599"),
		"chunked":           misfit("Content-Length", ""),
		"unreadable header": misfit("Last-Modified", "yesterday"),
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			misfits := 1
			h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {
				switch {
				case n == 0:
					o.serve(w, r, 400)
				case n <= misfits:
					answer(w, r)
				default:
					o.serve(w, r, -1)
				}
			})
			if got, err := fetch(t.Context(), h.source(t), "firmware.zip"); err != io.EOF || !bytes.Equal(got, o.data) {
				t.Fatalf("one misfit: %d bytes, %v", len(got), err)
			}
			if len(h.seen()) != 3 {
				t.Errorf("%d requests, want 3: the misfit was taken", len(h.seen()))
			}
			h.requests, misfits = nil, 100
			got, err := fetch(t.Context(), h.source(t), "firmware.zip")
			wantError(t, err, ErrTransport)
			if !bytes.Equal(got, o.data[:400]) {
				t.Errorf("%d bytes were let through, want 400", len(got))
			}
		})
	}
}

func TestBodyLongerThanAnnouncedIsNotRead(t *testing.T) {
	o := stored{sequence(100), `"v1"`}
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {
		conn, buf, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprintf(buf, "HTTP/1.1 200 OK\r\nConnection: close\r\nETag: %s\r\nContent-Length: 100\r\n\r\n%sEXCESS", o.etag, o.data)
		buf.Flush()
	})
	got, err := fetch(t.Context(), h.source(t), "firmware.zip")
	if err != io.EOF || !bytes.Equal(got, o.data) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
}

func TestSilentConnectionIsReplaced(t *testing.T) {
	o := stored{sequence(1000), `"v1"`}
	silences := map[string]func(w http.ResponseWriter){
		"before the header": func(w http.ResponseWriter) {},
		"in the body": func(w http.ResponseWriter) {
			w.Header().Set("ETag", o.etag)
			w.Header().Set("Content-Length", "1000")
			w.Write(o.data[:300])
			w.(http.Flusher).Flush()
		},
		"in an error's body": func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusInternalServerError)
			io.WriteString(w, "<Error><Co")
			w.(http.Flusher).Flush()
		},
	}
	for name, say := range silences {
		t.Run(name, func(t *testing.T) {
			release := make(chan struct{})
			h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {
				if n > 0 {
					o.serve(w, r, -1)
					return
				}
				say(w)
				<-release
			})
			t.Cleanup(func() { close(release) })
			opts := h.options()
			opts.Timeouts.Idle = 50 * time.Millisecond
			got, err := fetch(t.Context(), newTestS3(t, opts), "firmware.zip")
			if err != io.EOF || !bytes.Equal(got, o.data) || len(h.seen()) < 2 {
				t.Fatalf("%d bytes, %v, in %d requests", len(got), err, len(h.seen()))
			}
		})
	}
}

// The pause is an hour here, so that only cancelling can end it.
func TestCancelEndsAPauseAtOnce(t *testing.T) {
	o := stored{sequence(100), `"v1"`}
	ctx, cancel := context.WithCancel(t.Context())
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) { o.serve(w, r, 10) })
	opts := h.options()
	opts.Retry.First, opts.Retry.Longest = time.Hour, time.Hour
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err := fetch(ctx, newTestS3(t, opts), "firmware.zip")
	wantError(t, err, context.Canceled)
}

func TestCancelEndsASilentReadAtOnce(t *testing.T) {
	release := make(chan struct{})
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v1"`)
		w.Header().Set("Content-Length", "1000")
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		<-release
	})
	t.Cleanup(func() { close(release) })
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err := fetch(ctx, h.source(t), "firmware.zip")
	wantError(t, err, context.Canceled)

	obj, err := h.source(t).Open(t.Context(), "firmware.zip")
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(50*time.Millisecond, func() { obj.Close() })
	_, err = obj.Read(make([]byte, 10))
	wantError(t, err, fs.ErrClosed)
	if errors.Is(err, ErrTransport) {
		t.Errorf("closing counts as a transport failure: %v", err)
	}
}

func TestCloseReleasesTheConnection(t *testing.T) {
	gone := make(chan struct{})
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v1"`)
		w.Header().Set("Content-Length", "1000")
		w.Write(make([]byte, 10))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		close(gone)
	})
	obj, err := h.source(t).Open(t.Context(), "firmware.zip")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := obj.Read(make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	obj.Close()
	<-gone // or the test never ends
	_, err = obj.Read(make([]byte, 5))
	wantError(t, err, fs.ErrClosed)
}

func TestPausesGrowAndAreBounded(t *testing.T) {
	p := patience{retry: Retry{First: 500 * time.Millisecond, Longest: 30 * time.Second}}
	if d := p.delay(); d != 0 {
		t.Errorf("pause %v before the first attempt", d)
	}
	for _, full := range []time.Duration{500, 1000, 2000, 4000, 8000, 16000, 30000, 30000} {
		p.failures++
		for range 100 {
			if d, most := p.delay(), full*time.Millisecond; d > most || d < most/2 {
				t.Fatalf("pause %v after %d failures, want %v to %v", d, p.failures, most/2, most)
			}
		}
	}
	p.failures = 1 << 30
	if d := p.delay(); d > 30*time.Second {
		t.Errorf("pause %v", d)
	}
}
