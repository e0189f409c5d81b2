package main

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math"

	"github.com/klauspost/compress/flate"

	"abota/updater/unpack"
)

// archive writes a zip as a stream (PKWARE APPNOTE 6.3.x), always the same
// bytes for the same files. archive/zip would do but for one thing: it leaves
// the unpacked size out of a streamed entry's local header, and a device wants
// to know before its first write whether the image fits.
type archive struct {
	w       io.Writer
	n       int64 // bytes written
	deflate *flate.Writer
	entries []archived
	err     error
}

// archived is one entry as the central directory lists it.
type archived struct {
	name   string
	flags  uint16
	method uint16
	wide   bool // its sizes are in a zip64 field
	mode   fs.FileMode
	crc    uint32
	packed int64
	size   int64
	offset int64
}

const (
	zipLocal      = 0x04034b50
	zipDescriptor = 0x08074b50
	zipCentral    = 0x02014b50
	zipEnd64      = 0x06064b50
	zipLocator64  = 0x07064b50
	zipEnd        = 0x06054b50

	zipDescribed = 1 << 3
	zipUTF8      = 1 << 11
	zipDeflate   = 8

	zipVersion   = 20
	zipVersion64 = 45
	zipUnix      = 3 << 8

	// zipDate is 1980-01-01 00:00, the format's earliest: a real time would
	// make two archives of the same files differ.
	zipDate = 1<<5 | 1
)

// wideFrom is the size from which an entry gets zip64 sizes. Deflate may add
// five bytes for every 64 KiB that do not shrink, 328 KiB for 4 GiB.
const wideFrom = math.MaxUint32 - 1<<20

var le = binary.LittleEndian

func newArchive(w io.Writer) *archive { return &archive{w: w} }

func (a *archive) Write(p []byte) (int, error) {
	if a.err != nil {
		return 0, a.err
	}
	n, err := a.w.Write(p)
	a.n, a.err = a.n+int64(n), err
	return n, err
}

// add writes one entry with the size bytes of r; for a folder, whose name ends
// in a slash, r is nil.
func (a *archive) add(name string, size int64, mode fs.FileMode, r io.Reader) error {
	if len(a.entries) == unpack.MaxEntries {
		return refused("cannot pack more than %d files: put them into an image", unpack.MaxEntries)
	}
	e := archived{name: name, mode: mode, size: size, offset: a.n, wide: size >= wideFrom}
	for _, c := range []byte(name) {
		if c >= 0x80 {
			e.flags = zipUTF8
		}
	}
	if size > 0 {
		e.method = zipDeflate
		e.flags |= zipDescribed
	}
	_, _ = a.Write(e.local()) // the error stays
	if size > 0 {
		if err := a.content(&e, r); err != nil {
			return err
		}
	}
	a.entries = append(a.entries, e)
	return a.err
}

func (a *archive) content(e *archived, r io.Reader) error {
	start := a.n
	if err := a.resetDeflate(); err != nil {
		return err
	}
	crc := crc32.NewIEEE()
	n, err := io.Copy(io.MultiWriter(a.deflate, crc), r)
	if err != nil {
		return fmt.Errorf("pack %s: %w", e.name, err)
	}
	if n != e.size {
		return fmt.Errorf("pack %s: it changed while it was read: %d bytes instead of %d", e.name, n, e.size)
	}
	if err := a.deflate.Close(); err != nil {
		return fmt.Errorf("pack %s: %w", e.name, err)
	}
	e.crc, e.packed = crc.Sum32(), a.n-start
	_, err = a.Write(e.descriptor())
	return err
}

func (a *archive) resetDeflate() (err error) {
	if a.deflate != nil {
		a.deflate.Reset(a)
		return nil
	}
	a.deflate, err = flate.NewWriter(a, flate.DefaultCompression)
	return err
}

// local has the size, and nothing yet of what only the descriptor can say.
func (e archived) local() []byte {
	b := le.AppendUint32(nil, zipLocal)
	b = le.AppendUint16(b, e.version())
	b = e.shared(b)
	b = le.AppendUint32(b, 0)
	var extra []byte
	if e.wide {
		b = le.AppendUint32(b, math.MaxUint32)
		b = le.AppendUint32(b, math.MaxUint32)
		extra = zip64Field(e.size, 0)
	} else {
		b = le.AppendUint32(b, 0)
		b = le.AppendUint32(b, uint32(e.size))
	}
	b = le.AppendUint16(b, uint16(len(e.name)))
	b = le.AppendUint16(b, uint16(len(extra)))
	b = append(b, e.name...)
	return append(b, extra...)
}

// shared is what stands in both headers behind the version.
func (e archived) shared(b []byte) []byte {
	b = le.AppendUint16(b, e.flags)
	b = le.AppendUint16(b, e.method)
	b = le.AppendUint16(b, 0)
	return le.AppendUint16(b, zipDate)
}

func (e archived) version() uint16 {
	if e.wide {
		return zipVersion64
	}
	return zipVersion
}

func (e archived) descriptor() []byte {
	b := le.AppendUint32(nil, zipDescriptor)
	b = le.AppendUint32(b, e.crc)
	if e.wide {
		b = le.AppendUint64(b, uint64(e.packed))
		return le.AppendUint64(b, uint64(e.size))
	}
	b = le.AppendUint32(b, uint32(e.packed))
	return le.AppendUint32(b, uint32(e.size))
}

func (e archived) central() []byte {
	var big []int64
	packed, size, offset := uint32(e.packed), uint32(e.size), uint32(e.offset)
	if e.wide {
		packed, size = math.MaxUint32, math.MaxUint32
		big = append(big, e.size, e.packed)
	}
	if e.offset >= math.MaxUint32 {
		offset = math.MaxUint32
		big = append(big, e.offset)
	}
	version, extra := uint16(zipVersion), []byte(nil)
	if big != nil {
		version, extra = zipVersion64, zip64Field(big...)
	}
	b := le.AppendUint32(nil, zipCentral)
	b = le.AppendUint16(b, zipUnix|zipVersion64)
	b = le.AppendUint16(b, version)
	b = e.shared(b)
	for _, v := range []uint32{e.crc, packed, size} {
		b = le.AppendUint32(b, v)
	}
	b = le.AppendUint16(b, uint16(len(e.name)))
	b = le.AppendUint16(b, uint16(len(extra)))
	b = append(b, make([]byte, 2+2+2)...) // comment, disk, internal attributes
	b = le.AppendUint32(b, e.attributes())
	b = le.AppendUint32(b, offset)
	b = append(b, e.name...)
	return append(b, extra...)
}

// attributes are the Unix mode, and MS-DOS's bit for a folder.
func (e archived) attributes() uint32 {
	const folder, regular, link, dosFolder = 0o040000, 0o100000, 0o120000, 0x10
	switch e.mode.Type() {
	case fs.ModeDir:
		return (folder|uint32(e.mode.Perm()))<<16 | dosFolder
	case fs.ModeSymlink:
		return (link | uint32(e.mode.Perm())) << 16
	}
	return (regular | uint32(e.mode.Perm())) << 16
}

func zip64Field(values ...int64) []byte {
	b := le.AppendUint16(nil, 0x0001)
	b = le.AppendUint16(b, uint16(8*len(values)))
	for _, v := range values {
		b = le.AppendUint64(b, uint64(v))
	}
	return b
}

// close writes the central directory and the end records.
func (a *archive) close() error {
	start := a.n
	for _, e := range a.entries {
		_, _ = a.Write(e.central()) // the error stays
	}
	size, count := a.n-start, len(a.entries)
	if start >= math.MaxUint32 || size >= math.MaxUint32 || count >= math.MaxUint16 {
		_, _ = a.Write(end64(start, size, count, a.n))
	}
	b := le.AppendUint32(nil, zipEnd)
	b = le.AppendUint32(b, 0) // disks
	b = le.AppendUint16(b, uint16(min(count, math.MaxUint16)))
	b = le.AppendUint16(b, uint16(min(count, math.MaxUint16)))
	b = le.AppendUint32(b, uint32(min(size, math.MaxUint32)))
	b = le.AppendUint32(b, uint32(min(start, math.MaxUint32)))
	_, _ = a.Write(le.AppendUint16(b, 0))
	return a.err
}

// end64 is the zip64 end record, which will stand at offset at, and its
// locator.
func end64(start, size int64, count int, at int64) []byte {
	b := le.AppendUint32(nil, zipEnd64)
	b = le.AppendUint64(b, 44)
	b = le.AppendUint16(b, zipUnix|zipVersion64)
	b = le.AppendUint16(b, zipVersion64)
	b = le.AppendUint64(b, 0) // disks
	for _, v := range []int64{int64(count), int64(count), size, start} {
		b = le.AppendUint64(b, uint64(v))
	}
	b = le.AppendUint32(b, zipLocator64)
	b = le.AppendUint32(b, 0)
	b = le.AppendUint64(b, uint64(at))
	return le.AppendUint32(b, 1)
}
