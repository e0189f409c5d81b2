package hostile

import (
	"fmt"
	"syscall"

	"abota/sim/cutdisk"
)

// kind is one way in which an operation can go wrong.
type kind struct {
	name  string
	fault cutdisk.Fault // without its number
	// forgets: success was reported for what a power cut would undo, and
	// nothing that the device can do finds that out.
	forgets bool
	// misleads: a read returned what is not there, which looks like another
	// true state of the medium.
	misleads bool
}

// kinds are all the ways, for one operation each.
func kinds() []kind {
	const (
		read  = cutdisk.Read
		write = cutdisk.Write
		flush = cutdisk.Sync
	)
	half := 300 // within the first record or environment, and within a sector
	return []kind{
		{name: "read: EIO, once", fault: cutdisk.Fault{Op: read, Err: syscall.EIO}},
		{name: "read: EIO here for good", fault: cutdisk.Fault{Op: read, Err: syscall.EIO, Lasting: true, Place: true}, misleads: true},
		{name: "read: EIO from here on", fault: cutdisk.Fault{Op: read, Err: syscall.EIO, Lasting: true}},
		{name: "read: zeroes", fault: cutdisk.Fault{Op: read}, misleads: true},
		{name: "read: the state of before", fault: cutdisk.Fault{Op: read, Lie: cutdisk.Stale}, misleads: true},
		{name: "read: one bit differs", fault: cutdisk.Fault{Op: read, Lie: cutdisk.Flip}, misleads: true},
		{name: "write: EIO, once", fault: cutdisk.Fault{Op: write, Err: syscall.EIO}},
		{name: "write: EIO from here on", fault: cutdisk.Fault{Op: write, Err: syscall.EIO, Lasting: true}},
		{name: "write: EIO here for good", fault: cutdisk.Fault{Op: write, Err: syscall.EIO, Lasting: true, Place: true}},
		{name: "write: ENOSPC, once", fault: cutdisk.Fault{Op: write, Err: syscall.ENOSPC}},
		{name: "write: ENOSPC in the middle, and from here on", fault: cutdisk.Fault{Op: write, Err: syscall.ENOSPC, Bytes: half, Lasting: true}},
		{name: "write: read-only from here on", fault: cutdisk.Fault{Op: write, Err: syscall.EROFS, Lasting: true}},
		{name: "write: short", fault: cutdisk.ShortWrite(0, half)},
		{name: "write: nothing lands", fault: cutdisk.Fault{Op: write}},
		{name: "write: only the beginning lands", fault: cutdisk.Fault{Op: write, Bytes: half}},
		{name: "write: zeroes land", fault: cutdisk.Fault{Op: write, Lie: cutdisk.Zero}},
		{name: "write: one bit differs", fault: cutdisk.Fault{Op: write, Lie: cutdisk.Flip}},
		{name: "write: nothing lands from here on", fault: cutdisk.Fault{Op: write, Lasting: true}},
		{name: "flush: EIO, once", fault: cutdisk.Fault{Op: flush, Err: syscall.EIO}},
		{name: "flush: EIO from here on", fault: cutdisk.Fault{Op: flush, Err: syscall.EIO, Lasting: true}},
		{name: "flush: ENOSPC, once", fault: cutdisk.Fault{Op: flush, Err: syscall.ENOSPC}},
		{name: "flush: ignored", fault: cutdisk.Fault{Op: flush}, forgets: true},
		{name: "gone from here on", fault: cutdisk.Fault{Op: cutdisk.Any, Err: syscall.ENODEV, Lasting: true}},
	}
}

// operations are how many of each kind an undisturbed act did on a medium.
type operations [4]int

func count(d *cutdisk.Disk) (n operations) {
	for _, op := range []cutdisk.Op{cutdisk.Read, cutdisk.Write, cutdisk.Sync} {
		n[op] = d.Count(op)
		n[cutdisk.Any] += n[op]
	}
	return n
}

// misfortune is one fault at one operation of one medium.
type misfortune struct {
	on medium
	kind
	n int
}

func (m misfortune) String() string { return fmt.Sprintf("%s, operation %d, %s", m.on, m.n, m.name) }

func (m misfortune) strike(w *world) {
	f := m.fault
	f.N = m.n
	w.disks[m.on].Fail(f)
}

// reads: what the device saw before it acted may have been less than there is,
// an older copy for example.
func (m misfortune) reads() bool {
	return m.fault.Op == cutdisk.Read || m.fault.Op == cutdisk.Any
}
