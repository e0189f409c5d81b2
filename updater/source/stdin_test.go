package source

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/iotest"
)

func TestStdinIsReadToItsEndOnce(t *testing.T) {
	data := sequence(100_000)
	for _, src := range []io.Reader{bytes.NewReader(data), iotest.OneByteReader(bytes.NewReader(data)), iotest.DataErrReader(bytes.NewReader(data))} {
		s := NewStdin(src)
		o := opened(t, s.Open)
		if n, err := o.ReadAt(make([]byte, 1), 0); n != 0 || !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("a piece: %d, %v", n, err)
		}
		got, err := io.ReadAll(o)
		if err != nil || !bytes.Equal(got, data) || o.Info() != (Info{Size: -1}) {
			t.Fatalf("%d bytes, %v, %+v", len(got), err, o.Info())
		}
		if _, err := s.Open(t.Context(), "again"); err == nil || !strings.Contains(err.Error(), "done already") {
			t.Errorf("again: %v", err)
		}
		if changed, err := s.Changed(t.Context(), "", o.Info()); changed || err != nil {
			t.Errorf("Changed = %v, %v", changed, err)
		}
	}
}

func TestStdinHasNothingBeside(t *testing.T) {
	s := NewStdin(strings.NewReader("x"))
	if _, _, err := s.Get(t.Context(), "checksum.txt", 10); !errors.Is(err, ErrNotFound) {
		t.Errorf("Get: %v", err)
	}
	if info, err := s.Look(t.Context(), "x"); err != nil || info.Size != -1 {
		t.Errorf("Look = %+v, %v", info, err)
	}
	if got, err := io.ReadAll(opened(t, s.Open)); err != nil || string(got) != "x" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestFailureOfStdinIsPassedOn(t *testing.T) {
	broken := errors.New("broken")
	o := opened(t, NewStdin(io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(broken))).Open)
	if got, err := io.ReadAll(o); string(got) != "abc" || !errors.Is(err, broken) {
		t.Errorf("%q, %v", got, err)
	}
}

// The writer never comes, so that only the context or Close can end a Read.
func TestCancelAndCloseEndAReadOfStdin(t *testing.T) {
	r, w := io.Pipe()
	t.Cleanup(func() { w.Close() })
	ctx, cancel := context.WithCancel(t.Context())
	o, err := NewStdin(r).Open(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	go cancel()
	if _, err := o.Read(make([]byte, 1)); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "standard input") {
		t.Errorf("cancelled: %v", err)
	}
	o = opened(t, NewStdin(r).Open)
	go o.Close()
	if _, err := o.Read(make([]byte, 1)); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}
