package grub

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"abota/bootctl"
	"abota/bootctl/bootscript"
	"abota/sim/cutdisk"
)

// bench is a backend on a disk whose blocks are set and looked at.
type bench struct {
	t *testing.T
	d *cutdisk.Disk
	*Backend
}

func newBench(t *testing.T, blocks ...[]byte) bench {
	d := cutdisk.Open(bytes.Join(blocks, nil))
	return bench{t, d, onDisk(d)}
}

func emptyBench(t *testing.T) bench { return newBench(t, emptyCounts(), emptyCounts(), emptyCounts()) }

func (b bench) store(want bootctl.Table) {
	b.t.Helper()
	if err := b.Store(want); err != nil {
		b.t.Fatal(err)
	}
	b.expect(want)
}

func (b bench) expect(want bootctl.Table) {
	b.t.Helper()
	if got, err := b.Load(); err != nil || got != want {
		b.t.Fatalf("loaded %+v, %v, want %+v", got, err, want)
	}
}

// put writes a block as another than abota would.
func (b bench) put(i int, block []byte) {
	b.t.Helper()
	if _, err := b.d.WriteAt(block, int64(i)*blockSize); err != nil {
		b.t.Fatal(err)
	}
}

func (b bench) sequence() int {
	b.t.Helper()
	cur, err := b.current()
	if err != nil {
		b.t.Fatal(err)
	}
	return cur.says.sequence
}

// TestCountsOfGRUB lets the model of the boot script count, as grub.cfg does,
// from every state of a trial on.
func TestCountsOfGRUB(t *testing.T) {
	for _, confirmed := range []int{0, 10, 20} {
		for left := range 4 {
			table := sample()
			table.ConfirmedTries = confirmed
			table.Slots[bootctl.B].Tries = left
			b := emptyBench(t)
			b.store(table)
			for range 30 {
				start, ok := bootscript.Boot(table, nil)
				if !ok {
					t.Fatalf("nothing starts from %+v", table)
				}
				table = start.Table
				if start.Recorded {
					b.put(2, counted(fmt.Sprintf("%d %d %d", b.sequence(), table.Slots[0].Tries, table.Slots[1].Tries)))
				}
				b.expect(table)
			}
		}
	}
}

func TestAStoreVoidsTheCounts(t *testing.T) {
	b := emptyBench(t)
	b.store(sample())
	b.put(2, counted(fmt.Sprintf("%d 9 1", b.sequence())))
	seen := sample()
	seen.Slots[0].Tries, seen.Slots[1].Tries = 9, 1
	b.expect(seen)
	b.store(seen) // as it is: nothing to write
	if n := b.sequence(); n != firstSequence {
		t.Errorf("storing what was there made table %d", n)
	}
	b.store(sample())
	b.put(2, counted(fmt.Sprintf("%d 9 1", firstSequence)))
	b.expect(sample())
}

// TestNumbersAreNotUsedTwice: a table under the number that old counts carry
// would start with fewer tries than were stored.
func TestNumbersAreNotUsedTwice(t *testing.T) {
	b := emptyBench(t)
	b.store(sample())
	b.store(sample().WithOrder(bootctl.A))
	b.put(2, counted(fmt.Sprintf("%d 9 0", firstSequence+1)))
	b.put(1, make([]byte, blockSize)) // the newer table is lost
	b.expect(sample())
	b.store(sample().WithOrder(bootctl.B))
	if n := b.sequence(); n != firstSequence+2 {
		t.Errorf("the next table is %d, want %d", n, firstSequence+2)
	}

	lost := newBench(t, emptyCounts(), emptyCounts(), counted("1000000500 1 0"))
	lost.store(sample())
	if n := lost.sequence(); n != 1_000_000_501 {
		t.Errorf("the first table is %d", n)
	}
}

func TestNumbersSeenInATornBlockAreSkipped(t *testing.T) {
	for _, c := range []struct {
		torn string
		want int
	}{
		{"abota_head=1000000005 order=A\nabota_tail=1000000004 order=A\n", 1_000_000_006},
		{"abota_head=1000000004 order=A\nabota_tail=1000000006 order=A\n", 1_000_000_007},
		{"abota_head=1999999999 order=A\n", 1_000_000_001}, // decay: too far ahead
		{"abota_head=9\n", 1_000_000_001},
		{"abota_head=99999999999999999999\n", 1_000_000_001},
	} {
		b := emptyBench(t)
		b.store(sample())
		b.put(1, padded(signature+c.torn))
		b.store(sample().WithOrder(bootctl.A))
		if n := b.sequence(); n != c.want {
			t.Errorf("%q: the next table is %d, want %d", c.torn, n, c.want)
		}
	}
}

func TestACountsFileThatGRUBCannotWriteIsMadeAnew(t *testing.T) {
	for name, spoilt := range map[string][]byte{
		"zeroes": make([]byte, blockSize),
		"full":   padded(signature + "x=" + strings.Repeat("y", 970) + "\n"),
	} {
		b := emptyBench(t)
		b.store(sample())
		b.put(2, spoilt)
		b.expect(sample())
		b.store(sample().WithOrder(bootctl.A))
		if got := b.d.Image()[2*blockSize:]; !bytes.Equal(got, emptyCounts()) {
			t.Errorf("%s: left as %q", name, got)
		}
	}
	b := emptyBench(t)
	b.store(sample())
	mine := counted("1000000000 9 2")
	b.put(2, mine)
	b.store(sample().WithOrder(bootctl.A))
	if got := b.d.Image()[2*blockSize:]; !bytes.Equal(got, mine) {
		t.Errorf("a sound counts file was written: %q", got)
	}
}

func TestVariablesOfOthersSurviveStores(t *testing.T) {
	b := newBench(t, emptyCounts(), padded(signature+"saved_entry=2\nx=a\\\\b\n"), emptyCounts())
	for i := range 4 {
		table := sample()
		table.Generation += uint32(i)
		b.store(table)
		block := b.d.Image()[i%2*blockSize:][:blockSize]
		if !bytes.HasPrefix(block[sectorSize:], []byte("saved_entry=2\nx=a\\\\b\n#")) {
			t.Fatalf("store %d: second sector %q", i, block[sectorSize:])
		}
	}
}

func TestVariablesThatDoNotFitRefuseNoFirstTable(t *testing.T) {
	full := padded(signature + "x=" + strings.Repeat("y", 900) + "\n")
	b := newBench(t, full, full, emptyCounts())
	if _, err := b.Load(); !errors.Is(err, bootctl.ErrNoTable) {
		t.Fatalf("load: %v", err)
	}
	b.store(sample())
}

func FuzzBlocks(f *testing.F) {
	record, err := stored{firstSequence, sample(), nil}.record()
	if err != nil {
		f.Fatal(err)
	}
	block, err := encodeBlock(record, "x=y\n")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(block, block, counted("1000000000 9 3"))
	f.Add(emptyCounts(), []byte(signature+"abota_head=1\n\nodd"), []byte{})
	f.Fuzz(func(t *testing.T, first, second, third []byte) {
		var image []byte
		for _, b := range [][]byte{first, second, third} {
			image = append(image, append(b, make([]byte, blockSize)...)[:blockSize]...)
		}
		d := cutdisk.Open(image)
		b := onDisk(d)
		was, err := b.Load()
		if err != nil && !errors.Is(err, bootctl.ErrNoTable) {
			t.Fatal(err)
		}
		cur, _ := b.current()
		if err == nil {
			if err := b.Store(was); err != nil || d.Count(cutdisk.Write) != 0 {
				t.Fatalf("storing what was loaded: %d writes, %v", d.Count(cutdisk.Write), err)
			}
		}
		want := sample()
		want.Generation = was.Generation + 1
		if err := b.Store(want); err != nil {
			if !strings.HasPrefix(err.Error(), "cannot store") {
				t.Fatal(err)
			}
			return
		}
		if got, err := b.Load(); err != nil || got != want {
			t.Fatalf("loaded %+v, %v", got, err)
		}
		after, _ := b.current()
		if after.others != cur.others {
			t.Fatalf("variables of others were %q and are %q", cur.others, after.others)
		}
	})
}
