package source

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"
)

// opened opens firmware.zip and closes it with the test.
func opened(t *testing.T, open func(context.Context, string) (*Object, error)) *Object {
	t.Helper()
	o, err := open(t.Context(), "firmware.zip")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Close() })
	return o
}

// wantPiece reads one piece and compares it and its error with the object.
func wantPiece(t *testing.T, o *Object, data []byte, off, n int) {
	t.Helper()
	got := make([]byte, n)
	count, err := o.ReadAt(got, int64(off))
	want := data[min(off, len(data)):min(off+n, len(data))]
	end := off+n > len(data) || off >= len(data)
	if !bytes.Equal(got[:count], want) || (err == io.EOF) != end || (err != nil) != end {
		t.Fatalf("%d bytes at %d of %d: %d bytes, %v", n, off, len(data), count, err)
	}
}

func TestPiecesAreReadFromBothKindsOfSource(t *testing.T) {
	state := stored{sequence(40), `"v1"`}
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) { state.serve(w, r, -1) })
	d, _ := newTestDir(t, map[string]string{"firmware.zip": string(state.data)})
	for _, o := range []*Object{opened(t, h.source(t).Open), opened(t, d.Open)} {
		for off := 0; off <= 41; off++ {
			for _, n := range []int{0, 1, 2, 39, 40, 41, 100} {
				wantPiece(t, o, state.data, off, n)
			}
		}
		if n, err := o.ReadAt(make([]byte, 1), -1); n != 0 || err == nil || err == io.EOF {
			t.Errorf("negative offset: %d, %v", n, err)
		}
		if err := iotest.TestReader(io.NewSectionReader(o, 0, 40), state.data); err != nil {
			t.Error(err)
		}
		if got, err := io.ReadAll(o); err != nil || !bytes.Equal(got, state.data) {
			t.Errorf("the stream was disturbed: %d bytes, %v", len(got), err)
		}
		wantPiece(t, o, state.data, 3, 10) // its end is not the object's
	}
}

func TestPieceIsOneRangeOfThePinnedObject(t *testing.T) {
	state := stored{sequence(5000), `"v1"`}
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) { state.serve(w, r, -1) })
	o := opened(t, h.source(t).Open)
	wantPiece(t, o, state.data, 100, 50)
	wantPiece(t, o, state.data, 4900, 100)
	wantPiece(t, o, state.data, 4900, 1000)
	wantPiece(t, o, state.data, 5000, 10) // no request: there is nothing there
	wantPiece(t, o, state.data, 10, 0)
	seen := h.seen()
	for i, want := range []string{"", "bytes=100-149", "bytes=4900-", "bytes=4900-"} {
		match := `"v1"`
		if i == 0 {
			match = ""
		}
		if r := seen[i]; r.Method != "GET" || r.Header.Get("Range") != want || r.Header.Get("If-Match") != match {
			t.Errorf("request %d: %s Range %q If-Match %q", i, r.Method, r.Header.Get("Range"), r.Header.Get("If-Match"))
		}
	}
	if len(seen) != 4 {
		t.Errorf("%d requests, want 4", len(seen))
	}
}

func TestPieceSurvivesACutAfterEveryByte(t *testing.T) {
	state := stored{sequence(300), `"v1"`}
	for cut := 1; cut <= 60; cut++ {
		h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {
			if n == 0 {
				state.serve(w, r, -1)
				return
			}
			state.serve(w, r, cut)
		})
		o := opened(t, h.source(t).Open)
		wantPiece(t, o, state.data, 100, 60)
		wantPiece(t, o, state.data, 240, 60)
		if want := 1 + 2*((60+cut-1)/cut); len(h.seen()) != want {
			t.Errorf("cut after %d bytes: %d requests, want %d", cut, len(h.seen()), want)
		}
		h.Close()
	}
}

func TestFaultsWithoutProgressEndAPieceOnly(t *testing.T) {
	state := stored{sequence(1000), `"v1"`}
	var mu sync.Mutex
	fault := func(w http.ResponseWriter, r *http.Request) {}
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {
		if n == 0 {
			state.serve(w, r, -1)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		fault(w, r)
	})
	o := opened(t, h.source(t).Open)
	for name, answer := range map[string]func(w http.ResponseWriter, r *http.Request){
		"nothing":       func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) },
		"503":           func(w http.ResponseWriter, r *http.Request) { s3Error(w, 503, "SlowDown") },
		"cut at once":   func(w http.ResponseWriter, r *http.Request) { state.serve(w, r, 0) },
		"Range ignored": func(w http.ResponseWriter, r *http.Request) { r.Header.Del("Range"); state.serve(w, r, -1) },
		"another range": func(w http.ResponseWriter, r *http.Request) {
			r.Header.Set("Range", "bytes=0-9")
			state.serve(w, r, -1)
		},
		"to the very end": func(w http.ResponseWriter, r *http.Request) {
			r.Header.Set("Range", "bytes=10-")
			state.serve(w, r, -1)
		},
	} {
		mu.Lock()
		fault = answer
		mu.Unlock()
		before := len(h.seen())
		n, err := o.ReadAt(make([]byte, 10), 10)
		if n != 0 {
			t.Errorf("%s: %d bytes were let through", name, n)
		}
		wantError(t, err, ErrTransport, "4 failures in a row")
		if asked := len(h.seen()) - before; asked != 4 {
			t.Errorf("%s: %d requests, want 4", name, asked)
		}
	}
	if got, err := io.ReadAll(o); err != nil || !bytes.Equal(got, state.data) {
		t.Errorf("the stream was disturbed: %d bytes, %v", len(got), err)
	}
}

func TestPieceIsNeverOfAnotherObject(t *testing.T) {
	old, fresh := stored{sequence(1000), `"v1"`}, stored{bytes.Repeat([]byte("x"), 1000), `"v2"`}
	for name, answer := range map[string]func(w http.ResponseWriter, r *http.Request){
		"412":              func(w http.ResponseWriter, r *http.Request) { fresh.serve(w, r, -1) },
		"If-Match ignored": func(w http.ResponseWriter, r *http.Request) { r.Header.Del("If-Match"); fresh.serve(w, r, -1) },
		"shorter":          func(w http.ResponseWriter, r *http.Request) { s3Error(w, 416, "InvalidRange") },
	} {
		for cut := range 2 { // replaced before the piece, and in its middle
			h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {
				switch {
				case n == 0:
					old.serve(w, r, -1)
				case n <= cut:
					old.serve(w, r, 5)
				default:
					answer(w, r)
				}
			})
			_, err := opened(t, h.source(t).Open).ReadAt(make([]byte, 10), 10)
			wantError(t, err, ErrChanged)
			if len(h.seen()) != 2+cut {
				t.Errorf("%s: %d requests, want %d", name, len(h.seen()), 2+cut)
			}
			h.Close()
		}
	}
}

func TestPiecesAndStreamRunBesideEachOther(t *testing.T) {
	state := stored{sequence(300_000), `"v1"`}
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) { state.serve(w, r, 20_000) })
	d, _ := newTestDir(t, map[string]string{"firmware.zip": string(state.data)})
	for _, o := range []*Object{opened(t, h.source(t).Open), opened(t, d.Open)} {
		var pieces sync.WaitGroup
		for i := range 2 {
			pieces.Go(func() {
				got := make([]byte, 30_000)
				for off := i * 1000; off+len(got) <= len(state.data); off += 90_000 {
					if _, err := o.ReadAt(got, int64(off)); err != nil || !bytes.Equal(got, state.data[off:off+len(got)]) {
						t.Errorf("at %d: %v", off, err)
					}
				}
			})
		}
		if got, err := io.ReadAll(o); err != nil || !bytes.Equal(got, state.data) {
			t.Errorf("stream: %d bytes, %v", len(got), err)
		}
		pieces.Wait()
	}
}

// The server stays silent, so that only Close or the context can end it.
func TestCloseAndCancelEndAPieceUnderWay(t *testing.T) {
	state := stored{sequence(100), `"v1"`}
	asked, release := make(chan struct{}, 2), make(chan struct{})
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Range") == "" {
			state.serve(w, r, -1)
			return
		}
		asked <- struct{}{}
		<-release
	})
	t.Cleanup(func() { close(release) })
	o := opened(t, h.source(t).Open)
	go func() { <-asked; o.Close() }()
	_, err := o.ReadAt(make([]byte, 10), 10)
	wantError(t, err, fs.ErrClosed)
	if errors.Is(err, ErrTransport) {
		t.Errorf("closing counts as a transport failure: %v", err)
	}
	_, err = o.ReadAt(make([]byte, 10), 10)
	wantError(t, err, fs.ErrClosed)

	ctx, cancel := context.WithCancel(t.Context())
	s := h.source(t)
	o = opened(t, func(_ context.Context, name string) (*Object, error) { return s.Open(ctx, name) })
	go func() { <-asked; cancel() }()
	_, err = o.ReadAt(make([]byte, 10), 10)
	wantError(t, err, context.Canceled)
}

func TestPieceOfAFileThatWasWrittenToIsRefused(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"shorter": func(path string) error { return os.Truncate(path, 5) },
		"longer":  func(path string) error { return os.Truncate(path, 30) },
		"touched": func(path string) error { return os.Chtimes(path, time.Time{}, time.Unix(1, 0)) },
	} {
		d, path := newTestDir(t, map[string]string{"firmware.zip": "0123456789"})
		o := opened(t, d.Open)
		if err := change(filepath.Join(path, "firmware.zip")); err != nil {
			t.Fatal(err)
		}
		for _, off := range []int64{0, 4, 8} {
			if n, err := o.ReadAt(make([]byte, 2), off); n != 0 || !errors.Is(err, ErrChanged) || !strings.Contains(err.Error(), path) {
				t.Errorf("%s: %d bytes at %d, %v", name, n, off, err)
			}
		}
	}
}

func TestPieceOfAFileThatWasReplacedIsOfTheOldOne(t *testing.T) {
	d, path := newTestDir(t, map[string]string{"firmware.zip": "old content", "next": "new content"})
	o := opened(t, d.Open)
	if err := os.Rename(filepath.Join(path, "next"), filepath.Join(path, "firmware.zip")); err != nil {
		t.Fatal(err)
	}
	wantPiece(t, o, []byte("old content"), 0, 3)
}

func TestClosedOrCancelledFileGivesNoPiece(t *testing.T) {
	d, _ := newTestDir(t, map[string]string{"firmware.zip": "0123456789"})
	ctx, cancel := context.WithCancel(t.Context())
	o := opened(t, func(_ context.Context, name string) (*Object, error) { return d.Open(ctx, name) })
	cancel()
	if _, err := o.ReadAt(make([]byte, 1), 0); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	o = opened(t, d.Open)
	o.Close()
	if _, err := o.ReadAt(make([]byte, 1), 0); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestMinIOPieces(t *testing.T) {
	data := sequence(3 << 20)
	st, _ := minioSource(t, nil)
	put(t, st, "firmware.zip", data, nil)
	address, connections := cutter(t, strings.TrimPrefix(st.Endpoint(), "http://"), 300_000)
	s := newTestS3(t, S3Options{
		Bucket: "fleet", Endpoint: "http://" + address, AccessKey: st.Keys().AccessKey, SecretKey: st.Keys().SecretKey,
		Network: Network{Retry: Retry{First: time.Millisecond}, Getenv: noEnv},
	})
	o := opened(t, s.Open)
	wantPiece(t, o, data, 0, 1)
	wantPiece(t, o, data, len(data)-9000, 9000)
	wantPiece(t, o, data, 12_345, 1_000_000)
	if n := connections.Load(); n < 4 {
		t.Errorf("%d connections: the network did not break", n)
	}
	if got, err := io.ReadAll(o); err != nil || sha256.Sum256(got) != sha256.Sum256(data) {
		t.Errorf("the stream was disturbed: %d bytes, %v", len(got), err)
	}
	put(t, st, "firmware.zip", data[1:], nil)
	_, err := o.ReadAt(make([]byte, 10), 10)
	wantError(t, err, ErrChanged)
	if err := st.Remove(t.Context(), "fleet", "firmware.zip"); err != nil {
		t.Fatal(err)
	}
	_, err = o.ReadAt(make([]byte, 10), 10)
	wantError(t, err, ErrNotFound)
}
