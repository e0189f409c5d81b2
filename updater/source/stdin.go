package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
)

// Stdin is one object that comes through a pipe: it is read once, from its
// start to its end, and nothing is known of it before.
type Stdin struct {
	mu  sync.Mutex
	src io.Reader // nil once it was opened
}

// NewStdin reads r when it is opened.
func NewStdin(r io.Reader) *Stdin { return &Stdin{src: r} }

// String names it for messages.
func (s *Stdin) String() string { return "standard input" }

// Open opens the one object, whatever its name, for the one time that is
// possible. Its size is -1 and pieces cannot be read. A Read ends once ctx is
// done; what the pipe's writer had under way is then lost.
func (s *Stdin) Open(ctx context.Context, _ string) (*Object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.src == nil {
		return nil, errors.New("cannot read standard input because that was done already: give it again to another abota")
	}
	src := s.src
	s.src = nil
	r, w := io.Pipe()
	// The pipe lets a Read end although the one below it waits for a writer.
	go func() {
		_, err := io.Copy(w, src)
		w.CloseWithError(err)
	}()
	stop := context.AfterFunc(ctx, func() { w.CloseWithError(fmt.Errorf("read standard input: %w", ctx.Err())) })
	return &Object{info: Info{Size: -1}, body: &pipeBody{r, w, stop}}, nil
}

// Get has nothing to read: there is only the one object, and Open is for that.
func (s *Stdin) Get(context.Context, string, int64) ([]byte, Info, error) {
	return nil, Info{}, fmt.Errorf("cannot read it from standard input: %w: that holds the release alone", ErrNotFound)
}

// Look says nothing, and reads nothing.
func (s *Stdin) Look(context.Context, string) (Info, error) { return Info{Size: -1}, nil }

// Changed reports false: nobody can replace what was read.
func (s *Stdin) Changed(context.Context, string, Info) (bool, error) { return false, nil }

type pipeBody struct {
	io.Reader
	end  *io.PipeWriter
	stop func() bool
}

func (b *pipeBody) readAt([]byte, int64) (int, error) {
	return 0, fmt.Errorf("cannot read a piece of standard input: %w", errors.ErrUnsupported)
}

func (b *pipeBody) Close() error {
	b.stop()
	return b.end.CloseWithError(fs.ErrClosed)
}
