package slot

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
)

// regionSize is how much is written, read back and compared at a time, and
// regions how many of these are under way. With the buffer for reading back
// that is all the memory that a Writer takes.
const (
	regionSize = 1 << 20
	regions    = 4
)

// Proof says what a slot holds from its first byte on: read past the page
// cache, not what somebody claims to have written.
type Proof struct {
	SHA256 string // hexadecimal
	Size   int64  // in bytes
}

// Medium is the slot as the writer sees it. ReadAt reads past the page cache.
type Medium interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
}

// chunk is a filled buffer and its place. Its first bytes are the image's, the
// rest are the zeroes behind it.
type chunk struct {
	data  []byte
	off   int64
	image int
}

// Writer writes an image from the slot's first byte on. Four stages run at
// once, so that no wait for the medium stops the hashing: the caller fills
// buffers, and one goroutine each writes them, reads back and compares them,
// and hashes what was proven. Errors are sticky. A Writer is for one goroutine.
type Writer struct {
	medium Medium
	path   string
	size   int64

	// fill: zeroes follow the image, so that nothing older is left behind it.
	fill bool

	taken int64 // bytes accepted
	image int64 // of these, those of the image, once it is complete
	buf   []byte
	free  chan []byte
	write chan chunk
	prove chan chunk
	hash  chan chunk
	done  chan struct{} // closed when the last chunk is hashed

	digest hash.Hash // of what the medium holds
	closed bool
	proof  Proof
	failed failure
}

// failure keeps the first error of any stage.
type failure struct {
	mu  sync.Mutex
	err error
}

func (f *failure) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
}

func (f *failure) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

func newWriter(m Medium, path string, size int64) *Writer {
	w := &Writer{
		medium: m, path: path, size: size,
		free:   make(chan []byte, regions),
		write:  make(chan chunk, regions),
		prove:  make(chan chunk, regions),
		hash:   make(chan chunk, regions),
		done:   make(chan struct{}),
		digest: sha256.New(),
	}
	for range regions {
		w.free <- aligned(regionSize)[:0]
	}
	go w.writeAll()
	go w.proveAll()
	go w.hashAll()
	return w
}

// Write takes the next bytes of the image. ErrFull says that they do not fit;
// then none of them is written. An error may be of bytes taken earlier.
func (w *Writer) Write(p []byte) (int, error) {
	if err := w.usable(); err != nil {
		return 0, err
	}
	if int64(len(p)) > w.size-w.taken {
		w.failed.set(fmt.Errorf("%w: %s has %d bytes: publish a smaller image", ErrFull, w.path, w.size))
		return 0, w.failed.get()
	}
	for done := 0; done < len(p); {
		if w.buf == nil {
			w.buf = <-w.free
		}
		n := min(len(p)-done, regionSize-len(w.buf))
		w.buf = append(w.buf, p[done:done+n]...)
		done += n
		w.taken += int64(n)
		if len(w.buf) == regionSize {
			w.flush()
		}
	}
	return len(p), nil
}

// ReadFrom writes all of the image that r has left, without a copy between.
// It returns r's error, or the writer's own.
func (w *Writer) ReadFrom(r io.Reader) (n int64, err error) {
	for {
		if err := w.usable(); err != nil {
			return n, err
		}
		if w.buf == nil {
			w.buf = <-w.free
		}
		room := w.buf[len(w.buf):min(int64(regionSize), int64(len(w.buf))+w.size-w.taken)]
		if len(room) == 0 {
			return n, w.expectEnd(r)
		}
		got, err := r.Read(room)
		w.buf = w.buf[:len(w.buf)+got]
		w.taken += int64(got)
		n += int64(got)
		if len(w.buf) == regionSize {
			w.flush()
		}
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// expectEnd is for a slot that is full: one byte more is too much.
func (w *Writer) expectEnd(r io.Reader) error {
	var more [1]byte
	_, err := io.ReadFull(r, more[:])
	if err == nil {
		_, err = w.Write(more[:])
		return err
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// usable reports why nothing more is taken.
func (w *Writer) usable() error {
	if err := w.failed.get(); err != nil {
		return err
	}
	if w.closed {
		return fmt.Errorf("write slot %s: the writer is closed", w.path)
	}
	return nil
}

// flush hands the current buffer on.
func (w *Writer) flush() {
	if len(w.buf) > 0 {
		off := w.taken - int64(len(w.buf))
		c := chunk{w.buf, off, len(w.buf)}
		if w.closed {
			c.image = int(min(max(w.image-off, 0), int64(len(w.buf))))
		}
		w.write <- c
	}
	w.buf = nil
}

// Close writes what is left, flushes it to the medium, and proves all of it.
// The proof is empty after any error. Further calls return the same.
func (w *Writer) Close() (Proof, error) {
	if !w.closed {
		w.closed, w.image = true, w.taken
		if w.fill {
			w.zero()
		}
		w.flush()
		w.finish()
		w.sync()
	}
	return w.proof, w.failed.get()
}

// zero writes zeroes from the image's end to the slot's.
func (w *Writer) zero() {
	for w.taken < w.size && w.failed.get() == nil {
		if w.buf == nil {
			w.buf = <-w.free
		}
		n := int(min(int64(regionSize-len(w.buf)), w.size-w.taken))
		w.buf = w.buf[:len(w.buf)+n]
		clear(w.buf[len(w.buf)-n:])
		w.taken += int64(n)
		if len(w.buf) == regionSize {
			w.flush()
		}
	}
}

// stop ends the goroutines of a writer that is given up.
func (w *Writer) stop() {
	if w.closed {
		return
	}
	w.failed.set(fmt.Errorf("write slot %s: given up", w.path))
	w.closed = true
	w.finish()
}

func (w *Writer) finish() {
	close(w.write)
	<-w.done
}

// sync ends in the proof. A failed flush is final, because the kernel may have
// dropped what it could not write, and would report success the next time.
func (w *Writer) sync() {
	if w.failed.get() != nil {
		return
	}
	if err := w.medium.Sync(); err != nil {
		w.failed.set(fmt.Errorf("flush slot %s: %w", w.path, err))
		return
	}
	w.proof = Proof{SHA256: hex.EncodeToString(w.digest.Sum(nil)), Size: w.image}
}

// Every stage passes every chunk on also after a failure, so that none waits
// for ever.
func (w *Writer) writeAll() {
	defer close(w.prove)
	for c := range w.write {
		if w.failed.get() == nil {
			w.writeChunk(c)
		}
		w.prove <- c
	}
}

func (w *Writer) writeChunk(c chunk) {
	n, err := w.medium.WriteAt(c.data, c.off)
	if err == nil && n < len(c.data) {
		err = io.ErrShortWrite
	}
	if err != nil {
		w.failed.set(fmt.Errorf("write slot %s at offset %d: %w", w.path, c.off+int64(n), err))
	}
}

func (w *Writer) proveAll() {
	defer close(w.hash)
	back := aligned(regionSize)
	for c := range w.prove {
		if w.failed.get() == nil {
			if err := w.proveChunk(c, back[:roundUp(len(c.data))]); err != nil {
				w.failed.set(err)
			}
		}
		w.hash <- c
	}
}

func (w *Writer) proveChunk(c chunk, back []byte) error {
	n, err := w.medium.ReadAt(back, c.off)
	if n < len(c.data) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("%w: read back %s at offset %d: %w", ErrReadback, w.path, c.off+int64(n), err)
	}
	if back = back[:len(c.data)]; !bytes.Equal(back, c.data) {
		return fmt.Errorf("%w: %s differs at offset %d: the medium is failing", ErrReadback, w.path, c.off+int64(difference(back, c.data)))
	}
	return nil
}

// hashAll hashes the written bytes, which the medium was proven to hold.
func (w *Writer) hashAll() {
	defer close(w.done)
	for c := range w.hash {
		if w.failed.get() == nil {
			w.digest.Write(c.data[:c.image])
		}
		w.free <- c.data[:0]
	}
}

// difference is the index of the first byte that differs.
func difference(a, b []byte) int {
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return len(a)
}
