package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Object is one open object: an io.ReadCloser and an io.ReaderAt. Its stream
// is for one reader at a time; ReadAt may be called beside it, and Close may be
// called from elsewhere and ends every read under way.
type Object struct {
	info Info
	body body
	head []byte // read ahead, by Peek
	err  error
}

// body is what a kind of source knows about reading.
type body interface {
	io.ReadCloser
	// readAt fills p, which lies inside the object, and leaves the stream
	// where it is.
	readAt(p []byte, off int64) (int, error)
}

// Info is what the source said when the object was opened. Its Size is -1
// where that is not known before the end.
func (o *Object) Info() Info { return o.info }

// Read returns io.EOF only after all of the object. Once it has returned an
// error it returns that error again.
func (o *Object) Read(p []byte) (int, error) {
	if len(o.head) > 0 {
		n := copy(p, o.head)
		o.head = o.head[n:]
		return n, nil
	}
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.body.Read(p)
	o.err = err
	return n, err
}

// Peek returns the next n bytes and leaves them to be read; fewer only where
// the object ends before, or cannot be read, which Read will then say. It is
// for a few bytes, and for once.
func (o *Object) Peek(n int) []byte {
	head := make([]byte, n)
	n, _ = io.ReadFull(o, head)
	o.head = head[:n]
	return bytes.Clone(o.head)
}

// ReadAt reads a piece of the same object state that the stream reads, or
// fails with ErrChanged. It is on a connection of its own, resumed as the
// stream's is, and costs one request at least; so read few and large pieces.
// Neither its errors nor its progress are the stream's. It wraps
// errors.ErrUnsupported where the source cannot give pieces of one state.
func (o *Object) ReadAt(p []byte, off int64) (int, error) {
	switch {
	case off < 0:
		return 0, errors.New("cannot read an object at a negative offset")
	case o.info.Size < 0:
		return 0, fmt.Errorf("cannot read a piece of an object of unknown size: %w", errors.ErrUnsupported)
	case off >= o.info.Size:
		return 0, io.EOF
	case len(p) == 0:
		return 0, nil
	}
	inside := p[:min(int64(len(p)), o.info.Size-off)]
	n, err := o.body.readAt(inside, off)
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

// Close releases the connection or the file.
func (o *Object) Close() error { return o.body.Close() }

// readAll reads a small object whole and closes it.
func readAll(o *Object, where string, limit int64) ([]byte, Info, error) {
	defer o.Close()
	if o.info.Size > limit {
		return nil, o.info, fmt.Errorf("%w: %s has %d bytes, more than the %d that such an object may have: check what was uploaded under this name", ErrTooLarge, where, o.info.Size, limit)
	}
	data := make([]byte, o.info.Size)
	if _, err := io.ReadFull(o, data); err != nil {
		return nil, o.info, err
	}
	// The end is asked for too: only io.EOF says that the object held still.
	if n, err := o.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		return nil, o.info, fmt.Errorf("cannot use %s: %w", where, endError(err))
	}
	return data, o.info, nil
}

// endError is why an object did not end where it had to.
func endError(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return ErrChanged
	}
	return err
}
