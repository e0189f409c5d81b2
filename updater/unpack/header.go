package unpack

import (
	"fmt"
	"io/fs"
	"time"
)

// Signatures (APPNOTE 4.3), as little-endian numbers.
const (
	sigLocal      = 0x04034b50
	sigDescriptor = 0x08074b50
	sigArchive    = 0x08064b50 // archive extra data: belongs to encryption
	sigCentral    = 0x02014b50
	sigDigital    = 0x05054b50
	sigEnd64      = 0x06064b50
	sigLocator64  = 0x07064b50
	sigEnd        = 0x06054b50
	sigSplit      = 0x30304b50 // first bytes of an archive once meant to be split
)

// General purpose flags (APPNOTE 4.4.4).
const (
	flagEncrypted  = 1 << 0
	flagLevel      = 3 << 1 // how hard the writer tried
	flagDescriptor = 1 << 3
	flagPatch      = 1 << 5
	flagStrong     = 1 << 6
	flagUTF8       = 1 << 11
	flagMasked     = 1 << 13

	flagsKnown = flagLevel | flagDescriptor | flagUTF8
)

// Methods that are read.
const (
	methodStored  = 0
	methodDeflate = 8
)

// methodAES stands for encryption and hides the real method.
const methodAES = 99

// maxVersion is the version of the format that zip64 needs. What came later
// (strong encryption, newer methods) is refused by name before.
const maxVersion = 45

// methodNames is for the error that refuses them.
var methodNames = map[uint16]string{
	1: "shrink", 2: "reduce", 3: "reduce", 4: "reduce", 5: "reduce", 6: "implode", 9: "deflate64",
	10: "DCL implode", 12: "bzip2", 14: "LZMA", 20: "zstd (old number)", 93: "zstd", 94: "MP3", 95: "xz",
	96: "JPEG", 97: "WavPack", 98: "PPMd",
}

// header is what a local header (completed by what was really read) and its
// central record must both say.
type header struct {
	name     string
	needed   uint16 // version of the format
	flags    uint16
	method   uint16
	time     uint16 // MS-DOS
	date     uint16
	crc      uint32
	packed   int64 // bytes in the archive
	size     int64 // bytes unpacked
	offset   int64 // of the local header
	modified int32 // from extraTime, if hasTime
	hasTime  bool
	mode     fs.FileMode // by the central record alone
}

// check refuses what is not read here.
func (h header) check() error {
	if err := h.checkFlags(); err != nil {
		return err
	}
	if err := h.checkMethod(); err != nil {
		return err
	}
	if h.needed > maxVersion {
		return refuse("entry %q: it needs version %d.%d of the format, %d.%d is read here", h.name, h.needed/10, h.needed%10, maxVersion/10, maxVersion%10)
	}
	return checkName(h.name, h.flags)
}

func (h header) checkFlags() error {
	switch {
	case h.flags&(flagEncrypted|flagStrong) != 0 || h.method == methodAES:
		return refuse("entry %q: it is encrypted: pack it without a password", h.name)
	case h.flags&flagMasked != 0:
		return refuse("entry %q: its header is masked: pack it without encrypting the central directory", h.name)
	case h.flags&flagPatch != 0:
		return refuse("entry %q: it is patch data", h.name)
	case h.flags&^uint16(flagsKnown) != 0:
		return refuse("entry %q: unknown flags %#04x", h.name, h.flags&^uint16(flagsKnown))
	case h.flags&flagDescriptor != 0 && h.method == methodStored:
		return refuse("entry %q: it is stored and followed by a data descriptor, so a stream cannot tell where it ends: deflate it, or write the archive to a file instead of a pipe", h.name)
	}
	return nil
}

func (h header) checkMethod() error {
	if h.method == methodStored || h.method == methodDeflate {
		return nil
	}
	name, ok := methodNames[h.method]
	if !ok {
		name = "unknown"
	}
	return refuse("entry %q: compression method %d (%s) is not read here: use deflate", h.name, h.method, name)
}

// setTime keeps the extra field's modification time, if there was one.
func (h *header) setTime(x extras) {
	if x.modified != nil {
		h.modified, h.hasTime = *x.modified, true
	}
}

func (h header) modTime() time.Time {
	if h.hasTime {
		return time.Unix(int64(h.modified), 0).UTC()
	}
	day, month, year := int(h.date&31), time.Month(h.date>>5&15), int(h.date>>9)+1980
	if day == 0 || month < time.January || month > time.December {
		return time.Time{}
	}
	return time.Date(year, month, day, int(h.time>>11), int(h.time>>5&63), int(h.time&31)*2, 0, time.UTC)
}

// differs names the first thing that a local header and its central record
// do not agree on, or is empty.
func (h header) differs(central header) string {
	for _, f := range []struct {
		what string
		same bool
	}{
		{"name", h.name == central.name},
		{"offset", h.offset == central.offset},
		{"method", h.method == central.method},
		{"flags", h.flags == central.flags},
		{"CRC-32", h.crc == central.crc},
		{"packed size", h.packed == central.packed},
		{"size", h.size == central.size},
		{"date", h.date == central.date},
		{"time", h.time == central.time},
		{"modification time", h.hasTime == central.hasTime && h.modified == central.modified},
		{"version", sameVersion(h.needed, central.needed)},
	} {
		if !f.same {
			return f.what
		}
	}
	return ""
}

// sameVersion allows for writers that learn only after the entry that it
// needed zip64.
func sameVersion(local, central uint16) bool {
	return central == local || central == maxVersion && local < maxVersion
}

// notAHeader explains bytes that stand where a header should.
func notAHeader(sig uint32, offset int64) error {
	switch {
	case sig == sigDescriptor && offset == 0, sig == sigSplit:
		return refuse("it is one part of a split archive: pack it as a single file")
	case sig == sigArchive:
		return refuse("it has an archive extra data record (encrypted central directory)")
	case sig == sigDigital:
		return refuse("its central directory has a digital signature")
	case offset == 0:
		return refuse("it does not begin with a local header but with %s: nothing may come before the first entry", show(sig))
	}
	return corrupt("at byte %d there should be a header, but there is %s", offset, show(sig))
}

func show(sig uint32) string {
	return fmt.Sprintf("% x", le.AppendUint32(nil, sig))
}
