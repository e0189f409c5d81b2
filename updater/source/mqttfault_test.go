package source

import (
	"bytes"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

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
		spoil func(*fakeIoT)
		says  string
	}{
		"nothing comes": {func(f *fakeIoT) { f.mutate = func(string, map[string]any) []any { return nil } }, "10 failures"},
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
				c.spoil(f)
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
