// Package journal keeps one small record through power cuts. The payload is
// opaque bytes; what it means is the engine's business.
//
// # Guarantee
//
// After a power cut at any moment of Save, Load returns the payload of before
// or the new one, whole. Save reports success only when the record was
// flushed and read back from the medium. A copy that is damaged, at any bit
// that matters, is never returned: the other copy is. The record survives a
// change of the record size in either direction, so that an older abota reads
// what a newer one wrote.
//
// # Not guaranteed
//
// Load may return the older of two payloads when the newer copy was damaged
// after it was written. Two processes must not Save at the same time: the
// caller holds a lock. Secrecy and authenticity: a CRC finds accidents, not
// attackers.
//
// # Format
//
// One file of 4 MiB plus the record size. Copy 1 starts at offset 0, copy 2
// at offset 4 MiB (0x400000). Each copy, integers little-endian:
//
//	offset  size  field
//	     0     4  magic "ABJ1"
//	     4     4  CRC-32C (Castagnoli) of bytes 8 to 16+length
//	     8     4  sequence number, one more than the other copy's, may wrap
//	    12     4  length of the payload in bytes
//	    16     …  payload, then zeroes to a multiple of 4096
//
// The valid copy with the newer sequence number counts; of two equal ones the
// first. All zeroes is a copy that was never written. Save overwrites the copy
// that does not count.
//
// # The file
//
// Both copies' blocks are written with zeroes and flushed when the file is
// created. From then on they are only overwritten in place: the file is never
// truncated, renamed or extended, so a Save changes no metadata that a cut
// could lose. What lies between the copies is a hole and takes no space.
//
// The distance is one erase group of common eMMC and SD media, because such a
// medium may damage a whole group when it loses power while it writes into
// it. It is a best effort: the file system decides where blocks lie (ext4 puts
// the copies apart, yet promises no distance) and log-structured file systems
// overwrite nothing in place. The guarantee rests on the CRCs; the distance
// only makes it rarer that both copies are lost.
//
// A file that is too short (creation was cut, or an older abota kept smaller
// records), or that was copied without its zeroes (mke2fs -d), is completed by
// Open without changing a byte that it holds. Foreign
// content is no error, since nobody can reach the device to remove it: Load
// says ErrLost, and the next Save overwrites one copy.
package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// ErrLost says that there is no valid record: never written, or lost. The
// boot table then decides alone what boots.
var ErrLost = errors.New("no valid journal record")

// Medium is where the two copies lie. ReadAt must read what the medium holds,
// not what a cache remembers. WriteAt is durable once Sync returned nil.
type Medium interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
}

// File is a journal. It is not safe for concurrent use.
type File struct {
	medium Medium
	close  func() error
	name   string
	size   int
	broken error
}

// On is a journal on any medium that has room for both copies: 4 MiB plus
// size, the size of one record in bytes, a multiple of 4096.
func On(m Medium, size int) (*File, error) {
	if err := checkSize(size); err != nil {
		return nil, err
	}
	return &File{medium: m, close: func() error { return nil }, name: "journal", size: size}, nil
}

func checkSize(size int) error {
	if size <= 0 || size%blockSize != 0 || size > distance {
		return fmt.Errorf("cannot keep a journal with records of %d bytes: use a multiple of %d, at most %d", size, blockSize, distance)
	}
	return nil
}

// Close releases the file. It flushes nothing, since Save did.
func (f *File) Close() error { return f.close() }

// Load returns the newest valid payload, or ErrLost with what is wrong with
// each copy.
func (f *File) Load() ([]byte, error) {
	newest, _, err := f.scan()
	if err != nil {
		return nil, err
	}
	return newest.payload, nil
}

// Save makes the payload the newest record: durable, and read back. It writes
// nothing when the payload does not fit the record. After any other error
// nothing is known of the copy that was being written, so every later Save
// returns the same error; Load still works.
func (f *File) Save(payload []byte) error {
	if f.broken != nil {
		return f.broken
	}
	if room := f.size - headerSize; len(payload) > room {
		return fmt.Errorf("cannot save %s because its payload of %d bytes is larger than the record's %d", f.name, len(payload), room)
	}
	if err := f.save(payload); err != nil {
		f.broken = fmt.Errorf("save %s: %w", f.name, err)
	}
	return f.broken
}

// save overwrites the copy that does not count. When none counts it writes
// both: a copy that only failed to be read this once must not come back later
// with an old payload and a newer number.
func (f *File) save(payload []byte) error {
	newest, target, err := f.scan()
	next := record{seq: newest.seq + 1, payload: payload}
	if err != nil {
		if err := f.overwrite(1, next); err != nil {
			return err
		}
		next.seq++
	}
	return f.overwrite(target, next)
}

// overwrite replaces one copy. What an earlier write left torn loses its
// header first: otherwise a cut now could complete that write, by the sectors
// that both have in common.
func (f *File) overwrite(i int, next record) error {
	if _, err := f.read(i); err != nil {
		if err := f.write(make([]byte, blockSize), offset(i)); err != nil {
			return err
		}
	}
	return f.write(encode(next), offset(i))
}

// write is the one commit point: one write, one flush, one proof. A failed
// flush is final, because the kernel may drop the pages that it could not
// write and report success the next time.
func (f *File) write(image []byte, off int64) error {
	if _, err := f.medium.WriteAt(image, off); err != nil {
		return err
	}
	if err := f.medium.Sync(); err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	back := make([]byte, len(image))
	if n, err := f.medium.ReadAt(back, off); n < len(back) {
		return fmt.Errorf("read back: %w", err)
	}
	if !bytes.Equal(back, image) {
		return fmt.Errorf("read back at offset %d: the medium does not hold what was written", off)
	}
	return nil
}

// scan reads both copies: the newest record, and which copy to overwrite next.
// Its only error is ErrLost.
func (f *File) scan() (newest record, target int, err error) {
	first, err1 := f.read(0)
	second, err2 := f.read(1)
	switch {
	case err1 != nil && err2 != nil:
		return record{}, 0, fmt.Errorf("%s: %w (copy 1: %w, copy 2: %w)", f.name, ErrLost, err1, err2)
	case err2 != nil:
		return first, 1, nil
	case err1 != nil || newer(second.seq, first.seq):
		return second, 0, nil
	}
	return first, 1, nil
}

// read reads one copy, also one that is longer than this journal's records.
// A copy that cannot be read is as good as damaged: overwriting it may even
// heal the medium.
func (f *File) read(i int) (record, error) {
	b, err := f.readUpTo(f.size, offset(i))
	if err != nil {
		return record{}, err
	}
	if n, err := extent(b); err == nil && n > len(b) {
		if b, err = f.readUpTo(roundUp(n), offset(i)); err != nil {
			return record{}, err
		}
	}
	return decode(b)
}

// readUpTo reads n bytes, or what there is before the end of the medium. An
// error that passes must not bring the other, older copy back, so there is a
// second attempt.
func (f *File) readUpTo(n int, off int64) ([]byte, error) {
	b := make([]byte, n)
	n, err := f.medium.ReadAt(b, off)
	if err != nil && !errors.Is(err, io.EOF) {
		n, err = f.medium.ReadAt(b, off)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return b[:n], nil
}

func offset(i int) int64 { return int64(i) * distance }

// Offsets are where the copies start in the file, in bytes, for who keeps raw
// images of them.
var Offsets = [2]int64{offset(0), offset(1)}
