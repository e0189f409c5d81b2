package unpack

import "io/fs"

// Hosts whose external attributes hold a Unix mode in their upper half
// (APPNOTE 4.4.2).
const (
	hostUnix  = 3
	hostMacOS = 19
)

// unixMode is the mode that a record's external attributes hold, or 0. Other
// hosts may have left anything where the mode would be.
func unixMode(host byte, attributes uint32) fs.FileMode {
	if host != hostUnix && host != hostMacOS {
		return 0
	}
	bits := attributes >> 16
	mode, known := kinds[bits&0o170000]
	if !known {
		mode = fs.ModeIrregular
	}
	for bit, is := range specials {
		if bits&bit != 0 {
			mode |= is
		}
	}
	mode |= fs.FileMode(bits & 0o777)
	if mode == 0 && bits != 0 {
		return 0o400 // a file that nobody may read, which 0 would not say
	}
	return mode
}

// kinds are the kinds of file as Unix numbers them. Without one an entry is a
// file, or a folder by its name.
var kinds = map[uint32]fs.FileMode{
	0:        0,
	0o100000: 0,
	0o040000: fs.ModeDir,
	0o120000: fs.ModeSymlink,
	0o010000: fs.ModeNamedPipe,
	0o140000: fs.ModeSocket,
	0o060000: fs.ModeDevice,
	0o020000: fs.ModeDevice | fs.ModeCharDevice,
}

// specials are the bits that change as whom a program runs.
var specials = map[uint32]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky}
