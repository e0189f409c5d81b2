package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"abota/cmd/internal/cli"
	"abota/updater/unpack"
)

func makeArchive(t *testing.T, names ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	a := newArchive(&out)
	for _, name := range names {
		content := strings.Repeat("content of "+name, 1000)
		if strings.HasSuffix(name, "/") || strings.HasPrefix(name, "empty") {
			content = ""
		}
		if err := a.add(name, int64(len(content)), publicFile, strings.NewReader(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestArchiveIsReadByTheDeviceAndByOthers(t *testing.T) {
	names := []string{"rootfs.img", "empty", "dir/", "dir/grüße"}
	data := makeArchive(t, names...)
	zr, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	z := unpack.NewZip(bytes.NewReader(data))
	for i, name := range names {
		e, err := z.Next()
		if err != nil || e.Name != name {
			t.Fatalf("entry %d is %q, %v", i, e.Name, err)
		}
		ours, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		f, err := zr.File[i].Open()
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := io.ReadAll(f)
		if err != nil || zr.File[i].Name != name || !bytes.Equal(ours, theirs) {
			t.Errorf("%s: archive/zip reads %q otherwise, %v", name, zr.File[i].Name, err)
		}
		if len(ours) > 0 && e.Size != int64(len(ours)) {
			t.Errorf("%s: the local header says %d bytes, there are %d", name, e.Size, len(ours))
		}
	}
	if _, err := z.Next(); err != io.EOF {
		t.Error(err)
	}
}

func TestArchiveIsTheSameForTheSameFiles(t *testing.T) {
	if !bytes.Equal(makeArchive(t, "a", "b"), makeArchive(t, "a", "b")) {
		t.Error("two archives of the same files differ")
	}
}

func TestArchiveNoticesThatAFileChanged(t *testing.T) {
	for _, size := range []int64{4, 6} {
		err := newArchive(io.Discard).add("a", size, publicFile, strings.NewReader("12345"))
		if err == nil || !strings.Contains(err.Error(), "changed") {
			t.Errorf("announced %d, read 5: %v", size, err)
		}
	}
}

func TestArchiveIsBoundedAsTheDeviceIs(t *testing.T) {
	var out bytes.Buffer
	a := newArchive(&out)
	for i := range unpack.MaxEntries {
		if err := a.add(fmt.Sprint(i), 0, publicFile, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.add("one too many", 0, publicFile, nil); exitCode(err) != cli.ExitRefused {
		t.Errorf("one entry more than a device takes: %v", err)
	}
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	entries, err := list(&out)
	if err != nil || len(entries) != unpack.MaxEntries {
		t.Errorf("%d entries, %v", len(entries), err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestArchiveBeyondFourGiB has an entry with zip64 sizes in its local header
// and its descriptor.
func TestArchiveBeyondFourGiB(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: packs 4 GiB of zeros and unpacks them")
	}
	const size = 4<<30 + 12345
	r, w := io.Pipe()
	go func() {
		a := newArchive(w)
		err := a.add("big", size, publicFile, io.LimitReader(zeros{}, size))
		if err == nil {
			err = a.close()
		}
		w.CloseWithError(err)
	}()
	z := unpack.NewZip(r)
	e, err := z.Next()
	if err != nil || e.Size != size {
		t.Fatalf("%+v, %v", e, err)
	}
	if n, err := io.Copy(io.Discard, z); err != nil || n != size {
		t.Fatalf("%d bytes, %v", n, err)
	}
	if _, err := z.Next(); err != io.EOF {
		t.Error(err)
	}
}

// TestArchiveWithOffsetsBeyond32Bits only pretends that so much stands in
// front: archive/zip is told to look there.
func TestArchiveWithOffsetsBeyond32Bits(t *testing.T) {
	const front = 5 << 30
	var out bytes.Buffer
	a := newArchive(&out)
	a.n = front
	if err := a.add("behind", 5, publicFile, strings.NewReader("12345")); err != nil {
		t.Fatal(err)
	}
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	zr, err := zip.NewReader(shifted{bytes.NewReader(out.Bytes()), front}, front+int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	f, err := zr.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(f); err != nil || string(text) != "12345" {
		t.Errorf("%q, %v", text, err)
	}
}

// shifted has n zeros in front.
type shifted struct {
	io.ReaderAt
	n int64
}

func (s shifted) ReadAt(p []byte, off int64) (int, error) {
	clear(p)
	if off >= s.n {
		return s.ReaderAt.ReadAt(p, off-s.n)
	}
	skip := min(int64(len(p)), s.n-off)
	n, err := s.ReaderAt.ReadAt(p[skip:], 0)
	return int(skip) + n, err
}
