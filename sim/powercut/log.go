package powercut

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// SectorSize is the unit in which disks and logs count, in bytes.
const SectorSize = 512

// The head of a log, and an entry's flags (the kernel's
// drivers/md/dm-log-writes.c; QEMU's block/blklogwrites.c).
const (
	logMagic   = 0x6a736677736872
	logVersion = 1

	flagFlush   = 1
	flagFUA     = 2
	flagDiscard = 4
	flagMark    = 8
)

// maxEntry bounds what one entry may write, in sectors: 1 GiB.
const maxEntry = 2 << 20

// Entry is one thing that was done to the disk, in the order in which it was
// asked for. Sector and Count are in sectors.
type Entry struct {
	Sector, Count int64
	// Flush says that everything completed before is on the medium first.
	Flush bool
	// Through says that this write is on the medium when it is complete
	// (forced unit access).
	Through bool
	// Discard has no content. Such sectors read as zeros afterwards.
	Discard bool
	// Data is Count sectors; nil for a discard and for a flush alone.
	Data []byte
}

// Content is what sector i of it holds; zeros after a discard.
func (e Entry) Content(i int64) string {
	if e.Discard {
		return string(make([]byte, SectorSize))
	}
	return string(e.Data[i*SectorSize:][:SectorSize])
}

// ReadLog reads a log of writes in the format of dm-log-writes, version 1:
//
//	sector 0    magic 0x6a736677736872, version 1, number of entries (each 8
//	            bytes), sector size (4 bytes); zeros
//	then each   sector, number of sectors, flags, length of a mark's text
//	            (each 8 bytes); zeros up to a sector; then the data, none for
//	            a discard; a mark has its text there, padded to a sector
//
// All integers are little-endian. Flags are 1 flush, 2 forced unit access,
// 4 discard, 8 mark. Source: the kernel's
// Documentation/admin-guide/device-mapper/log-writes.rst. Marks are skipped.
func ReadLog(path string) ([]Entry, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the log of writes: %w", err)
	}
	defer f.Close()
	r := &logReader{f: f}
	entries, err := r.all()
	if err != nil {
		return nil, fmt.Errorf("read the log of writes %s: %w", path, err)
	}
	return entries, nil
}

// LogLength is the number of entries that a log has now, while it may still
// be written. A log that was only just begun has none.
func LogLength(path string) (int, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("look at the log of writes: %w", err)
	}
	defer f.Close()
	n, err := (&logReader{f: f}).head()
	if errors.Is(err, io.EOF) {
		return 0, nil
	}
	return int(n), err
}

// logReader reads a log from its start.
type logReader struct {
	f  io.ReaderAt
	at int64
}

// head reads sector 0 and returns the number of entries.
func (r *logReader) head() (uint64, error) {
	var b [28]byte
	if _, err := r.f.ReadAt(b[:], 0); err != nil {
		return 0, fmt.Errorf("read its head: %w", err)
	}
	magic, version := binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:])
	size := binary.LittleEndian.Uint32(b[24:])
	switch {
	case magic != logMagic:
		return 0, fmt.Errorf("cannot use it because its magic is %#x, not %#x: it is no log of writes", magic, uint64(logMagic))
	case version != logVersion:
		return 0, fmt.Errorf("cannot use it because it has version %d, not %d", version, logVersion)
	case size != SectorSize:
		return 0, fmt.Errorf("cannot use it because its sectors have %d bytes, not %d", size, SectorSize)
	}
	r.at = SectorSize
	return binary.LittleEndian.Uint64(b[16:]), nil
}

func (r *logReader) all() ([]Entry, error) {
	n, err := r.head()
	if err != nil {
		return nil, err
	}
	var entries []Entry
	for i := range n {
		e, mark, err := r.next()
		if err != nil {
			return nil, fmt.Errorf("entry %d of %d: %w", i, n, err)
		}
		if !mark {
			entries = append(entries, e)
		}
	}
	return entries, nil
}

func (r *logReader) next() (e Entry, mark bool, err error) {
	var b [32]byte
	if _, err := r.f.ReadAt(b[:], r.at); err != nil {
		return e, false, err
	}
	r.at += SectorSize
	sector, count := binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:])
	flags, text := binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[24:])
	if count > maxEntry || sector > 1<<50 || text > maxEntry {
		return e, false, fmt.Errorf("cannot believe %d sectors at %d and %d bytes of text", count, sector, text)
	}
	if flags&flagMark != 0 {
		r.at += (int64(text) + SectorSize - 1) / SectorSize * SectorSize
		return e, true, nil
	}
	e = Entry{
		Sector: int64(sector), Count: int64(count),
		Flush: flags&flagFlush != 0, Through: flags&flagFUA != 0, Discard: flags&flagDiscard != 0,
	}
	if e.Discard || count == 0 {
		return e, false, nil
	}
	e.Data = make([]byte, count*SectorSize)
	if _, err := r.f.ReadAt(e.Data, r.at); err != nil {
		return e, false, err
	}
	r.at += int64(len(e.Data))
	return e, false, nil
}
