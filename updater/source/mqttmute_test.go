package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestStreamThatNobodyDescribes: who may not ask for a description, or gets none,
// reads by what the job says, and waits for it once.
func TestStreamThatNobodyDescribes(t *testing.T) {
	for name, c := range map[string]struct {
		denied bool
		longer time.Duration
	}{"denied": {true, 0}, "unanswered": {false, 30 * time.Second}} {
		for _, format := range []string{FormatCBOR, FormatJSON} {
			t.Run(name+" "+format, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := newFakeIoT(t, format, sequence(1_000_000))
					f.mutate = func(kind string, m map[string]any) []any {
						if kind == "description" {
							return nil
						}
						return []any{m}
					}
					s := f.source(func(o *StreamOptions) {
						if c.denied {
							o.Link, o.Denied = mayNot{f, "describe"}, func(err error) bool { return errors.Is(err, errMayNot) }
						}
					})
					began := time.Now()
					if info, err := s.Look(t.Context(), "firmware.bin"); err != nil || info.Size != 1_000_000 {
						t.Errorf("it looks like %+v, %v", info, err)
					}
					got, err := readStream(t, f, s)
					if took := time.Since(began); err != nil || !bytes.Equal(got, f.content) || took != c.longer {
						t.Errorf("%d bytes after %s, %v", len(got), took, err)
					}
					if _, said := f.requests[0]["s"]; said {
						t.Errorf("a version that nobody knows: %v", f.requests[0])
					}
				})
			})
		}
	}
}

// TestDescribedStreamIsNotReadOnWithout: a description that fails to come later
// does not have the rest read from whatever the stream is by then.
func TestDescribedStreamIsNotReadOnWithout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeIoT(t, FormatCBOR, sequence(1_000_000))
		o, err := f.source(nil).Open(t.Context(), "firmware.bin")
		if err != nil {
			t.Fatal(err)
		}
		defer o.Close()
		f.mu.Lock()
		asked := len(f.requests)
		f.mutate = func(string, map[string]any) []any { return nil }
		f.mu.Unlock()
		_, err = io.Copy(io.Discard, counted{f, o})
		wantStreamError(t, err, ErrTransport, "does not answer")
		for _, r := range f.requests[asked:] {
			if toInt(r["s"]) != 1 {
				t.Errorf("asked for %v", r)
			}
		}
	})
}

// TestStreamThatMayNotBeAsked is no outage: nobody waits for it to pass.
func TestStreamThatMayNotBeAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeIoT(t, FormatCBOR, sequence(300_000))
		began := time.Now()
		_, err := readStream(t, f, f.source(func(o *StreamOptions) {
			o.Link, o.Denied = mayNot{f, "get"}, func(err error) bool { return errors.Is(err, errMayNot) }
		}))
		wantStreamError(t, err, ErrDenied, "iot:Publish")
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %s", took)
		}
	})
}

// TestLastBlockThatClaimsTheSizeAskedFor has the bytes that it must have.
func TestLastBlockThatClaimsTheSizeAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeIoT(t, FormatCBOR, sequence(100_000))
		f.mutate = func(kind string, m map[string]any) []any {
			if kind == "data" {
				m["l"] = usualBlock
			}
			return []any{m}
		}
		if got, err := readStream(t, f, f.source(nil)); err != nil || !bytes.Equal(got, f.content) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
}

var errMayNot = errors.New("the broker does not take it")

// mayNot is a link whose broker does not take one kind of request.
type mayNot struct {
	*fakeIoT
	kind string
}

func (m mayNot) Publish(ctx context.Context, topic string, payload []byte) error {
	if strings.Contains(topic, "/"+m.kind+"/") {
		return fmt.Errorf("cannot publish to %s because %w", topic, errMayNot)
	}
	return m.fakeIoT.Publish(ctx, topic, payload)
}
