package unpack

import "io/fs"

// centralSize is the fixed part of a central record behind its signature.
const centralSize = 42

// checkDirectory reads from the first signature behind the last entry to the
// end of the input, and compares all of it with the local headers.
func (z *Zip) checkDirectory(sig uint32) error {
	e := ends{count: int64(len(z.seen.entries)), start: z.in.offset() - 4}
	for i, local := range z.seen.entries {
		if sig != sigCentral {
			return z.missingRecord(sig, local)
		}
		mode, err := z.checkRecord(local)
		if err != nil {
			return err
		}
		z.seen.entries[i].mode = mode
		if sig, err = z.signature(); err != nil {
			return err
		}
	}
	if sig == sigCentral {
		return corrupt("its central directory has an entry more than there are")
	}
	e.size = z.in.offset() - 4 - e.start
	return z.checkEnd(sig, e)
}

// missingRecord explains a signature where a central record should begin.
func (z *Zip) missingRecord(sig uint32, local header) error {
	if sig == sigEnd || sig == sigEnd64 {
		return corrupt("entry %q: its central directory record is missing", local.name)
	}
	return notAHeader(sig, z.in.offset()-4)
}

// checkRecord reads one central record behind its signature. What it alone
// says is the mode.
func (z *Zip) checkRecord(local header) (fs.FileMode, error) {
	h, err := z.readCentral()
	if err != nil {
		return 0, err
	}
	if what := local.differs(h); what != "" {
		return 0, corrupt("entry %q: its local header and its central directory record differ in the %s", local.name, what)
	}
	return h.mode, nil
}

func (z *Zip) readCentral() (header, error) {
	var b [centralSize]byte
	if err := z.in.full(b[:], "the central directory"); err != nil {
		return header{}, err
	}
	h := header{
		needed: le.Uint16(b[2:]), flags: le.Uint16(b[4:]), method: le.Uint16(b[6:]),
		time: le.Uint16(b[8:]), date: le.Uint16(b[10:]), crc: le.Uint32(b[12:]),
		mode: unixMode(b[1], le.Uint32(b[34:])),
	}
	raw := z.buffer(le.Uint16(b[24:]))
	if err := z.in.full(raw, "the central directory"); err != nil {
		return header{}, err
	}
	h.name = string(raw)
	if disk := le.Uint16(b[30:]); disk != 0 {
		return header{}, refuse("entry %q: it begins on disk %d: pack the archive as a single file", h.name, disk)
	}
	extra := z.buffer(le.Uint16(b[26:]))
	if err := z.in.full(extra, "the central directory"); err != nil {
		return header{}, err
	}
	if err := h.setCentral(extra, le.Uint32(b[16:]), le.Uint32(b[20:]), le.Uint32(b[38:])); err != nil {
		return header{}, err
	}
	return h, z.in.skip(int(le.Uint16(b[28:])), "the central directory")
}

// setCentral takes sizes, offset and time from the extra data.
func (h *header) setCentral(extra []byte, packed, size, offset uint32) error {
	x, err := parseExtras(extra, h.name)
	if err != nil {
		return err
	}
	h.setTime(x)
	if h.size, err = x.wide(size, h.name); err != nil {
		return err
	}
	if h.packed, err = x.wide(packed, h.name); err != nil {
		return err
	}
	if h.offset, err = x.wide(offset, h.name); err != nil {
		return err
	}
	return h.checkRest(x.zip64)
}

// checkRest allows for writers that put the offset into the zip64 field even
// when the header has it.
func (h *header) checkRest(zip64 []byte) error {
	if len(zip64) == 0 || len(zip64) == 8 && le.Uint64(zip64) == uint64(h.offset) {
		return nil
	}
	return corrupt("entry %q: the zip64 extra field of its central directory record has values that nothing asks for", h.name)
}
