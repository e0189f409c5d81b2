package classic

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
)

// Records at the end of a zip (PKWARE APPNOTE 4.3.12 to 4.3.16): signatures,
// and the sizes of their fixed parts.
const (
	sigRecord, recordSize   = "PK\x01\x02", 46
	sigEnd64, end64Size     = "PK\x06\x06", 56
	sigLocator, locatorSize = "PK\x06\x07", 20
	sigEnd, endSize         = "PK\x05\x06", 22
)

// maxComment is the longest comment that may follow the end record.
const maxComment = math.MaxUint16

// zip64Extra is the extra field with the values that 32 bits cannot hold.
const zip64Extra = 0x0001

var le = binary.LittleEndian

// directory is where an archive's central directory lies, by its end records.
type directory struct{ start, size int64 }

// firstSize is the unpacked size of the archive's first entry, which has this
// name, by the central directory; -1 when that cannot be read or understood.
// The archive/zip package is not used because it reads the whole directory
// and reserves memory for as many entries as the end record says.
func firstSize(archive io.ReaderAt, size int64, name string) int64 {
	dir, ok := findDirectory(archive, size)
	if !ok {
		return -1
	}
	rec := piece(archive, dir.start, recordSize+int64(len(name)))
	if int64(len(rec)) > dir.size || !bytes.HasPrefix(rec, []byte(sigRecord)) {
		return -1
	}
	if int(le.Uint16(rec[28:])) != len(name) || string(rec[recordSize:]) != name {
		return -1
	}
	if narrow := le.Uint32(rec[24:]); narrow != math.MaxUint32 {
		return int64(narrow)
	}
	return wideSize(piece(archive, dir.start+int64(len(rec)), int64(le.Uint16(rec[30:]))))
}

// wideSize is the unpacked size in a record's extra data, where it comes
// first in the zip64 field.
func wideSize(extra []byte) int64 {
	for len(extra) >= 4 {
		id, field := le.Uint16(extra), extra[4:]
		n := min(int(le.Uint16(extra[2:])), len(field))
		if id == zip64Extra && n >= 8 {
			return max(-1, number(field))
		}
		extra = field[n:]
	}
	return -1
}

// findDirectory looks for the end record, first where it is without a
// comment, and then everywhere it can be.
func findDirectory(archive io.ReaderAt, size int64) (directory, bool) {
	const ends = end64Size + locatorSize + endSize
	for _, n := range []int64{ends, ends + maxComment} {
		n = min(n, size)
		if dir, ok := lastDirectory(piece(archive, size-n, n), size-n); ok {
			return dir, true
		}
	}
	return directory{}, false
}

// lastDirectory takes the last end record in tail, the archive's bytes from
// offset base to its end, that could be one.
func lastDirectory(tail []byte, base int64) (directory, bool) {
	for i := len(tail) - endSize; i >= 0; i-- {
		end := tail[i:]
		if !bytes.HasPrefix(end, []byte(sigEnd)) || int(le.Uint16(end[20:])) != len(end)-endSize {
			continue
		}
		dir, over := directory{start: int64(le.Uint32(end[16:])), size: int64(le.Uint32(end[12:]))}, base+int64(i)
		if wide := i - locatorSize - end64Size; wide >= 0 && isWide(tail[wide:i]) {
			dir, over = directory{start: number(tail[wide+48:]), size: number(tail[wide+40:])}, base+int64(wide)
		}
		// The directory ends where its end records begin.
		if dir.start >= 0 && dir.start <= over && dir.size == over-dir.start {
			return dir, true
		}
	}
	return directory{}, false
}

// isWide reports whether these are the zip64 end record and its locator.
func isWide(ends []byte) bool {
	return bytes.HasPrefix(ends, []byte(sigEnd64)) && bytes.HasPrefix(ends[end64Size:], []byte(sigLocator))
}

// number is 64 bits wide, and negative where they are no size or offset.
func number(b []byte) int64 { return int64(le.Uint64(b)) }

// piece is n bytes at off, or nothing.
func piece(archive io.ReaderAt, off, n int64) []byte {
	b := make([]byte, n)
	if _, err := io.ReadFull(io.NewSectionReader(archive, off, n), b); err != nil {
		return nil
	}
	return b
}
