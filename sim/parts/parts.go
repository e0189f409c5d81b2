// Package parts gets what a virtual board is made of and this repository does
// not hold: a Linux kernel and BusyBox for the board's processor, its firmware
// and boot loader, and the host's own tools (QEMU, mkimage, sgdisk, …). [Boards]
// is the table of what there is, [Arch] of what differs between processors.
//
// # Guarantee
//
// Packages come from Debian through the host's apt: from its configured
// mirrors, and only after apt has checked the archive's signature and each
// package's digest. Where Debian's U-Boot lacks a command, Debian's source of
// it is built. Nothing of them is installed: they are unpacked below the
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

// Set is a complete set of parts for one board, as paths.
type Set struct {
	Board Board
	// Kernel is the boot image as Debian packs it; Modules is the folder of
	// its modules (…/lib/modules/VERSION).
	Kernel, Modules string
	// BusyBox is a static executable of the board's architecture.
	BusyBox string
	// UBoot is a U-Boot that does not wait for a key; empty on a board with
	// another loader.
	UBoot string
	// Code and Vars are the UEFI and its first variables, Loader the program
	// that it starts; empty where the board has none.
	Code, Vars, Loader string
}

// DefaultCache is where parts are kept between runs.
func DefaultCache() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the user's cache folder: %w", err)
	}
	return filepath.Join(base, "abota", "parts"), nil
}

// Get returns the parts for a board, from the cache folder when they are there.
// It installs missing host tools when it may, see [EnsureHost]. What takes
// long is announced on log, a line each.
func Get(ctx context.Context, board Board, cache string, log io.Writer) (Set, error) {
	if err := EnsureHost(ctx, board, log); err != nil {
		return Set{}, err
	}
	return Fetch(ctx, board, cache, log)
}

// Fetch is Get for hosts that only fill the cache: it needs, and installs, no
// tools but those that fetch and build.
func Fetch(ctx context.Context, board Board, cache string, log io.Writer) (Set, error) {
	set, err := system(ctx, board.Arch, cache, log)
	if err != nil {
		return Set{}, err
	}
	set.Board = board
	if board.Firmware == nil {
		set.UBoot, err = UBoot(ctx, board.Arch, cache, log)
		return set, err
	}
	return set, set.uefi(ctx, cache, log)
}

// system gets what the boards of an architecture share.
func system(ctx context.Context, arch Arch, cache string, log io.Writer) (Set, error) {
	dir := filepath.Join(cache, arch.Debian+arch.Variant)
	set, err := unpacked(arch, dir)
	if !errors.Is(err, errAbsent) {
		return set, err
	}
	fmt.Fprintf(log, "fetching a kernel and BusyBox for %s from Debian\n", arch.Debian)
	o := order{arch: arch.Debian, names: []string{arch.BusyBoxPackage}, metas: []string{arch.KernelPackage}}
	o.whole = func(dir string) bool { _, err := unpacked(arch, dir); return err == nil }
	if err := o.fetchInto(ctx, dir); err != nil {
		return Set{}, err
	}
	return unpacked(arch, dir)
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
	return Set{Kernel: kernel, Modules: modules, BusyBox: busybox}, nil
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
