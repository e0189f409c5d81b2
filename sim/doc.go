// Package sim plays stories on a virtual board, or on several: a real boot
// loader (U-Boot, GRUB, systemd-boot, or UEFI alone), a real Linux kernel, a
// real MinIO and the real abota, with faults on the way. [RunBoards] plays a
// table of them on every kind of board.
//
// # What a passed scenario proves
//
// That the product's files for the boot loader, init script and binary, as they
// would be shipped, bring a device through the story. Each step is judged by
// what the guest itself shows: its serial console, its kernel command line, the
// device behind its "/", the version file of the system that runs, and `abota
// status`. Nothing is inferred from the host's side. A boot loader that says
// nothing on the console is judged by the table that it left. Where updates
// come as jobs of AWS IoT, the emulator in sim/awsiot also shows what the
// boards told it. A step that is not seen within its time, or a silent guest,
// fails the scenario.
//
// # What it does not prove
//
// A power cut here is SIGKILL to QEMU. It loses what the guest had not written
// to its disk, but never a write that reached the host's page cache: lost, torn
// and reordered writes are the business of sim/powercut, and of the conformance
// suite with its sim/cutdisk. A UEFI's variables lie in a file in the place of
// its flash. Kernels with their files on an ESP were started by OVMF and AAVMF
// alone, which other firmware need not resemble. The disk is virtio, without
// erase groups or wear. The emulated processor is slow and its timing means
// nothing. What networks and servers do wrong is played by sim/network, to the
// host's abota.
package sim
