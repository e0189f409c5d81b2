package unpack

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"testing"
)

// smallArchives have between them every record that is read here.
func smallArchives(t testing.TB) map[string][]byte {
	stampField := stamp(7)
	foreign := extraField(0x7875, []byte{1, 2, 3})
	atime := extraField(extraTime, []byte{3, 1, 2, 3, 4, 5, 6, 7, 8})
	return map[string][]byte{
		"archive/zip": goArchive(t, file{"a", "hello hello hello"}, file{"dir/", ""}, file{"dir/b", "xyz"}),
		"stored":      recipe{items: []item{{name: "a", data: "hello"}, {name: "b", data: "more"}}}.build(t),
		"deflate":     recipe{items: []item{{name: "a", data: "hello hello hello", method: methodDeflate}}}.build(t),
		"unsigned":    recipe{items: []item{described("hello hello hello", false, false)}}.build(t),
		"unsigned 64": recipe{items: []item{described("hello hello hello", false, true)}}.build(t),
		"zip64":       recipe{items: []item{zip64Item("hello")}, beforeEnd: zip64Ends(nil)}.build(t),
		"zip64 all":   recipe{items: []item{zip64Central("hello", 0)}, beforeEnd: zip64Ends(nil), end: seeZip64}.build(t),
		"extras": recipe{items: []item{{
			name: "a", data: "hello",
			local:   func(r *record) { r.extra = append(atime, foreign...) },
			central: func(r *record) { r.extra = append(foreign, extraField(extraTime, atime[4:9])...); r.comment = "hi" },
		}, {name: "b", local: addExtra(stampField), central: addExtra(stampField)}}, end: func(e *endRecord) { e.comment = "bye" }}.build(t),
	}
}

func TestEveryTruncationIsDamage(t *testing.T) {
	for name, data := range smallArchives(t) {
		t.Run(name, func(t *testing.T) {
			if _, err := readAll(bytes.NewReader(data)); err != nil {
				t.Fatal(err)
			}
			for n := range data {
				_, err := readAll(bytes.NewReader(data[:n]))
				if !errors.Is(err, ErrCorrupt) || !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("cut to %d of %d bytes: %v", n, len(data), err)
				}
			}
		})
	}
}

func TestEveryFlippedByteIsSeenOrHarmless(t *testing.T) {
	for name, data := range smallArchives(t) {
		t.Run(name, func(t *testing.T) {
			want, err := readAll(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			free := freeBytes(t, data)
			for i := range data {
				for _, flip := range []byte{1, 2, 4, 8, 16, 32, 64, 128, 255} {
					checkFlip(t, data, i, flip, want, free[i])
				}
			}
		})
	}
}

func checkFlip(t *testing.T, data []byte, at int, flip byte, want []file, free bool) {
	t.Helper()
	bad := bytes.Clone(data)
	bad[at] ^= flip
	got, err := readAll(bytes.NewReader(bad))
	switch {
	case errors.Is(err, ErrCorrupt), errors.Is(err, ErrRefused):
		return
	case err != nil:
		t.Errorf("byte %d ^ %#x: neither category: %v", at, flip, err)
	case !free:
		t.Errorf("byte %d ^ %#x: not noticed", at, flip)
	case !sameFiles(got, want):
		t.Errorf("byte %d ^ %#x: reads as %q", at, flip, got)
	}
	if other, err := oracle(bad); err != nil || !sameFiles(got, other) {
		t.Errorf("byte %d ^ %#x: archive/zip reads %q, %v", at, flip, other, err)
	}
}

// freeBytes are those that the package documentation lists: nothing repeats
// them and they change nothing here.
func freeBytes(t *testing.T, data []byte) map[int]bool {
	t.Helper()
	free := map[int]bool{}
	mark := func(from, to int) {
		for i := from; i < to; i++ {
			free[i] = true
		}
	}
	for _, at := range find(data, sigCentral) {
		r := data[at:]
		name, extra, comment := int(le.Uint16(r[28:])), int(le.Uint16(r[30:])), int(le.Uint16(r[32:]))
		mark(at+4, at+6) // version made by
		if le.Uint16(r[6:]) == maxVersion {
			mark(int(le.Uint32(r[42:]))+4, int(le.Uint32(r[42:]))+6) // the local header may need less
		}
		mark(at+36, at+42) // attributes
		markExtras(data, at+46+name, extra, mark)
		mark(at+46+name+extra, at+46+name+extra+comment)
	}
	for _, at := range find(data, sigLocal) {
		name, extra := int(le.Uint16(data[at+26:])), int(le.Uint16(data[at+28:]))
		markExtras(data, at+30+name, extra, mark)
	}
	for _, at := range find(data, sigEnd64) {
		mark(at+12, at+16) // versions
	}
	for _, at := range find(data, sigEnd) {
		mark(at+22, len(data))
	}
	markDeflated(t, data, mark)
	return free
}

// markExtras marks foreign fields, and of a time field all but the
// modification time.
func markExtras(data []byte, at, size int, mark func(from, to int)) {
	for end := at + size; at < end; {
		id, n := le.Uint16(data[at:]), int(le.Uint16(data[at+2:]))
		switch id {
		case extraZip64:
			if n == 24 { // the offset is not needed: without it the field is as good
				mark(at+2, at+3)
			}
		case extraTime:
			mark(at+4, at+5)
			mark(at+9, at+4+n)
		default:
			mark(at, at+4+n)
		}
		at += 4 + n
	}
}

// markDeflated marks deflated data: blocks end anywhere in a byte and may
// leave the rest of it unused. Whether the content stayed the same is checked
// for every flip anyway.
func markDeflated(t *testing.T, data []byte, mark func(from, to int)) {
	t.Helper()
	zr, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range zr.File {
		start, err := f.DataOffset()
		if err != nil {
			t.Fatal(err)
		}
		if f.Method == methodDeflate {
			mark(int(start), int(start)+int(f.CompressedSize64))
		}
	}
}

func find(data []byte, sig uint32) (at []int) {
	for i := range data {
		if bytes.HasPrefix(data[i:], le.AppendUint32(nil, sig)) {
			at = append(at, i)
		}
	}
	return at
}
