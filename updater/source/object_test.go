package source

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"
)

// What was looked at is read all the same, and nothing is read twice.
func TestPeekLeavesAllToBeRead(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "object"), []byte("firmware"), 0o600); err != nil {
		t.Fatal(err)
	}
	from, err := NewDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int]string{0: "", 3: "fir", 8: "firmware", 20: "firmware"} {
		o, err := from.Open(t.Context(), "object")
		if err != nil {
			t.Fatal(err)
		}
		defer o.Close()
		if head := o.Peek(n); string(head) != want {
			t.Errorf("the first %d bytes are %q", n, head)
		}
		if all, err := io.ReadAll(iotest.OneByteReader(o)); err != nil || string(all) != "firmware" {
			t.Errorf("after a look at %d bytes the object reads %q, %v", n, all, err)
		}
	}
}

// An object that breaks while it is looked at breaks where it is read.
func TestPeekOfABrokenObject(t *testing.T) {
	broken := errors.New("broken")
	o := &Object{info: Info{Size: 8}, body: breaking{iotest.ErrReader(broken)}}
	if head := o.Peek(4); len(head) != 0 {
		t.Errorf("the first bytes are %q", head)
	}
	if _, err := io.ReadAll(o); !errors.Is(err, broken) {
		t.Errorf("it reads with %v", err)
	}
}

type breaking struct{ io.Reader }

func (breaking) Close() error                      { return nil }
func (breaking) readAt([]byte, int64) (int, error) { return 0, errors.ErrUnsupported }
