package unpack

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// file is one entry as read to its end.
type file struct {
	Name    string
	Content string
}

// readAll reads an archive to its clean end, or to the first error.
func readAll(r io.Reader) ([]file, error) {
	z := NewZip(r)
	var files []file
	for {
		e, err := z.Next()
		if err == io.EOF {
			return files, nil
		}
		if err != nil {
			return files, err
		}
		content, err := io.ReadAll(z)
		if err != nil {
			return files, err
		}
		if e.Size >= 0 && e.Size != int64(len(content)) {
			return files, fmt.Errorf("%s: size %d announced, %d read", e.Name, e.Size, len(content))
		}
		files = append(files, file{e.Name, string(content)})
	}
}

// oracle reads the same bytes by the central directory.
func oracle(data []byte) ([]file, error) {
	zr, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	var files []file
	for _, f := range zr.File {
		r, err := f.Open()
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		files = append(files, file{f.Name, string(content)})
	}
	return files, nil
}

func sameFiles(a, b []file) bool {
	return fmt.Sprintf("%q", a) == fmt.Sprintf("%q", b)
}

// goArchive is made by archive/zip: data descriptors throughout.
func goArchive(t testing.TB, files ...file) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.Name, Method: zip.Deflate, Modified: time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)}
		out, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(out, f.Content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.SetComment("made for a test"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var someFiles = []file{
	{"rootfs.img", strings.Repeat("a root file system ", 30000)},
	{"etc/", ""},
	{"etc/empty", ""},
	{"etc/grüße", "hello\n"},
}

func TestReadsWhatArchiveZipWrites(t *testing.T) {
	got, err := readAll(bytes.NewReader(goArchive(t, someFiles...)))
	if err != nil {
		t.Fatal(err)
	}
	if !sameFiles(got, someFiles) {
		t.Errorf("got %d files, they differ", len(got))
	}
}

func TestReadsAnEmptyArchive(t *testing.T) {
	if got, err := readAll(bytes.NewReader(recipe{}.build(t))); err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestAcceptsEveryFormOfHeadersAndDescriptors(t *testing.T) {
	const text = "hello hello hello hello hello"
	time5455 := extraField(extraTime, []byte{1, 1, 2, 3, 4})
	for name, r := range map[string]recipe{
		"stored":                    {items: []item{{name: "a", data: text}}},
		"deflate, sizes known":      {items: []item{{name: "a", data: text, method: methodDeflate}}},
		"descriptor":                {items: []item{described(text, true, false)}},
		"descriptor, no signature":  {items: []item{described(text, false, false)}},
		"descriptor, 64 bit":        {items: []item{described(text, true, true)}},
		"descriptor, 64, unsigned":  {items: []item{described(text, false, true)}},
		"descriptor, empty entry":   {items: []item{described("", false, false), {name: "b"}}},
		"descriptor, size hint":     {items: []item{hinted(text)}},
		"zip64 local":               {items: []item{zip64Item(text)}},
		"zip64 ends":                {items: []item{{name: "a", data: text}}, beforeEnd: zip64Ends(nil)},
		"zip64 ends, see there":     {items: []item{{name: "a", data: text}}, beforeEnd: zip64Ends(nil), end: seeZip64},
		"time":                      {items: []item{{name: "a", local: addExtra(time5455), central: addExtra(time5455)}}},
		"comments":                  {items: []item{{name: "a", central: func(r *record) { r.comment = "x" }}}, end: func(e *endRecord) { e.comment = "yz" }},
		"foreign extra":             {items: []item{{name: "a", local: addExtra(extraField(0x7875, []byte{1}))}}},
		"zip64 offset as it was":    {items: []item{zip64Central(text, 0)}},
		"directory with descriptor": {items: []item{{name: "d/", method: methodDeflate, flags: flagDescriptor, descriptor: descriptor(true, false)}}},
	} {
		t.Run(name, func(t *testing.T) {
			data := r.build(t)
			got, err := readAll(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			want, err := oracle(data)
			if err != nil {
				t.Fatalf("archive/zip: %v", err)
			}
			if !sameFiles(got, want) {
				t.Errorf("got %q, archive/zip has %q", got, want)
			}
		})
	}
}

func described(text string, signed, wide bool) item {
	return item{name: "a", data: text, method: methodDeflate, flags: flagDescriptor, descriptor: descriptor(signed, wide)}
}

func hinted(text string) item {
	it := described(text, true, false)
	it.local = func(r *record) { r.size = uint32(len(text)) }
	return it
}

func zip64Item(text string) item {
	return item{name: "a", data: text, local: func(r *record) {
		r.extra = extraField(extraZip64, u64s(uint64(r.size), uint64(r.packed)))
		r.size, r.packed, r.needed = 1<<32-1, 1<<32-1, maxVersion
	}, central: func(r *record) { r.needed = maxVersion }}
}

// zip64Central has all three values in the zip64 field of the central record,
// the offset although the record has it too.
func zip64Central(text string, offset uint64) item {
	return item{name: "a", data: text, central: func(r *record) {
		r.extra = extraField(extraZip64, u64s(uint64(r.size), uint64(r.packed), offset))
		r.size, r.packed, r.needed = 1<<32-1, 1<<32-1, maxVersion
	}}
}

func seeZip64(e *endRecord) {
	e.disk, e.startDisk, e.entries, e.total = 1<<16-1, 1<<16-1, 1<<16-1, 1<<16-1
	e.size, e.start = 1<<32-1, 1<<32-1
}

func addExtra(field []byte) func(*record) {
	return func(r *record) { r.extra = append(r.extra, field...) }
}

func TestKnowsSizeAndTimeFromTheLocalHeader(t *testing.T) {
	stamp := extraField(extraTime, []byte{1, 0, 0, 0, 0x60})
	z := NewZip(bytes.NewReader(recipe{items: []item{
		{name: "known", data: "12345", local: addExtra(stamp), central: addExtra(stamp)},
		described("later", true, false),
		hinted2("hinted"),
	}}.build(t)))
	for _, want := range []Entry{
		{Name: "known", Size: 5, Modified: time.Unix(0x60000000, 0).UTC()},
		{Name: "a", Size: -1, Modified: time.Date(2025, 1, 1, 12, 0, 0, 0, time.UTC)},
		{Name: "h", Size: 6, Modified: time.Date(2025, 1, 1, 12, 0, 0, 0, time.UTC)},
	} {
		got, err := z.Next()
		if err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	if _, err := z.Next(); err != io.EOF {
		t.Error(err)
	}
}

func hinted2(text string) item {
	it := hinted(text)
	it.name = "h"
	return it
}

func TestNextChecksWhatWasNotRead(t *testing.T) {
	good := goArchive(t, someFiles...)
	z := NewZip(bytes.NewReader(good))
	names := 0
	for {
		_, err := z.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names++
		if _, err := z.Read(make([]byte, 1)); err != nil && err != io.EOF {
			t.Fatal(err)
		}
	}
	if names != len(someFiles) {
		t.Errorf("%d names", names)
	}
	bad := recipe{items: []item{{name: "a", data: "x", local: func(r *record) { r.crc++ }, central: func(r *record) { r.crc++ }}}}.build(t)
	z = NewZip(bytes.NewReader(bad))
	if _, err := z.Next(); err != nil {
		t.Fatal(err)
	}
	if _, err := z.Next(); !errors.Is(err, ErrCorrupt) {
		t.Errorf("skipped a bad entry: %v", err)
	}
}

func TestReadsTheSameInPieces(t *testing.T) {
	data := goArchive(t, someFiles...)
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"one byte": iotest.OneByteReader, "half": iotest.HalfReader, "data with EOF": iotest.DataErrReader,
	} {
		got, err := readAll(wrap(bytes.NewReader(data)))
		if err != nil || !sameFiles(got, someFiles) {
			t.Errorf("%s: %v", name, err)
		}
	}
	z := NewZip(bytes.NewReader(data))
	if _, err := z.Next(); err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(z, []byte(someFiles[0].Content)); err != nil {
		t.Error(err)
	}
}

func TestPassesTheInputsErrorOn(t *testing.T) {
	broken := errors.New("the line broke")
	data := goArchive(t, file{"a", "hello hello hello"}, file{"b", "more"})
	for n := range data {
		r := io.MultiReader(bytes.NewReader(data[:n]), iotest.ErrReader(broken))
		if _, err := readAll(r); !errors.Is(err, broken) || errors.Is(err, ErrCorrupt) {
			t.Fatalf("after %d bytes: %v", n, err)
		}
	}
	r := io.MultiReader(bytes.NewReader(data), iotest.ErrReader(broken))
	if _, err := readAll(r); !errors.Is(err, broken) {
		t.Errorf("an input that fails instead of ending: %v", err)
	}
}

func TestErrorsStay(t *testing.T) {
	data := goArchive(t, someFiles...)
	z := NewZip(bytes.NewReader(data[:200]))
	if _, err := z.Read(make([]byte, 1)); !errors.Is(err, errMisuse) {
		t.Errorf("Read before Next: %v", err)
	}
	if _, err := z.Next(); err != nil {
		t.Fatal(err)
	}
	_, first := io.Copy(io.Discard, z)
	if !errors.Is(first, ErrCorrupt) || !errors.Is(first, io.ErrUnexpectedEOF) {
		t.Fatalf("truncated: %v", first)
	}
	if _, err := z.Read(make([]byte, 1)); err != first {
		t.Errorf("Read again: %v", err)
	}
	if _, err := z.Next(); err != first {
		t.Errorf("Next again: %v", err)
	}
}
