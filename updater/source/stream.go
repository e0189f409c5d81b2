package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"
)

// stream reads one object, or a piece of one, over as many connections as it
// takes. Each of them must continue, byte for byte, the object state that the
// first one pinned.
type stream struct {
	r      *remote
	name   string
	info   Info
	pinned bool // info is known
	ctx    context.Context
	cancel context.CancelCauseFunc

	offset   int64 // the next byte of the object
	end      int64 // the byte before which this stream ends
	conn     *connection
	patience patience
	meter    meter
}

// connection is the body of one response. Closing it also ends the request.
type connection struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (c *connection) Close() error {
	err := c.ReadCloser.Close()
	c.cancel()
	return err
}

func newStream(ctx context.Context, r *remote, name string) *stream {
	st := &stream{r: r, name: name, meter: meter{rate: r.net.MinRate, window: r.net.Timeouts.Slow}}
	st.ctx, st.cancel = context.WithCancelCause(ctx)
	return st
}

// open makes the first connection and pins what it shows.
func (st *stream) open() error {
	st.patience = patience{retry: st.r.net.Retry, budget: st.r.net.Retry.Open}
	if err := st.patience.persist(st.ctx, st.connect); err != nil {
		return st.r.explain(st.ctx, "read", st.name, err)
	}
	st.patience = patience{retry: st.r.net.Retry, budget: st.r.net.Retry.Resume}
	return nil
}

// readAt reads a piece of the pinned object by a stream of its own, which
// ends with this one's context. Of this one it uses what never changes.
func (st *stream) readAt(p []byte, off int64) (int, error) {
	if st.info.ETag == "" {
		return 0, fmt.Errorf("cannot read a piece of %s: %w", st.r.object(st.name), errors.ErrUnsupported)
	}
	piece := newStream(st.ctx, st.r, st.name)
	defer piece.Close()
	piece.info, piece.pinned, piece.offset, piece.end = st.info, true, off, off+int64(len(p))
	piece.patience = patience{retry: st.r.net.Retry, budget: st.r.net.Retry.Resume}
	return io.ReadFull(piece, p)
}

// Read returns io.EOF exactly at the stream's end.
func (st *stream) Read(p []byte) (int, error) {
	for {
		if err := context.Cause(st.ctx); err != nil {
			return 0, st.fail(err)
		}
		if st.offset == st.end {
			st.drop()
			return 0, io.EOF
		}
		if st.meter.slow >= maxSlow {
			return 0, st.fail(errTooSlow)
		}
		if st.conn == nil {
			if err := st.patience.persist(st.ctx, st.connect); err != nil {
				return 0, st.fail(err)
			}
		}
		n, err := st.read(p[:min(int64(len(p)), st.end-st.offset)])
		st.offset += int64(n)
		if err != nil {
			st.drop()
			a := lost(err)
			if a.final && st.offset < st.end {
				return n, st.fail(a)
			}
			st.failed(a) // counts only if a byte is missing
		}
		if n > 0 || len(p) == 0 {
			return n, st.slowDown(n)
		}
	}
}

// read reads from the connection, and notes how fast that goes.
func (st *stream) read(p []byte) (int, error) {
	if st.r.limit != nil {
		p = p[:min(len(p), st.r.limit.Burst())]
	}
	began := time.Now()
	n, err := st.conn.Read(p)
	if st.meter.add(n, time.Since(began)) && st.info.ETag != "" {
		st.drop() // another connection may be faster
		st.failed(errTooSlow)
		return n, nil
	}
	if st.meter.progress >= max(1, st.r.net.MinRate) {
		st.patience.progress()
	}
	return n, err
}

func (st *stream) failed(a *answer) {
	st.meter.progress = 0
	st.patience.failed(a)
}

// slowDown waits until n more bytes may be read.
func (st *stream) slowDown(n int) error {
	if st.r.limit == nil || n == 0 {
		return nil
	}
	d := st.r.limit.ReserveN(time.Now(), n).Delay()
	if err := pause(st.ctx, d); err != nil {
		return st.fail(err)
	}
	return nil
}

// fail explains why no further byte will come. A Close from elsewhere shows
// as fs.ErrClosed rather than as a cancelled context.
func (st *stream) fail(err error) error {
	if errors.Is(context.Cause(st.ctx), fs.ErrClosed) {
		return fmt.Errorf("read %s: %w", st.r.object(st.name), fs.ErrClosed)
	}
	return st.r.explain(st.ctx, "read", st.name, err)
}

// drop lets go of the current connection, if there is one.
func (st *stream) drop() {
	if st.conn != nil {
		st.conn.Close()
		st.conn = nil
	}
}

// Close only cancels, so that it may be called beside a Read: the transport
// then gives up the connection by itself.
func (st *stream) Close() error {
	st.cancel(fs.ErrClosed)
	return nil
}

// connect sends one request: for the whole object, which it pins, or for the
// rest of what is wanted of a pinned one.
func (st *stream) connect() error {
	var q question
	if st.pinned {
		if st.info.ETag == "" {
			return errNoResume
		}
		q = question{rng: st.wanted(), match: st.info.ETag}
	}
	ctx, cancel := context.WithCancel(st.ctx)
	began := time.Now()
	out, err := st.r.ask(ctx, st.name, q)
	if err != nil {
		cancel()
		return err
	}
	st.meter.add(0, time.Since(began)) // else slow answers and few bytes in each never end
	conn := &connection{out, cancel}
	if st.pinned {
		err = st.fits(out)
	} else {
		err = st.pin(out)
	}
	if err != nil {
		conn.Close()
		return err
	}
	st.conn = conn
	return nil
}

// pin keeps what the first answer shows of the object.
func (st *stream) pin(out *reply) (err error) {
	if out.contentRange != "" {
		return errNoLength // nobody asked for a part
	}
	if st.info, err = st.r.describe(out); err != nil {
		return err
	}
	st.end, st.pinned = st.info.Size, true
	return nil
}

// wanted is the Range for what is left; its end is said only where it is not
// the object's.
func (st *stream) wanted() string {
	if st.end == st.info.Size {
		return fmt.Sprintf("bytes=%d-", st.offset)
	}
	return fmt.Sprintf("bytes=%d-%d", st.offset, st.end-1)
}

// fits refuses to join anything but what was asked for of the pinned object.
func (st *stream) fits(out *reply) error {
	want := fmt.Sprintf("bytes %d-%d/%d", st.offset, st.end-1, st.info.Size)
	switch {
	case !sameKind(out.tag, st.info.ETag):
		return errNoETag
	case out.tag != st.info.ETag:
		return changed("its ETag is another one than when it was opened")
	case out.contentRange == "":
		return errNoRange
	case out.contentRange != want || out.length != st.end-st.offset:
		return errWrongRange
	}
	return nil
}
