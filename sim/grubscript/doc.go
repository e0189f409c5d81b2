// Package grubscript tests the product's configuration of GRUB,
// bootctl/grub/grub.cfg, in the real GRUB on UEFI under QEMU. It holds only tests.
//
// # What a passed test proves
//
// GRUB, made from the host's Debian package, ran the configuration from a GPT disk,
// from FAT or ext4, and started the slot that the test names. In place of a kernel
// each slot holds a program of a few instructions as a bzImage, which prints the
// slot's name and what it was handed. After each boot the whole disk is compared
// with what it was: all that may differ is one sector, the first of the file that
// GRUB counts in, and that must hold what the test says. Both are held against the
// model of the script, package bootscript.
//
// Counts are read with grub-editenv, so that the script is held against GRUB's own
// tool and not against our own codec.
//
// A boot takes some seconds of firmware: `go test` plays the rows that have nothing
// like them among the others, and all of them with ABOTA_GRUB=full in the
// environment.
//
// # What it does not prove
//
// Anything about other firmware than OVMF, GRUB for BIOS or for ARM, and real
// media. A kernel that is cut short behind its header starts and fails there, which
// only the count ends: that is for real kernels, and was seen by hand.
package grubscript
