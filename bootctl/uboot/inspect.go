package uboot

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"syscall"

	"abota/bootctl"
)

// Found is what lies in the place of one copy.
type Found struct {
	Copy
	// Err is why it cannot be read.
	Err error
	// Writable is why it cannot be opened for writing. Nothing is written to
	// find that out.
	Writable error
	// Storage is the same text for two copies on one file or device.
	Storage string
	// Valid says that its checksum holds, and Elsewhere, where it does not, at
	// which offsets near the beginning of the same file or device one does that
	// is none of those looked at.
	Valid     bool
	Elsewhere []int64
}

// Inspection is what both copies together hold.
type Inspection struct {
	Copies []Found
	// Names are the variables of the newer valid copy, each once, in their
	// order, and Order is the value of BOOT_ORDER there.
	Names []string
	Order string
}

// Inspect looks at the copies without any check of what they are good for, so
// that it can be said what is wrong with them. It writes nothing.
func Inspect(copies []Copy) Inspection {
	var all Inspection
	var newest environment
	var serial byte
	seen := false
	for _, c := range copies {
		f, env, number := inspect(c)
		all.Copies = append(all.Copies, f)
		if f.Valid && (!seen || secondIsNewer(serial, number)) {
			newest, serial, seen = env, number, true
		}
	}
	for i := range all.Copies {
		all.Copies[i].Elsewhere = slices.DeleteFunc(all.Copies[i].Elsewhere, func(at int64) bool { return all.at(all.Copies[i].Storage, at) })
	}
	all.Names, all.Order = newest.names(), newest.get(varOrder)
	return all
}

// at reports whether one of the copies is meant to be there.
func (all Inspection) at(storage string, offset int64) bool {
	return slices.ContainsFunc(all.Copies, func(f Found) bool { return f.Storage == storage && f.Offset == offset })
}

// Variables are the names that this package writes.
func Variables() []string {
	all := []string{varOrder, varGeneration, varConfirmedTries}
	for _, s := range bootctl.Slots {
		all = append(all, slotVar(s, "LEFT"), slotVar(s, "GOOD"), slotVar(s, "FAILED"))
	}
	return all
}

func inspect(c Copy) (f Found, env environment, serial byte) {
	at, info, err := resolve(c)
	f = Found{Copy: at, Err: err}
	if err != nil {
		return f, nil, 0
	}
	f.Storage = storageName(info)
	m, err := openDevice(at, false)
	if err != nil {
		f.Err = fmt.Errorf("open %s: %w", at, err)
		return f, nil, 0
	}
	defer m.Close()
	image, err := readCopy(m, at)
	if err != nil {
		f.Err = err
		return f, nil, 0
	}
	if env, serial, f.Valid = decode(image); !f.Valid {
		f.Elsewhere = elsewhere(m, at)
	}
	f.Writable = writable(at)
	return f, env, serial
}

// storageName tells files and devices apart, for Found.Storage.
func storageName(info os.FileInfo) string {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return info.Name()
	}
	if info.Mode()&os.ModeDevice != 0 {
		return fmt.Sprintf("device %d", st.Rdev)
	}
	return fmt.Sprintf("file %d:%d", st.Dev, st.Ino)
}

func writable(c Copy) error {
	m, err := openDevice(c, true)
	if err != nil {
		return err
	}
	return m.Close()
}

// searched is how far from the beginning a lost copy is looked for, in bytes:
// boot loaders keep it among the first partitions.
const searched = 32 << 20

// elsewhere finds what is a valid copy of the same size at another offset. Only
// what begins with a variable's name is summed up.
func elsewhere(m io.ReaderAt, lost Copy) (found []int64) {
	const step = 1 << 20
	room := make([]byte, step+lost.Size)
	for base := int64(0); base < searched; base += step {
		n, err := m.ReadAt(room, base)
		for off := int64(0); off < step && off+lost.Size <= int64(n); off += sectorSize {
			if base+off != lost.Offset && isCopy(room[off:off+lost.Size]) {
				found = append(found, base+off)
			}
		}
		if err != nil {
			break
		}
	}
	return found
}

func isCopy(b []byte) bool {
	name, _, assigned := bytes.Cut(b[headerSize:min(len(b), headerSize+64)], []byte("="))
	if !assigned || len(name) == 0 || bytes.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return false
	}
	return binary.LittleEndian.Uint32(b) == crc32.ChecksumIEEE(b[headerSize:])
}

// names are the variables that have a value, each once.
func (env environment) names() (all []string) {
	seen := map[string]bool{}
	for _, entry := range env {
		name, _ := split(entry)
		if name != "" && !seen[name] && env.get(name) != "" {
			all = append(all, name)
		}
		seen[name] = true
	}
	return all
}
