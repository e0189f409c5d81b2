// Package tryboot keeps the boot table in the autoboot.txt of a Raspberry Pi,
// whose firmware starts one partition by default and another one once, when the
// reboot asks for it.
//
// # Status
//
// Conformance-only: the firmware that reads this file could not be run for a
// test. What is here follows the documentation named below and passes
// bootctltest with power cuts; it has not booted a device.
//
// # Guarantee
//
// The file exists before ([Pad] makes it) and keeps its size and place. One Store is one write
// of at most 512 bytes, in place, flushed and read back past the page cache;
// nothing is created, truncated or renamed. A Store that changes nothing writes
// nothing. Settings, sections and comments of others stay byte for byte and in
// their order, except where boot_partition and tryboot_a_b are set anew.
//
// A trial is started by the reboot argument "0 tryboot" ([Backend.RebootArgument])
// and by nothing else: the default partition stays the confirmed slot's until
// the trial is committed, so any other reset, a power cut among them, comes
// back to it.
//
// # One copy
//
// There is one file, and so one copy, and no room for another: the firmware
// reads this name only. It rests on the medium writing a sector of 512 bytes
// whole or not at all. The file's content begins a cluster of the FAT, so all
// of it lies in one sector, and that sector is what a Store changes. (The FAT
// driver may also write the time of the change into the directory, which holds
// 32 bytes for each file and is one sector as well.) SD cards, eMMC and NVMe
// keep a sector whole in practice, since their translation layer maps pages
// that are larger; the SD specification does not promise it.
//
// Should a sector be torn all the same, into its new beginning and its old
// end, then no setting has moved: once the file holds this package's lines,
// their places and lengths stay the same (for partition numbers with equally
// many digits), so what the firmware finds is the old or the new number, in
// each of the two places. The default is then the old or the new default, both
// confirmed. The record behind has a wrong CRC, Load reports that there is no
// table, and `abota boot` rebuilds it. A sector that became garbage or cannot be
// read leaves the firmware without boot_partition: it starts the first bootable
// FAT partition. Let that one hold the files of the factory slot or of a rescue
// system.
//
// # Not guaranteed
//
// The firmware counts nothing: one reboot is one attempt, and the journal
// counts them. Nor does it tell a reboot without the argument from a trial that
// ended before user space: after three the release is held, and not condemned.
// It does not fall through to the other partition when one does
// not start; a watchdog has to. An argument with a partition number
// (`reboot 3`) overrides the file. Whether a file of exactly 512 bytes is read is
// not established, so [Pad] stays below.
//
// # Format
//
// Lines of text: "name=value", "[filter]" and "#comment". A later line overrides
// an earlier one. Settings count while the last filter passes: [all] always,
// also before the first filter; [none] never; [tryboot] when the reboot asked for
// it. Other filters are not known to be supported in this file: what stands
// below one is kept, but for settings of the two names, which would be in doubt.
//
//	[all]
//	tryboot_a_b=1       switch partitions, not to tryboot.txt
//	boot_partition=2    what starts by default
//	[tryboot]
//	boot_partition=3    what starts once
//	# abota 1 BA A- 0000001f 000a ---------------- ---------------- 5d2f18c4
//
// boot_partition under [all] is the first good slot's in the order, or the
// first one's when none is good; under [tryboot] the other bootable slot's, or
// the same when there is none, so that a slot that is being written is never
// started.
//
// The record is a comment to the firmware, of fixed width: format, order, good
// slots, generation and confirmed tries in hexadecimal, the short digests of
// what failed in A and B, and the CRC-32 of the line up to here together with
// both partition numbers. A file without it, or whose numbers somebody else
// changed since, holds no table.
//
// Sources: Raspberry Pi documentation, config_txt/autoboot.adoc,
// config_txt/conditional.adoc and "Fail-safe OS updates (tryboot)"; the reboot
// argument in the Raspberry Pi kernel, drivers/firmware/raspberrypi.c
// (rpi_firmware_notify_reboot).
package tryboot
