package raw

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"abota/updater/source"
)

// image is as long as no buffer is.
func image(n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(i * 7 >> 3)
	}
	return data
}

// in is a release in a folder.
func in(t *testing.T, data []byte, size int64) (*Release, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fw.bin")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	dir, err := source.NewDir(path)
	if err != nil {
		t.Fatal(err)
	}
	return &Release{Source: dir, Object: "fw.bin", Size: size}, path
}

// at is a release on a web server.
func at(t *testing.T, size int64, serve http.HandlerFunc) *Release {
	t.Helper()
	s := httptest.NewServer(serve)
	t.Cleanup(s.Close)
	web, err := source.NewWeb(source.WebOptions{
		URL:     s.URL + "/fw.bin?X-Amz-Signature=secret",
		Network: source.Network{Getenv: func(string) string { return "" }, Retry: source.Retry{Open: 2, Resume: 2, First: time.Microsecond, Longest: time.Millisecond}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return &Release{Source: web, Object: "fw.bin", Size: size}
}

func sha(data []byte) string {
	digest := sha256.Sum256(data)
	return hex.EncodeToString(digest[:])
}

// wantLine wants one line that says this.
func wantLine(t *testing.T, err, is error, says string) {
	t.Helper()
	if !errors.Is(err, is) {
		t.Fatalf("error %v, want %v", err, is)
	}
	if text := err.Error(); !strings.Contains(text, says) || strings.Contains(text, "\n") || strings.Contains(text, "secret") {
		t.Errorf("error %q does not say %q on one line without a secret", text, says)
	}
}

func TestImageComesAsItIs(t *testing.T) {
	for _, size := range []int{1, 4096, aheadSize, aheadSize*aheadBuffers + 1, 3<<20 + 17} {
		data := image(size)
		r, _ := in(t, data, int64(size))
		r.Part = "fw.bin"
		id, err := r.Check(t.Context())
		if err != nil || id.SHA256 != "" || id.Size != int64(size) || id.Version != "" || id.Checksum != "" {
			t.Fatalf("%d: %+v, %v", size, id, err)
		}
		p, err := r.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		part, err := p.Next()
		if err != nil || part.Name != "fw.bin" || part.Size != int64(size) {
			t.Fatalf("%d: %+v, %v", size, part, err)
		}
		got, err := io.ReadAll(p)
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%d: %d bytes, %v", size, len(got), err)
		}
		if p.ID().SHA256 != "" || len(slices.Collect(p.Parts())) != 0 {
			t.Errorf("%d: known before the end: %+v", size, p.ID())
		}
		for range 2 {
			if _, err := p.Next(); err != io.EOF {
				t.Fatalf("%d: ended in %v", size, err)
			}
		}
		parts := slices.Collect(p.Parts())
		if p.ID().SHA256 != sha(data) || p.Fetched() != int64(size) || len(parts) != 1 || parts[0] != part {
			t.Errorf("%d: %+v, %d fetched, %v", size, p.ID(), p.Fetched(), parts)
		}
	}
}

func TestWhatIsNotReadIsProvenAllTheSame(t *testing.T) {
	data := image(1 << 20)
	for _, read := range []int64{0, 1, 1 << 19} {
		r, _ := in(t, data, 1<<20)
		p, err := r.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if n, err := p.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("before the first part: %d bytes, %v", n, err)
		}
		if part, err := p.Next(); err != nil || part.Name != DefaultName {
			t.Fatalf("%v, %v", part, err)
		}
		if _, err := io.CopyN(io.Discard, p, read); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Next(); err != io.EOF || p.ID().SHA256 != sha(data) {
			t.Errorf("after %d bytes: %v, %+v", read, err, p.ID())
		}
	}
}

// TestSizesThatAreNotTheImages are known before a byte is read.
func TestSizesThatAreNotTheImages(t *testing.T) {
	for size, says := range map[int64]string{
		999: "has 1000 bytes, but the update says 999", 1001: "has 1000 bytes, but the update says 1001",
		0: "said to have 0 bytes", -1: "said to have -1 bytes", 1 << 62: "but the update says 4611686018427387904",
	} {
		r, _ := in(t, image(1000), size)
		_, err := r.Check(t.Context())
		wantLine(t, err, ErrCorrupt, says)
		_, err = r.Open(t.Context())
		wantLine(t, err, ErrCorrupt, says)
	}
}

// open starts to read, up to the part.
func open(t *testing.T, ctx context.Context, r *Release) *Payload {
	t.Helper()
	p, err := r.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	if _, err := p.Next(); err != nil {
		t.Fatal(err)
	}
	return p
}

// unsized is a source that does not know how long its object is, as a pipe.
func unsized(data []byte) *Release {
	return &Release{Source: source.NewStdin(bytes.NewReader(data)), Object: "the image"}
}

func TestSizesThatOnlyTheEndShows(t *testing.T) {
	for _, row := range []struct {
		size int64
		says string
	}{{1000, ""}, {999, "more than the 999 bytes"}, {1001, "ends after 1000 bytes, but the update says 1001"}, {1 << 40, "ends after 1000 bytes"}} {
		r := unsized(image(1000))
		r.Size = row.size
		p := open(t, t.Context(), r)
		_, err := io.Copy(io.Discard, p)
		if err == nil {
			_, err = p.Next()
		}
		if row.says == "" {
			if err != io.EOF {
				t.Errorf("%v", err)
			}
			continue
		}
		wantLine(t, err, ErrCorrupt, row.says)
		if _, again := p.Next(); !errors.Is(again, ErrCorrupt) || p.ID().SHA256 != "" {
			t.Errorf("afterwards: %v, %+v", again, p.ID())
		}
		if _, again := p.Read(make([]byte, 1)); !errors.Is(again, ErrCorrupt) {
			t.Errorf("afterwards: %v", again)
		}
	}
}

// TestReplacedOnTheWay: what was replaced is no one's fault, and a doubt that
// comes from elsewhere is cleared up in the same way.
func TestReplacedOnTheWay(t *testing.T) {
	data := image(3 << 20)
	doubt := errors.New("the signature does not fit")
	for name, row := range map[string]struct {
		after func(w http.ResponseWriter) bool // says that it answered
		is    error
		says  string
	}{
		"the same":    {func(http.ResponseWriter) bool { return false }, doubt, "does not fit"},
		"another":     {func(w http.ResponseWriter) bool { w.Header().Set("ETag", `"v2"`); return false }, source.ErrChanged, "was replaced while the release was read"},
		"gone":        {func(w http.ResponseWriter) bool { w.WriteHeader(404); return true }, source.ErrChanged, "was replaced while the release was read"},
		"not to know": {func(w http.ResponseWriter) bool { w.WriteHeader(500); return true }, source.ErrTransport, "(the signature does not fit), and whether it was replaced"},
	} {
		t.Run(name, func(t *testing.T) {
			var over atomic.Bool
			r := at(t, int64(len(data)), func(w http.ResponseWriter, req *http.Request) {
				w.Header().Set("ETag", `"v1"`)
				w.Header().Set("Content-Type", "application/octet-stream")
				if over.Load() && row.after(w) {
					return
				}
				http.ServeContent(w, req, "", time.Time{}, bytes.NewReader(data))
			})
			p := open(t, t.Context(), r)
			if _, err := p.Next(); err != io.EOF {
				t.Fatal(err)
			}
			over.Store(true)
			wantLine(t, p.Doubt(doubt), row.is, row.says)
		})
	}
}

func TestErrorsOfTheSourceAreTheSources(t *testing.T) {
	data := image(1 << 20)
	r := at(t, int64(len(data)), func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("ETag", `"v1"`)
		w.Header().Set("Content-Length", fmt.Sprint(len(data)))
		if req.Header.Get("Range") != "" {
			w.Header().Set("Content-Length", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Write(data[:1000])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	p := open(t, t.Context(), r)
	_, err := io.Copy(io.Discard, p)
	wantLine(t, err, source.ErrTransport, "503")
	if errors.Is(err, ErrCorrupt) {
		t.Errorf("called corrupt: %v", err)
	}
	r = at(t, 5, func(w http.ResponseWriter, req *http.Request) { http.NotFound(w, req) })
	_, err = r.Open(t.Context())
	wantLine(t, err, source.ErrNotFound, "no such file")
}

func TestCloseEndsARead(t *testing.T) {
	waiting := make(chan struct{})
	over := make(chan struct{})
	r := at(t, 1<<20, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("ETag", `"v1"`)
		w.Header().Set("Content-Length", fmt.Sprint(1<<20))
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		close(waiting)
		<-over
	})
	defer close(over)
	p := open(t, t.Context(), r)
	done := make(chan error, 1)
	go func() {
		_, err := p.Read(make([]byte, 1))
		done <- err
	}()
	<-waiting
	p.Close()
	if err := <-done; err == nil || err == io.EOF || errors.Is(err, ErrCorrupt) {
		t.Errorf("ended in %v", err)
	}
}

// TestMemoryIsConstant reads 256 MiB, and allocates no more than for a little.
func TestMemoryIsConstant(t *testing.T) {
	const size = 256 << 20
	r := &Release{Source: source.NewStdin(io.LimitReader(zeros{}, size)), Object: "the image", Size: size}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	p := open(t, t.Context(), r)
	if _, err := p.Next(); err != io.EOF {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 || p.Fetched() != size {
		t.Errorf("%d bytes were allocated for %d", used, p.Fetched())
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestNamesOfParts(t *testing.T) {
	for filepath, want := range map[string]string{
		"": "image", "fw.bin": "fw.bin", "/dev/mmcblk0p2": "mmcblk0p2", "a/b/rootfs.img": "rootfs.img", "a/": "image", "/": "image",
		"..": "image", ".": "image", "../../etc/passwd": "passwd", `..\x`: "image", "a\x00b": "image", "a\nb": "image", "\xff": "image",
		strings.Repeat("x", 256): "image", "ä b": "ä b",
	} {
		if got := PartName(filepath); got != want {
			t.Errorf("%q: %q, want %q", filepath, got, want)
		}
	}
}
