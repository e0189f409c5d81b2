package unpack

import (
	"archive/zip"
	"bytes"
	"hash/crc32"
	"io"
	"testing"

	"github.com/klauspost/compress/flate"
)

const (
	chunk  = 1 << 20
	chunks = 4<<10 + 1 // one MiB more than 32 bits can count
)

// zeros is an endless run of them.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestReadsSizesAndOffsetsBeyond32Bits has a stored entry with zip64 sizes in
// its local header, and behind it, so at a zip64 offset, a deflated one with a
// 64 bit data descriptor that its local header does not announce.
func TestReadsSizesAndOffsetsBeyond32Bits(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: unpacks 8 GiB of zeros")
	}
	crc := crcOfZeros()
	z := NewZip(io.MultiReader(bigStored(crc), tail(t, crc)))
	for _, name := range []string{"stored", "deflated"} {
		e, err := z.Next()
		if err != nil || e.Name != name {
			t.Fatalf("%+v, %v", e, err)
		}
		if n, err := io.Copy(io.Discard, readerOnly{z}); err != nil || n != chunk*chunks {
			t.Fatalf("%s: %d bytes, %v", name, n, err)
		}
	}
	if _, err := z.Next(); err != io.EOF {
		t.Error(err)
	}
}

func crcOfZeros() (crc uint32) {
	block := make([]byte, chunk)
	for range chunks {
		crc = crc32.Update(crc, crc32.IEEETable, block)
	}
	return crc
}

func storedRecord(crc uint32) record {
	return record{
		needed: maxVersion, crc: crc, packed: 1<<32 - 1, size: 1<<32 - 1, name: "stored", date: 0x5a21,
		extra: extraField(extraZip64, u64s(chunk*chunks, chunk*chunks)),
	}
}

func bigStored(crc uint32) io.Reader {
	return io.MultiReader(bytes.NewReader(storedRecord(crc).appendLocal(nil)), io.LimitReader(zeros{}, chunk*chunks))
}

// tail is everything behind the stored entry, as archive/zip writes it; the
// stored entry's central record goes in front of its own.
func tail(t *testing.T, crc uint32) io.Reader {
	t.Helper()
	offset := int64(len(storedRecord(crc).appendLocal(nil))) + chunk*chunks
	var block bytes.Buffer
	w, err := flate.NewWriter(&block, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, chunk)); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	packed := append(bytes.Repeat(block.Bytes(), chunks), 3, 0) // and an empty last block

	var out bytes.Buffer
	zw := zip.NewWriter(&out)
	zw.SetOffset(offset)
	entry, err := zw.CreateRaw(&zip.FileHeader{
		Name: "deflated", Method: zip.Deflate, Flags: flagDescriptor, ReaderVersion: 20, CRC32: crc,
		CompressedSize64: uint64(len(packed)), UncompressedSize64: chunk * chunks,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := entry.Write(packed); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(withRecord(out.Bytes(), storedRecord(crc).appendCentral(nil)))
}

// withRecord puts one more record in front of the central directory and
// counts it in the zip64 end record and in the end record.
func withRecord(data, rec []byte) []byte {
	at := find(data, sigCentral)
	end64, end := find(data, sigEnd64), find(data, sigEnd)
	cd := at[len(at)-1]
	out := bytes.Clone(data)
	add := func(at int, n uint64) { le.PutUint64(out[at:], le.Uint64(out[at:])+n) }
	add(end64[0]+24, 1)
	add(end64[0]+32, 1)
	add(end64[0]+40, uint64(len(rec)))
	add(end64[0]+56+8, uint64(len(rec)))
	for _, p := range []int{end[0] + 8, end[0] + 10} {
		if n := le.Uint16(out[p:]); n != 1<<16-1 {
			le.PutUint16(out[p:], n+1)
		}
	}
	return append(append(bytes.Clone(out[:cd]), rec...), out[cd:]...)
}
