package unpack

import (
	"bufio"
	"errors"
	"io"
)

// inputBuffer is what is read ahead of the decoder. It must be a bufio.Reader:
// the inflater then works on the buffer itself and gives back what it did not
// use.
const inputBuffer = 64 << 10

// input is the archive's bytes with their offset from the first one.
type input struct {
	*bufio.Reader
	src *source
}

func newInput(r io.Reader) input {
	src := &source{r: r}
	return input{bufio.NewReaderSize(src, inputBuffer), src}
}

// offset is how many bytes were consumed.
func (in input) offset() int64 { return in.src.n - int64(in.Buffered()) }

// full fills p. An end of input on the way is a truncation within where.
func (in input) full(p []byte, where string) error {
	_, err := io.ReadFull(in, p)
	return in.explain(err, where)
}

// skip reads past n bytes.
func (in input) skip(n int, where string) error {
	_, err := in.Discard(n)
	return in.explain(err, where)
}

// explain turns an end of input into a truncation, and lets every other error
// of the input through untouched: whether it is the network's or a broken
// authentication is for the caller to tell.
func (in input) explain(err error, where string) error {
	switch {
	case err == nil:
		return nil
	case in.src.err != nil && in.src.err != io.EOF:
		return in.src.err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return truncated(where)
	}
	return err
}

// atEnd reports whether the input itself said that it is over.
func (in input) atEnd() (bool, error) {
	_, err := in.Peek(1)
	if err == nil {
		return false, nil
	}
	if in.src.err != io.EOF {
		return false, in.explain(err, "the end")
	}
	return true, nil
}

// source counts what was read and keeps the first error: a reader that fails
// and then goes on would otherwise leave a hole.
type source struct {
	r   io.Reader
	n   int64
	err error
}

func (s *source) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.r.Read(p)
	s.n += int64(n)
	s.err = err
	return n, err
}
