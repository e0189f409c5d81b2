package journal

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func open(t *testing.T, path string, size int) *File {
	t.Helper()
	f, err := Open(path, size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestCreatedFileIsPrivateAllocatedAndLost(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	f := open(t, path, 8192)
	if _, err := f.Load(); !errors.Is(err, ErrLost) {
		t.Fatalf("Load = %v", err)
	}
	fi, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if fi.Mode() != 0o600 || fi.Size() != distance+8192 {
		t.Errorf("mode %v, %d bytes", fi.Mode(), fi.Size())
	}
	if used := fi.Sys().(*syscall.Stat_t).Blocks * 512; used < 2*8192 || used > 2*8192+64<<10 {
		t.Errorf("%d bytes are allocated", used)
	}
}

func TestSaveChangesNoMetadata(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	f := open(t, path, 8192)
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		save(t, f, payload(i))
		wantLoad(t, f, payload(i))
	}
	after, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	was, is := before.Sys().(*syscall.Stat_t), after.Sys().(*syscall.Stat_t)
	if was.Ino != is.Ino || was.Size != is.Size || was.Blocks != is.Blocks {
		t.Errorf("inode %d → %d, size %d → %d, blocks %d → %d", was.Ino, is.Ino, was.Size, is.Size, was.Blocks, is.Blocks)
	}
	wantLoad(t, open(t, path, 8192), payload(4))
}

func TestRecordSizeMayChangeInBothDirections(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	large := bytes.Repeat([]byte("x"), 40000)
	save(t, open(t, path, 4096), []byte("small"))
	f := open(t, path, 65536)
	wantLoad(t, f, []byte("small"))
	save(t, f, large)
	old := open(t, path, 4096)
	wantLoad(t, old, large)
	ro, err := OpenReadOnly(path)
	if err != nil {
		t.Fatal(err)
	}
	defer ro.Close()
	wantLoad(t, ro, large)
	save(t, old, []byte("after the rollback"))
	wantLoad(t, f, []byte("after the rollback"))
}

func TestCutCreationIsLostAndCompletedByTheNextOpen(t *testing.T) {
	for _, size := range []int64{0, 100, 4096, 8192, distance, distance + 100, distance + 8191} {
		path := filepath.Join(t.TempDir(), "journal")
		if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
		ro, err := OpenReadOnly(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ro.Load(); !errors.Is(err, ErrLost) {
			t.Errorf("%d bytes: Load = %v", size, err)
		}
		ro.Close()
		f := open(t, path, 8192)
		if fi, err := os.Stat(path); err != nil || fi.Size() != distance+8192 {
			t.Errorf("%d bytes were completed to %d, %v", size, fi.Size(), err)
		}
		save(t, f, payload(1))
		wantLoad(t, open(t, path, 8192), payload(1))
	}
}

func TestForeignContentIsLostAndKeptUntilSave(t *testing.T) {
	foreign := bytes.Repeat([]byte("not a journal\n"), 1000)
	path := filepath.Join(t.TempDir(), "journal")
	if err := os.WriteFile(path, foreign, 0o644); err != nil {
		t.Fatal(err)
	}
	f := open(t, path, 8192)
	if _, err := f.Load(); !errors.Is(err, ErrLost) {
		t.Fatalf("Load = %v", err)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.HasPrefix(got, foreign) {
		t.Fatalf("Open changed the content: %v", err)
	}
	save(t, f, payload(1))
	wantLoad(t, open(t, path, 8192), payload(1))
}

func TestReadOnlyCreatesAndWritesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	_, err := OpenReadOnly(path)
	if !errors.Is(err, ErrLost) || !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("OpenReadOnly of a missing file = %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("it created the file: %v", err)
	}
	save(t, open(t, path, 4096), payload(1))
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ro, err := OpenReadOnly(path)
	if err != nil {
		t.Fatal(err)
	}
	defer ro.Close()
	wantLoad(t, ro, payload(1))
	if err := ro.Save(payload(2)); err == nil {
		t.Error("a read-only journal saved")
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("it changed the file: %v", err)
	}
}

func TestNotAJournalFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, fifo, "/dev/null", filepath.Join(dir, "none", "journal")} {
		if f, err := Open(path, 4096); err == nil {
			f.Close()
			t.Errorf("Open(%s) succeeded", path)
		} else {
			t.Log(err)
		}
	}
}

func TestRecordSizeIsChecked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	for _, size := range []int{-4096, 0, 1, 4095, 4097, distance + blockSize} {
		if _, err := Open(path, size); err == nil {
			t.Errorf("Open with records of %d bytes succeeded", size)
		}
		if _, err := On(nil, size); err == nil {
			t.Errorf("On with records of %d bytes succeeded", size)
		}
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a refused Open created the file: %v", err)
	}
}

// Without O_DIRECT the journal must work all the same.
func TestMemoryFileSystemFallsBack(t *testing.T) {
	dir, err := os.MkdirTemp("/dev/shm", "journal")
	if err != nil {
		t.Skipf("no tmpfs to test on: %v", err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	f := open(t, filepath.Join(dir, "journal"), 4096)
	d := f.medium.(*disk)
	if d.direct != nil {
		d.direct.Close()
		d.direct = nil
	}
	save(t, f, payload(1))
	wantLoad(t, f, payload(1))
}

// A factory image made of a folder keeps no zeroes, and would let a full disk
// stop the journal.
func TestJournalThatWasCopiedWithoutItsZeroesGetsItsBlocks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, err := Open(path, testSize)
	if err == nil {
		err = errors.Join(j.Save([]byte("kept")), j.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sparse := path + "-sparse"
	f, err := os.Create(sparse)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(int64(len(content))); err != nil {
		t.Fatal(err)
	}
	for off := 0; off < len(content); off += blockSize {
		block := content[off:min(off+blockSize, len(content))]
		if bytes.Count(block, []byte{0}) == len(block) {
			continue
		}
		if _, err := f.WriteAt(block, int64(off)); err != nil {
			t.Fatal(err)
		}
	}
	if d := (&disk{File: f}); !d.hole(offset(0), testSize) {
		t.Skip("this file system does not tell holes")
	}
	j, err = Open(sparse, testSize)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for i := range 2 {
		if d := (&disk{File: f}); d.hole(offset(i), testSize) {
			t.Errorf("copy %d has a hole", i+1)
		}
	}
	if got, err := j.Load(); err != nil || string(got) != "kept" {
		t.Errorf("loaded %q, %v", got, err)
	}
}
