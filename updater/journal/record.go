package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

const (
	// blockSize is what copies and writes are rounded to. No block holds
	// bytes of both copies, so no write of one can harm the other.
	blockSize = 4096
	// distance is from the start of the first copy to that of the second.
	distance = 4 << 20

	headerSize = 16
	// maxPayload is the longest payload that fits before the second copy.
	maxPayload = distance - headerSize
)

var (
	magic = []byte("ABJ1")
	table = crc32.MakeTable(crc32.Castagnoli)
)

// What a copy can be instead of a record.
var (
	errEmpty   = errors.New("never written")
	errForeign = errors.New("not a journal record")
	errShort   = errors.New("cut short")
	errCRC     = errors.New("checksum mismatch")
)

// record is one decoded copy.
type record struct {
	seq     uint32
	payload []byte
}

// newer compares sequence numbers as points on a circle, so that they may
// wrap around. Two copies are never more than a few numbers apart.
func newer(a, b uint32) bool { return int32(a-b) > 0 }

// encode lays a record out and fills its last block with zeroes, so that
// every block is written whole.
func encode(r record) []byte {
	n := headerSize + len(r.payload)
	b := make([]byte, roundUp(n))
	copy(b, magic)
	binary.LittleEndian.PutUint32(b[8:], r.seq)
	binary.LittleEndian.PutUint32(b[12:], uint32(len(r.payload)))
	copy(b[headerSize:], r.payload)
	binary.LittleEndian.PutUint32(b[4:], crc32.Checksum(b[8:n], table))
	return b
}

// extent is the number of bytes that a copy's header and payload take, by the
// word of the header alone.
func extent(b []byte) (int, error) {
	switch {
	case len(b) < headerSize:
		return 0, errShort
	case bytes.Count(b[:headerSize], []byte{0}) == headerSize:
		return 0, errEmpty
	case !bytes.Equal(b[:len(magic)], magic):
		return 0, errForeign
	}
	n := binary.LittleEndian.Uint32(b[12:])
	if n > maxPayload {
		return 0, fmt.Errorf("impossible length %d", n)
	}
	return headerSize + int(n), nil
}

// decode reads the record at the start of b. What follows it is ignored. The
// payload aliases b.
func decode(b []byte) (record, error) {
	n, err := extent(b)
	if err != nil {
		return record{}, err
	}
	if n > len(b) {
		return record{}, errShort
	}
	if crc32.Checksum(b[8:n], table) != binary.LittleEndian.Uint32(b[4:]) {
		return record{}, errCRC
	}
	return record{seq: binary.LittleEndian.Uint32(b[8:]), payload: b[headerSize:n:n]}, nil
}

func roundUp(n int) int { return (n + blockSize - 1) / blockSize * blockSize }
