// Package powercut is the crash proof: it takes the power away from whole
// updates at every place, and judges what is left by the product's own code.
//
// A board lives through updates in QEMU, below which every write and flush of
// its disk is noted, the boot loader's too ([ReadLog]). From that log every
// state is made that a power cut could have left ([State]), and each is
// judged: the boot table by the product's backend, the file system and in it the
// journal, what the boot loader starts, the digests of that slot's parts, and
// what `abota boot` then makes of it, up to where the device comes to rest. An
// oracle ([Era]) knows what may run at each place of the story, from what was
// begun and what was acknowledged, and from nothing else. Where a slot is on
// trial, it is judged once more with an image that never reaches user space: only
// the boot loader can bring such a device back, and it must.
//
// # Boot loaders
//
// Where the table lies, and what starts, each loader says in a file of its own:
//
//	U-Boot        the environment's partition; the model of boot.cmd
//	GRUB          three files on the FAT boot partition; the same model, on a
//	              disk that takes no writes where grub-editenv cannot write either
//	systemd-boot  the entries on the FAT boot partition, in a folder; its order of
//	              entries, and its rename as what counts
//	EFI           the variables in flash, in a folder; BootNext and BootOrder
//
// FAT is read out of the states by a reader of this package, as firmware and
// Linux read it: by the first table. The EFI variables are those of EDK II's
// store, byte for byte, in QEMU's flash, whose writes are in the same log as the
// disk's, so that their order is known. Flash loses nothing that was written.
//
// # What a state is
//
// A disk with a volatile cache. What was written before the last flush is
// there. Of the writes since then any may be missing. The write under way may
// have landed in any number of its sectors, and the next of them may be half
// new, or half new and noise. Flushes around the boot loader's own write are
// ignored: QEMU or the firmware sends them, not all real ones do. Its write is
// known by what it does: it alone counts tries down and changes nothing else.
//
// The sectors that a FAT needs for itself (its head, its tables, its folders)
// become old, new, or half of either, but no noise: they are written in ordinary
// service, no program can help that, and no firmware reads past it.
//
// # What is counted apart
//
// A data partition that cannot be mounted: ext4 overwrites its superblock in
// place, and its checksum does not survive a tear. No program that writes to the
// file system can help that. Such states are judged without a journal: the device
// must start and end in what it must all the same. `e2fsck -y` before the mount
// mends them, the journal included.
//
// A trial given up: the loader's record of an attempt is its own, of one copy,
// with GRUB and systemd-boot. Where a cut tears it in the trial, what ran before
// may start, and stay. A loader that tries once (EFI) starts what ran before
// after any cut in the trial, and abota arms the slot again, by its journal: with
// a data partition that cannot be mounted the trial is given up, too.
//
// # Not guaranteed
//
// Of large sets of missing writes, and of tears in large writes, samples are
// judged, by seed. Damage beyond the sectors being written, as flash without
// power loss protection does to its neighbours, is not modelled, and neither
// is a second cut before the device came to rest (the engine's own tests do
// that, and the live cuts here). A flush is taken to cover what was asked for
// before it; Linux waits for what it needs before it asks. Whether a kernel
// really starts from a state is seen in a sample only. EDK II's clearing up of
// its store is not read, and a story does not come to it.
package powercut
