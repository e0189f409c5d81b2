package gpt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

const (
	signature  = "EFI PART"
	ignored    = "IGNOREME" // vboot: this copy is not to be looked at
	revision   = 0x00010000
	headerSize = 92
	entrySize  = 128
	// maxArray is far beyond the 16 KiB of every real table, and small enough
	// to read at every boot.
	maxArray = 1 << 20
)

// header is one header, with the whole sector that holds it.
type header struct {
	raw                                    []byte
	size                                   uint32
	my, other, firstUsable, lastUsable, at uint64
	disk                                   guid
	count, entrySize, arrayCRC             uint32
}

// parseHeader reads the header in this sector, which must say that it belongs
// there. An error says in which way it is damaged.
func parseHeader(sector []byte, lba uint64) (h header, err error) {
	le := binary.LittleEndian
	h = header{
		raw: sector, size: le.Uint32(sector[12:]),
		my: le.Uint64(sector[24:]), other: le.Uint64(sector[32:]),
		firstUsable: le.Uint64(sector[40:]), lastUsable: le.Uint64(sector[48:]),
		disk: guid(sector[56:72]), at: le.Uint64(sector[72:]),
		count: le.Uint32(sector[80:]), entrySize: le.Uint32(sector[84:]), arrayCRC: le.Uint32(sector[88:]),
	}
	switch {
	case string(sector[:8]) != signature:
		return h, errors.New("it has no signature")
	case h.size < headerSize || h.size > uint32(len(sector)):
		return h, fmt.Errorf("its header claims %d bytes", h.size)
	case le.Uint32(sector[16:]) != headerCRC(sector, h.size):
		return h, errors.New("its header has a wrong checksum")
	case le.Uint32(sector[8:]) != revision:
		return h, fmt.Errorf("its revision is 0x%08x", le.Uint32(sector[8:]))
	case h.my != lba:
		return h, fmt.Errorf("its header belongs to sector %d", h.my)
	case h.entrySize < entrySize || h.entrySize&(h.entrySize-1) != 0:
		return h, fmt.Errorf("its entries have %d bytes", h.entrySize)
	case h.count == 0 || uint64(h.count)*uint64(h.entrySize) > maxArray:
		return h, fmt.Errorf("it has %d entries of %d bytes", h.count, h.entrySize)
	}
	return h, nil
}

func headerCRC(sector []byte, size uint32) uint32 {
	b := bytes.Clone(sector[:size])
	clear(b[16:20])
	return crc32.ChecksumIEEE(b)
}

// arrayBytes is the length of the array, and sectors what it takes.
func (h header) arrayBytes() int { return int(h.count * h.entrySize) }

func (h header) sectors() uint64 {
	return uint64((h.arrayBytes() + len(h.raw) - 1) / len(h.raw))
}

// sealed is the header's sector for this array, at these places.
func (h header) sealed(my, other, at uint64, array []byte) []byte {
	le := binary.LittleEndian
	sector := bytes.Clone(h.raw)
	le.PutUint64(sector[24:], my)
	le.PutUint64(sector[32:], other)
	le.PutUint64(sector[72:], at)
	le.PutUint32(sector[88:], crc32.ChecksumIEEE(array[:h.arrayBytes()]))
	le.PutUint32(sector[16:], headerCRC(sector, h.size))
	return sector
}

// place checks that a header describes a disk of this many sectors, and that
// its array lies where nothing else does.
func (h header) place(sectors uint64) error {
	last := sectors - 1
	primary := h.my == 1
	switch {
	case primary && h.other != last:
		return fmt.Errorf("its backup is in sector %d of %d, not in the last one, where loaders look for it: move it with `sgdisk -e`", h.other, sectors)
	case !primary && h.other != 1:
		return fmt.Errorf("the backup says that the primary is in sector %d: repair it with `sgdisk`", h.other)
	case h.firstUsable > h.lastUsable || h.lastUsable >= last:
		return fmt.Errorf("its usable sectors %d to %d do not fit on %d sectors", h.firstUsable, h.lastUsable, sectors)
	case primary && (h.at < 2 || h.at > h.firstUsable || h.sectors() > h.firstUsable-h.at):
		return fmt.Errorf("its entries in sector %d reach into the usable sectors", h.at)
	case !primary && (h.at <= h.lastUsable || h.at > last || h.sectors() > last-h.at):
		return fmt.Errorf("the backup's entries in sector %d do not lie behind the usable sectors", h.at)
	}
	return nil
}

// sameDisk says in what two valid headers disagree though they should not.
func sameDisk(a, b header) error {
	switch {
	case a.size != b.size:
		return fmt.Errorf("their headers have %d and %d bytes", a.size, b.size)
	case a.firstUsable != b.firstUsable || a.lastUsable != b.lastUsable:
		return fmt.Errorf("their usable sectors are %d to %d and %d to %d", a.firstUsable, a.lastUsable, b.firstUsable, b.lastUsable)
	case a.disk != b.disk:
		return fmt.Errorf("their disk GUIDs are %s and %s", a.disk, b.disk)
	case a.count != b.count || a.entrySize != b.entrySize:
		return fmt.Errorf("they have %d entries of %d bytes and %d of %d", a.count, a.entrySize, b.count, b.entrySize)
	}
	return nil
}
