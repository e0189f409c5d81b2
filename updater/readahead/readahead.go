// Package readahead lets two stages of one stream run at the same time: a
// goroutine reads ahead of its consumer through a fixed ring of buffers.
//
// # Guarantee
//
// The consumer sees the source's bytes, then the source's error, as if it had
// read the source itself; the error stays. Memory is buffers times size, and
// nothing is allocated after [New]. The source is never read again once it
// has returned an error.
//
// Close returns at once, even while the source's Read blocks, and ends a
// Read of the consumer that waits. The goroutine ends as soon as the source's
// Read returns; so whoever closes early makes the source return, too
// (by closing it or cancelling its context).
//
// # Not guaranteed
//
// Close does not close the source, and does not wait for the goroutine: the
// source may still be inside Read after it. A full buffer is handed on at
// once; one that is partly full may wait for one more Read of the source.
package readahead

import (
	"io"
	"io/fs"
	"sync"
)

// maxEmptyReads is how often in a row the source may return nothing.
const maxEmptyReads = 100

// New starts to read r at once, into buffers of size bytes each (at least one
// of at least one byte). What it returns is an io.WriterTo as well, which
// saves a copy.
func New(r io.Reader, buffers, size int) io.ReadCloser {
	buffers, size = max(buffers, 1), max(size, 1)
	a := &ahead{
		src:  r,
		free: make(chan []byte, buffers),
		full: make(chan chunk, buffers),
		done: make(chan struct{}),
	}
	ring := make([]byte, buffers*size)
	for i := range buffers {
		a.free <- ring[i*size : (i+1)*size : (i+1)*size]
	}
	go a.run()
	return a
}

// chunk is one buffer, filled up to n, and what the source said after it.
type chunk struct {
	buf []byte
	n   int
	err error
}

type ahead struct {
	src  io.Reader
	free chan []byte // both have room for all buffers: sending never blocks
	full chan chunk
	done chan struct{}
	once sync.Once

	// The consumer's side.
	buf  []byte // the buffer that rest lies in, to be given back
	rest []byte
	err  error
}

// run is the goroutine.
func (a *ahead) run() {
	for {
		var c chunk
		select {
		case <-a.done:
			return
		case c.buf = <-a.free:
		}
		c.n, c.err = a.fill(c.buf)
		a.full <- c
		if c.err != nil {
			return
		}
	}
}

// fill reads until the buffer is full, or holds something while the consumer
// has nothing.
func (a *ahead) fill(buf []byte) (n int, err error) {
	for empty := 0; n < len(buf) && err == nil; {
		var m int
		m, err = a.src.Read(buf[n:])
		n += m
		if n > 0 && len(a.full) == 0 {
			break
		}
		if m > 0 {
			empty = 0
		} else if empty++; empty > maxEmptyReads && err == nil {
			err = io.ErrNoProgress
		}
		if a.closed() {
			break
		}
	}
	return n, err
}

func (a *ahead) closed() bool {
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}

// Read returns fs.ErrClosed after Close.
func (a *ahead) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := a.load(); err != nil {
		return 0, err
	}
	n := copy(p, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}

// WriteTo writes everything up to the source's end.
func (a *ahead) WriteTo(w io.Writer) (total int64, err error) {
	for {
		if err := a.load(); err != nil {
			if err == io.EOF { //nolint:errorlint // a wrapped io.EOF is a broken source, not an end
				err = nil
			}
			return total, err
		}
		n, err := w.Write(a.rest)
		a.rest = a.rest[n:]
		total += int64(n)
		if err == nil && len(a.rest) > 0 {
			err = io.ErrShortWrite
		}
		if err != nil {
			return total, err
		}
	}
}

// load waits until there is something in rest, or an error.
func (a *ahead) load() error {
	for len(a.rest) == 0 {
		if a.closed() {
			return fs.ErrClosed
		}
		if a.err != nil {
			return a.err
		}
		if a.buf != nil {
			a.free <- a.buf
			a.buf = nil
		}
		select {
		case <-a.done:
		case c := <-a.full:
			a.buf, a.rest, a.err = c.buf, c.buf[:c.n], c.err
		}
	}
	return nil
}

// Close stops the reading ahead.
func (a *ahead) Close() error {
	a.once.Do(func() { close(a.done) })
	return nil
}
