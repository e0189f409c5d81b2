package unpack

import (
	"math"
	"strings"
)

// localSize is the fixed part of a local header behind its signature.
const localSize = 26

// zip64LocalSize is the zip64 field of a local header: always both sizes.
const zip64LocalSize = 16

// maxName is the longest path that Linux takes.
const maxName = 4096

// signature reads the four bytes that say what comes next.
func (z *Zip) signature() (uint32, error) {
	var b [4]byte
	err := z.in.full(b[:], "a header")
	return le.Uint32(b[:]), err
}

// open reads a local header behind its signature and makes it the current
// entry.
func (z *Zip) open() (Entry, error) {
	h, err := z.readLocal()
	if err != nil {
		return Entry{}, err
	}
	if err := h.check(); err != nil {
		return Entry{}, err
	}
	if err := z.seen.admit(h.name); err != nil {
		return Entry{}, err
	}
	z.body = &body{h: h, start: z.in.offset(), r: z.decoder(h)}
	if z.body.isDir() && h.size != 0 {
		return Entry{}, refuse("entry %q: it is a directory with content", h.name)
	}
	return Entry{Name: h.name, Size: z.body.knownSize(), Modified: h.modTime()}, nil
}

func (z *Zip) readLocal() (header, error) {
	start := z.in.offset() - 4
	var b [localSize]byte
	if err := z.in.full(b[:], "a local header"); err != nil {
		return header{}, err
	}
	h := header{
		needed: le.Uint16(b[0:]), flags: le.Uint16(b[2:]), method: le.Uint16(b[4:]),
		time: le.Uint16(b[6:]), date: le.Uint16(b[8:]), crc: le.Uint32(b[10:]),
		offset: start,
	}
	name, err := z.readName(le.Uint16(b[22:]))
	if err != nil {
		return header{}, err
	}
	h.name = name
	extra := z.buffer(le.Uint16(b[24:]))
	if err := z.in.full(extra, "a local header"); err != nil {
		return header{}, err
	}
	return h, h.setLocal(extra, le.Uint32(b[14:]), le.Uint32(b[18:]))
}

// readName reads a name that still fits into what all names may need.
func (z *Zip) readName(n uint16) (string, error) {
	if n > maxName {
		return "", refuse("an entry's name has %d bytes, more than the %d of a path", n, maxName)
	}
	if z.seen.nameBytes+int(n) > MaxNameBytes {
		return "", refuse("its names need more than %d bytes", MaxNameBytes)
	}
	raw := z.buffer(n)
	err := z.in.full(raw, "a local header")
	return string(raw), err
}

// setLocal takes the sizes and the time from the extra data. A zip64 field has
// both sizes; the header says "see there" or repeats them.
func (h *header) setLocal(extra []byte, packed, size uint32) error {
	x, err := parseExtras(extra, h.name)
	if err != nil {
		return err
	}
	h.setTime(x)
	h.size, h.packed = int64(size), int64(packed)
	if x.zip64 == nil && size != math.MaxUint32 && packed != math.MaxUint32 {
		return nil
	}
	if len(x.zip64) != zip64LocalSize {
		return corrupt("entry %q: its zip64 extra field has %d bytes instead of %d", h.name, len(x.zip64), zip64LocalSize)
	}
	if h.size, err = x.wide(math.MaxUint32, h.name); err != nil {
		return err
	}
	if h.packed, err = x.wide(math.MaxUint32, h.name); err != nil {
		return err
	}
	if !repeats(size, h.size) || !repeats(packed, h.packed) {
		return corrupt("entry %q: its local header and its zip64 extra field differ in the sizes", h.name)
	}
	return nil
}

func repeats(narrow uint32, wide int64) bool {
	return narrow == math.MaxUint32 || int64(narrow) == wide
}

// directory is what the local headers said so far.
type directory struct {
	entries   []header
	names     map[string]struct{} // without a directory's slash
	nameBytes int
}

// admit counts a new name, within the bounds and only once.
func (d *directory) admit(name string) error {
	if len(d.names) == MaxEntries {
		return refuse("it has more than %d entries", MaxEntries)
	}
	path := strings.TrimSuffix(name, "/")
	if _, twice := d.names[path]; twice {
		return refuse("entry %q: the name comes twice", name)
	}
	d.names[path] = struct{}{}
	d.nameBytes += len(name)
	return nil
}
