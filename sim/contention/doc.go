// Package contention lets many abota processes loose on one device, and kills
// them: two agents, `install` during `boot`, `mark` and `rollback` during
// `install`. The processes are real ones of the built binary, the device is its
// own files: two slots, and the boot table either as abota's record or as a
// U-Boot environment.
//
// # What is proven
//
// While it goes on, looking at the processes from outside (/proc): at most one
// holds the lock of the state, and only that one has a slot open for writing.
// After each kill, and after every process has ended: `abota status` works and
// finds table and journal whole; what boots next can boot; a slot in the boot
// order holds a whole image and exactly the one that the journal proves (or,
// killed between the note that it will be written and its leaving the boot
// order, the one that it held before, untouched); the booted slot has not
// changed by a bit. And then a further install succeeds without help.
//
// # What is not
//
// A killed process leaves what it wrote in the page cache, so this says nothing
// of power cuts: package powercut does. Two processes that hold the lock for
// less than the time between two looks are not seen together; that is the
// kernel's promise (flock), and each look is one sample of it.
package contention
