package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"
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

// TestStreamSurvives: losses, duplicates, another order, garbage, and lost
// connections delay a stream, and change none of its bytes.
func TestStreamSurvives(t *testing.T) {
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			f := newFakeIoT(t, formats[r.IntN(2)], nil)
			f.content = make([]byte, 1+r.IntN(700_000))
			for i := range f.content {
				f.content[i] = byte(r.Uint32())
			}
			f.files[0] = int64(len(f.content))
			loss, twice, bad := r.Float64()/3, r.Float64()/3, r.Float64()/3
			var held []any
			f.mutate = func(kind string, m map[string]any) (out []any) {
				if kind != "data" {
					return []any{m}
				}
				if r.Float64() < bad {
					out = append(out, garble(r, m))
				}
				if r.Float64() < loss {
					return out
				}
				held = append(held, m)
				if r.Float64() < twice {
					held = append(held, m)
				}
				if r.IntN(4) == 0 { // in another order
					r.Shuffle(len(held), func(i, j int) { held[i], held[j] = held[j], held[i] })
					out = append(out, held...)
					held = nil
				}
				return out
			}
			stop := make(chan struct{})
			defer close(stop)
			go func() {
				outages := rand.New(rand.NewPCG(seed, 2))
				for {
					for _, online := range []bool{false, true} {
						select {
						case <-stop:
							return
						case <-time.After(time.Duration(outages.Int64N(int64(time.Minute)))):
							f.connect(online)
						}
					}
				}
			}()
			s := f.source(func(o *StreamOptions) {
				o.BlockSize = 256 << r.IntN(10)
				o.Retry.Resume = 1000
			})
			got, err := readStream(t, f, s)
			if err != nil || !bytes.Equal(got, f.content) {
				t.Errorf("seed %d: %d of %d bytes, %v", seed, len(got), len(f.content), err)
			}
		})
	}
}

func TestStreamGoesOnAfterAnOutage(t *testing.T) {
	for _, outage := range []time.Duration{time.Second, time.Minute, 4 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			f := newFakeIoT(t, FormatCBOR, sequence(1_000_000))
			f.cut = 13
			go func() {
				for time.Sleep(outage); ; time.Sleep(time.Second) {
					f.mu.Lock()
					lost := f.offline
					f.mu.Unlock()
					if lost {
						f.connect(true)
						return
					}
				}
			}()
			began := time.Now()
			got, err := readStream(t, f, f.source(nil))
			if err != nil || !bytes.Equal(got, f.content) {
				t.Fatalf("%s: %d bytes, %v", outage, len(got), err)
			}
			blocks := (1_000_000 + usualBlock - 1) / usualBlock
			if f.sent > blocks+8 {
				t.Errorf("%s: %d blocks were sent, of %d", outage, f.sent, blocks)
			}
			if took := time.Since(began); took > outage+31*time.Second {
				t.Errorf("it took %s, of which %s were the outage", took, outage)
			}
		})
	}
}

// TestStreamAsksAgainOnlyForWhatIsMissing: one block in ten is lost once.
func TestStreamAsksAgainOnlyForWhatIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeIoT(t, FormatCBOR, sequence(1_000_000))
		lost := map[int64]bool{}
		f.mutate = func(kind string, m map[string]any) []any {
			if i, _ := m["i"].(int64); kind == "data" && i%10 == 3 && !lost[i] {
				lost[i] = true
				return nil
			}
			return []any{m}
		}
		got, err := readStream(t, f, f.source(func(o *StreamOptions) { o.BlockSize = 4 << 10 }))
		if err != nil || !bytes.Equal(got, f.content) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		if blocks := (1_000_000+4095)/4096 + len(lost); f.sent != blocks {
			t.Errorf("%d blocks were sent, and %d are needed", f.sent, blocks)
		}
	})
}

func TestStreamOfWhatIsRejected(t *testing.T) {
	for _, c := range []struct {
		code  string
		is    error
		asked int // how often at most
	}{
		{"ResourceNotFound", ErrNotFound, 1},
		{"Unauthorized", ErrDenied, 1},
		{"VersionMismatch", ErrChanged, 1},
		{"ETagMismatch", ErrChanged, 1},
		{"BlockSizeOutOfBounds", ErrTransport, 1},
		{"OffsetOutOfBounds", ErrTransport, 1},
		{"BlockCountLimitExceeded", ErrTransport, 1},
		{"InvalidRequest", ErrTransport, 1},
		{"InvalidCbor", ErrTransport, 1},
		{"InternalError", ErrTransport, 40},
		{"RequestThrottled", ErrTransport, 40},
		{"Newer" + strings.Repeat("x", 500), ErrTransport, 40},
	} {
		for _, kind := range []string{"describe", "get"} {
			for _, format := range formats {
				synctest.Test(t, func(t *testing.T) {
					f := newFakeIoT(t, format, sequence(300_000))
					f.reject = func(k string, _ map[string]any) string {
						if k == kind {
							return c.code
						}
						return ""
					}
					_, err := readStream(t, f, f.source(nil))
					wantStreamError(t, err, c.is)
					asked, most := f.describe, min(c.asked, 4)
					if kind == "get" {
						asked, most = len(f.requests), 2*c.asked
					}
					if asked > most || c.asked > 1 && asked < most/2 {
						t.Errorf("%s of %s: asked %d times", c.code, kind, asked)
					}
				})
			}
		}
	}
}

func TestStreamHealsWhatPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeIoT(t, FormatJSON, sequence(1_000_000))
		n := 0
		f.reject = func(string, map[string]any) string {
			if n++; n%3 == 0 {
				return "InternalError"
			}
			return ""
		}
		if got, err := readStream(t, f, f.source(nil)); err != nil || !bytes.Equal(got, f.content) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
}

// TestStreamIsNotHeldByRejections: a service that says no all the time, unasked,
// does not hold a stream for ever.
func TestStreamIsNotHeldByRejections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeIoT(t, FormatCBOR, sequence(1_000_000))
		f.mutate = func(kind string, m map[string]any) []any {
			if kind == "data" {
				return nil
			}
			return []any{m}
		}
		stop := make(chan struct{})
		defer close(stop)
		go func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(100 * time.Millisecond):
					f.mu.Lock()
					f.send("rejected", map[string]any{"o": "InternalError"})
					f.mu.Unlock()
				}
			}
		}()
		began := time.Now()
		_, err := readStream(t, f, f.source(nil))
		wantStreamError(t, err, ErrTransport, "InternalError")
		if took := time.Since(began); took > 15*time.Minute {
			t.Errorf("it gave up after %s", took)
		}
	})
}

func TestStreamIsNotWhatWasPromised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeIoT(t, FormatCBOR, sequence(5000))
		_, err := readStream(t, f, f.source(func(o *StreamOptions) { o.Size = 5001 }))
		wantStreamError(t, err, ErrMismatch, "5000", "5001")
		_, err = readStream(t, f, f.source(func(o *StreamOptions) { o.FileID = 3 }))
		wantStreamError(t, err, ErrNotFound)
		if f.describe != 2 {
			t.Errorf("asked %d times", f.describe)
		}
	})
}

func TestStreamIsReplacedUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeIoT(t, FormatCBOR, sequence(1_000_000))
		o, err := f.source(nil).Open(t.Context(), "firmware.bin")
		if err != nil {
			t.Fatal(err)
		}
		defer o.Close()
		if _, err := io.ReadFull(counted{f, o}, make([]byte, 500_000)); err != nil {
			t.Fatal(err)
		}
		f.mu.Lock()
		f.version = 2
		f.mu.Unlock()
		_, err = io.Copy(io.Discard, counted{f, o})
		wantStreamError(t, err, ErrChanged)
	})
}

func TestStreamGivesUp(t *testing.T) {
	for name, c := range map[string]struct {
		break_ func(*fakeIoT)
		says   string
	}{
		"nothing comes": {func(f *fakeIoT) { f.mutate = func(string, map[string]any) []any { return nil } }, "4 failures"},
		"no block comes": {func(f *fakeIoT) {
			f.mutate = func(kind string, m map[string]any) []any {
				if kind == "data" {
					return nil
				}
				return []any{m}
			}
		}, "10 failures"},
		"blocks of a wrong length": {func(f *fakeIoT) {
			f.mutate = func(kind string, m map[string]any) []any {
				if p, ok := m["p"].([]byte); ok {
					m["p"] = p[1:]
				}
				return []any{m}
			}
		}, "has 32767 bytes instead of 32768"},
		"offline": {func(f *fakeIoT) { f.offline = true }, errFakeOffline.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakeIoT(t, FormatCBOR, sequence(300_000))
				c.break_(f)
				began := time.Now()
				_, err := readStream(t, f, f.source(nil))
				wantStreamError(t, err, ErrTransport, c.says)
				if took := time.Since(began); took < time.Minute || took > 15*time.Minute {
					t.Errorf("it gave up after %s", took)
				}
			})
		})
	}
}

func TestStreamEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeIoT(t, FormatCBOR, sequence(1_000_000))
		f.cut = 5
		o, err := f.source(nil).Open(t.Context(), "firmware.bin")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			time.Sleep(3 * time.Second)
			o.Close()
		}()
		began := time.Now()
		if _, err := io.Copy(io.Discard, counted{f, o}); err == nil || !strings.Contains(err.Error(), "closed") {
			t.Errorf("error %v", err)
		}
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("Close was heard after %s", took)
		}
	})
}

func TestStreamKeepsToARateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeIoT(t, FormatCBOR, sequence(1_000_000))
		began := time.Now()
		got, err := readStream(t, f, f.source(func(o *StreamOptions) { o.RateLimit = 100_000 }))
		if took := time.Since(began); err != nil || !bytes.Equal(got, f.content) || took < 9*time.Second || took > 11*time.Second {
			t.Errorf("%d bytes in %s, %v", len(got), took, err)
		}
	})
}

// TestStreamWaitsForItsReader: what comes from storage that is slow is no fault
// of the network, and is not asked for again.
func TestStreamWaitsForItsReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeIoT(t, FormatJSON, sequence(1_000_000))
		o, err := f.source(func(o *StreamOptions) { o.MinRate = 10_000 }).Open(t.Context(), "firmware.bin")
		if err != nil {
			t.Fatal(err)
		}
		defer o.Close()
		var got []byte
		for p := make([]byte, 40_000); ; time.Sleep(5 * time.Minute) {
			n, err := counted{f, o}.Read(p)
			if got = append(got, p[:n]...); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(got, f.content) || f.sent != (1_000_000+usualBlock-1)/usualBlock {
			t.Errorf("%d bytes in %d blocks", len(got), f.sent)
		}
	})
}

// TestStreamThatDrips brings a block a minute.
func TestStreamThatDrips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeIoT(t, FormatCBOR, sequence(1_000_000))
		last := time.Now()
		f.mutate = func(kind string, m map[string]any) []any {
			if kind == "data" && time.Since(last) < time.Minute {
				return nil
			}
			if kind == "data" {
				last = time.Now()
			}
			return []any{m}
		}
		began := time.Now()
		_, err := readStream(t, f, f.source(func(o *StreamOptions) { o.MinRate = 10_000 }))
		wantStreamError(t, err, ErrTransport, "min_rate")
		if took := time.Since(began); took > 15*time.Minute {
			t.Errorf("it gave up after %s", took)
		}
	})
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
	if got := o.blockSize(); got*(maxOffset+1) < o.Size || (got-1)*(maxOffset+1) >= o.Size {
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
