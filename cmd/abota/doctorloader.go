package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"abota/bootctl"
	"abota/bootctl/efi"
	"abota/bootctl/grub"
	"abota/bootctl/inplace"
	"abota/bootctl/sdboot"
	"abota/updater/config"
	"abota/updater/doctor"
	"abota/updater/slot"
)

// fatKinds are what the kernel calls FAT.
var fatKinds = []string{"vfat", "msdos"}

// loaderFacts are what is particular to the kind, or nil for those that
// have an environment or no loader.
func loaderFacts(b config.Bootloader, seen slot.View, backend bootctl.Backend) *doctor.Loader {
	l := &doctor.Loader{}
	switch b.Kind {
	case config.KindGRUB:
		if b.Foreign() {
			return nil
		}
		l.Canary, l.Files = "ab_line of grub.cfg", grubFiles(b.GRUB)
	case config.KindSDBoot:
		l.Canary = "the options of the boot entries"
		l.Mount = mountFact(b.SDBoot.ESP, seen, fatKinds...)
		l.Overrides = overrides(b.SDBoot.ESP)
		l.Blessed, l.Unordered = blessed(machine), unordered(machine)
	case config.KindEFI:
		l.Canary = "the command lines of the boot entries"
		l.Mount = mountFact(onMachine(efi.Mount), seen, "efivarfs")
	case config.KindTryBoot:
		l.Canary = "cmdline.txt of both boot partitions"
		l.Mount = mountFact(filepath.Dir(b.TryBoot.File), seen, fatKinds...)
		l.Files = []doctor.File{fileFact("autoboot.txt", b.TryBoot.File)}
	case config.KindGPT:
		l.Canary = "the kernel command line of both slots"
	default:
		return nil
	}
	if knows, ok := backend.(interface {
		Booted() (bootctl.Slot, bool, error)
	}); ok {
		if s, known, err := knows.Booted(); err == nil && known {
			l.Said = s.String()
		}
	}
	if says, ok := backend.(interface{ Faults() []string }); ok {
		l.Faults = says.Faults()
	}
	return l
}

func grubFiles(g config.GRUB) (all []doctor.File) {
	for i, p := range allGRUBPlaces(g) {
		name := []string{"the first block", "the second block", "the block of counts"}[i]
		file := fileFact(name, p.Path)
		if _, err := grub.Check(p); !file.Missing {
			file.Err = cmp.Or(err, file.Err)
		}
		file.Counts = i == 2
		all = append(all, file)
	}
	return all
}

// fileFact is what keeps a file from being overwritten in place.
func fileFact(what, path string) doctor.File {
	file := doctor.File{Name: fmt.Sprintf("%s (%s)", what, path), Writable: unix.Access(path, unix.W_OK)}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		file.Missing = true
		return file
	}
	file.Err = inplace.Check(path)
	return file
}

// mountFact is what a folder is on. Where tests made the machine up nothing is
// known of it.
func mountFact(path string, seen slot.View, wanted ...string) *doctor.Mount {
	m := &doctor.Mount{Path: path, Kind: seen.FileSystem(path), Wanted: wanted}
	if err := unix.Access(path, unix.W_OK); !errors.Is(err, unix.ENOENT) {
		m.Writable = err // what is not there the backend says
	}
	return m
}

// overrides are what makes systemd-boot start an entry whatever the table says.
func overrides(esp string) (all []error) {
	path := filepath.Join(esp, "loader", "loader.conf")
	if text, err := os.ReadFile(path); err == nil {
		if err := sdboot.CheckDefault(path, string(text)); err != nil {
			all = append(all, err)
		}
	}
	for _, v := range []struct{ name, file, remove string }{
		{"LoaderEntryDefault", sdboot.VarEntryDefault, "set-default"},
		{"LoaderEntryOneShot", sdboot.VarEntryOneShot, "set-oneshot"},
	} {
		text, err := loaderVariable(v.file)
		if entry := sdboot.Text(text); err == nil && entry != "" {
			all = append(all, fmt.Errorf("the EFI variable %s makes systemd-boot start %q whatever the boot table says: bootctl %s ''", v.name, entry, v.remove))
		}
	}
	return all
}

// units are where systemd finds a unit that somebody else may have brought.
var units = []string{"etc/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"}

// blessed says that systemd would confirm a trial by itself: its generator
// enables the unit in each boot of a counted entry, unless it is masked.
func blessed(root string) bool {
	const unit = "systemd-bless-boot.service"
	for _, dir := range units {
		if _, err := os.Stat(filepath.Join(root, dir, unit)); err == nil {
			return !isMasked(root, unit)
		}
	}
	return false
}

// unordered says that systemd runs this machine, and reaches boot-complete.target
// without abota.
func unordered(root string) bool {
	init, err := os.ReadFile(filepath.Join(root, "proc/1/comm"))
	if err != nil || string(bytes.TrimSpace(init)) != "systemd" {
		return false
	}
	found, _ := filepath.Glob(filepath.Join(root, "etc/systemd/system/boot-complete.target.requires/abota*.service"))
	return len(found) == 0
}
