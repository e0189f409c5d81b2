// Package ubootscript tests the product's U-Boot boot script,
// bootctl/uboot/boot.cmd, in the real U-Boot under QEMU. It holds only tests.
//
// # What a passed test proves
//
// Debian's U-Boot (as it is packaged for ARM; for a PC built from Debian's
// source with the command setexpr, which the package lacks) ran the script from
// a GPT disk and started the slot that the test names. In place of a kernel each
// slot holds a program of a few instructions, in the format that booti, bootz or
// zboot accepts, that prints the slot's name and what it was handed: the kernel
// command line, and whether there is an initrd. So what started is seen from
// the guest. After each boot the whole disk is compared with what it was: all
// that may differ is one copy of the environment, and of that only the digits
// of the counters, the serial and the checksum.
//
// Environments are made by mkenvimage and read by fw_printenv, so that the
// script is held against U-Boot's own tools and not against our own codec.
//
// # What it does not prove
//
// Anything about real media: QEMU's disks neither tear a sector nor forget an
// acknowledged write. Torn states are made by hand.
package ubootscript
