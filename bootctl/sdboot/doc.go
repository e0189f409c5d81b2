// Package sdboot moves the boot pointer of systemd-boot, in its entry files on
// the ESP: a counted entry, made new, is the trial, and an entry without
// counters, written at the commit, the confirmed slot.
//
// # Guarantee
//
// One Store has one commit point: one sector of one existing file, overwritten
// in place, flushed, and read back. abota renames nothing. Files are made
// before, with content that the loader takes no notice of, and removed after,
// once they hold such content again. After a power cut at any moment the old
// or the new table is read, and the loader starts what it allows.
//
// The entry of the confirmed slot is not written while the other one is armed,
// tried, or given up. The trial has its counters in its name, and the loader
// prefers it by its version, not by a default; when its tries are used up the
// loader sorts it behind the confirmed one. Entries of others are neither read
// nor written. A Store that changes nothing writes nothing.
//
// What an entry starts is never taken from the configuration while the slot has
// one: a confirmed slot keeps the lines that booted, and a commit writes those of
// the counted entry that was tried. The configuration of the image that runs gives
// the lines of a slot that has no entry: at the factory, and when a release has
// been installed there, which the image that installed it starts by its own lines.
// So lines that a release brings along are those of the one after it; what has to
// change with the release itself belongs in its unified kernel image. An entry
// that was edited by hand is kept, as long as it is 512 bytes long and its linux
// line ends it.
//
// # Why this is safe on FAT
//
// FAT keeps no journal. A rename is two writes, of the new name and of the
// removal of the old one, and where these lie in different sectors a power cut
// leaves two names for one chain of clusters, or none. Making a file is three
// writes, of its name, of its cluster in the allocation table, and of its
// content, and a cut leaves any of them out: an empty file, or one that shows
// what its cluster held before. So neither is ever a commit point here:
//
//   - a file that is made is not one that the loader acts on, and neither is
//     what its cluster may have held: files are made inert before they are
//     removed, and another one of the slot is only made for a slot whose
//     content is proven;
//   - a file that is removed is inert, so that it does not matter which of its
//     two writes took place;
//   - what counts is one data sector of a file whose name, size and cluster
//     stay. A drive writes one sector whole or not at all. Where one does not, the
//     CRC tells, and the loader passes the entry by: the line that names what is
//     started ends the sector, and a name that is cut short leads to no file. With
//     it Linux writes the sector of the folder that holds the
//     file's times, in which nothing else changes.
//
// Where a transition needs two entries changed, the first write carries the new
// table and leaves the confirmed slot alone to be started, and the second one
// shows the trial: armed, but not started, is a state that the journal knows
// (the loader ignored the pointer).
//
// The loader itself does rename: it counts a trial down by giving the file
// another name, before it starts it, on FAT, through the firmware's driver. A
// cut within that costs at most the counted entry. Where none is left, the
// confirmed one is another file, with its own cluster, and is started; the table of
// the counted entry is gone with it, so that the one before it counts, in which the
// slot was not armed yet: the update starts over. What two names for one file mean
// is below. They are never removed, since that would free its cluster twice: run
// fsck.vfat before the ESP is mounted; `abota doctor` names them. Linux marks a FAT
// that is mounted read-write as dirty, in its first sector: mount it once, not for
// each write.
//
// Firmware does not rename a file to a name that is there (UEFI, EFI_FILE_PROTOCOL,
// SetInfo), and the loader starts what it could not rename, uncounted. So the
// entry of a trial gets a name from which counting down meets none that is in use,
// by whatever was left there: +3-1 instead of +3 where there is a +2-1.
//
// # Not guaranteed
//
// systemd-boot starts a counted entry also when it cannot rename it (it logs
// the error and goes on): firmware that cannot write the ESP tries a slot for
// ever that fails before user space. Once user space is reached the journal
// counts.
//
// The same happens after a cut within its rename that leaves both names, +3 and
// +2-1: it prefers the first and cannot rename it to the second. It needs the old
// name's removal not to reach the medium when the new name did, so the two in
// different sectors of the folder. Nothing that abota could do before helps, since
// the loader itself makes the second name; from user space on the next change of
// the table ends it, and so does fsck.vfat, once what it leaves empty is removed.
// A folder of abota's entries alone has all of their names, those of a rename among
// them, in its first 512 bytes (12 of 16 places: counted on a FAT made with
// mkfs.vfat and mtools): keep the files of others out of loader/entries. Whether a
// firmware writes that sector at once is not established, and the case as such is
// from the sources, not measured.
//
// An entry that cannot be loaded is not passed by: the loader ends, and
// the firmware goes on along BootOrder (measured: OVMF, to its shell). Have the
// loader in BootOrder twice, as `bootctl install` leaves it (its own entry and
// the removable path): each round costs one try. Boots of a confirmed slot are
// not counted. A hang needs a hardware watchdog.
//
// The table is in each entry file, but the last one only in the file written
// last. Where that is damaged, by more than a cut can do, the table before it
// counts, without the slot whose entry went with it.
//
// A default (loader.conf, LoaderEntryDefault) that matches a counted entry
// starts it for ever, also without tries left: see [CheckDefault]. Unified
// kernel images in EFI/Linux are started by their own name: keep them
// elsewhere and name them in an `efi` line. systemd-bless-boot must be masked.
// What waits for a good boot orders itself behind boot-complete.target, which
// `abota init systemd-complete` holds back until the slot is confirmed.
//
// Each transition writes one to a handful of sectors; a boot that changes
// nothing writes none. 4 KiB sectors are as good as 512 bytes.
//
// # Format
//
// In loader/entries, each 512 bytes long, filled with line ends:
//
//	abota-a.conf             confirmed entry of A; always there
//	abota-b.conf             confirmed entry of B; always there
//	abota-b+LEFT[-DONE].conf trial of B: tries left, tries done; decimal. DONE
//	                         may begin above zero
//
// and the same for a trial of A. A visible one is
//
//	# abota 1 CRC SERIAL ORDER GENERATION CONFIRMED A B
//	sort-key abota
//	version N
//	title …
//	initrd /…
//	options …
//	…                    line ends
//	linux /…             or efi /…; it ends the sector
//
// and an inert one has the first line alone, which the loader skips, and without
// a linux or efi line it takes no notice of the file (`bootctl list` shows it all
// the same). CRC is CRC-32 (IEEE) of the 512 bytes with zeroes in its own eight
// hexadecimal digits. SERIAL is one more with each write: the file with the
// greatest one says what the table is. ORDER is the bootable slots ("BA"),
// GENERATION and CONFIRMED the table's, A and B each GOOD:TRIES:FAILED
// ("true:10:-"). Blanks make the line as long as any, so that those behind it have
// their places: an entry that is written over in part is then still one of its
// slot. The tries of a trial are those in the name. N orders the entries, the
// greatest first.
//
// # Sources
//
// systemd's src/boot/efi/boot.c of v252 and later (boot_entry_parse_tries,
// boot_entry_bump_counters, boot_entry_add_type1, boot_entry_compare,
// config_select_default_entry); the Boot Loader Specification of the UAPI
// group (type #1 entries, sort-key and version, boot counting); systemd's
// "Automatic Boot Assessment" and "Boot Loader Interface"
// (LoaderBootCountPath). The tests compare with bootctl, on entries in a folder;
// the loader itself is a model in them. FAT: Microsoft's fatgen103; Linux, fs/fat/namei_vfat.c
// (vfat_rename), fs/fat/dir.c; EDK2, FatPkg/EnhancedFatDxe/Info.c
// (FatSetFileInfo: removes the old name, then makes the new one, and refuses one
// that is there). Measured with systemd-boot 252 on OVMF: an inert
// entry is ignored, a counted one is preferred by its version and renamed from
// +3 to +2-1, and one with +0-3 is passed by for the confirmed one.
package sdboot
