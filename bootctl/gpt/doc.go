// Package gpt keeps the boot table in attribute bits of two entries of the
// GUID partition table, as ChromeOS firmware and Bottlerocket's GRUB read it.
//
// # Status
//
// Conformance-only: no loader that reads these bits could be started for a
// test. What is here follows the sources named below, is cross-checked with
// sgdisk in both directions, and passes bootctltest with power cuts; it has not
// booted a device.
//
// # Guarantee
//
// The table lies in two copies, the primary behind the first sector and the
// backup in the last sectors of the disk. A Store writes the backup, flushes
// it and reads it back past the page cache, and only then does the same with
// the primary. Readers prefer a valid primary, so the commit point is the
// first sector of the primary that changes:
//
//	cut                              primary    backup      counts
//	before or within the backup      old        any         old: the primary
//	between the two                  old        new         old: the primary
//	within the primary               not valid  new         new: the backup
//	after                            new        new         new: the primary
//
// Whichever sectors of the primary have landed, in whatever order: all of them
// old is the old table, all new is the new one, and a mixture fails a CRC.
//
// A copy that is not valid is made whole by the next Store, from the other one.
// Where that is the primary it comes first, with the table that the backup
// holds, so that the backup is never written while it alone counts; what is left
// of its header is wiped before, so that no cut can complete the older table. A
// Store flushes before it reads, so that what it relies on is on the medium.
//
// Only sectors that differ are written: those of the two slots' entries and
// the header. All other partitions, all other attribute bits, names, GUIDs,
// reserved bytes and the protective MBR stay byte for byte. A Store that
// changes nothing writes nothing. Logical sectors may have 512 or 4096 bytes.
//
// # Refused
//
// Nothing is written when the disk is not what it ought to be: when both copies
// are valid and differ in more than the boot bits, or their headers disagree;
// when the backup is not in the last sector (an image written to a larger
// disk: `sgdisk -e` moves it); when a copy to be rebuilt might cover something
// else; when the primary is marked IGNOREME; when a slot's entry is missing or
// there twice; when another partition of the slots' type would be started. A
// disk without any valid copy holds no table, and none is made up: restore it
// with sgdisk first.
//
// # Not guaranteed
//
// That nobody else writes the table at the same time (sgdisk, cgpt, parted).
// The kernel's idea of the partitions is not touched, since no partition moves.
// There is no room for a generation or for what failed; the journal has them.
//
// # Format
//
// The table of UEFI: LBA 0 holds the protective MBR, LBA 1 the primary header,
// the last LBA the backup header, each naming where its array of entries is. All
// numbers are little-endian.
//
//	header offset  size  field
//	            0     8  "EFI PART"
//	            8     4  revision, 0x00010000
//	           12     4  header size, at least 92
//	           16     4  CRC-32 of that many bytes, this field taken as zero
//	           24     8  LBA of this header
//	           32     8  LBA of the other header
//	           40     8  first usable LBA
//	           48     8  last usable LBA
//	           56    16  disk GUID
//	           72     8  LBA of the array
//	           80     4  number of entries
//	           84     4  size of an entry, 128 times a power of two
//	           88     4  CRC-32 of the array
//
//	entry offset  size  field
//	           0    16  type GUID, zero when unused
//	          16    16  partition GUID
//	          32     8  first LBA
//	          40     8  last LBA
//	          48     8  attributes
//	          56    72  name, UTF-16, ended by a zero unless it is full
//
// Source: UEFI specification 2.10, sections 5.3.2 and 5.3.3.
//
// # Attributes
//
// ChromeOS and Bottlerocket use the same bits of the attributes:
//
//	bits   field       table
//	48-51  priority    place in the order: 2 first, 1 second, 0 absent
//	52-55  tries       tries left; 0 for a confirmed slot
//	56     successful  good
//
// Both start the entry of their type with the highest priority that is not
// zero, among those that are successful or have tries left; of equal ones the
// first. They differ in how they count:
//
// ChromeOS (vboot): a successful entry is not counted. Otherwise tries are
// counted down before the attempt; an entry with one left gets tries and
// priority zero, and is started once more. So the last attempt of a trial runs
// outside of the order. An entry whose kernel does not load gets priority zero
// at once unless it is successful.
//
// Bottlerocket and CoreOS (GRUB's gptprio.next): tries are counted down
// whenever there are any, also of a successful entry, and stop at zero. So a
// confirmed slot is stored with none: its boots then write nothing.
//
// Sources: vboot_reference, firmware/lib/cgptlib/cgptlib.c
// (GptNextKernelEntry, GptUpdateKernelWithEntry), cgptlib_internal.c
// (GptValidityCheck, GptRepair) and include/cgptlib_internal.h; "Disk format"
// of the ChromiumOS documentation; Bottlerocket's
// sources/updater/signpost/src/gptprio.rs; CoreOS' GRUB,
// grub-core/commands/gptprio.c and include/grub/gpt_partition.h.
//
// vboot also uses bit 57 and above in newer versions; they are foreign here,
// and kept.
package gpt
