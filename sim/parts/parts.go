// Package parts gets what a virtual board is made of and this repository does
// not hold: a Linux kernel and BusyBox for the board's processor, U-Boot, and
// the host's own tools (QEMU, mkimage, sgdisk, …).
//
// # Guarantee
//
// Packages come from Debian through the host's apt: from its configured
// mirrors, and only after apt has checked the archive's signature and each
// package's digest. Nothing of them is installed: they are unpacked below the
// user's cache folder, which needs neither root nor `dpkg --add-architecture`.
// A part that [Get] returns is complete: it is unpacked beside its final place
// and then renamed.
//
// # Not guaranteed
//
// Versions are not pinned: a fresh cache holds the newest kernel of the host's
// Debian release, and what is cached is used until somebody removes it, so that
// a second run needs no network. Other distributions than Debian are not
// supported, since the packages' names and paths are Debian's.
package parts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Arch is everything that differs between the processors of virtual boards.
type Arch struct {
	// Debian is Debian's name of the architecture, Go is GOARCH.
	Debian, Go string
	// KernelPackage depends on the newest kernel's package.
	KernelPackage string
	// BusyBoxPackage holds a static BusyBox at BusyBoxPath.
	BusyBoxPackage, BusyBoxPath string
	// UBoot is where the host's package u-boot-qemu has this board's U-Boot.
	UBoot string
	// QEMU is the emulator's command and the machine's own arguments.
	QEMU []string
	// Emulator is the host's package that has QEMU[0].
	Emulator string
}

// ARM64 is a generic 64-bit ARM board: QEMU's machine "virt". The processor is
// named because "max" spends most of the boot on emulated pointer
// authentication, and the accelerator because a host's broken nested
// virtualisation hangs guests.
func ARM64() Arch {
	return Arch{
		Debian: "arm64", Go: "arm64",
		KernelPackage:  "linux-image-cloud-arm64",
		BusyBoxPackage: "busybox-static", BusyBoxPath: "bin/busybox",
		UBoot:    "/usr/lib/u-boot/qemu_arm64/u-boot.bin",
		QEMU:     []string{"qemu-system-aarch64", "-accel", "tcg", "-machine", "virt", "-cpu", "cortex-a57"},
		Emulator: "qemu-system-arm",
	}
}

// Set is a complete set of parts for one architecture, as paths.
type Set struct {
	Arch Arch
	// Kernel is an uncompressed boot image; Modules is the folder of its
	// modules (…/lib/modules/VERSION).
	Kernel, Modules string
	// BusyBox is a static executable of the board's architecture.
	BusyBox string
	// UBoot is a copy of the host's U-Boot that does not wait for a key.
	UBoot string
}

// DefaultCache is where parts are kept between runs.
func DefaultCache() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the user's cache folder: %w", err)
	}
	return filepath.Join(base, "abota", "parts"), nil
}

// Get returns the parts for arch, from the cache folder when they are there.
// It installs missing host tools when it may, see [EnsureHost]. What takes
// long is announced on log, a line each.
func Get(ctx context.Context, arch Arch, cache string, log io.Writer) (Set, error) {
	if err := EnsureHost(ctx, arch, log); err != nil {
		return Set{}, err
	}
	dir := filepath.Join(cache, arch.Debian)
	set, err := unpacked(arch, dir)
	if errors.Is(err, errAbsent) {
		if err := fetchInto(ctx, arch, dir, log); err != nil {
			return Set{}, err
		}
		set, err = unpacked(arch, dir)
	}
	if err != nil {
		return Set{}, err
	}
	set.UBoot, err = quickUBoot(arch, cache)
	return set, err
}

// errAbsent says that a part is not in the cache.
var errAbsent = errors.New("not in the cache")

// unpacked finds the parts below dir. The kernel's ABI number is part of its
// file name and differs between architectures and days, hence the globs.
func unpacked(arch Arch, dir string) (Set, error) {
	kernel, err := only(filepath.Join(dir, "boot", "vmlinuz-*"))
	if err != nil {
		return Set{}, err
	}
	modules, err := only(filepath.Join(dir, "lib", "modules", "*"))
	if err != nil {
		return Set{}, err
	}
	busybox, err := only(filepath.Join(dir, arch.BusyBoxPath))
	if err != nil {
		return Set{}, err
	}
	return Set{Arch: arch, Kernel: kernel, Modules: modules, BusyBox: busybox}, nil
}

// only returns the one file that a pattern matches.
func only(pattern string) (string, error) {
	found, err := filepath.Glob(pattern)
	if err != nil {
		return "", fmt.Errorf("look for %s: %w", pattern, err)
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("%s: %w", pattern, errAbsent)
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("cannot choose between %d files that match %s: remove the folder %s, it is only a cache",
		len(found), pattern, filepath.Dir(pattern))
}
