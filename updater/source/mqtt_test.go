package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
)

var formats = []string{FormatCBOR, FormatJSON}

// readStream reads all of the file, in pieces of its own size.
func readStream(t *testing.T, f *fakeIoT, s *Stream) ([]byte, error) {
	t.Helper()
	o, err := s.Open(t.Context(), "firmware.bin")
	if err != nil {
		return nil, err
	}
	defer o.Close()
	got, err := io.ReadAll(counted{f, o})
	return got, err
}

// wantStreamError checks what an error is and says.
func wantStreamError(t *testing.T, err, sentinel error, parts ...string) {
	t.Helper()
	if !errors.Is(err, sentinel) {
		t.Fatalf("error %v, want %v", err, sentinel)
	}
	for _, part := range append(parts, testStream, testThing) {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not mention %q", err, part)
		}
	}
	if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "said by") {
		t.Errorf("error %q shows the service's words", err)
	}
}

func TestStreamReadsAFile(t *testing.T) {
	for _, format := range formats {
		for _, block := range []int64{256, 1000, 4096, 32 << 10, 128 << 10} {
			for _, size := range []int{1, 255, 256, 257, 4096, 128<<10 - 1, 128 << 10, 128<<10 + 1, 300_007, 1 << 20} {
				t.Run(fmt.Sprintf("%s/%d/%d", format, block, size), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						f := newFakeIoT(t, format, sequence(size))
						got, err := readStream(t, f, f.source(func(o *StreamOptions) { o.BlockSize = block }))
						if err != nil || !bytes.Equal(got, f.content) {
							t.Fatalf("%d bytes, %v", len(got), err)
						}
						if format == FormatJSON {
							block = min(block, maxJSONBlock)
						}
						if want := (size + int(block) - 1) / int(block); f.sent != want {
							t.Errorf("%d blocks were sent, of %d", f.sent, want)
						}
					})
				})
			}
		}
	}
}

func TestStreamIsAnObjectLikeAnother(t *testing.T) {
	for _, format := range formats {
		synctest.Test(t, func(t *testing.T) {
			f := newFakeIoT(t, format, sequence(300_007))
			f.version = 7
			s := f.source(nil)
			o, err := s.Open(t.Context(), "firmware.bin")
			if err != nil {
				t.Fatal(err)
			}
			defer o.Close()
			want := Info{Size: 300_007, ETag: "7"}
			if info := o.Info(); info != want {
				t.Errorf("Info is %+v", info)
			}
			if info, err := s.Look(t.Context(), "firmware.bin"); err != nil || info != want {
				t.Errorf("Look says %+v, %v", info, err)
			}
			if changed, err := s.Changed(t.Context(), "firmware.bin", want); changed || err != nil {
				t.Errorf("unchanged: %v, %v", changed, err)
			}
			// A piece is read beside the stream, which goes on where it was.
			head := make([]byte, 1000)
			if _, err := io.ReadFull(o, head); err != nil {
				t.Fatal(err)
			}
			f.consumed = 300_007 // pieces may be anywhere
			for _, r := range [][2]int64{{0, 1}, {299_000, 1007}, {32<<10 - 1, 2}, {100_000, 150_000}} {
				p := make([]byte, r[1])
				if n, err := o.ReadAt(p, r[0]); err != nil || !bytes.Equal(p, f.content[r[0]:r[0]+r[1]]) {
					t.Errorf("piece %v: %d bytes, %v", r, n, err)
				}
			}
			rest, err := io.ReadAll(o)
			if err != nil || !bytes.Equal(append(head, rest...), f.content) {
				t.Errorf("%d bytes, %v", len(head)+len(rest), err)
			}
			if data, _, err := s.Get(t.Context(), "firmware.bin", 1<<20); err != nil || !bytes.Equal(data, f.content) {
				t.Errorf("Get: %d bytes, %v", len(data), err)
			}
			_, _, err = s.Get(t.Context(), "firmware.bin", 1000)
			wantStreamError(t, err, ErrTooLarge)
			f.version = 8
			if changed, err := s.Changed(t.Context(), "firmware.bin", want); !changed || err != nil {
				t.Errorf("changed: %v, %v", changed, err)
			}
			_, err = o.ReadAt(head, 0)
			wantStreamError(t, err, ErrChanged)
			if !s.Alone() {
				t.Error("it is not alone")
			}
			o.Close()
			synctest.Wait()
			if len(f.subs)+len(f.watchers) != 0 {
				t.Errorf("%d subscriptions and %d watchers are left", len(f.subs), len(f.watchers))
			}
		})
	}
}

func TestStreamOptions(t *testing.T) {
	f := newFakeIoT(t, FormatCBOR, sequence(1000))
	for says, change := range map[string]func(*StreamOptions){
		"no connection":          func(o *StreamOptions) { o.Link = nil },
		"thing's name":           func(o *StreamOptions) { o.Thing = "a/b" },
		"is no stream's name":    func(o *StreamOptions) { o.Stream = "+" },
		"that is no stream":      func(o *StreamOptions) { o.Stream = "" },
		"numbered from 0 to 255": func(o *StreamOptions) { o.FileID = 256 },
		"from 0 to 255":          func(o *StreamOptions) { o.FileID = -1 },
		"has 1 to":               func(o *StreamOptions) { o.Size = 0 },
		"bytes: correct the job": func(o *StreamOptions) { o.Size = 1 << 50 },
		"use cbor or json":       func(o *StreamOptions) { o.Format = "xml" },
		"use 256 to 131072":      func(o *StreamOptions) { o.BlockSize = 255 },
		"in blocks of 131073":    func(o *StreamOptions) { o.BlockSize = 131073 },
	} {
		o := f.options()
		change(&o)
		if _, err := NewStream(o); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v does not say %q", err, says)
		}
	}
	o := f.options()
	o.BlockSize, o.Size = 256, 100<<20
	if got := o.Block(); got*(maxOffset+1) < o.Size || (got-1)*(maxOffset+1) >= o.Size {
		t.Errorf("blocks of %d bytes for %d", got, o.Size)
	}
}

func TestStreamMemoryDoesNotGrowWithTheFile(t *testing.T) {
	const size = 16 << 20
	for _, format := range formats {
		f := newFakeIoT(t, format, make([]byte, size))
		f.consumed = size
		o, err := f.source(nil).Open(t.Context(), "firmware.bin")
		if err != nil {
			t.Fatal(err)
		}
		defer o.Close()
		b := o.body.(*stream).conn.ReadCloser.(*reply).ReadCloser.(*blocks)
		most := 0
		for p := make([]byte, 10_000); ; {
			_, err := o.Read(p)
			b.mu.Lock()
			held := len(b.current)
			for _, block := range b.here {
				held += len(block)
			}
			b.mu.Unlock()
			most = max(most, held)
			if err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if most > 256<<10+usualBlock {
			t.Errorf("%s: %d bytes were held", format, most)
		}
		t.Logf("%s: %d KiB of blocks were held at most", format, most>>10)
	}
}

// BenchmarkStream reads a file of 24 MB, which is AWS IoT's largest, from a
// service without latency. The service's work is part of it.
func BenchmarkStream(b *testing.B) {
	for _, format := range formats {
		b.Run(format, func(b *testing.B) {
			f := newFakeIoT(b, format, make([]byte, 24<<20))
			f.consumed = 24 << 20
			s := f.source(nil)
			b.SetBytes(24 << 20)
			b.ReportAllocs()
			for b.Loop() {
				o, err := s.Open(b.Context(), "firmware.bin")
				if err != nil {
					b.Fatal(err)
				}
				if n, err := io.Copy(io.Discard, o); err != nil || n != 24<<20 {
					b.Fatal(n, err)
				}
				o.Close()
			}
		})
	}
}
