// Package efi moves the boot pointer in the firmware's own variables, for
// devices on which UEFI starts the kernel of a slot without another loader:
// BootNext is the trial, BootOrder the commit.
//
// # Guarantee
//
// One Store has one commit point, the write of one variable: of BootOrder
// where the order of the confirmed slots changes, and else of the table's own
// variable. Before and after it the other variables are written such that a
// power cut leaves a table that was there: BootNext of a trial that ends is
// removed first, BootNext of one that begins is written last. Each write is
// read back from the firmware before the next. The firmware finds a confirmed
// slot in BootOrder at any moment, and never one that is not: an unconfirmed
// slot stands there only where no other is in the table.
//
// Entries of others, and their order, are kept; ours come where the first of
// them was, or else in front. Attributes of a variable are kept. Firmware that
// appends entries which it discovered changes nothing, since only ours are
// compared; firmware that puts back an entry of ours that Store took out makes
// that slot bootable, as it is, but not good. A Store that changes nothing
// writes nothing, but for one thing: where the one start of an armed slot is
// used up, storing the same table arms it again.
//
// # Not guaranteed
//
// There is no counter: one start, and then BootOrder. The journal arms again
// until it has counted three. Load tells by an armed slot's tries whether its
// start is still to come: firmware that left BootNext in place ignored it. A
// power cut between the commit point and the write of BootNext costs one of the
// three, and so does firmware that drops BootNext without starting it. Boots of a confirmed slot are not
// counted either: the firmware goes on along BootOrder when a kernel cannot be
// loaded or returns (the specification says so, OVMF does; not all firmware
// need), not when it crashes or hangs. A hang needs a hardware watchdog.
//
// That the firmware keeps what it is told: some restores a BootOrder of its
// own, or forgets all variables with its battery. A table without an entry of
// ours in BootOrder is reported as lost. Firmware whose flash wears out after
// some ten thousand writes is written once to four times for each transition,
// and not at all by a boot that changes nothing.
//
// # Format
//
// Through efivarfs each variable is a file, NAME-VENDOR. It begins with the
// attributes, 32 bits little-endian (1 non-volatile, 2 boot services, 4 run
// time: 7 for all here); the data follow. One write is one SetVariable: the
// whole variable, attributes included. Linux marks most of these files immutable
// (FS_IMMUTABLE_FL), which is taken off for the write and put back.
//
// Variables of the specification, vendor 8be4df61-93ca-11d2-aa0d-00e098032b8c:
//
//	Boot####     an EFI_LOAD_OPTION, four upper case hexadecimal digits
//	BootOrder    16 bits little-endian for each entry, first choice first
//	BootNext     16 bits: started once, before BootOrder; the firmware removes
//	             it before it starts it
//	BootCurrent  16 bits: what the firmware started this time
//
// A slot's entry is the one whose description is its label ("abota A" and
// "abota B" unless configured; RAUC's bootname of an efi slot is the same). An
// EFI_LOAD_OPTION is
//
//	offset  size  field
//	     0     4  attributes, little-endian; bit 0: active
//	     4     2  size n of the device path list
//	     6     …  description, UTF-16LE with a NUL
//	     …     n  device path list
//	     …     …  optional data: for a kernel with EFI stub its command line in
//	              UTF-16LE with a NUL, `initrd=\slot-a\initrd abota.slot=A …`
//
// and a device path list is nodes of type, subtype, 16 bits of length with this
// header, and data. Of a file on a GPT partition, which firmware finds on any
// disk by the partition's GUID, it is
//
//	04 01 2a 00  partition number (32), start and size in sectors (64 each),
//	             partition GUID, 02 (GPT), 02 (the signature is a GUID)
//	04 04 ll ll  path of the file, backslashes, UTF-16LE with a NUL
//	7f ff 04 00  end
//
// GUIDs have their first three groups little-endian.
//
// The table's own variable, AbotaTable-045ef5aa-cb5b-4884-aafb-00fc5f1b8e56, is
// JSON. It says for an order of our entries in BootOrder which table is meant:
//
//	{"meanings":[{"entries":["A"],
//	              "order":["B","A"],"generation":7,"confirmed_tries":10,
//	              "a":{"good":true},"b":{"good":false,"failed":"…"}}]}
//
// Two meanings, the next and the last one, are there only while Store replaces
// BootOrder: whichever order is found tells which of both tables it is. Without
// the variable, as a factory or another updater leaves it, the slots in
// BootOrder are good, and one in BootNext alone is armed. With one that cannot be
// read as this only the first of them is good.
//
// # Sources
//
// UEFI Specification 2.10: 3.1 (boot manager, load options, BootNext), 3.3
// (variables), 8.2 (SetVariable: no partial save, after a power failure the
// previous or the new value), 10.3 (device path nodes), appendix A (GUID).
// Linux: Documentation/filesystems/efivarfs.rst, fs/efivarfs/{file,inode}.c,
// drivers/firmware/efi/libstub (load options). The tests compare with
// efibootmgr both ways, on variables in files; the firmware itself is a model
// in them. Measured with OVMF 2022.11 and the entries of this package: BootNext
// is gone and its slot started, a file that does not start is followed by
// BootOrder, and discovered entries are appended to it.
package efi
