package powercut

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"abota/sim/disk"
)

// testSectors are enough to reach into the boot partition.
const testSectors = 4096

func testDisk(t *testing.T) *Disk {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(path, bytes.Repeat([]byte{'.'}, testSectors*SectorSize), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := OpenDisk(path, disk.UBoot())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// fill is n sectors of a letter.
func fill(letter byte, n int) []byte { return bytes.Repeat([]byte{letter}, n*SectorSize) }

// first is where the tests write: the start of the boot partition.
var first = disk.UBoot()[0].Offset / SectorSize

// shown is the first byte of each of n sectors, "?" for a mixed one.
func shown(t *testing.T, d *Disk, n int) string {
	t.Helper()
	var s []byte
	for k := range n {
		b := make([]byte, SectorSize)
		if _, err := d.ReadAt(b, (first+int64(k))*SectorSize); err != nil {
			t.Fatal(err)
		}
		if bytes.Count(b, b[:1]) != SectorSize {
			b[0] = '?'
		}
		s = append(s, b[0])
	}
	return string(s)
}

func walkOver(d *Disk, entries ...Entry) *walk {
	return &walk{disk: d, writes: d.pool.learn(entries), ignored: map[int]bool{}, depth: Depth{Torn: 2, Lost: 4}, seed: 1}
}

// reached is every content that the states of a walk have.
func reached(t *testing.T, w *walk, sectors int) []string {
	t.Helper()
	seen := map[string]bool{}
	for range w.states(0, len(w.writes)) {
		seen[shown(t, w.disk, sectors)] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

func TestEveryStateOfAFewWrites(t *testing.T) {
	a, b := Entry{Sector: first, Count: 1, Data: fill('a', 1)}, Entry{Sector: first + 1, Count: 1, Data: fill('b', 1)}
	flush := Entry{Flush: true}
	for _, c := range []struct {
		name    string
		entries []Entry
		want    []string
	}{
		{"nothing", nil, []string{".."}},
		{"one write: all, nothing, torn", []Entry{a}, []string{"..", "?.", "a."}},
		{
			"two writes, any may be missing",
			[]Entry{a, b},
			[]string{"..", ".?", ".b", "?.", "a.", "a?", "ab"},
		},
		{"what was flushed is there", []Entry{a, flush, b}, []string{"..", "?.", "a.", "a?", "ab"}},
		{
			"a flush with a write is before it",
			[]Entry{a, {Sector: first + 1, Count: 1, Data: fill('b', 1), Flush: true}},
			[]string{"..", "?.", "a.", "a?", "ab"},
		},
		{
			"what was written through is there",
			[]Entry{{Sector: first, Count: 1, Data: fill('a', 1), Through: true}, b},
			[]string{"..", "?.", "a.", "a?", "ab"},
		},
		{
			"a write is torn between its sectors",
			[]Entry{{Sector: first, Count: 2, Data: fill('c', 2)}},
			[]string{"..", "?.", "c.", "c?", "cc"},
		},
		{"a discard leaves zeros", []Entry{{Sector: first, Count: 1, Discard: true}}, []string{"\x00.", "..", "?."}},
	} {
		got := reached(t, walkOver(testDisk(t), c.entries...), 2)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestIgnoredFlushFlushesNothing(t *testing.T) {
	w := walkOver(testDisk(t),
		Entry{Sector: first, Count: 1, Data: fill('a', 1)}, Entry{Flush: true}, Entry{Sector: first + 1, Count: 1, Data: fill('b', 1)})
	w.ignored[1] = true
	if got := reached(t, w, 2); !slices.Contains(got, ".b") {
		t.Errorf("the write before the ignored flush is never lost: %q", got)
	}
}

func TestSameSeedSameStates(t *testing.T) {
	var entries []Entry
	for k := range 12 {
		entries = append(entries, Entry{Sector: first + int64(k), Count: 100, Data: fill(byte('a'+k), 100)})
	}
	run := func(seed uint64) (text string) {
		w := walkOver(testDisk(t), entries...)
		w.seed = seed
		for s := range w.states(0, len(w.writes)) {
			text += fmt.Sprintln(s, w.disk.Sum(disk.Boot) != Sum{})
		}
		return text
	}
	one := run(1)
	if again := run(1); again != one {
		t.Error("the same seed gave other states")
	}
	if run(2) == one {
		t.Error("another seed gave the same states")
	}
}

func TestSavedStateIsTheJudgedOne(t *testing.T) {
	base := testDisk(t)
	entries := []Entry{
		{Sector: first, Count: 3, Data: fill('a', 3)},
		{Flush: true},
		{Sector: first, Count: 2, Data: fill('b', 2)},
		{Sector: first + 1, Count: 2, Data: fill('c', 2)},
	}
	r := &judged{base: base, writes: base.pool.learn(entries), ignored: map[int]bool{}}
	states, path := 0, filepath.Join(t.TempDir(), "image")
	w := r.walk(Depth{Torn: 2, Lost: 4}, 1)
	for s := range w.states(0, len(r.writes)) {
		states++
		want, err := io.ReadAll(io.NewSectionReader(w.disk, 0, w.disk.Size()))
		if err != nil {
			t.Fatal(err)
		}
		if err := r.save(r.walk(Depth{Torn: 2, Lost: 4}, 1), s, path); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("the disk %s was saved as another (%v)", s, err)
		}
	}
	if states < 20 {
		t.Errorf("only %d states", states)
	}
}

func TestSumsFollowTheContent(t *testing.T) {
	d := testDisk(t)
	before := d.Sum(disk.Boot)
	start := d.mark()
	n := d.pool.number(fill('x', 1))
	d.set(first+5, n)
	changed := d.Sum(disk.Boot)
	d.set(first+5, d.pool.number(fill('.', 1)))
	if d.Sum(disk.Boot) != before || changed == before {
		t.Error("the sum does not stand for the content")
	}
	d.set(first+6, n)
	if d.Sum(disk.Boot) == changed {
		t.Error("the sum does not tell places apart")
	}
	d.back(start)
	if d.Sum(disk.Boot) != before || shown(t, d, 8) != "........" {
		t.Error("a change was not undone")
	}
}
