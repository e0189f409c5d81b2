package uboot

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"

	"abota/bootctl"
	"abota/bootctl/inplace"
)

// Found is what lies in the place of one copy.
type Found struct {
	Copy
	// Err is why it cannot be read.
	Err error
	// Writable is why it cannot be opened for writing. Nothing is written to
	// find that out.
	Writable error
	// Storage is the same text for two copies on one file or device, and Medium
	// says what that is.
	Storage, Medium string
	// Flash says that it has erase blocks of its own, so that writing the other
	// copy cannot damage it.
	Flash bool
	// Hole says that a file has no blocks there yet.
	Hole bool
	// Valid says that its checksum holds. Where it does not, OtherForm says that
	// it would if it were one of two copies instead of a single one, or the other
	// way round, and Elsewhere at which offsets near the beginning of the same
	// file or device there is a copy that is none of those looked at.
	Valid, OtherForm bool
	Elsewhere        []int64
}

// Inspection is what both copies together hold.
type Inspection struct {
	Copies []Found
	// Names are the variables of the newer valid copy, each once, in their
	// order, and Order is the value of BOOT_ORDER there.
	Names []string
	Order string
}

// Inspect looks at the copies, or at a single one, without any check of what they
// are good for together, so that it can be said what is wrong with them. It
// writes nothing.
func Inspect(copies []Copy) Inspection {
	var all Inspection
	var newest environment
	var serial byte
	seen := false
	for _, c := range copies {
		f, env, number := inspect(c, len(copies) == 1)
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

// Astray says where there are copies that are none of the backend's, which are
// not valid: a table made anew would overwrite a part of them, or be read by
// nobody. It is for when Load found none.
func (b *Backend) Astray() error {
	for _, f := range Inspect(b.copies).Copies {
		if len(f.Elsewhere) > 0 {
			return fmt.Errorf("there is a copy of the environment at %#x of %s, but %s is looked at: correct the offset", f.Elsewhere[0], f.Path, f.Copy)
		}
	}
	return nil
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

func inspect(c Copy, single bool) (f Found, env environment, serial byte) {
	at, err := resolve(c)
	f = Found{Copy: at.Copy, Err: err, Flash: at.eraseBlock > 0}
	if err != nil {
		return f, nil, 0
	}
	f.Storage, f.Medium = storageName(at.info), mediumName(at)
	m, err := openDevice(at.Copy, false)
	if err != nil {
		f.Err = fmt.Errorf("open %s: %w", at, err)
		return f, nil, 0
	}
	defer m.Close()
	image, err := readCopy(m, at.Copy)
	if err != nil {
		f.Err = err
		return f, nil, 0
	}
	if file, ok := m.(*inplace.File); ok && at.info.Mode().IsRegular() {
		f.Hole = inplace.Hole(file.File, at.Offset, at.Size)
	}
	header, other := headerSize, singleHeader
	if single {
		header, other = singleHeader, headerSize
	}
	if f.Valid = holds(image, header); f.Valid {
		env, serial = parseEnvironment(image[header:]), image[4]
	} else {
		f.OtherForm = holds(image, other)
		f.Elsewhere = elsewhere(m, at.Copy, header)
	}
	f.Writable = writable(at.Copy)
	return f, env, serial
}

// mediumName is what a copy lies on, in words.
func mediumName(p place) string {
	if p.eraseBlock > 0 {
		return "NOR flash"
	}
	if p.info.Mode().IsRegular() {
		return "file"
	}
	if folder, err := bootPartition(p.Path, sysBlock); err == nil && folder != "" {
		return "eMMC boot partition"
	}
	return "block device"
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

// writable says why a copy cannot be written. A boot partition that is locked as
// long as nobody writes stays so.
func writable(c Copy) error {
	folder, err := bootPartition(c.Path, sysBlock)
	if err != nil {
		return err
	}
	if folder != "" {
		return unlockable(folder)
	}
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
func elsewhere(m io.ReaderAt, lost Copy, header int) (found []int64) {
	const step = 1 << 20
	room := make([]byte, step+lost.Size)
	for base := int64(0); base < searched; base += step {
		n, err := m.ReadAt(room, base)
		for off := int64(0); off < step && off+lost.Size <= int64(n); off += sectorSize {
			if base+off != lost.Offset && isCopy(room[off:off+lost.Size], header) {
				found = append(found, base+off)
			}
		}
		if err != nil {
			break
		}
	}
	return found
}

func isCopy(b []byte, header int) bool {
	name, _, assigned := bytes.Cut(b[header:min(len(b), header+64)], []byte("="))
	if !assigned || len(name) == 0 || bytes.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return false
	}
	return holds(b, header)
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
