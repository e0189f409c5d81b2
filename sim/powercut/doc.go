// Package powercut is the crash proof: it takes the power away from whole
// updates at every place, and judges what is left by the product's own code.
//
// A board lives through updates in QEMU, below which every write and flush of
// its disk is noted, the boot loader's too ([ReadLog]). From that log every
// state is made that a power cut could have left ([State]), and each is
// judged: the boot table by bootctl/uboot, the file system and in it the
// journal, what the boot script starts, the digest of that slot, and what
// `abota boot` then makes of it, up to where the device comes to rest. An
// oracle ([Era]) knows what may run at each place of the story, from what was
// begun and what was acknowledged, and from nothing else.
//
// # What a state is
//
// A disk with a volatile cache. What was written before the last flush is
// there. Of the writes since then any may be missing. The write under way may
// have landed in any number of its sectors, and the next of them may be half
// new, or half new and noise. Flushes around the boot loader's own write are
// ignored: QEMU sends them, real loaders do not. Its write is known by what it
// does: it alone counts tries down and changes nothing else.
//
// # A data partition that cannot be mounted
//
// ext4 overwrites its superblock in place, and its checksum does not survive
// a tear. No program that writes to the file system can help that. Such states
// are counted apart, and judged without a journal: the device must start and
// end in what it must all the same. `e2fsck -y` before the mount mends them,
// the journal included.
//
// # Not guaranteed
//
// Of large sets of missing writes, and of tears in large writes, samples are
// judged, by seed. Damage beyond the sectors being written, as flash without
// power loss protection does to its neighbours, is not modelled, and neither
// is a second cut before the device came to rest (the engine's own tests do
// that, and the live cuts here). A flush is taken to cover what was asked for
// before it; Linux waits for what it needs before it asks. Whether a kernel
// really starts from a state is seen in a sample only.
package powercut
