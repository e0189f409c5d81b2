// Package bootcuts boots what power cuts leave of boot tables: every state that a
// cut within a Store of a backend, or within the loader's own write, can leave on
// the disk is given to the real loader, and user space must be reached in a slot
// that is allowed.
//
// # How states are made
//
// A guest stores every transition that the verbs can make, by the product's
// backends, through Linux's own file systems, on a disk below which QEMU notes
// every write and flush. So what a state holds of FAT or ext4 is what Linux
// writes. From that log package cutdisk makes the states: what was written before
// the last flush is there, of the sectors since then any may be missing, and one
// may be torn. Then the loader boots from the newest state of each table, its own
// writes are noted, and cut in the same way; flushes between them count for
// nothing, since not every loader's medium knows them. Equal states are booted
// once.
//
// # What a boot shows
//
// Both slots hold the same kernel and an initramfs that says its slot's name and
// the kernel's command line. A state is good when one of them says so, the
// command line names the same slot, and that slot is one which the table before or
// the table after the cut allows: it is good there and in the order, or it is what
// that table starts, by the model of the loader's script (a trial that is armed).
// No cut may make the loader say that the table is lost.
//
// # What it does not show
//
// Sectors are torn where a table or an entry lies: U-Boot's environment, GRUB's
// blocks, systemd-boot's entries. The file systems' own sectors are written whole
// or not at all, as drives do; FAT and ext4 have sectors in which noise would cost
// everything on them, whoever writes.
//
// BootNext is not here: it lies in the firmware's own flash, and what a cut leaves
// there is the firmware's doing.
package bootcuts
