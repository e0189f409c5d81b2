// Package loaderscript runs the product's scripts for boot loaders in the real
// loaders under QEMU, for the tests of packages ubootscript and grubscript,
// which say what a passed test proves. It holds what these have in common: the
// machine and what its console says, the slots, and the programs that stand in
// for their kernels.
package loaderscript
