package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"abota/bootctl"
	"abota/bootctl/grub"
	"abota/bootctl/tryboot"
	"abota/updater/config"
	"abota/updater/slot"
)

// loaderPaths are the paths of the configuration that lead to files which the
// loader reads: what abota writes, and with it the folder of systemd-boot's.
func loaderPaths(b *config.Bootloader) []*string {
	switch b.Kind {
	case config.KindGRUB:
		if b.Foreign() {
			return []*string{&b.GRUB.Env}
		}
		return []*string{&b.GRUB.Blocks[0], &b.GRUB.Blocks[1], &b.GRUB.Counts}
	case config.KindSDBoot:
		return []*string{&b.SDBoot.ESP}
	case config.KindTryBoot:
		return []*string{&b.TryBoot.File}
	}
	return nil
}

// apart makes sure that neither abota's own files nor the boot pointer lie in a
// slot: an update would take them along.
func (d *device) apart(slots [2]slot.Group) error {
	if err := stateApart(d.cfg.StateDir, slots); err != nil {
		return err
	}
	files := loaderPaths(&d.cfg.Bootloader)
	if len(files) == 0 {
		return d.entriesApart()
	}
	seen, err := machineHost().Look()
	if err != nil {
		return err
	}
	for _, file := range files {
		if on := slotOf(seen, slots, *file); on != "" {
			return fmt.Errorf("bootloader: cannot use %s because that lies in slot %s, which an update replaces: mount the partition that the bootloader reads", *file, on)
		}
		if on := partOf(machineHost(), slots, *file); on != "" {
			return fmt.Errorf("bootloader: cannot use %s because that is a part of slot %s, which an update overwrites: name two different files", *file, on)
		}
	}
	return d.entriesApart()
}

// stateApart compares the files themselves, since links have other names.
func stateApart(dir string, slots [2]slot.Group) error {
	for _, name := range []string{"journal", "table", "lock"} {
		own, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			continue
		}
		for _, group := range slots {
			for _, m := range group {
				if part, err := os.Stat(m.Path); err == nil && os.SameFile(own, part) {
					return fmt.Errorf("slots: cannot use %s because that is abota's own %s: name another file", m.Path, name)
				}
			}
		}
	}
	return nil
}

// mend makes anew what was lost of GRUB's files, in whole or in part, while one
// shows that their file system is mounted. What fails here the backend sees again.
func (d *device) mend() {
	if b := d.cfg.Bootloader; b.Kind != config.KindGRUB || b.Foreign() {
		return
	}
	places := allGRUBPlaces(d.cfg.Bootloader.GRUB)
	for _, p := range places {
		if _, err := os.Stat(p.Path); err == nil {
			_ = createBlocks(places, settle)
			return
		}
	}
}

func allGRUBPlaces(g config.GRUB) []grub.Place {
	blocks, counts := grubPlaces(g)
	return []grub.Place{blocks[0], blocks[1], counts}
}

// createBlocks makes the files that are missing or not whole; settle makes sure that GRUB
// finds them.
func createBlocks(places []grub.Place, settle func(dir string) error) error {
	for _, p := range places {
		made, err := grub.Create(p)
		if err != nil {
			return err
		}
		if !made {
			continue
		}
		if err := settle(filepath.Dir(p.Path)); err != nil {
			return fmt.Errorf("flush %s: %w", p, err)
		}
	}
	return nil
}

// The requests of linux/fs.h that hold a file system's writes back, and let
// them go on.
const (
	ioctlFreeze = 0xc0045877
	ioctlThaw   = 0xc0045878
)

// settle flushes a file system, and empties its journal, which no bootloader
// replays. Only freezing does that while it is mounted; one without a journal
// cannot be frozen and does not need it.
func settle(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		return err
	}
	if machine != "/" || unix.IoctlSetInt(int(f.Fd()), ioctlFreeze, 0) != nil {
		return nil
	}
	for range 100 {
		if err = unix.IoctlSetInt(int(f.Fd()), ioctlThaw, 0); err == nil {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("thaw: %w", err)
}

// prepare is what provisioning does before the boot table can be opened: it
// makes what is missing. At the factory, where a folder becomes the file system,
// that is more than on a device, where a missing folder means that nothing is
// mounted.
func (d *device) prepare(factory bool) error {
	switch b := d.cfg.Bootloader; b.Kind {
	case config.KindGRUB:
		if b.Foreign() {
			return nil
		}
		if factory {
			return createBlocks(allGRUBPlaces(b.GRUB), func(string) error { return nil })
		}
		return createBlocks(allGRUBPlaces(b.GRUB), settle)
	case config.KindSDBoot:
		if factory {
			return os.MkdirAll(filepath.Join(b.SDBoot.ESP, "loader", "entries"), 0o755)
		}
	case config.KindTryBoot:
		dir := filepath.Dir(b.TryBoot.File)
		err := error(nil)
		if factory {
			err = os.MkdirAll(dir, 0o755)
		} else {
			err = onFAT(dir)
		}
		if err != nil {
			return err
		}
		return tryboot.Pad(b.TryBoot.File)
	}
	return nil
}

// onFAT refuses a folder in which no firmware would find a file.
func onFAT(dir string) error {
	var on unix.Statfs_t
	if err := unix.Statfs(dir, &on); err != nil {
		return &configError{fmt.Errorf("cannot use %s: %w: mount the boot partition there", dir, err)}
	}
	if on.Type != unix.MSDOS_SUPER_MAGIC && machine == "/" {
		return &configError{fmt.Errorf("cannot use %s because it is on no FAT file system, and the firmware reads no other: mount the boot partition there", dir)}
	}
	return nil
}

// moveBelow moves the bootloader's files to the same paths below a folder: the
// factory's copy of what the device will have mounted.
func moveBelow(root string, cfg *config.Config) {
	paths := loaderPaths(&cfg.Bootloader)
	if cfg.Bootloader.Kind == config.KindSDBoot {
		paths = append(paths, &cfg.Bootloader.SDBoot.Entries[bootctl.A], &cfg.Bootloader.SDBoot.Entries[bootctl.B])
	}
	for _, path := range paths {
		*path = filepath.Join(root, *path)
	}
}
