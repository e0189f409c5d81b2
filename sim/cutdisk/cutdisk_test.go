package cutdisk_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"

	"abota/sim/cutdisk"
)

const sector = cutdisk.SectorSize

// sectors is n sectors whose bytes are all the given one.
func sectors(fill byte, n int) []byte { return bytes.Repeat([]byte{fill}, n*sector) }

func write(t *testing.T, d *cutdisk.Disk, p []byte, off int64) {
	t.Helper()
	if n, err := d.WriteAt(p, off); n != len(p) || err != nil {
		t.Fatalf("WriteAt(%d bytes, %d) = %d, %v", len(p), off, n, err)
	}
}

func syncDisk(t *testing.T, d *cutdisk.Disk) {
	t.Helper()
	if err := d.Sync(); err != nil {
		t.Fatal(err)
	}
}

// outline writes an image as one letter for each sector: the byte that fills
// it, or ? for a mixed one.
func outline(image []byte) string {
	var b strings.Builder
	for s := range slices.Chunk(image, sector) {
		switch {
		case !bytes.Equal(s, sectors(s[0], 1)):
			b.WriteByte('?')
		case s[0] == 0:
			b.WriteByte('.')
		default:
			b.WriteByte(s[0])
		}
	}
	return b.String()
}

func outlines(cuts func(func(cutdisk.Cut) bool)) []string {
	var all []string
	for c := range cuts {
		all = append(all, fmt.Sprint(c.Event, outline(c.Image)))
	}
	return all
}

func TestReadsWhatWasWritten(t *testing.T) {
	d := cutdisk.New(3*sector - 1)
	if d.Size() != 3*sector {
		t.Fatalf("size %d is not whole sectors", d.Size())
	}
	write(t, d, []byte("across"), sector-3)
	got := make([]byte, 6)
	if n, err := d.ReadAt(got, sector-3); n != 6 || err != nil || string(got) != "across" {
		t.Fatalf("ReadAt = %d, %v, %q", n, err, got)
	}
	if d.Events() != 2 || d.Count(cutdisk.Write) != 1 {
		t.Fatalf("%d events, %d writes; want 2 sectors in 1 write", d.Events(), d.Count(cutdisk.Write))
	}
	if n, err := d.ReadAt(got, 3*sector-2); n != 2 || err != io.EOF {
		t.Fatalf("read over the end = %d, %v", n, err)
	}
	if _, err := d.ReadAt(got, 3*sector); err != io.EOF {
		t.Fatalf("read past the end: %v", err)
	}
	if n, err := d.WriteAt(got, 3*sector-2); n != 0 || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("write over the end = %d, %v", n, err)
	}
	if _, err := d.ReadAt(got, -1); !errors.Is(err, syscall.EINVAL) {
		t.Fatalf("read at -1: %v", err)
	}
}

func TestUnsyncedSectorsLandInAnySubset(t *testing.T) {
	d := cutdisk.New(3 * sector)
	write(t, d, sectors('x', 2), 0)
	syncDisk(t, d)
	write(t, d, sectors('y', 1), 2*sector)
	want := []string{"0...", "1x..", "2.x.", "2xx.", "4xxy"}
	if got := outlines(d.Cuts(cutdisk.Options{})); !slices.Equal(got, want) {
		t.Errorf("Cuts = %q, want %q", got, want)
	}
	want = []string{"4xx.", "4xxy"}
	if got := outlines(d.CutNow(cutdisk.Options{})); !slices.Equal(got, want) {
		t.Errorf("CutNow = %q, want %q", got, want)
	}
	syncDisk(t, d)
	if got := outlines(d.CutNow(cutdisk.Options{Torn: true})); !slices.Equal(got, []string{"5xxy"}) {
		t.Errorf("CutNow of a synced disk = %q", got)
	}
}

func TestTornSectorKeepsOldBytesOrIsGarbage(t *testing.T) {
	d := cutdisk.Open(sectors('o', 1))
	write(t, d, sectors('n', 1), 0)
	var split []int
	garbage := 0
	for c := range d.Cuts(cutdisk.Options{Torn: true}) {
		fresh := bytes.Count(c.Image, []byte("n"))
		switch {
		case bytes.Equal(c.Image, append(bytes.Repeat([]byte("n"), fresh), bytes.Repeat([]byte("o"), sector-fresh)...)):
			split = append(split, fresh)
		default:
			garbage++
			if !strings.Contains(c.String(), "garbage") {
				t.Errorf("%v is not described as garbage", c)
			}
		}
	}
	slices.Sort(split)
	if want := []int{0, 1, 4, 5, 8, 256, 511, 512}; !slices.Equal(split, want) || garbage != 1 {
		t.Errorf("new bytes %v, want %v; %d garbage, want 1", split, want, garbage)
	}
}

func TestManyUnsyncedSectorsAreSampledBySeed(t *testing.T) {
	run := func(seed uint64) []string {
		d := cutdisk.New(40 * sector)
		write(t, d, sectors('x', 40), 0)
		return outlines(d.Cuts(cutdisk.Options{Seed: seed, Torn: true}))
	}
	first := run(1)
	if !slices.Equal(first, run(1)) {
		t.Error("the same seed gave other images")
	}
	if slices.Equal(first, run(2)) {
		t.Error("another seed gave the same images")
	}
	for n := range 41 { // the cuts in the order of the writes are never left to chance
		if want := fmt.Sprint(n, strings.Repeat("x", n)+strings.Repeat(".", 40-n)); !slices.Contains(first, want) {
			t.Errorf("image %s is missing", want)
		}
	}
	if !slices.Contains(first, "40"+strings.Repeat(".", 39)+"x") {
		t.Error("the image with the newest sector alone is missing")
	}
	t.Logf("%d images", len(first))
}

func TestCutIterationCanStop(t *testing.T) {
	d := cutdisk.New(8 * sector)
	write(t, d, sectors('x', 8), 0)
	total := len(outlines(d.Cuts(cutdisk.Options{Torn: true})))
	for stop := 1; stop <= total; stop++ {
		seen := 0
		for range d.Cuts(cutdisk.Options{Torn: true}) {
			if seen++; seen == stop {
				break
			}
		}
		if seen != stop {
			t.Fatalf("stopped after %d images, want %d", seen, stop)
		}
	}
}

func TestAfterTheCutEverythingFails(t *testing.T) {
	for n, want := range []string{"..", "x.", "xx", "xx"} {
		d := cutdisk.New(2 * sector)
		d.CutAfter(n)
		wrote, werr := d.WriteAt(sectors('x', 2), 0)
		serr := d.Sync()
		_, rerr := d.ReadAt(make([]byte, 1), 0)
		if (werr == nil) != (n >= 2) || wrote != min(n, 2)*sector {
			t.Errorf("cut after %d events: WriteAt = %d, %v", n, wrote, werr)
		}
		if (serr == nil) != (n >= 3) {
			t.Errorf("cut after %d events: Sync = %v", n, serr)
		}
		for _, err := range []error{werr, serr, rerr} {
			if err != nil && !errors.Is(err, cutdisk.ErrPowerLost) {
				t.Errorf("cut after %d events: %v is not ErrPowerLost", n, err)
			}
		}
		if !errors.Is(rerr, cutdisk.ErrPowerLost) {
			t.Errorf("cut after %d events: a later read gave %v", n, rerr)
		}
		if got := outline(d.Image()); got != want || d.Events() != n {
			t.Errorf("cut after %d events: image %s, want %s; %d events", n, got, want, d.Events())
		}
	}
}

func TestFaults(t *testing.T) {
	d := cutdisk.New(2 * sector)
	d.Fail(cutdisk.Fault{Op: cutdisk.Write, N: 2, Err: syscall.EIO})
	d.Fail(cutdisk.Fault{Op: cutdisk.Sync, N: 1, Err: syscall.EIO})
	d.Fail(cutdisk.Fault{Op: cutdisk.Read, N: 1, Err: syscall.EIO, Bytes: 3})
	write(t, d, sectors('x', 1), 0)
	if n, err := d.WriteAt(sectors('y', 1), 0); n != 0 || err != syscall.EIO {
		t.Errorf("second write = %d, %v", n, err)
	}
	if err := d.Sync(); err != syscall.EIO {
		t.Errorf("sync = %v", err)
	}
	p := make([]byte, 5)
	if n, err := d.ReadAt(p, 0); n != 3 || err != syscall.EIO {
		t.Errorf("read = %d, %v", n, err)
	}
	if n, err := d.ReadAt(p, 0); n != 5 || err != nil || string(p) != "xxxxx" {
		t.Errorf("second read = %d, %v, %q", n, err, p)
	}
	if got := outlines(d.CutNow(cutdisk.Options{})); !slices.Equal(got, []string{"1..", "1x."}) {
		t.Errorf("a failed sync made the write durable: %q", got)
	}
}

func TestShortWriteStopsAfterItsBytes(t *testing.T) {
	d := cutdisk.New(2 * sector)
	d.Fail(cutdisk.ShortWrite(1, sector+7))
	if n, err := d.WriteAt(sectors('x', 2), 0); n != sector+7 || err != io.ErrShortWrite {
		t.Fatalf("short write = %d, %v", n, err)
	}
	if image := d.Image(); bytes.Count(image, []byte("x")) != sector+7 {
		t.Errorf("%d bytes were written", bytes.Count(image, []byte("x")))
	}
}

func TestFaultsWithoutAnErrorLie(t *testing.T) {
	d := cutdisk.Open(sectors('o', 2))
	d.Fail(cutdisk.Fault{Op: cutdisk.Write})
	write(t, d, sectors('n', 2), 0)
	if got := outline(d.Image()); got != "oo" {
		t.Errorf("a lying write changed the disk: %s", got)
	}

	d = cutdisk.New(sector)
	d.Fail(cutdisk.Fault{Op: cutdisk.Sync})
	write(t, d, sectors('n', 1), 0)
	syncDisk(t, d)
	if got := outlines(d.CutNow(cutdisk.Options{})); !slices.Equal(got, []string{"1.", "1n"}) {
		t.Errorf("a lying sync made the write durable: %q", got)
	}

	d = cutdisk.Open(sectors('o', 1))
	d.Fail(cutdisk.Fault{Op: cutdisk.Read, N: 1})
	p := make([]byte, 4)
	if n, err := d.ReadAt(p, 0); n != 4 || err != nil || !bytes.Equal(p, make([]byte, 4)) {
		t.Errorf("lying read = %d, %v, %q", n, err, p)
	}
}

func TestLiesAboutContent(t *testing.T) {
	for _, row := range []struct {
		fault cutdisk.Fault
		want  string // of the disk, then of a read through the fault
	}{
		{cutdisk.Fault{Op: cutdisk.Write, Lie: cutdisk.Zero, N: 1}, ".x .x"},
		{cutdisk.Fault{Op: cutdisk.Write, Lie: cutdisk.Flip, N: 1}, "?x ?x"},
		{cutdisk.Fault{Op: cutdisk.Write, Lie: cutdisk.Zero, Bytes: sector, N: 1}, "nx nx"},
		{cutdisk.Fault{Op: cutdisk.Read, Lie: cutdisk.Stale}, "nx ox"},
		{cutdisk.Fault{Op: cutdisk.Read, Lie: cutdisk.Flip}, "nx n?"},
		{cutdisk.Fault{Op: cutdisk.Read}, "nx .."},
	} {
		d := cutdisk.Open(append(sectors('o', 1), sectors('x', 1)...))
		d.Fail(row.fault)
		write(t, d, sectors('n', 1), 0)
		read := make([]byte, 2*sector)
		if n, err := d.ReadAt(read, 0); n != len(read) || err != nil {
			t.Errorf("%+v: ReadAt = %d, %v", row.fault, n, err)
		}
		if got := outline(d.Image()) + " " + outline(read); got != row.want {
			t.Errorf("%+v: got %s, want %s", row.fault, got, row.want)
		}
	}
}

func TestBadSectorIsBadForGoodAndAlone(t *testing.T) {
	d := cutdisk.Open(sectors('o', 3))
	d.Fail(cutdisk.Fault{Op: cutdisk.Read, N: 2, Lasting: true, Place: true, Err: syscall.EIO})
	p := make([]byte, sector)
	for i, row := range []struct {
		off int64
		bad bool
	}{{0, false}, {sector, true}, {0, false}, {sector, true}, {2 * sector, false}, {sector + 511, true}, {1, true}} {
		if _, err := d.ReadAt(p[:min(sector, 3*sector-row.off)], row.off); errors.Is(err, syscall.EIO) != row.bad {
			t.Errorf("read %d at %d gave %v", i+1, row.off, err)
		}
	}
}

func TestDiskThatIsGoneFailsForEverything(t *testing.T) {
	d := cutdisk.Open(sectors('o', 1))
	d.Fail(cutdisk.Fault{Op: cutdisk.Any, N: 2, Lasting: true, Err: syscall.EIO})
	p := sectors('n', 1)
	write(t, d, p, 0)
	for range 2 {
		if _, err := d.ReadAt(p, 0); !errors.Is(err, syscall.EIO) {
			t.Errorf("read gave %v", err)
		}
		if _, err := d.WriteAt(p, 0); !errors.Is(err, syscall.EIO) {
			t.Errorf("write gave %v", err)
		}
		if err := d.Sync(); !errors.Is(err, syscall.EIO) {
			t.Errorf("sync gave %v", err)
		}
	}
	d.Heal()
	syncDisk(t, d)
	if got := outline(d.Image()); got != "n" {
		t.Errorf("the disk holds %s", got)
	}
}

func ExampleDisk_Cuts() {
	d := cutdisk.Open([]byte("old"))
	_, _ = d.WriteAt([]byte("new"), 0)
	_ = d.Sync()
	for cut := range d.Cuts(cutdisk.Options{}) {
		fmt.Printf("%s: %s\n", cut, cut.Image[:3])
	}
	// Output:
	// cut after event 0: old
	// cut after event 1, unsynced sectors landed: 1: new
}
