package unpack

import "math"

// Fixed parts of the end records behind their signatures.
const (
	end64Size   = 52
	locatorSize = 16
	endSize     = 18
)

// ends is what the records at the end must say of the central directory.
type ends struct {
	count int64
	size  int64
	start int64 // offset of its first record
	zip64 bool  // a zip64 end record was there
}

// checkEnd reads the end records, the first one behind its signature, up to
// the end of the input.
func (z *Zip) checkEnd(sig uint32, e ends) error {
	if sig == sigEnd64 {
		var err error
		e.zip64 = true
		if sig, err = z.checkEnd64(e); err != nil {
			return err
		}
	}
	if sig != sigEnd {
		return notAHeader(sig, z.in.offset()-4)
	}
	var b [endSize]byte
	if err := z.in.full(b[:], "the end record"); err != nil {
		return err
	}
	if err := e.check(b[:]); err != nil {
		return err
	}
	if err := z.in.skip(int(le.Uint16(b[16:])), "the archive's comment"); err != nil {
		return err
	}
	return z.checkOver()
}

// checkOver wants the input itself to say that nothing follows.
func (z *Zip) checkOver() error {
	over, err := z.in.atEnd()
	if err == nil && !over {
		err = corrupt("bytes follow behind its end record at byte %d", z.in.offset())
	}
	return err
}

// check compares the end record. Next to a zip64 record each of its values may
// say "see there" instead; without one, no value may.
func (e ends) check(b []byte) error {
	for _, disk := range []uint16{le.Uint16(b[0:]), le.Uint16(b[2:])} {
		if disk != 0 && (!e.zip64 || disk != math.MaxUint16) {
			return refuse("it is split over several disks: pack it as a single file")
		}
	}
	for _, f := range []struct {
		what     string
		says, is int64
		see64    int64
	}{
		{"number of entries on this disk", int64(le.Uint16(b[4:])), e.count, math.MaxUint16},
		{"number of entries", int64(le.Uint16(b[6:])), e.count, math.MaxUint16},
		{"central directory size", int64(le.Uint32(b[8:])), e.size, math.MaxUint32},
		{"central directory offset", int64(le.Uint32(b[12:])), e.start, math.MaxUint32},
	} {
		if f.says == f.see64 && e.zip64 {
			continue
		}
		if f.says != f.is || f.says == f.see64 && f.see64 == math.MaxUint32 {
			return corrupt("the %s is %d by its end record, but really %d", f.what, f.says, f.is)
		}
	}
	return nil
}

// checkEnd64 compares the zip64 end record and its locator, and reads the
// signature that follows them.
func (z *Zip) checkEnd64(e ends) (uint32, error) {
	at := z.in.offset() - 4
	var b [end64Size]byte
	if err := z.in.full(b[:], "the zip64 end record"); err != nil {
		return 0, err
	}
	if err := e.check64(b[:]); err != nil {
		return 0, err
	}
	sig, err := z.signature()
	if err != nil {
		return 0, err
	}
	if sig != sigLocator64 {
		return 0, notAHeader(sig, z.in.offset()-4)
	}
	if err := z.checkLocator(at); err != nil {
		return 0, err
	}
	return z.signature()
}

func (e ends) check64(b []byte) error {
	// The size leaves out itself and the signature.
	if size := le.Uint64(b); size != end64Size-8 {
		return refuse("its zip64 end record has %d bytes instead of %d", size, end64Size-8)
	}
	if le.Uint32(b[12:])|le.Uint32(b[16:]) != 0 {
		return refuse("it is split over several disks: pack it as a single file")
	}
	if needed := le.Uint16(b[10:]); needed > maxVersion {
		return refuse("its zip64 end record needs version %d.%d of the format", needed/10, needed%10)
	}
	for _, f := range []struct {
		what string
		says uint64
		is   int64
	}{
		{"number of entries on this disk", le.Uint64(b[20:]), e.count},
		{"number of entries", le.Uint64(b[28:]), e.count},
		{"central directory size", le.Uint64(b[36:]), e.size},
		{"central directory offset", le.Uint64(b[44:]), e.start},
	} {
		if f.says != uint64(f.is) {
			return corrupt("the %s is %d by its zip64 end record, but really %d", f.what, f.says, f.is)
		}
	}
	return nil
}

// checkLocator reads the locator behind its signature; at is the offset of
// the zip64 end record.
func (z *Zip) checkLocator(at int64) error {
	var b [locatorSize]byte
	if err := z.in.full(b[:], "the zip64 locator"); err != nil {
		return err
	}
	if le.Uint32(b[0:]) != 0 || le.Uint32(b[12:]) != 1 {
		return refuse("it is split over several disks: pack it as a single file")
	}
	if says := le.Uint64(b[4:]); says != uint64(at) {
		return corrupt("its zip64 locator says byte %d, the zip64 end record is at byte %d", says, at)
	}
	return nil
}
