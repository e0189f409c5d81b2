// Package grub keeps the boot table in two GRUB environment blocks that GRUB
// reads and abota writes, and reads from a third one how often GRUB has started
// what. The package's grub.cfg is the other side: a device maker copies it.
//
// # Guarantee
//
// One Store is one write of the older block, in place, flushed and read back
// past the page cache. The newer block is not touched, and GRUB writes to
// neither, so after a power cut, or when the write fails, GRUB finds the old
// table or the new one. What abota takes for a table is what grub.cfg takes for
// one: the same pattern decides on both sides. Variables of others are kept byte
// for byte and in their order, behind ours, up to 512 bytes. A Store that changes
// nothing writes nothing.
//
// Caps: tries (GRUB counts the attempts of a trial down), good and generation.
// Not one-shot.
//
// # Not guaranteed
//
// An environment block has no checksum, and GRUB could not compute one. The
// whole table therefore stands twice in the first sector, at its head and at its
// tail, and counts when both are equal: a torn, erased or decayed sector is
// noticed, a decay that hits both alike is not.
//
// GRUB replays no journal. The files must be made whole (written, not only
// allocated, since GRUB reads an unwritten extent as zeroes) and their file
// system unmounted or frozen once afterwards, best when the image is built
// ([Create]; whoever calls it on a device freezes). A file that is missing holds
// nothing, for GRUB too, and one that was cut short what is left of it: a table is
// lost with both blocks only. Neither is written to before Create made it whole. They
// are overwritten in place: a file system that writes changed data elsewhere
// (btrfs, f2fs, zfs, bcachefs) or a journal that holds data (ext4 with
// data=journal) is not usable. On FAT the kernel may write the time of a change
// into the directory some time after a Store: each file has a directory of its
// own, so that a torn directory takes one file along and not all three.
//
// GRUB sends no flush: with a volatile write cache a power cut right after the
// kernel was started may lose the count of that attempt.
//
// # Format
//
// Three files of 1024 bytes, each an environment block of GRUB: the line
//
//	# GRUB Environment Block
//
// then lines "name=value", in which a backslash stands before a backslash or a
// line break of the value; lines that begin with '#' are skipped, with the next
// one if a backslash ends them; '#' fills the rest. Of several lines of one name the last counts. A line without '=' joins
// the next one; a value without a line break at its end is none.
//
// A block of the table has its first sector full, the table at both ends:
//
//	offset  content
//	     0  the line above, 25 bytes
//	    25  abota_head=TABLE
//	     …  a line of '#'
//	     …  abota_tail=TABLE, whose line break is byte 511
//	   512  variables of others, then '#' up to byte 1023
//
// TABLE is words with single blanks between them:
//
//	1000000007        sequence number, ten digits that begin with 1
//	order=BA          the slots that may start, first choice first
//	a=good,10         slot A: good (confirmed) or unproven, and tries left
//	b=unproven,3      slot B
//	confirmed=10      what GRUB refills a confirmed slot's tries to; 0: its
//	                  boots are not counted
//	generation=12     transitions made by abota
//	a_failed=0123ab   short digest of the release that failed in A, if any
//	b_failed=…
//
// All up to confirmed are always there, in this order; words behind that are not
// known are kept. Numbers are decimal without leading zeroes, since GRUB takes
// those for octal; tries are at most 99, as far as grub.cfg can count. A block
// counts when both tables are equal and match; of two that do the one with the
// greater sequence number counts, and of two equal ones the first.
//
// The third file is GRUB's. It holds, twice for the same reason,
//
//	abota_count=1000000007 9 3
//	abota_count_again=1000000007 9 3
//
// the sequence number of the table that the counts belong to, and the tries left
// of A and B, which then take the place of those in the table. Each Store makes a
// new sequence number, greater than any seen in the three files, so that all
// counts before it are void the moment it takes effect. Abota writes this file
// only when it is no environment block, or a full one, which GRUB cannot write to
// and which holds no counts: then it is made empty, before the table changes. If
// even that fails a trial is refused, and any other table stored all the same.
//
// # Other boot scripts
//
// A device whose grub.cfg is another updater's keeps that one's environment block:
// [File] is one file in RAUC's variables or those of a script made for SWUpdate,
// [Pair] the two files with locks of Mender. What both write says package
// bootctl/dialect.
//
// # What GRUB can do
//
// GRUB's script knows no sums: grub.cfg takes one off with a table of ten digits.
// Its test compares numbers (-gt) as signed machine words, so that sequence
// numbers stay below 2³¹. Its save_env writes over the blocks that the file
// has, and neither extends nor makes one. It fails for a file that is missing, no
// environment block, full or sparse, and on a file system whose blocks GRUB cannot
// name; grub.cfg then starts a confirmed slot. On EFI it writes through
// BlockIo.WriteBlocks and never calls FlushBlocks.
//
// Seen in GRUB 2.06 for x86-64 EFI under QEMU, with the files on FAT and on ext4:
// a file that is missing, empty, full or no block, and a disk that takes no writes,
// make save_env fail with a line on the console, and the script goes on; an attempt
// changes one sector of the disk, and a boot that counts nothing changes none. A
// kernel is accepted by its header: one that was cut short behind it starts, fails
// and resets the board, and only the count ends that. Other firmware, GRUB for BIOS
// and GRUB on ARM were not tried.
//
// Sources: GRUB's grub-core/lib/envblk.c (format, room, order),
// grub-core/commands/loadenv.c (load_env, save_env, checks of the block list),
// grub-core/commands/test.c (numbers), grub-core/disk/efi/efidisk.c (writes); the
// GRUB manual, "Environment block". The tests compare with grub-editenv.
package grub
