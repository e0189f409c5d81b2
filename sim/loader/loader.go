// Package loader is what differs between the boot loaders of virtual boards: the
// disk's layout, the boot partition's files, what the device's configuration says
// of them, what the console shows of a boot, and how each loses a kernel or its
// table.
//
// The files are the product's own, as a device maker copies them, with the
// settings of the board in them.
package loader

import (
	"context"
	"fmt"

	"abota/sim/disk"
	"abota/sim/parts"
)

// Loader is a board's boot loader.
type Loader interface {
	// Layout is the disk's.
	Layout() disk.Layout
	// Mount is where the firmware mounts the boot partition; nowhere when empty.
	Mount() string
	// Fill writes what the boot partition holds before the table is on it into
	// the folder dir.
	Fill(ctx context.Context, dir string, m Material) error
	// Files are what the firmware has below /etc/abota for the loader, by path.
	Files(read Read) (map[string]string, error)
	// Config is what the device's configuration says of slots and boot loader.
	Config() string
	// FirstBoot are the kernel's arguments of a boot by the factory's own means, in
	// which the board provisions itself; empty where the factory can write the
	// table.
	FirstBoot() string
	// KernelInSlot says whether a slot's kernel is in its file system; otherwise it
	// is on the boot partition.
	KernelInSlot() bool
	// Says is what the console shows of a boot. A loader that shows nothing of
	// it has no words for it, and the table has to tell.
	Says(Seen) (words string, some bool)
	// Counts says whether the loader counts a slot's boots down: those of one on
	// trial, and those of a confirmed one.
	Counts() (trial, confirmed bool)
	// Bears says why the loader does not get over a loss; nil when it starts a
	// slot all the same.
	Bears(l Loss) error
	// LoseKernel takes the kernel of a slot ("A" or "B") while the board is off,
	// and LoseTable all that tells the table.
	LoseKernel(ctx context.Context, d disk.Image, slot string) error
	LoseTable(ctx context.Context, d disk.Image) error
}

// Loss is something that a boot loader needs and does not find.
type Loss int

// The losses.
const (
	// Kernel is that of the slot which is to be started.
	Kernel Loss = iota + 1
	// Table is the boot table.
	Table
)

// Read returns a file of the product by its path in the source tree.
type Read func(name string) ([]byte, error)

// Material is what boot partitions are made of.
type Material struct {
	// Parts are the board's.
	Parts parts.Set
	Read  Read
	// Initrd is the initramfs of every firmware.
	Initrd string
	// Dir is a folder for what is made on the way.
	Dir string
}

// Event is one thing that a loader does with a slot.
type Event int

// The events.
const (
	// Confirmed starts a confirmed slot, and has counted that.
	Confirmed Event = iota + 1
	// Trial starts a slot on trial, and has counted that.
	Trial
	// Spent passes a slot by whose attempts are used up.
	Spent
	// Passed starts a confirmed slot, counted or not.
	Passed
	// Unloadable passes a slot by that cannot be loaded.
	Unloadable
	// Lost finds no table.
	Lost
	// Untold starts a slot without a table.
	Untold
)

// Seen is an event that a scenario wants to see.
type Seen struct {
	Event Event
	// Slot is "A" or "B", Left the attempts that it has left.
	Slot string
	Left int
}

// For returns the loader of a kind of board.
func For(kind parts.Board) Loader {
	switch kind.Loader {
	case parts.LoaderGRUB:
		return grub{kind}
	case parts.LoaderSystemdBoot:
		return sdboot{kind}
	case parts.LoaderEFI:
		return efi{kind}
	case parts.LoaderUBoot:
	}
	if kind.Verity {
		return verity{uboot{kind}}
	}
	return uboot{kind}
}

// script is what U-Boot's and GRUB's scripts say, which is nearly the same; table
// is their word for it.
type script struct{ table string }

func (s script) Says(e Seen) (string, bool) {
	switch e.Event {
	case Confirmed:
		return fmt.Sprintf("slot %s: confirmed, attempt recorded, %d left", e.Slot, e.Left), true
	case Trial:
		return fmt.Sprintf("slot %s: trial, attempt recorded, %d left", e.Slot, e.Left), true
	case Spent:
		return fmt.Sprintf("slot %s: trial without attempts left", e.Slot), true
	case Passed:
		return fmt.Sprintf("slot %s: confirmed", e.Slot), true
	case Unloadable:
		return fmt.Sprintf("slot %s: cannot be loaded", e.Slot), true
	case Lost:
		return s.table + ": lost", true
	case Untold:
		return fmt.Sprintf("slot %s: started without a", e.Slot), true
	}
	return "", false
}

func (script) Counts() (trial, confirmed bool) { return true, true }

// silent is a loader that says nothing.
type silent struct{}

func (silent) Says(Seen) (string, bool) { return "", false }

// etc is where firmware has Files.
const etc = "/etc/abota"

// slots are the two that have everything in their file system.
func slots() string {
	return fmt.Sprintf("slots:\n  a: {device: PARTLABEL=%s}\n  b: {device: PARTLABEL=%s}\n", disk.Root("A"), disk.Root("B"))
}
