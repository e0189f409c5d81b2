package slot

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"

	"golang.org/x/sys/unix"

	"abota/sim/cutdisk"
)

// noise is n bytes that do not repeat.
func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n)}).Read(b)
	return b
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// fileSlots makes a slot of this size in a folder, full of 'o', and a booted
// one beside it.
func fileSlots(t testing.TB, dir string, size int) (target, booted string) {
	t.Helper()
	target, booted = filepath.Join(dir, "a"), filepath.Join(dir, "b")
	for path, n := range map[string]int{target: size, booted: 4096} {
		if err := os.WriteFile(path, bytes.Repeat([]byte("o"), n), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return target, booted
}

func openTarget(t testing.TB, path, booted string) *Target {
	t.Helper()
	target, err := Host{}.OpenTarget(path, booted)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { target.Close() })
	return target
}

// writeImage writes in pieces of an odd size.
func writeImage(t testing.TB, w *Writer, image []byte) {
	t.Helper()
	if n, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{bytes.NewReader(image)}, make([]byte, 70001)); err != nil || n != int64(len(image)) {
		t.Fatalf("wrote %d bytes, %v", n, err)
	}
}

// readImage lets the writer read it, in other pieces.
func readImage(t testing.TB, w *Writer, image []byte) {
	t.Helper()
	if n, err := w.ReadFrom(iotest.DataErrReader(iotest.HalfReader(bytes.NewReader(image)))); err != nil || n != int64(len(image)) {
		t.Fatalf("read %d bytes, %v", n, err)
	}
}

// folders are a file system with direct access, and for root one without.
func folders(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{"disk": t.TempDir()}
	if os.Geteuid() != 0 {
		t.Log("without root no file system without O_DIRECT is tried")
		return all
	}
	dir := t.TempDir()
	if err := unix.Mount("ramfs", dir, "ramfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	if f, err := os.OpenFile(filepath.Join(dir, "probe"), os.O_CREATE|os.O_RDWR|unix.O_DIRECT, 0o600); err == nil {
		f.Close()
		t.Error("ramfs knows O_DIRECT, so nothing is tried without it")
	}
	all["memory"] = dir
	return all
}

func TestWriterProvesImagesOfAnySize(t *testing.T) {
	const slotSize = 5*regionSize + 1000 // no whole number of blocks
	sizes := []int{0, 1, 4095, 4096, 4097, regionSize, regionSize + 1, 4*regionSize - 1, slotSize - 1000, slotSize - 1, slotSize}
	for name, dir := range folders(t) {
		for i, size := range append(sizes, sizes...) {
			path, booted := fileSlots(t, dir, slotSize)
			target, image := openTarget(t, path, booted), noise(size)
			w := target.Writer()
			if i < len(sizes) {
				writeImage(t, w, image)
			} else {
				readImage(t, w, image)
			}
			proof, err := w.Close()
			if want := (Proof{sum(image), int64(size)}); err != nil || proof != want {
				t.Fatalf("%s, %d bytes: %v, %v; want %v", name, size, proof, err, want)
			}
			if again, err := w.Close(); err != nil || again != proof {
				t.Errorf("%s, %d bytes: the second Close gave %v, %v", name, size, again, err)
			}
			target.Close()
			got, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			old := bytes.Repeat([]byte("o"), slotSize-size)
			if !bytes.Equal(got, append(image, old...)) {
				t.Errorf("%s, %d bytes: the slot has other content, or %d bytes", name, size, len(got))
			}
		}
	}
}

func TestWithoutDirectAccessTheProofIsTheSame(t *testing.T) {
	path, booted := fileSlots(t, t.TempDir(), 3*regionSize)
	target := openTarget(t, path, booted)
	target.disk.Close()
	target.disk = &disk{file: target.file}
	image, w := noise(2*regionSize+777), target.Writer()
	writeImage(t, w, image)
	if proof, err := w.Close(); err != nil || proof.SHA256 != sum(image) {
		t.Errorf("Close = %v, %v", proof, err)
	}
}

func TestImageLargerThanTheSlot(t *testing.T) {
	dir := t.TempDir()
	path, booted := fileSlots(t, dir, regionSize+100)
	target := openTarget(t, path, booted)
	if target.Size() != regionSize+100 {
		t.Fatalf("Size = %d", target.Size())
	}
	w := target.Writer()
	writeImage(t, w, noise(regionSize+50))
	n, err := w.Write(make([]byte, 51))
	if n != 0 || !errors.Is(err, ErrFull) {
		t.Errorf("Write = %d, %v", n, err)
	}
	t.Log(err)
	if n, again := w.Write([]byte("x")); n != 0 || again != err {
		t.Errorf("a later Write = %d, %v", n, again)
	}
	if proof, again := w.Close(); proof != (Proof{}) || again != err {
		t.Errorf("Close = %v, %v", proof, again)
	}
	got, err := os.ReadFile(path)
	if err != nil || len(got) != regionSize+100 || len(bytes.Trim(got[regionSize+50:], "o")) > 0 {
		t.Errorf("the slot was written past the image or has %d bytes, %v", len(got), err)
	}
}

func TestReadFromStopsAtTheSlotsEnd(t *testing.T) {
	path, booted := fileSlots(t, t.TempDir(), regionSize+100)
	w := openTarget(t, path, booted).Writer()
	n, err := w.ReadFrom(bytes.NewReader(noise(regionSize + 101)))
	if n != regionSize+100 || !errors.Is(err, ErrFull) {
		t.Errorf("ReadFrom = %d, %v", n, err)
	}
	if proof, again := w.Close(); proof != (Proof{}) || again != err {
		t.Errorf("Close = %v, %v", proof, again)
	}
}

func TestReadFromPassesTheReadersErrorOn(t *testing.T) {
	path, booted := fileSlots(t, t.TempDir(), 3*regionSize)
	w := openTarget(t, path, booted).Writer()
	broken := errors.New("the source broke")
	n, err := w.ReadFrom(io.MultiReader(bytes.NewReader(noise(regionSize+5)), iotest.ErrReader(broken)))
	if n != regionSize+5 || !errors.Is(err, broken) {
		t.Errorf("ReadFrom = %d, %v", n, err)
	}
	if _, err := w.Close(); err != nil {
		t.Error(err)
	}
	if _, err := w.ReadFrom(strings.NewReader("more")); err == nil {
		t.Error("a closed writer took more")
	}
}

func TestFailingMedium(t *testing.T) {
	const size = 4 * regionSize
	for _, c := range []struct {
		name  string
		fault cutdisk.Fault
		want  []error
		text  string
	}{
		{"write", cutdisk.Fault{Op: cutdisk.Write, N: 2, Err: syscall.EIO, Bytes: 8192}, []error{syscall.EIO}, "offset 1056768"},
		{"short write", cutdisk.ShortWrite(3, 512), []error{io.ErrShortWrite}, "offset 2097664"},
		{"flush", cutdisk.Fault{Op: cutdisk.Sync, N: 1, Err: syscall.EIO}, []error{syscall.EIO}, "flush"},
		{"read back", cutdisk.Fault{Op: cutdisk.Read, N: 2, Err: syscall.EIO}, []error{ErrReadback, syscall.EIO}, "offset 1048576"},
		{"dropped write", cutdisk.Fault{Op: cutdisk.Write, N: 2, Bytes: 600}, []error{ErrReadback}, "offset 1049176"},
		{"read back of zeroes", cutdisk.Fault{Op: cutdisk.Read, N: 4}, []error{ErrReadback}, "offset 3145728"},
		{"dropped last write", cutdisk.Fault{Op: cutdisk.Write, N: 4, Bytes: 100}, []error{ErrReadback}, "offset 3145828"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := cutdisk.New(size)
			d.Fail(c.fault)
			w := newWriter(&serial{Disk: d}, "/dev/x", size)
			image := bytes.Repeat([]byte{0xff}, size-100)
			if _, err := w.Write(image); err != nil {
				checkFailure(t, err, c.want, c.text)
			}
			proof, err := w.Close()
			if proof != (Proof{}) {
				t.Errorf("a proof came with %v", err)
			}
			checkFailure(t, err, c.want, c.text)
			syncs := d.Count(cutdisk.Sync)
			if _, again := w.Close(); again != err || d.Count(cutdisk.Sync) != syncs || syncs > 1 {
				t.Errorf("the second Close gave %v after %d flushes", again, d.Count(cutdisk.Sync))
			}
			if _, again := w.Write([]byte("x")); again != err {
				t.Errorf("Write after Close gave %v", again)
			}
			t.Log(err)
		})
	}
}

// serial lets the goroutines of a writer share a disk that is made for one.
type serial struct {
	mu sync.Mutex
	*cutdisk.Disk
}

func (s *serial) ReadAt(p []byte, off int64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Disk.ReadAt(p, off)
}

func (s *serial) WriteAt(p []byte, off int64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Disk.WriteAt(p, off)
}

func checkFailure(t *testing.T, err error, want []error, text string) {
	t.Helper()
	for _, w := range want {
		if !errors.Is(err, w) {
			t.Errorf("%v is not %v", err, w)
		}
	}
	if err == nil || !strings.Contains(err.Error(), text) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v does not say %q in one line", err, text)
	}
}

func TestGivenUpWriterProvesNothing(t *testing.T) {
	path, booted := fileSlots(t, t.TempDir(), 4*regionSize)
	target := openTarget(t, path, booted)
	first := target.Writer()
	writeImage(t, first, noise(2*regionSize+5))
	second := target.Writer()
	if proof, err := first.Close(); err == nil || proof != (Proof{}) {
		t.Errorf("Close of the first = %v, %v", proof, err)
	}
	image := noise(regionSize)
	writeImage(t, second, image)
	if proof, err := second.Close(); err != nil || proof.SHA256 != sum(image) {
		t.Errorf("Close of the second = %v, %v", proof, err)
	}
	third := target.Writer()
	writeImage(t, third, image)
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := third.Write([]byte("x")); err == nil {
		t.Error("a writer goes on although the target was closed")
	}
}

func TestMemoryDoesNotGrowWithTheImage(t *testing.T) {
	path, booted := fileSlots(t, t.TempDir(), 65*regionSize)
	use := func(n int) uint64 {
		target := openTarget(t, path, booted)
		defer target.Close()
		block := make([]byte, regionSize)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		w := target.Writer()
		for range n {
			if _, err := w.Write(block); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.Close(); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	small, large := use(2), use(64)
	t.Logf("allocated %d bytes for 2 MiB, %d for 64 MiB", small, large)
	if large > 8<<20 || large > small+512<<10 {
		t.Error("memory grows with the image, or is more than 8 MiB")
	}
}
