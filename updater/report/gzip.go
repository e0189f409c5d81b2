package report

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"math/bits"
)

// gzipWriter compresses with the one code that needs no tables (RFC 1951,
// 3.2.6): a log becomes a sixth of itself, half as large again as by Go's
// compressor, which takes 44 KiB of a small program. What repeats is looked for
// within one Write.
type gzipWriter struct {
	w       io.Writer
	out     []byte
	pending uint64 // bits of the byte that is not full yet, first bit lowest
	count   int    // of them
	sum     uint32
	size    uint32
	// last is where four bytes of this hash last stood, plus one.
	last [1 << hashBits]int32
}

const (
	hashBits           = 14
	shortestCopy       = 4
	longestCopy        = 258
	farthest           = 1 << 15
	endOfBlock, copies = 256, 257 // symbols behind those of the bytes
)

// newGzipWriter begins a file of one block (RFC 1952, 2.3).
func newGzipWriter(w io.Writer) *gzipWriter {
	z := &gzipWriter{w: w, out: []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}}
	z.put(0b011, 3) // the last block, with the fixed code
	return z
}

// Write takes all of p, and keeps the bits that do not fill a byte.
func (z *gzipWriter) Write(p []byte) (int, error) {
	z.sum = crc32.Update(z.sum, crc32.IEEETable, p)
	z.size += uint32(len(p))
	clear(z.last[:])
	for i := 0; i < len(p); {
		at, length := z.earlier(p, i), 1
		if at >= 0 {
			length = common(p[at:], p[i:])
		}
		if length < shortestCopy {
			z.symbol(int(p[i]))
			i++
			continue
		}
		z.copied(length, i-at)
		for end := i + length; i < end; i++ {
			z.earlier(p, i)
		}
	}
	return len(p), z.flush()
}

// Close ends the file, and leaves w open.
func (z *gzipWriter) Close() error {
	z.symbol(endOfBlock)
	z.put(0, -z.count&7)
	z.out = binary.LittleEndian.AppendUint32(z.out, z.sum)
	z.out = binary.LittleEndian.AppendUint32(z.out, z.size)
	return z.flush()
}

func (z *gzipWriter) flush() error {
	_, err := z.w.Write(z.out)
	z.out = z.out[:0]
	return err
}

// earlier is where p may have held before what it holds at i, which it notes;
// negative for nowhere within reach.
func (z *gzipWriter) earlier(p []byte, i int) int {
	if len(p)-i < shortestCopy {
		return -1
	}
	hash := binary.LittleEndian.Uint32(p[i:]) * 0x9e3779b1 >> (32 - hashBits)
	at := int(z.last[hash]) - 1
	z.last[hash] = int32(i) + 1
	if i-at > farthest {
		return -1
	}
	return at
}

// common is how many bytes both begin with, as far as one copy goes.
func common(a, b []byte) (n int) {
	for n < len(b) && n < longestCopy && a[n] == b[n] {
		n++
	}
	return n
}

// copied repeats what stands so many bytes before.
func (z *gzipWriter) copied(length, distance int) {
	if length == longestCopy {
		z.symbol(285)
	} else {
		group, extra := grouped(length-3, 3)
		z.symbol(copies + group)
		z.put(length-3, extra)
	}
	group, extra := grouped(distance-1, 2)
	z.code(group, 5)
	z.put(distance-1, extra)
}

// grouped is the group of a number of which the first bits are kept, and how
// many bits of it say which of the group it is.
func grouped(n, kept int) (group, extra int) {
	extra = max(bits.Len(uint(n))-kept, 0)
	return extra<<(kept-1) + n>>extra, extra
}

// symbol writes a byte, a copy's length or the end by the fixed code.
func (z *gzipWriter) symbol(s int) {
	switch {
	case s < 144:
		z.code(0x30+s, 8)
	case s < 256:
		z.code(0x190+s-144, 9)
	case s < 280:
		z.code(s-256, 7)
	default:
		z.code(0xc0+s-280, 8)
	}
}

// code writes a code, whose highest bit goes first.
func (z *gzipWriter) code(code, size int) {
	z.put(int(bits.Reverse16(uint16(code))>>(16-size)), size)
}

// put writes the lowest bits of n, the lowest first.
func (z *gzipWriter) put(n, size int) {
	z.pending |= uint64(n&(1<<size-1)) << z.count
	for z.count += size; z.count >= 8; z.count -= 8 {
		z.out = append(z.out, byte(z.pending))
		z.pending >>= 8
	}
}
