package readahead

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"testing"
	"testing/iotest"
	"testing/synctest"
)

// The tests run in synctest bubbles: one fails when a goroutine is left
// over, without waiting for a clock.

func content(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 31 >> 3)
	}
	return b
}

func TestConsumerSeesWhatTheSourceHolds(t *testing.T) {
	wrappers := map[string]func(io.Reader) io.Reader{
		"whole":    func(r io.Reader) io.Reader { return r },
		"one byte": iotest.OneByteReader,
		"half":     iotest.HalfReader,
		"data err": iotest.DataErrReader,
	}
	for name, wrap := range wrappers {
		for _, size := range []int{0, 1, 15, 16, 17, 63, 64, 65, 1000} {
			for _, ring := range [][2]int{{1, 1}, {1, 16}, {2, 16}, {4, 16}, {3, 1024}, {0, -1}} {
				synctest.Test(t, func(t *testing.T) {
					want := content(size)
					a := New(wrap(bytes.NewReader(want)), ring[0], ring[1])
					defer a.Close()
					if err := iotest.TestReader(a, want); err != nil {
						t.Errorf("%s, %d bytes, ring %v: %v", name, size, ring, err)
					}
				})
				synctest.Test(t, func(t *testing.T) {
					var got bytes.Buffer
					a := New(wrap(bytes.NewReader(content(size))), ring[0], ring[1])
					defer a.Close()
					n, err := a.(io.WriterTo).WriteTo(&got)
					if err != nil || n != int64(size) || !bytes.Equal(got.Bytes(), content(size)) {
						t.Errorf("WriteTo, %s, %d bytes, ring %v: %d, %v", name, size, ring, n, err)
					}
				})
			}
		}
	}
}

func TestErrorComesAfterTheDataAndStays(t *testing.T) {
	broken := errors.New("broken")
	for _, join := range []func(io.Reader) io.Reader{
		func(r io.Reader) io.Reader { return r },
		iotest.DataErrReader,
	} {
		synctest.Test(t, func(t *testing.T) {
			src := join(io.MultiReader(bytes.NewReader(content(100)), iotest.ErrReader(broken)))
			a := New(src, 4, 16)
			defer a.Close()
			synctest.Wait() // the source has failed long before anybody reads
			got, err := io.ReadAll(a)
			if err != broken || !bytes.Equal(got, content(100)) {
				t.Errorf("got %d bytes and %v", len(got), err)
			}
			for range 3 {
				if n, err := a.Read(make([]byte, 8)); n != 0 || err != broken {
					t.Errorf("then got %d bytes and %v", n, err)
				}
			}
			if _, err := a.(io.WriterTo).WriteTo(io.Discard); err != broken {
				t.Errorf("WriteTo gave %v", err)
			}
		})
	}
}

// counter counts reads and keeps what it handed out in order.
type counter struct {
	reads int
	left  int
}

func (c *counter) Read(p []byte) (int, error) {
	c.reads++
	if c.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), c.left)
	c.left -= n
	return n, nil
}

func TestReadsAheadOnlyAsFarAsTheRing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &counter{left: 1000}
		a := New(src, 3, 10)
		defer a.Close()
		synctest.Wait()
		if src.left != 1000-3*10 {
			t.Fatalf("%d bytes were read ahead, want 30", 1000-src.left)
		}
		if _, err := a.Read(make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if src.left != 1000-3*10 {
			t.Fatal("a buffer that is still being read was filled again")
		}
		if _, err := io.ReadFull(a, make([]byte, 7)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if src.left != 1000-4*10 {
			t.Fatalf("%d bytes were read after one buffer was used up, want 40", 1000-src.left)
		}
	})
}

func TestSourceIsNotReadAfterItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &counter{left: 25}
		a := New(src, 4, 10)
		defer a.Close()
		if _, err := io.Copy(io.Discard, a); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		reads := src.reads
		_, _ = a.Read(make([]byte, 1))
		synctest.Wait()
		if src.reads != reads {
			t.Error("the source was read after io.EOF")
		}
	})
}

func TestSmallReadsFillABufferWhileTheConsumerIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &counter{left: 1000}
		a := New(iotest.OneByteReader(src), 4, 10)
		defer a.Close()
		synctest.Wait()
		// One byte was handed on at once, since nobody had anything yet.
		if ahead := 1000 - src.left; ahead != 31 {
			t.Errorf("%d bytes wait in four buffers of ten, want 31", ahead)
		}
	})
}

func TestNothingIsAllocatedInSteadyState(t *testing.T) {
	a := New(endless{}, 4, 4096)
	defer a.Close()
	p := make([]byte, 10_000)
	if allocs := testing.AllocsPerRun(1000, func() {
		if _, err := io.ReadFull(a, p); err != nil {
			t.Fatal(err)
		}
	}); allocs > 0 {
		t.Errorf("%v allocations for each read", allocs)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestCloseReturnsWhileTheSourceBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, feed := io.Pipe()
		a := New(src, 2, 16)
		read := make(chan error)
		go func() {
			_, err := a.Read(make([]byte, 1))
			read <- err
		}()
		synctest.Wait() // source and consumer both wait now
		for range 2 {
			if err := a.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := <-read; err != fs.ErrClosed {
			t.Errorf("the waiting Read got %v, want fs.ErrClosed", err)
		}
		if _, err := a.Read(make([]byte, 1)); err != fs.ErrClosed {
			t.Errorf("a Read after Close got %v, want fs.ErrClosed", err)
		}
		// The bubble ends only if this lets the goroutine end.
		feed.Close()
	})
}

func TestCloseStopsAFullRing(t *testing.T) {
	synctest.Test(t, func(*testing.T) {
		a := New(endless{}, 3, 8)
		synctest.Wait()
		a.Close()
	})
}

// Nobody closes the source here: one more Read that returns is enough.
func TestCloseStopsASourceThatTrickles(t *testing.T) {
	synctest.Test(t, func(*testing.T) {
		src, feed := io.Pipe()
		a := New(src, 2, 16)
		_, _ = feed.Write([]byte("a"))
		synctest.Wait() // it has one buffer for the consumer, and fills the next
		_, _ = feed.Write([]byte("b"))
		a.Close()
		_, _ = feed.Write([]byte("c"))
	})
}

func TestDoesNotSpinOnAnEmptySource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := New(nothing{}, 2, 8)
		defer a.Close()
		if _, err := a.Read(make([]byte, 1)); err != io.ErrNoProgress {
			t.Errorf("got %v, want io.ErrNoProgress", err)
		}
	})
}

type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, nil }

func TestWriteToReportsTheWriter(t *testing.T) {
	full := errors.New("full")
	synctest.Test(t, func(t *testing.T) {
		a := New(bytes.NewReader(content(100)), 2, 16)
		defer a.Close()
		n, err := a.(io.WriterTo).WriteTo(&limited{left: 20, err: full})
		if n != 20 || err != full {
			t.Errorf("got %d, %v", n, err)
		}
		n, err = a.(io.WriterTo).WriteTo(&limited{left: 20})
		if n != 20 || err != io.ErrShortWrite {
			t.Errorf("got %d, %v, want a short write", n, err)
		}
		rest, err := io.ReadAll(a)
		if err != nil || !bytes.Equal(rest, content(100)[40:]) {
			t.Errorf("what was not written is lost: %d bytes left, %v", len(rest), err)
		}
	})
}

type limited struct {
	left int
	err  error
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(len(p), l.left)
	l.left -= n
	if n < len(p) {
		return n, l.err
	}
	return n, nil
}

// hashing is a stage that costs time: it passes on what it has hashed.
type hashing struct{ src io.Reader }

func (h hashing) Read(p []byte) (int, error) {
	n, err := h.src.Read(p)
	sha256.Sum256(p[:n])
	return n, err
}

// With two cores the second row takes little more than half of the first.
func BenchmarkTwoStages(b *testing.B) {
	const size = 64 << 20
	for _, ahead := range []bool{false, true} {
		name := map[bool]string{false: "one after the other", true: "side by side"}[ahead]
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				var src io.Reader = hashing{io.LimitReader(endless{}, size)}
				if ahead {
					a := New(src, 4, 64<<10)
					defer a.Close()
					src = a
				}
				if _, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{hashing{src}}, make([]byte, 64<<10)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
