package classic

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"abota/updater/fernet"
	"abota/updater/unpack"
)

const imageName = "image.ext4"

func sizeIn(archive []byte) int64 {
	return firstSize(bytes.NewReader(archive), int64(len(archive)), imageName)
}

// archiveOf is a zip whose first entry claims to unpack to size bytes. Its
// content is none of that: nothing here reads it.
func archiveOf(t testing.TB, size uint64, shape func(*zip.Writer, *zip.FileHeader)) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	h := &zip.FileHeader{Name: imageName, Method: zip.Deflate, Flags: 8, CompressedSize64: 7, UncompressedSize64: size}
	if shape != nil {
		shape(w, h)
	}
	f, err := w.CreateRaw(h)
	if err == nil {
		_, err = f.Write([]byte("content"))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// manyEntries packs further empty entries behind the first one.
func manyEntries(t testing.TB, n int) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for i := range n {
		name := imageName
		if i > 0 {
			name = fmt.Sprintf("some/longer/path/of/an/entry/%06d", i)
		}
		if _, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// withEnd64 puts a zip64 end record and its locator before an archive's end
// record, as writers do whose directory lies beyond 4 GiB, and lets the end
// record refer to it.
func withEnd64(t testing.TB, archive []byte) []byte {
	t.Helper()
	at := bytes.LastIndex(archive, []byte(sigEnd))
	if at < 0 {
		t.Fatal("no end record")
	}
	end := bytes.Clone(archive[at:])
	wide := append([]byte(sigEnd64), make([]byte, end64Size-4)...)
	le.PutUint64(wide[4:], end64Size-12)
	le.PutUint32(wide[12:], 45<<16|45)
	le.PutUint64(wide[24:], uint64(le.Uint16(end[8:])))
	le.PutUint64(wide[32:], uint64(le.Uint16(end[10:])))
	le.PutUint64(wide[40:], uint64(le.Uint32(end[12:])))
	le.PutUint64(wide[48:], uint64(le.Uint32(end[16:])))
	wide = le.AppendUint32(append(wide, sigLocator...), 0)
	wide = le.AppendUint32(le.AppendUint64(wide, uint64(at)), 1)
	copy(end[8:20], bytes.Repeat([]byte{0xff}, 12))
	return slices.Concat(archive[:at], wide, end)
}

func comment(text string) func(*zip.Writer, *zip.FileHeader) {
	return func(w *zip.Writer, _ *zip.FileHeader) { _ = w.SetComment(text) }
}

// field is an extra field of n bytes that means nothing here.
func field(n int) []byte {
	return append([]byte{0xff, 0xff, byte(n), byte(n >> 8)}, make([]byte, n)...)
}

func extra(data []byte) func(*zip.Writer, *zip.FileHeader) {
	return func(_ *zip.Writer, h *zip.FileHeader) { h.Extra = data }
}

func TestFirstSizeIsFoundInEveryShapeOfArchive(t *testing.T) {
	const large = 5 << 30
	for what, row := range map[string]struct {
		archive []byte
		size    int64
		fetches int
	}{
		"plain":                 {archiveOf(t, 12345, nil), 12345, 1},
		"empty":                 {archiveOf(t, 0, nil), 0, 1},
		"just 32 bits":          {archiveOf(t, math.MaxUint32-1, nil), math.MaxUint32 - 1, 1},
		"the mark itself":       {archiveOf(t, math.MaxUint32, nil), math.MaxUint32, 1},
		"zip64":                 {archiveOf(t, large, nil), large, 1},
		"largest":               {archiveOf(t, math.MaxInt64, nil), math.MaxInt64, 1},
		"beyond any size":       {archiveOf(t, math.MaxInt64+1, nil), -1, 1},
		"end64":                 {withEnd64(t, archiveOf(t, large, nil)), large, 1},
		"end64, comment":        {withEnd64(t, archiveOf(t, 7, comment("made by hand"))), 7, 1},
		"end64, long comment":   {withEnd64(t, archiveOf(t, 7, comment(strings.Repeat("x", math.MaxUint16)))), 7, 2},
		"comment":               {archiveOf(t, 7, comment("made by hand")), 7, 1},
		"long comment":          {archiveOf(t, 7, comment(strings.Repeat("x", math.MaxUint16))), 7, 2},
		"zip64, long comment":   {archiveOf(t, large, comment(strings.Repeat("x", math.MaxUint16))), large, 2},
		"end record in comment": {archiveOf(t, 7, comment(sigEnd+strings.Repeat("\x00", 40))), 7, 1},
		"extra data":            {archiveOf(t, 7, extra(field(300))), 7, 1},
		"zip64 after others":    {archiveOf(t, large, extra(append(field(0), field(300)...))), large, 1},
		"longest extra data":    {archiveOf(t, large, extra(field(math.MaxUint16-4-28))), large, 3},
		"many entries":          {manyEntries(t, 2000), 0, 2},
		"end64, many entries":   {withEnd64(t, manyEntries(t, 2000)), 0, 2},
	} {
		if got := sizeIn(row.archive); got != row.size {
			t.Errorf("%s: size %d, want %d", what, got, row.size)
		}
		token := encrypt(t, keyOf(1), row.archive)
		src := &counter{ReaderAt: bytes.NewReader(token)}
		w := &window{src: src, size: int64(len(token)), left: fetchLimit}
		archive, err := fernet.NewReaderAt(w, w.size, keyOf(1))
		if err != nil {
			t.Fatal(err)
		}
		if got := firstSize(archive, archive.Size(), imageName); got != row.size {
			t.Errorf("%s, encrypted: size %d, want %d", what, got, row.size)
		}
		if src.calls > row.fetches || src.bytes > fetchLimit || w.err != nil {
			t.Errorf("%s: %d bytes in %d requests, want %d at most, %v", what, src.bytes, src.calls, row.fetches, w.err)
		}
		t.Logf("%s: %d bytes in %d requests", what, src.bytes, src.calls)
	}
}

// counter counts what it is asked for.
type counter struct {
	io.ReaderAt
	calls int
	bytes int64
}

func (c *counter) ReadAt(p []byte, off int64) (int, error) {
	c.calls++
	c.bytes += int64(len(p))
	return c.ReaderAt.ReadAt(p, off)
}

func TestFirstSizeOfWhatPythonWrites(t *testing.T) {
	image := randomBytes(3, 70_000)
	for _, args := range [][]string{{"", ""}, {"zip64", "comment"}} {
		archive := pythonZip(t, image, args...)
		if got := firstSize(bytes.NewReader(archive), int64(len(archive)), "rootfs.img"); got != int64(len(image)) {
			t.Errorf("%q: %d", args, got)
		}
	}
}

func TestAnotherNameOrNoArchiveHasNoSize(t *testing.T) {
	archive := archiveOf(t, 7, nil)
	for _, name := range []string{"", "image.ext", "image.ext4 ", "IMAGE.ext4"} {
		if got := firstSize(bytes.NewReader(archive), int64(len(archive)), name); got != -1 {
			t.Errorf("%q: %d", name, got)
		}
	}
	var empty bytes.Buffer
	if err := zip.NewWriter(&empty).Close(); err != nil {
		t.Fatal(err)
	}
	for _, data := range [][]byte{nil, {0}, randomBytes(1, 200), randomBytes(2, 200_000), empty.Bytes(), append(archive, 0), append([]byte{0}, archive...)} {
		if got := sizeIn(data); got != -1 {
			t.Errorf("%d bytes: %d", len(data), got)
		}
	}
}

func TestCutDirectoryHasNoSize(t *testing.T) {
	for _, archive := range [][]byte{archiveOf(t, 7, comment("some words")), archiveOf(t, 5<<30, nil), withEnd64(t, archiveOf(t, 7, nil))} {
		for n := range archive {
			if got := sizeIn(archive[:n]); got != -1 {
				t.Errorf("cut to %d of %d: %d", n, len(archive), got)
			}
		}
	}
}

// Nothing that an attacker writes into the end records is believed for how
// much memory to take, and no change of one byte makes trouble.
func TestHostileDirectoryTakesLittleMemory(t *testing.T) {
	var archives [][]byte
	for _, archive := range [][]byte{archiveOf(t, 7, nil), archiveOf(t, 5<<30, comment("x")), withEnd64(t, archiveOf(t, 5<<30, nil))} {
		for i := range archive {
			for _, b := range []byte{0, 1, 0x7f, 0x80, 0xff, archive[i] ^ 1} {
				other := bytes.Clone(archive)
				other[i] = b
				archives = append(archives, other)
			}
			other := bytes.Clone(archive)
			copy(other[i:], bytes.Repeat([]byte{0xff}, 8))
			archives = append(archives, other)
		}
	}
	var before, after runtime.MemStats
	for _, archive := range archives {
		runtime.ReadMemStats(&before)
		size := sizeIn(archive)
		runtime.ReadMemStats(&after)
		if size < -1 {
			t.Errorf("size %d", size)
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > 256<<10 {
			t.Fatalf("%d bytes allocated for % x", got, archive)
		}
	}
}

func TestWindowFetchesEachPieceOnceAndKnowsItsLimit(t *testing.T) {
	data := randomBytes(1, 10*fetchLimit)
	src := &counter{ReaderAt: bytes.NewReader(data)}
	w := &window{src: src, size: int64(len(data)), left: fetchLimit}
	read := func(off int64, n int) error {
		got := make([]byte, n)
		_, err := w.ReadAt(got, off)
		if err == nil && !bytes.Equal(got, data[off:off+int64(n)]) {
			t.Errorf("%d bytes at %d are others", n, off)
		}
		return err
	}
	end := int64(len(data))
	for _, off := range []int64{end - 100, end - 100 - margin, end - 1} {
		if err := read(off, 1); err != nil || src.calls != 1 {
			t.Errorf("at %d: %v in %d requests", off, err, src.calls)
		}
	}
	if err := read(0, 100); err != nil || src.calls != 2 {
		t.Errorf("%v in %d requests", err, src.calls)
	}
	if err := read(50_000, fetchLimit); err != errTooFar || src.calls != 2 || w.err != nil {
		t.Errorf("%v in %d requests, %v", err, src.calls, w.err)
	}
	for off := int64(100_000); ; off += 100_000 {
		if err := read(off, 20_000); err != nil {
			if err != errTooFar || src.bytes > fetchLimit {
				t.Errorf("%v after %d bytes", err, src.bytes)
			}
			break
		}
	}
	broken := &window{src: bytes.NewReader(data[:10]), size: 20, left: fetchLimit}
	_, err := broken.ReadAt(make([]byte, 20), 0)
	if _, again := broken.ReadAt(make([]byte, 1), 0); err == nil || again != err || broken.err != err {
		t.Errorf("%v, then %v", err, again)
	}
}

// seedArchives are what the fuzzer starts from.
func seedArchives(t testing.TB) [][]byte {
	return [][]byte{
		pipedZip(t, []byte("an image")), zipOf(t, []byte("an image")), archiveOf(t, 5<<30, nil),
		archiveOf(t, 7, comment("a comment")), archiveOf(t, 5<<30, extra(field(3))), manyEntries(t, 3),
		withEnd64(t, pipedZip(t, []byte("an image"))),
	}
}

func TestFuzzSeedsAreThere(t *testing.T) {
	if n := len(seedArchives(t)); n < 7 {
		t.Errorf("only %d seeds", n)
	}
	if found, _ := filepath.Glob("testdata/fuzz/FuzzFirstSize/*"); len(found) == 0 {
		t.Error("the committed corpus is gone")
	}
}

// FuzzFirstSize: of an archive that unpack accepts to its end, the size that
// is found ahead is the real one; of any other it is anything, without harm.
func FuzzFirstSize(f *testing.F) {
	for _, archive := range seedArchives(f) {
		f.Add(archive)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		name, size := unpacked(data)
		got := firstSize(bytes.NewReader(data), int64(len(data)), name)
		// Comments may contain what looks like the records behind them.
		plain := bytes.Count(data, []byte(sigEnd)) == 1 && bytes.Count(data, []byte(sigLocator)) <= 1
		if got < -1 || size >= 0 && got != size && plain {
			t.Fatalf("%q: size %d, unpacked %d", name, got, size)
		}
	})
}

// unpacked is the first entry's name and real size, or -1 for an archive that
// is not accepted.
func unpacked(data []byte) (string, int64) {
	z := unpack.NewZip(bytes.NewReader(data))
	first, err := z.Next()
	if err != nil {
		return imageName, -1
	}
	size, err := io.Copy(io.Discard, struct{ io.Reader }{z})
	for err == nil {
		_, err = z.Next()
	}
	if err != io.EOF {
		return first.Name, -1
	}
	return first.Name, size
}

// unpack is strict about every field, so that the tests' own record is right.
func TestEnd64OfTheTestsIsAccepted(t *testing.T) {
	if _, size := unpacked(withEnd64(t, pipedZip(t, []byte("an image")))); size != 8 {
		t.Errorf("size %d", size)
	}
}
