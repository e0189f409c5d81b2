package powercut

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"abota/bootctl"
	"abota/bootctl/bootscript"
	"abota/bootctl/uboot"
	"abota/sim/disk"
)

// envDisk is an empty disk of the whole layout as a file, and the product's
// boot table on it.
func envDisk(t *testing.T) (path string, backend *uboot.Backend) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "disk")
	layout := disk.UBoot()
	last := layout[len(layout)-1]
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(last.Offset + last.Size); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for _, p := range layout {
		if p.Name == disk.Env {
			backend, err = uboot.New([]uboot.Copy{
				{Path: path, Offset: p.Offset, Size: disk.EnvCopySize},
				{Path: path, Offset: p.Offset + disk.EnvCopyOffset, Size: disk.EnvCopySize},
			}, true)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return path, backend
}

// envWrites are the writes that storing these tables makes, one after the
// other, found by comparing the disk before and after.
func envWrites(t *testing.T, path string, backend *uboot.Backend, stored ...bootctl.Table) (entries []Entry) {
	t.Helper()
	for _, table := range stored {
		before, err := OpenDisk(path, disk.UBoot())
		if err != nil {
			t.Fatal(err)
		}
		if err := backend.Store(table); err != nil {
			t.Fatal(err)
		}
		after, err := OpenDisk(path, disk.UBoot())
		if err != nil {
			t.Fatal(err)
		}
		start := before.partition(disk.Env).Offset / SectorSize
		for _, first := range []int64{start, start + disk.EnvCopyOffset/SectorSize} {
			was, is := make([]byte, disk.EnvCopySize), make([]byte, disk.EnvCopySize)
			for d, b := range map[*Disk][]byte{before: was, after: is} {
				if _, err := d.ReadAt(b, first*SectorSize); err != nil {
					t.Fatal(err)
				}
			}
			if !slices.Equal(was, is) {
				entries = append(entries, Entry{Sector: first, Count: disk.EnvCopySize / SectorSize, Data: is})
			}
		}
	}
	return entries
}

func TestFlushesOfTheBootLoaderAreIgnored(t *testing.T) {
	path, backend := envDisk(t)
	good := bootctl.Table{Generation: 1, ConfirmedTries: 10}.WithOrder(bootctl.A)
	good.Slots[bootctl.A].Good, good.Slots[bootctl.A].Tries = true, 10
	if err := backend.Store(good); err != nil {
		t.Fatal(err)
	}
	base, err := OpenDisk(path, disk.UBoot())
	if err != nil {
		t.Fatal(err)
	}
	counted, _ := bootscript.Boot(good, nil)
	moved := counted.Table
	moved.Generation++
	moved.Slots[bootctl.A].Tries = 4
	refilled := moved
	refilled.Slots[bootctl.A].Tries = 10
	w := envWrites(t, path, backend, counted.Table, moved, refilled)
	if len(w) != 3 {
		t.Fatalf("three stores made %d writes", len(w))
	}
	other := Entry{Sector: first, Count: 1, Data: fill('x', 1)}
	flush := Entry{Flush: true}
	entries := []Entry{flush, w[0], flush, flush, other, flush, w[1], flush, w[2], flush}
	writes := base.pool.learn(entries)
	sum := base.Sum(disk.Env)
	ignored, err := newPointers(ubootLoader{t.TempDir()}).ofLoader(base, writes)
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(ignored)); !slices.Equal(got, []int{2, 3}) {
		t.Errorf("the flushes %v are ignored, not those behind the write of the boot script", got)
	}
	if base.Sum(disk.Env) != sum {
		t.Error("the base image was changed")
	}
}

func TestTableOfADiskIsTheProducts(t *testing.T) {
	path, backend := envDisk(t)
	base, err := OpenDisk(path, disk.UBoot())
	if err != nil {
		t.Fatal(err)
	}
	seen := newPointers(ubootLoader{t.TempDir()})
	if s, err := seen.of(base); err != nil || !s.lost {
		t.Errorf("an empty partition holds %+v, %v", s, err)
	}
	table := bootctl.Table{Generation: 7, ConfirmedTries: 10}.WithOrder(bootctl.B, bootctl.A)
	table.Slots[bootctl.A].Good, table.Slots[bootctl.A].Tries, table.Slots[bootctl.B].Tries = true, 10, 3
	for _, e := range base.pool.learn(envWrites(t, path, backend, table)) {
		base.apply(e, len(e.numbers))
	}
	if s, err := seen.of(base); err != nil || s.lost || s.table != table {
		t.Errorf("got %+v, %v, want %+v", s, err, table)
	}
}

func TestEntriesAreMoved(t *testing.T) {
	var writes []write
	for k := range 6 {
		writes = append(writes, write{Entry: Entry{Sector: int64(k)}})
	}
	for _, c := range []struct {
		i, j, to int
		want     []int64
	}{
		{3, 5, 1, []int64{0, 3, 4, 1, 2, 5}},
		{1, 2, 4, []int64{0, 2, 3, 1, 4, 5}},
		{0, 1, 6, []int64{1, 2, 3, 4, 5, 0}},
	} {
		var got []int64
		for _, w := range move(writes, c.i, c.j, c.to) {
			got = append(got, w.Sector)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("entries %d to %d moved to %d: got %v, want %v", c.i, c.j, c.to, got, c.want)
		}
	}
	if writes[3].Sector != 3 {
		t.Error("the original was changed")
	}
}
