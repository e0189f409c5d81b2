package gpt

import (
	"encoding/binary"
	"hash/crc32"
	"unicode/utf16"
)

// layout describes a small disk for tests.
type layout struct {
	sector, entries int
}

// testNames are the partitions that hold the boot bits of A and B.
var testNames = [2]string{"PARTLABEL=KERN-A", "PARTLABEL=KERN-B"}

func (l layout) arraySectors() int { return (l.entries*entrySize + l.sector - 1) / l.sector }
func (l layout) firstUsable() int  { return 2 + l.arraySectors() }
func (l layout) lastUsable() int   { return l.firstUsable() + 7 }
func (l layout) sectors() int      { return l.lastUsable() + l.arraySectors() + 2 }

func (l layout) geometry() Geometry {
	return Geometry{Sector: l.sector, Sectors: uint64(l.sectors())}
}

// region is a copy: its header and its entries.
func (l layout) region(i int) (offset, size int64) {
	n := l.arraySectors() + 1
	at := 1
	if i == backup {
		at = l.sectors() - n
	}
	return int64(at * l.sector), int64(n * l.sector)
}

// partition is one entry to be.
type partition struct {
	index      int
	kind       byte
	name       string
	attributes uint64
}

// ordinary is a table with foreign partitions and attributes around the slots,
// whose entries lie in different sectors.
func ordinary() []partition {
	return []partition{
		{0, 7, "STATE", 1 << 60},
		{1, 1, "KERN-A", 1<<60 | 1<<57 | 5},
		{2, 2, "ROOT-A", 1<<48 | 1<<56},
		{6, 1, "KERN-B", 1 << 2},
		{7, 1, "KERN-C", 3 << 48}, // never good and without tries
		{15, 9, "vierzig Zeichen ü", 1<<63 | 1<<56},
	}
}

// disk is a whole disk with this table; every other byte is 0xa5.
func (l layout) disk(partitions []partition) []byte {
	image := make([]byte, l.sectors()*l.sector)
	for i := range image {
		image[i] = 0xa5
	}
	array := make([]byte, l.arraySectors()*l.sector)
	for i := l.entries * entrySize; i < len(array); i++ {
		array[i] = 0x5a
	}
	for n, p := range partitions {
		e := entry(array[p.index*entrySize:][:entrySize])
		e[0], e[15], e[16], e[31] = p.kind, 0x11, byte(p.index+1), 0x22
		binary.LittleEndian.PutUint64(e[32:], uint64(l.firstUsable()+n))
		binary.LittleEndian.PutUint64(e[40:], uint64(l.firstUsable()+n))
		e.setAttributes(p.attributes)
		for i, u := range utf16.Encode([]rune(p.name)) {
			binary.LittleEndian.PutUint16(e[56+2*i:], u)
		}
	}
	last := l.sectors() - 1
	l.put(image, array, 1, last, 2)
	l.put(image, array, last, 1, last-l.arraySectors())
	return image
}

// put writes one copy as the UEFI specification has it, by other code than the
// package's own.
func (l layout) put(image, array []byte, my, other, at int) {
	copy(image[at*l.sector:], array)
	h := image[my*l.sector:][:l.sector]
	copy(h, signature)
	le := binary.LittleEndian
	le.PutUint32(h[8:], 0x00010000)
	le.PutUint32(h[12:], 92)
	le.PutUint32(h[16:], 0)
	le.PutUint32(h[20:], 0)
	le.PutUint64(h[24:], uint64(my))
	le.PutUint64(h[32:], uint64(other))
	le.PutUint64(h[40:], uint64(l.firstUsable()))
	le.PutUint64(h[48:], uint64(l.lastUsable()))
	copy(h[56:72], "sixteen byte id.")
	le.PutUint64(h[72:], uint64(at))
	le.PutUint32(h[80:], uint32(l.entries))
	le.PutUint32(h[84:], entrySize)
	le.PutUint32(h[88:], crc32.ChecksumIEEE(array[:l.entries*entrySize]))
	le.PutUint32(h[16:], crc32.ChecksumIEEE(h[:92]))
}
