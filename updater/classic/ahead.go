package classic

import (
	"errors"
	"io"

	"abota/updater/fernet"
	"abota/updater/source"
)

const (
	// margin is fetched on both sides of what is asked for: nearly always
	// all of the small records at a token's end lie in one such piece.
	margin = 8 << 10
	// fetchLimit is how much of the token is fetched at most. It is enough
	// for the longest comment and the longest record that a zip can have.
	fetchLimit = 256 << 10
)

// sizeAhead asks the end of the token for the size of the first part, which
// the part's own header does not say: a writer to a pipe learns it too late.
// It is -1 when what is found there makes no sense, since the stream will
// explain that better. Errors are the source's, or that the token is gone.
func (p *Payload) sizeAhead(name string) (int64, error) {
	if p.token.Info().Size < 0 {
		return -1, nil
	}
	w := &window{src: p.token, size: p.token.Info().Size, left: fetchLimit}
	size := int64(-1)
	if archive, err := fernet.NewReaderAt(w, w.size, p.key); err == nil {
		size = firstSize(archive, archive.Size(), name)
	}
	switch {
	case errors.Is(w.err, errors.ErrUnsupported): // a source that is only a stream
		return -1, nil
	case errors.Is(w.err, source.ErrNotFound):
		return -1, p.replaced(p.r.Token)
	case w.err != nil:
		return -1, w.err
	}
	return size, nil
}

// errTooFar ends a search that a sound token does not need.
var errTooFar = errors.New("too much of the token would have to be fetched")

// window reads a token in few pieces, and keeps the last one.
type window struct {
	src   io.ReaderAt
	size  int64
	left  int64 // what may still be fetched
	start int64 // of data in the token
	data  []byte
	err   error // the source's
}

// ReadAt serves what lies inside the token.
func (w *window) ReadAt(p []byte, off int64) (int, error) {
	end := off + int64(len(p))
	if off < w.start || end > w.start+int64(len(w.data)) {
		if err := w.fetch(max(0, off-margin), min(w.size, end+margin)); err != nil {
			return 0, err
		}
	}
	return copy(p, w.data[off-w.start:]), nil
}

func (w *window) fetch(from, to int64) error {
	if w.err != nil {
		return w.err
	}
	if to-from > w.left {
		return errTooFar
	}
	w.left -= to - from
	data := make([]byte, to-from)
	if _, w.err = w.src.ReadAt(data, from); w.err == io.EOF {
		w.err = io.ErrUnexpectedEOF // it is not the clean end of a release
	}
	if w.err == nil {
		w.start, w.data = from, data
	}
	return w.err
}
