// Package uboot keeps the boot table in U-Boot's environment, where boot
// scripts, fw_printenv and fw_setenv read and write it too.
//
// # Guarantee
//
// One Store is one write of the older of two copies, in place, flushed and read
// back past the page cache. The newer copy is not touched, so after a power cut,
// or when the write fails, U-Boot finds the old table or the new one. An older
// copy that is not valid has its first sector wiped before, so that no cut can
// complete what an earlier cut left torn. Variables of others are kept byte
// for byte and in their order. A Store that changes nothing writes nothing.
//
// On NOR flash the older copy is erased, written, read back, and then the newer
// one marked as the older by clearing bits of its flag. The new table counts from
// one moment on: that in which its copy is whole, or that in which the flag of the
// other is cleared, as the flags were. An erased copy that is not written yet is a
// lost one, and the other one counts.
//
// A single copy ([New] with one) is overwritten in place where it differs, in
// whole sectors. Where the medium writes a sector whole or not at all and the
// variables keep their lengths, a power cut leaves the old table or the new one;
// otherwise it may lose the environment, but makes up no table. [Backend.Warning]
// says so; whoever uses the backend has to show it.
//
// What is kept in the other form (one of two, where a single one is configured, or
// the other way round) is refused and not overwritten.
//
// # Media
//
//   - A partition or a whole device: eMMC, SD, NVMe and the like, at offsets.
//   - A hardware boot partition of an eMMC (mmcblk0boot0 and boot1), which the
//     kernel keeps read-only: it is unlocked for as long as a Store writes, and
//     locked again also after an error or a panic.
//   - NOR flash by its character device (/dev/mtd0). Each copy has erase blocks of
//     its own, of which what lies behind it is empty: others are refused. Flash
//     that is locked is unlocked for as long as a Store writes: the whole chip
//     where all of it is, and otherwise what the chip can unlock with the copy,
//     of which it may not be able to lock everything again.
//   - A file that exists in full, on a file system that does not move what is
//     overwritten: FAT (U-Boot's CONFIG_ENV_IS_IN_FAT) or ext4. Others of which
//     that is known are refused. Nothing is created, renamed or made longer.
//
// Raw NAND flash, UBI volumes, and flash through the kernel's block devices
// (mtdblock) are refused.
//
// # Not guaranteed
//
// Two copies that overlap are found on one path or one device, not across a disk
// and its partition. fw_setenv is kept out by its lock file while Store works;
// other writers are not. Media may damage a whole erase group when they lose power
// while writing: keep copies on them 4 MiB apart; on NOR flash erase blocks of
// their own are enough. Bits of NOR flash that were being erased or written when
// the power went may read differently from one time to the next: the copy that
// counted before is not touched then, but one that was complete but for the very
// last bits is taken for whole as long as it reads so. A program that is killed
// while it writes leaves an eMMC boot partition or flash unlocked until the next
// boot. A file in a place that U-Boot does not read (a folder that hides the boot
// partition when that is not mounted) looks like any other.
//
// # Format
//
// Two copies of one size, each in a place of its own:
//
//	offset  size  field
//	     0     4  CRC-32 (IEEE, as in zlib), little-endian, of all bytes from 5 on
//	     4     1  flag
//	     5     …  variables, each "name=value" and a NUL; an empty one ends
//	              them; then padding
//
// The flag is a serial number modulo 256, one more than the other copy's; on NOR
// flash it is 1 for the newer copy and 0 for the older one. Of two valid copies the
// one with the greater flag counts, but 0 follows 255; of two equal ones the first.
// (With 255 and 0 on NOR flash U-Boot's driver for SPI flash takes 0, its driver
// for parallel flash and its tools 255. Neither writes 255 there.) A copy is valid
// when its CRC holds. Padding may be any bytes: U-Boot writes zeroes as this
// package does, mkenvimage and fw_setenv write 0xff.
//
// A single copy has no flag: the variables begin at 4, and the CRC is that of all
// bytes from there on.
//
// Within the variables, blanks before a name are skipped, an entry that begins
// with '#' is a comment, an entry without a value removes the variable, and of
// several entries of one name the last counts.
//
// Sources: U-Boot's env/common.c (env_check_redund), lib/hashtable.c
// (himport_r, hexport_r) and include/env_internal.h, with
// CONFIG_SYS_REDUNDAND_ENVIRONMENT and without; env/sf.c and env/flash.c for
// flash, env/fat.c for files; libubootenv's src/uboot_env.c and src/uboot_mtd.c.
// The tests compare with fw_printenv, fw_setenv and mkenvimage, and run on the SPI
// flash of a virtual board with Linux's own drivers. That a U-Boot which keeps its
// environment on flash reads the same was not established: its source says so.
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
// Nothing is made up beside Mender's variables.
//
// Contract mode is for the product's own boot script. Where neither BOOT_A_GOOD
// nor BOOT_B_GOOD exists the environment was taken over from RAUC: a slot in
// the order with tries left counts as good, since that is what RAUC's
// mark-good leaves behind. The first Store that changes something writes them.
//
// # Other boot scripts
//
// A device whose boot script stays as it is keeps its own variables: see package
// bootctl/dialect, and Speaking. They come first in the data then, as ours do; no
// other ones are written.
package uboot
