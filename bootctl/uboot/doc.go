// Package uboot keeps the boot table in U-Boot's redundant environment, where
// boot scripts, fw_printenv and fw_setenv read and write it too.
//
// # Guarantee
//
// One Store is one write of the older copy, in place, flushed and read back
// past the page cache. The newer copy is not touched, so after a power cut, or
// when the write fails, U-Boot finds the old table or the new one. An older
// copy that is not valid has its first sector wiped before, so that no cut can
// complete what an earlier cut left torn. Variables of others are kept byte
// for byte and in their order. A Store that changes nothing writes nothing.
//
// # Not guaranteed
//
// A single copy is not supported: a power cut while it is written loses it
// with all variables. Raw flash (MTD, UBI) is not supported. Two copies that
// overlap are found on one path or one device, not across a disk and its
// partition. fw_setenv is kept out by its lock file while Store works; other
// writers are not. Media may damage a whole erase group when they lose power
// while writing: keep the copies 4 MiB apart.
//
// Hardware boot partitions of an eMMC (mmcblk0boot0 and boot1), which the kernel
// keeps read-only, are unlocked for as long as a Store writes. A copy in a
// regular file is overwritten where it lies: keep it on a file system that does
// not move it (inplace.Check tells), preallocated in full.
//
// # Format
//
// Two copies of one size, each in a place of its own:
//
//	offset  size  field
//	     0     4  CRC-32 (IEEE, as in zlib), little-endian, of all bytes from 5 on
//	     4     1  serial number modulo 256, one more than the other copy's
//	     5     …  variables, each "name=value" and a NUL; an empty one ends
//	              them; then padding
//
// Of two valid copies the one with the greater serial number counts, but 0
// follows 255; of two equal ones the first. A copy is valid when its CRC
// holds. Padding may be any bytes: U-Boot writes zeroes as this package does,
// mkenvimage and fw_setenv write 0xff.
//
// Within the variables, blanks before a name are skipped, an entry that begins
// with '#' is a comment, an entry without a value removes the variable, and of
// several entries of one name the last counts.
//
// Sources: U-Boot's env/common.c (env_check_redund), lib/hashtable.c
// (himport_r, hexport_r) and include/env_internal.h, with
// CONFIG_SYS_REDUNDAND_ENVIRONMENT; libubootenv's src/uboot_env.c. The tests
// compare with fw_printenv, fw_setenv and mkenvimage.
//
// # Variables
//
// All numbers are hexadecimal without 0x, as U-Boot counts.
//
//	BOOT_ORDER            bootable slots, first choice first: "A B"
//	BOOT_A_LEFT           tries left of slot A; absent means 3
//	BOOT_A_GOOD           1 when confirmed, else 0         (contract mode)
//	BOOT_A_FAILED         short digest of the release that failed there,
//	                      absent when none did             (contract mode)
//	BOOT_GENERATION       transitions made by abota        (contract mode)
//	BOOT_CONFIRMED_TRIES  what the loader refills a confirmed slot's tries
//	                      to; 0: its boots are not counted; absent means a,
//	                      which is ten                     (contract mode)
//
// and the same for B. All but BOOT_x_FAILED are always written. They come first in the data, so that they lie in the
// first sector. BOOT_ORDER may hold names that are not ours, of a rescue
// system for example: they are kept, behind ours.
//
// # RAUC and contract mode
//
// Without contract mode the environment is RAUC's: only BOOT_ORDER and
// BOOT_x_LEFT are read and written, and a slot in the order is reported good.
// A device that ran RAUC with the boot names A and B needs no provisioning.
//
// Contract mode is for the product's own boot script. Where neither BOOT_A_GOOD
// nor BOOT_B_GOOD exists the environment was taken over from RAUC: a slot in
// the order with tries left counts as good, since that is what RAUC's
// mark-good leaves behind. The first Store that changes something writes them.
package uboot
