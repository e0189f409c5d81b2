package network

import (
	"errors"
	"os"
	"strings"
	"testing"

	"abota/sim/faulttable"
	"abota/sim/front"
	"abota/sim/store"
)

// testWorld has a small release.
func testWorld(t *testing.T) *world {
	t.Helper()
	dir, err := os.MkdirTemp("", "abota-network-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	w, err := newWorld(t.Context(), dir, 4<<20)
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

// TestNetwork plays the quick rows, after it has seen that a row can fail.
func TestNetwork(t *testing.T) {
	w := testWorld(t)
	t.Run("what ends otherwise fails", func(t *testing.T) { unexpected(t, w) })
	head(t.Output(), w)
	for i, r := range rows() {
		t.Run(r.name, func(t *testing.T) {
			if r.slow {
				t.Skip("slow: `make network` plays it")
			}
			o, err := w.play(t.Context(), r, i)
			if errors.Is(err, faulttable.ErrMissing) && os.Getenv("CI") == "" {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			line(t.Output(), o)
		})
	}
}

// unexpected plays rows that expect the wrong thing.
func unexpected(t *testing.T, w *world) {
	flip := inTurn(func(s *scene) []front.Fault { return []front.Fault{front.Flipped(s.at(50))} })
	for i, tt := range []struct {
		row  row
		says string
	}{
		{row{exit: 6}, "exit code 0, want 6"},
		{row{begin: always(front.Says(403, "AccessDenied"))}, "exit code 2, want 0"},
		{row{begin: always(front.Says(403, "AccessDenied")), exit: 2, says: "no such words"}, `does not say "no such words"`},
		{row{begin: flip, exit: 5}, "bytes were fetched twice"},
		{row{exit: 2, config: []string{"accesskey: wrong"}}, "after the fault, exit code 2"},
	} {
		if _, err := w.play(t.Context(), tt.row, 1000+i); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("row %d: got %v, want %q", i, err, tt.says)
		}
	}
	d, err := w.newDevice(t.TempDir(), w.store.Endpoint(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.installed(t.Context(), w.image); err == nil {
		t.Error("a device without a release passes for one that has it")
	}
	if run, err := d.run(t.Context(), "install"); err != nil || run.exit != 0 {
		t.Fatalf("%v: %+v", err, run)
	}
	if err := d.untouched(t.Context()); err == nil {
		t.Error("an armed slot passes for untouched")
	}
	if err := errors.Join(d.installed(t.Context(), w.image), d.holds("slot-a", d.slotA)); err != nil {
		t.Error(err)
	}
	if err := d.holds("slot-b", d.slotA); err == nil {
		t.Error("other bytes pass for the image")
	}
}

func TestMergeReplacesKeys(t *testing.T) {
	const text = "a: 1\nb: 2\nbb: 3\n"
	for line, want := range map[string]string{
		"a: 9":      "b: 2\nbb: 3\na: 9\n",
		"b: [x: y]": "a: 1\nbb: 3\nb: [x: y]\n",
		"bb: 9":     "a: 1\nb: 2\nbb: 9\n",
		"b":         "a: 1\nbb: 3\n",
		"c: 9":      text + "c: 9\n",
	} {
		if got := merge(text, []string{line}); got != want {
			t.Errorf("%q gives %q, want %q", line, got, want)
		}
	}
}
