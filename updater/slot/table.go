package slot

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strings"
	"unicode/utf16"
)

// names are what a partition table calls a partition, and where it lies.
type names struct {
	label string // GPT only
	uuid  string
	// first and last are the partition's sectors; GPT only.
	first, last uint64
}

var errNoTable = errors.New("no partition table")

// maxTable bounds what is read of a GPT's entries; 128 of them take 16 KiB.
const maxTable = 1 << 20

// readTable reads the names of a disk's partitions, by their number.
func (h Host) readTable(disk *device) (map[int]names, error) {
	f, err := os.Open(h.dev(disk.name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sector := readInt(disk.dir, "queue/logical_block_size")
	if sector < 512 || sector > 1<<16 {
		sector = 512
	}
	return parseTable(f, disk.size, sector)
}

// parseTable reads a GPT at either of its two places, or an MBR. Sizes are in
// bytes.
func parseTable(r io.ReaderAt, size, sector int64) (map[int]names, error) {
	for _, lba := range []int64{1, size/sector - 1} {
		if t, err := parseGPT(r, lba, sector); err == nil {
			return t, nil
		}
	}
	return parseMBR(r)
}

// parseGPT reads the header at lba and its entries (UEFI specification 2.10,
// chapter 5.3).
func parseGPT(r io.ReaderAt, lba, sector int64) (map[int]names, error) {
	head := make([]byte, sector)
	if n, err := r.ReadAt(head, lba*sector); n < len(head) {
		return nil, err
	}
	le := binary.LittleEndian
	length := le.Uint32(head[12:])
	if string(head[:8]) != "EFI PART" || length < 92 || int64(length) > sector || le.Uint64(head[24:]) != uint64(lba) {
		return nil, errNoTable
	}
	sum := le.Uint32(head[16:])
	clear(head[16:20])
	if crc32.ChecksumIEEE(head[:length]) != sum {
		return nil, fmt.Errorf("GPT header: %w", errNoTable)
	}
	start, count, each := le.Uint64(head[72:]), int64(le.Uint32(head[80:])), int64(le.Uint32(head[84:]))
	if each < 128 || count > maxTable/each || start > 1<<40 {
		return nil, fmt.Errorf("GPT of %d entries of %d bytes: %w", count, each, errNoTable)
	}
	entries := make([]byte, count*each)
	if n, err := r.ReadAt(entries, int64(start)*sector); n < len(entries) {
		return nil, err
	}
	if crc32.ChecksumIEEE(entries) != le.Uint32(head[88:]) {
		return nil, fmt.Errorf("GPT entries: %w", errNoTable)
	}
	return gptNames(entries, int(each)), nil
}

func gptNames(entries []byte, each int) map[int]names {
	t := map[int]names{}
	for i := 0; i*each < len(entries); i++ {
		e := entries[i*each:][:each]
		if unused := e[:16]; bytes.Count(unused, []byte{0}) < len(unused) {
			t[i+1] = names{
				label: utf16Text(e[56:128]), uuid: guid(e[16:32]),
				first: binary.LittleEndian.Uint64(e[32:]), last: binary.LittleEndian.Uint64(e[40:]),
			}
		}
	}
	return t
}

// guid writes the first three fields from little-endian, the rest as they lie.
func guid(b []byte) string {
	le := binary.LittleEndian
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x", le.Uint32(b), le.Uint16(b[4:]), le.Uint16(b[6:]), b[8:10], b[10:16])
}

func utf16Text(b []byte) string {
	var units []uint16
	for ; len(b) >= 2; b = b[2:] {
		units = append(units, binary.LittleEndian.Uint16(b))
	}
	text, _, _ := strings.Cut(string(utf16.Decode(units)), "\x00")
	return text
}

// parseMBR gives partitions the names that the kernel gives them: the disk's
// signature and the number. There are only names, no check what exists.
func parseMBR(r io.ReaderAt) (map[int]names, error) {
	b := make([]byte, 512)
	if n, err := r.ReadAt(b, 0); n < len(b) {
		return nil, err
	}
	signature := binary.LittleEndian.Uint32(b[440:])
	if b[510] != 0x55 || b[511] != 0xaa || signature == 0 {
		return nil, errNoTable
	}
	t := map[int]names{}
	for number := 1; number < 64; number++ {
		t[number] = names{uuid: fmt.Sprintf("%08x-%02x", signature, number)}
	}
	return t, nil
}
