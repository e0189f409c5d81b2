package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// stream reads one object, or a piece of one, over as many connections as it
// takes. Each of them must continue, byte for byte, the object state that the
// first one pinned.
type stream struct {
	s      *S3
	name   string
	info   Info
	ctx    context.Context
	cancel context.CancelCauseFunc

	offset   int64 // the next byte of the object
	end      int64 // the byte before which this stream ends
	conn     *connection
	patience patience
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

func newStream(ctx context.Context, s *S3, name string) *stream {
	st := &stream{s: s, name: name}
	st.ctx, st.cancel = context.WithCancelCause(ctx)
	return st
}

// open makes the first connection and pins what it shows.
func (st *stream) open() error {
	st.patience = patience{retry: st.s.retry, budget: st.s.retry.Open}
	if err := st.patience.persist(st.ctx, st.connect); err != nil {
		return st.s.explain(st.ctx, "read", st.name, err)
	}
	st.patience = patience{retry: st.s.retry, budget: st.s.retry.Resume}
	return nil
}

// readAt reads a piece of the pinned object by a stream of its own, which
// ends with this one's context. Of this one it uses what never changes.
func (st *stream) readAt(p []byte, off int64) (int, error) {
	piece := newStream(st.ctx, st.s, st.name)
	defer piece.Close()
	piece.info, piece.offset, piece.end = st.info, off, off+int64(len(p))
	piece.patience = patience{retry: st.s.retry, budget: st.s.retry.Resume}
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
		if st.conn == nil {
			if err := st.patience.persist(st.ctx, st.connect); err != nil {
				return 0, st.fail(err)
			}
		}
		n, err := st.conn.Read(p[:min(int64(len(p)), st.end-st.offset)])
		st.offset += int64(n)
		if n > 0 {
			st.patience.progress()
		}
		if err != nil {
			st.drop()
			st.patience.failed(lost(err)) // counts only if a byte is missing
		}
		if n > 0 || len(p) == 0 {
			return n, nil
		}
	}
}

// fail explains why no further byte will come. A Close from elsewhere shows
// as fs.ErrClosed rather than as a cancelled context.
func (st *stream) fail(err error) error {
	if errors.Is(context.Cause(st.ctx), fs.ErrClosed) {
		return fmt.Errorf("read %s: %w", st.s.object(st.name), fs.ErrClosed)
	}
	return st.s.explain(st.ctx, "read", st.name, err)
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
	in := &s3.GetObjectInput{Bucket: &st.s.bucket, Key: &st.name}
	pinned := st.info.ETag != ""
	if pinned {
		in.IfMatch = &st.info.ETag
		in.Range = aws.String(st.wanted())
	}
	ctx, cancel := context.WithCancel(st.ctx)
	out, err := st.s.client.GetObject(ctx, in)
	if err != nil {
		cancel()
		return classify(err)
	}
	conn := &connection{out.Body, cancel}
	if pinned {
		err = st.fits(out)
	} else {
		st.info, err = describe(out)
		st.end = st.info.Size
	}
	if err != nil {
		conn.Close()
		return err
	}
	st.conn = conn
	return nil
}

// describe takes what must be known of an object before its first byte: how
// long it is, and what tells it from its successor.
func describe(out *s3.GetObjectOutput) (Info, error) {
	tag := aws.ToString(out.ETag)
	switch {
	case tag == "" || strings.HasPrefix(tag, "W/"):
		return Info{}, errNoETag
	case out.ContentLength == nil || *out.ContentLength < 0 || out.ContentRange != nil:
		return Info{}, errNoLength
	}
	return Info{
		Size:     *out.ContentLength,
		ETag:     tag,
		Version:  out.Metadata["version"],
		Modified: aws.ToTime(out.LastModified),
	}, nil
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
func (st *stream) fits(out *s3.GetObjectOutput) error {
	want := fmt.Sprintf("bytes %d-%d/%d", st.offset, st.end-1, st.info.Size)
	switch {
	case aws.ToString(out.ETag) == "":
		return errNoETag
	case *out.ETag != st.info.ETag:
		return changed("its ETag is another one than when it was opened")
	case out.ContentRange == nil:
		return errNoRange
	case *out.ContentRange != want || aws.ToInt64(out.ContentLength) != st.end-st.offset:
		return errWrongRange
	}
	return nil
}
