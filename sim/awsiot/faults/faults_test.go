package faults

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"abota/sim/awsiot/broker"
	"abota/sim/front"
	"abota/sim/store"
)

// testWorld has small images.
func testWorld(t *testing.T) *world {
	t.Helper()
	if err := namespaces(t.Context()); err != nil && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	dir, err := os.MkdirTemp("", "abota-faults-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	w, err := newWorld(t.Context(), dir, 512<<10)
	if errors.Is(err, store.ErrNoBinary) && os.Getenv("CI") == "" {
		t.Skipf("needs a real MinIO: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// TestFaults plays the quick rows, after it has seen that a row can fail.
func TestFaults(t *testing.T) {
	w := testWorld(t)
	t.Run("what ends otherwise fails", func(t *testing.T) { unexpected(t, w) })
	head(t.Output(), w)
	for i, r := range rows() {
		if !r.quick {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			o, err := w.play(t.Context(), r, i)
			if err != nil {
				t.Fatal(err)
			}
			line(t.Output(), o)
		})
	}
}

// unexpected plays rows that expect the wrong thing.
func unexpected(t *testing.T, w *world) {
	scribble := func(file, text string) act {
		return func(_ context.Context, s *scene) error {
			f, err := os.OpenFile(s.device.at(file), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
			if err != nil {
				return err
			}
			_, err = f.WriteString(text)
			return errors.Join(err, f.Close())
		}
	}
	ended := then(running, func(ctx context.Context, s *scene) error { return s.settle(ctx, s.job, "SUCCEEDED", 1) })
	corrupt := sends(func() broker.Fault { return broker.On(data, broker.First(1, broker.Corrupt)) })
	for i, tt := range []struct {
		row  row
		says string
	}{
		{row{status: "FAILED"}, "is SUCCEEDED, want FAILED"},
		{row{begin: corrupt}, "is FAILED, want SUCCEEDED"},
		{row{begin: corrupt, status: "FAILED", installed: true}, "slot B does not run for good"},
		{row{begin: corrupt, status: "FAILED", condemned: 1}, "0 releases are condemned, not 1"},
		{row{begin: corrupt, status: "FAILED", held: true}, "what is held back"},
		{row{says: "no such words"}, `does not say "no such words"`},
		{row{logs: "no such words"}, `does not say "no such words"`},
		{row{begin: sends(func() broker.Fault { return broker.On(data, broker.Twice) })}, "bytes were fetched twice"},
		{row{acts: []act{ended, scribble("a.img", "x")}}, "a.img holds other bytes"},
		{row{acts: []act{ended, scribble("b.img", "x")}}, "b.img holds other bytes"},
		{row{acts: []act{ended, scribble("log", "https://h/x?X-Amz-Signature=1\n")}}, "it shows a signed address"},
		{row{flags: []string{"--protocol", "http"}, begin: func(_ context.Context, s *scene) error {
			s.meets = true
			return s.before(0, front.Pass)
		}}, "whether the fault was met"},
		{row{mend: func(_ context.Context, s *scene) error {
			s.next.document = "{}"
			return nil
		}}, "after the fault"},
	} {
		shared := *w // a row may change its own
		if _, err := shared.play(t.Context(), tt.row, 1000+i); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("row %d: got %v, want %q", i, err, tt.says)
		}
	}
}
