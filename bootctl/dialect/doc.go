// Package dialect maps the boot variables of other updaters to boot tables and
// back, for devices whose boot script stays as it is.
//
// # Guarantee
//
// A dialect is pure: it reads variables and says which ones to set, and the
// storage (U-Boot's environment, GRUB's blocks) sets them in one commit point.
// It never asks for a variable that the boot script does not know: only those
// below, and a table is never made up where there is none, but for RAUC's in
// U-Boot, whose script starts without any. A variable of a trial that the script
// could not end by itself is not written: such a trial is refused in words.
//
// # Not guaranteed
//
// The script does what it did before. RAUC's count every boot, so that `abota
// boot` has to answer each of them, and set every slot's tries anew when none is
// left. Mender's and those made for SWUpdate have no second confirmed slot: one
// that stops loading is not left by itself. Stop the old updater: two of them
// that write the same variables know nothing of each other.
//
// # Variables
//
// RAUC's in U-Boot, numbers hexadecimal (bootctl/uboot describes them too):
//
//	BOOT_ORDER       bootable slots by their bootname, first choice first
//	BOOT_<name>_LEFT tries left; absent means 3
//
// RAUC's in GRUB. The script starts the first slot in the order with OK=1 and
// TRY=0, and sets TRY=1 of each slot that it comes to; when there is none it
// starts the rescue entry and sets TRY=0 of those with OK=1. Tries are therefore
// one or none, and what is on trial only the journal knows:
//
//	ORDER            all slots, first choice first
//	<name>_OK        1: may be started
//	<name>_TRY       1: was started and did not answer
//
// Mender's in U-Boot and in GRUB. On trial is what has upgrade_available=1; a
// start of it counts bootcount up. In U-Boot one more than bootlimit runs
// altbootcmd, which names the other partition and ends the trial; in GRUB the
// script does that as soon as bootcount is not 0:
//
//	mender_boot_part     the partition number of the slot to start
//	mender_boot_part_hex the same in hexadecimal, for U-Boot; written where it is
//	upgrade_available    1 on trial, else 0
//	bootcount            0 with each new trial
//
// SWUpdate leaves names and values to the integrator, so that the configuration
// gives them. What most boot scripts made for it have in common is Mender's
// scheme with other names:
//
//	slot    names the slot to start (rootpart, bootslot, mmcpart)
//	trial   1 on trial, else 0 (upgrade_available); of a script that goes by
//	        ustate 2 says that the trial was started, 3 that it failed
//	count   set to 0 with each new trial (bootcount)
//	state   ustate, where it is not the same as trial: 1 installed, 0 fine
//
// Sources: RAUC's documentation ("Integration", on U-Boot and GRUB), its
// contrib/uboot.sh, contrib/grub.conf and src/bootloaders; meta-mender's patch
// of U-Boot's default environment, grub-mender-grubenv's scripts and Mender's
// rootfs-image module; SWUpdate's core/state.c and doc/source/bootloader_interface,
// meta-swupdate-boards' sw-description files; U-Boot's drivers/bootcount
// (bootcount_env.c) and common/autoboot.c.
package dialect

import "abota/bootctl"

// Variables is the value of a variable, empty when it is absent.
type Variables func(name string) string

// Variable is one to set.
type Variable struct{ Name, Value string }

// Dialect is one updater's way to say which slot boots.
type Dialect interface {
	// Name is how the configuration calls it.
	Name() string
	// Caps says what its variables can hold.
	Caps() bootctl.Caps
	// Read finds the table, or says why there is none.
	Read(Variables) (bootctl.Table, error)
	// Write is what to set so that Read finds this table, or why that cannot be
	// done. Variables that have the value already are among them.
	Write(bootctl.Table, Variables) ([]Variable, error)
	// Doubts are what the variables that are there say against relying on them.
	Doubts(Variables) []string
}
