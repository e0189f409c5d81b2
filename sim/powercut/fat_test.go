package powercut

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"abota/sim/disk"
	"abota/sim/parts"
)

// fatFiles are the files of the tests' file systems. The slots' kernels have
// several clusters each, and a part of one.
func fatFiles() map[string][]byte {
	kernel := bytes.Repeat([]byte("0123456789abcdef"), 10_001)
	files := map[string][]byte{
		"/abota/0/env": noise(1), "/abota/count/env": append(noise(2), noise(3)...),
		"/abota/a/vmlinuz": kernel, "/abota/b/vmlinuz": kernel[16:],
		"/EFI/BOOT/BOOTX64.EFI": noise(4), "/empty": nil,
	}
	for i := range 40 { // more than one cluster of a folder
		files[fmt.Sprintf("/loader/entries/abota-b+%d-%d.conf", 40-i, i)] = []byte(strings.Repeat("x", i))
	}
	return files
}

// fatDisk is a disk that is one file system, made by the tools of mtools and
// dosfstools.
func fatDisk(t *testing.T, bits int, mib int64) (*Disk, disk.Partition) {
	t.Helper()
	dir := t.TempDir()
	image := filepath.Join(dir, "fat")
	run := func(name string, args ...string) {
		t.Helper()
		tool, err := parts.Tool(name)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(tool, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", name, err, out)
		}
	}
	run("mkfs.vfat", "-C", "-F", fmt.Sprint(bits), image, fmt.Sprint(mib<<10))
	for name, content := range fatFiles() {
		if err := os.MkdirAll(filepath.Join(dir, "tree", filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "tree", name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(filepath.Join(dir, "tree"))
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"-s", "-i", image}
	for _, e := range entries {
		args = append(args, filepath.Join(dir, "tree", e.Name()))
	}
	run("mcopy", append(args, "::/")...)
	return rawDisk(t, image), disk.Partition{Name: disk.Boot, Size: mib << 20}
}

// rawDisk is a file as a disk without partitions.
func rawDisk(t *testing.T, path string) *Disk {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d := &Disk{pool: newPool()}
	for at := 0; at < len(content); at += SectorSize {
		d.sectors = append(d.sectors, d.pool.number(content[at:at+SectorSize]))
	}
	return d
}

func TestFATIsReadAsToolsWroteIt(t *testing.T) {
	for bits, mib := range map[int]int64{12: 4, 16: 64, 32: 48} {
		d, p := fatDisk(t, bits, mib)
		f, err := openFAT(d, p)
		if err != nil || f.bits != bits {
			t.Fatalf("FAT%d was opened as %+v, %v", bits, f, err)
		}
		for name, want := range fatFiles() {
			e, err := f.find(name)
			if err != nil {
				t.Errorf("FAT%d: %v", bits, err)
				continue
			}
			if got, err := f.content(e); err != nil || !bytes.Equal(got, want) {
				t.Errorf("FAT%d: %s has %d bytes, %v, not %d", bits, name, len(got), err, len(want))
			}
		}
		for _, absent := range []string{"/abota/0/env2", "/abota/1", "/abota/0/env/x"} {
			if _, err := f.find(absent); err == nil {
				t.Errorf("FAT%d: %s was found", bits, absent)
			}
		}
	}
}

func TestFATSumsTellContentsApart(t *testing.T) {
	d, p := fatDisk(t, 32, 48)
	f, err := openFAT(d, p)
	if err != nil {
		t.Fatal(err)
	}
	sum := func(name string) Sum {
		e, err := f.find(name)
		if err != nil {
			t.Fatal(err)
		}
		s, err := f.sum(e)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	a, b := sum("/abota/a/vmlinuz"), sum("/abota/b/vmlinuz")
	if a == b {
		t.Error("two contents have one sum")
	}
	e, err := f.find("/abota/a/vmlinuz")
	if err != nil {
		t.Fatal(err)
	}
	at, err := f.extents(e.first, e.size)
	if err != nil {
		t.Fatal(err)
	}
	last := at[len(at)-1] / SectorSize
	d.set(last, d.pool.number(noise(9)))
	if sum("/abota/a/vmlinuz") == a || sum("/abota/b/vmlinuz") != b {
		t.Error("a change of the last cluster is not in that file's sum alone")
	}
	own := f.own(write{Entry: Entry{Sector: last, Count: 1}, numbers: []uint32{0}})
	if head := f.own(write{numbers: []uint32{0}}); len(own) != 0 || len(head) != 1 {
		t.Errorf("a file's sector is the file system's own: %v; its head: %v", own, head)
	}
}

// Whatever a cut leaves is read without a panic, and without an end that never
// comes.
func TestDamagedFATIsReadToItsEnd(t *testing.T) {
	for bits, mib := range map[int]int64{12: 4, 16: 16, 32: 34} {
		d, p := fatDisk(t, bits, mib)
		whole, err := openFAT(d, p)
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(1, uint64(bits)))
		most := whole.data/SectorSize + 200
		opened := 0
		for range 400 {
			start := d.mark()
			for range 1 + rng.IntN(3) {
				sector := rng.Int64N(most)
				content := bytes.Clone(d.pool.contents[d.sectors[sector]])
				from := rng.IntN(SectorSize)
				copy(content[from:], noise(rng.Uint64())[:1+rng.IntN(SectorSize-from)])
				d.set(sector, d.pool.number(content))
			}
			if f, err := openFAT(d, p); err == nil {
				opened++
				f.filled()
				for name := range fatFiles() {
					if e, err := f.find(name); err == nil && e.size < 1<<20 {
						f.content(e)
						f.sum(e)
					}
				}
			}
			d.back(start)
		}
		if opened == 0 {
			t.Errorf("FAT%d: nothing damaged could be opened: the test tests nothing", bits)
		}
	}
}
