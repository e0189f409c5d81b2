package eventlog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var at = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func mustAppend(t *testing.T, l Log, e Entry) {
	t.Helper()
	if err := l.Append(e, true); err != nil {
		t.Fatal(err)
	}
}

func mustRead(t *testing.T, l Log) []Entry {
	t.Helper()
	all, err := l.Read()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestWhatIsAppendedIsRead(t *testing.T) {
	l := Log{t.TempDir()}
	if all := mustRead(t, l); len(all) != 0 {
		t.Errorf("an empty log has %+v", all)
	}
	want := Entry{Time: at, BootID: "b", Verb: "boot", What: "rolled back", Slot: "B", Release: "2.0", SHA256: "abc", Code: 8, Reason: "selftest\nfailed"}
	mustAppend(t, l, want)
	mustAppend(t, l, Entry{Time: at, What: "boot"})
	all := mustRead(t, l)
	if len(all) != 2 || all[0] != want || all[1].What != "boot" {
		t.Errorf("got %+v", all)
	}
}

func TestTheLogStaysSmallAndKeepsTheNewest(t *testing.T) {
	l := Log{t.TempDir()}
	const many = 3 * MaxSize / 1000
	for i := range many {
		mustAppend(t, l, Entry{Time: at, What: "boot", Code: i, Reason: strings.Repeat("long", 5000)})
	}
	var size int64
	for _, name := range []string{newer, older} {
		st, err := os.Stat(filepath.Join(l.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		size += st.Size()
	}
	all := mustRead(t, l)
	if size > MaxSize || len(all) < half/1000 || all[len(all)-1].Code != many-1 {
		t.Errorf("%d bytes, %d entries", size, len(all))
	}
	for i, e := range all[1:] {
		if e.Code != all[i].Code+1 {
			t.Fatalf("entry %d follows %d", e.Code, all[i].Code)
		}
	}
}

// Whatever a power cut left of the last line, the others are read, and the
// next one stands by itself.
func TestATornLineHarmsNoOther(t *testing.T) {
	whole, err := encode(Entry{Time: at, What: "second", Reason: "ö"})
	if err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		for _, tail := range []string{"", "\x00\x00\x00"} {
			l := Log{t.TempDir()}
			mustAppend(t, l, Entry{Time: at, What: "first"})
			f, err := l.open()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteString(string(whole[:n]) + tail); err != nil {
				t.Fatal(err)
			}
			f.Close()
			mustAppend(t, l, Entry{Time: at, What: "third"})
			all := mustRead(t, l)
			// All but the line break is a whole line again.
			want := 2
			if n == len(whole)-1 && tail == "" {
				want = 3
			}
			if len(all) != want || all[0].What != "first" || all[len(all)-1].What != "third" {
				t.Fatalf("%d bytes of the second line and %q: %+v", n, tail, all)
			}
		}
	}
}

func TestManyWritersLoseNothingOfTheNewest(t *testing.T) {
	l := Log{t.TempDir()}
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			for i := range 100 {
				if err := l.Append(Entry{Time: at, What: "boot", Verb: fmt.Sprint(w), Code: i, Reason: strings.Repeat("x", 300)}, false); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	text, err := readBounded(filepath.Join(l.Dir, newer))
	if err != nil {
		t.Fatal(err)
	}
	// Who sees the line of another half written begins with an end of line: an
	// empty line is no loss.
	lines := len(strings.Fields(string(text)))
	if whole := len(entries(text)); lines != whole || whole == 0 {
		t.Errorf("%d lines, %d of them entries", lines, whole)
	}
}

func TestWhatCannotBeWrittenIsAnError(t *testing.T) {
	elsewhere := t.TempDir()
	if err := os.Symlink("/dev/full", filepath.Join(elsewhere, newer)); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"no folder": "/no/such/folder", "a link": elsewhere} {
		if err := (Log{dir}).Append(Entry{What: "boot"}, true); err == nil || !strings.Contains(err.Error(), "write the event log") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzEntries(f *testing.F) {
	f.Add([]byte("{\"what\":\"boot\"}\n{\"wh"))
	f.Add([]byte("\x00\n[]\nnull\n7\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, e := range entries(text) {
			line, err := encode(e)
			if err != nil {
				t.Fatalf("%+v: %v", e, err)
			}
			if again := entries(line); len(again) != 1 {
				t.Errorf("%q became %+v", line, again)
			}
		}
	})
}

func TestWhatIsNoFileHoldsNobodyUp(t *testing.T) {
	l := Log{t.TempDir()}
	path := filepath.Join(l.Dir, newer)
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if all := mustRead(t, l); len(all) != 0 {
		t.Errorf("a pipe has %+v", all)
	}
	other := filepath.Join(t.TempDir(), "other")
	if err := errors.Join(os.Remove(path), os.WriteFile(other, []byte(`{"what":"boot"}`), 0o600), os.Symlink(other, path)); err != nil {
		t.Fatal(err)
	}
	if all, err := l.Read(); err == nil || l.Append(Entry{What: "boot"}, false) == nil {
		t.Errorf("a link was followed: %+v", all)
	}
}
