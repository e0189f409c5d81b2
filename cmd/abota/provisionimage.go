package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"abota/bootctl"
	"abota/bootctl/dialect"
	"abota/bootctl/gpt"
	"abota/bootctl/uboot"
	"abota/cmd/internal/cli"
	"abota/updater"
	"abota/updater/config"
	"abota/updater/slot"
)

// factory is where a device is made: a disk image, and a folder that stands for
// the device's root, with the files that its bootloader will read.
type factory struct {
	image, root string
	// ownState says that state_dir was named, and does not lie below root.
	ownState bool
}

// openImage builds the engine over the partitions of a disk image. The booted
// slot is the one that shall boot first: --booted, or A.
func (c *command) openImage(ctx context.Context, at factory) (*device, error) {
	return c.openWith(func(d *device) error {
		if at.root != "" {
			moveBelow(at.root, d.cfg)
			if !at.ownState {
				d.cfg.StateDir = filepath.Join(at.root, d.cfg.StateDir)
			}
		}
		return d.buildOnImage(ctx, c, at)
	})
}

func (d *device) buildOnImage(ctx context.Context, c *command, at factory) error {
	if d.cfg.Slots[bootctl.A].Dir != "" {
		return &configError{errors.New("provision --image is for slots on partitions: provision folders where they are, with --state-dir and --set slots.a.dir=…")}
	}
	if err := d.foldersThere(at); err != nil {
		return &configError{err}
	}
	slots, err := d.slotsOnImage(at)
	if err != nil {
		return &configError{err}
	}
	backend, err := d.backendOnImage(at, slots)
	if err != nil {
		return err
	}
	c.warnOf(backend)
	if _, err := d.takeLock(ctx, c.log, writing); err != nil {
		return err
	}
	j, err := d.journal(c.log, writing)
	if err != nil {
		return err
	}
	booted := bootctl.A
	if c.booted != "" {
		if booted, err = bootctl.ParseSlot(c.booted); err != nil {
			return cli.Usage("--booted: %v", err)
		}
	}
	d.digest = func(ctx context.Context, s bootctl.Slot) ([]slot.Held, error) { return slots[s].digest(ctx, at.image) }
	d.Engine = &updater.Engine{
		Backend: backend, Journal: j, Paths: [2]string{slots[0].String(), slots[1].String()}, Booted: booted,
		ConfirmedTries: d.cfg.Bootloader.ConfirmedTries, Now: time.Now, Log: c.log, Code: exitCode,
	}
	return nil
}

// foldersThere refuses what was misspelt: made anew, it would take what the device
// then boots without.
func (d *device) foldersThere(at factory) error {
	dirs := []string{at.root}
	if at.ownState {
		dirs = append(dirs, filepath.Dir(filepath.Clean(d.cfg.StateDir)))
	}
	for _, dir := range dirs {
		if st, err := os.Stat(dir); dir != "" && (err != nil || !st.IsDir()) {
			return fmt.Errorf("cannot provision into %s because there is no such folder: correct --root or --state-dir, or make the folder", dir)
		}
	}
	return nil
}

// imageSlot is the parts of a slot on a device that does not run yet.
type imageSlot []imagePart

// imagePart is a partition of the disk image, or a file below the factory's root.
type imagePart struct {
	config.Part
	on   slot.Part
	file fs.FileInfo
}

// slotsOnImage finds all that the slots are made of. No two parts may share
// storage: the device would refuse every install.
func (d *device) slotsOnImage(at factory) (slots [2]imageSlot, err error) {
	for _, s := range bootctl.Slots {
		for _, p := range d.cfg.Slots[s].Group() {
			part, err := at.find(p)
			for _, group := range slots {
				for i := range group {
					if other := &group[i]; err == nil && part.shares(other) {
						err = fmt.Errorf("cannot use %s because it shares storage with %s: give each part its own", part.place(), other.place())
					}
				}
			}
			if err != nil {
				return slots, fmt.Errorf("slot %s: %w", s, err)
			}
			slots[s] = append(slots[s], part)
		}
	}
	return slots, nil
}

// find is where a part lies at the factory.
func (at factory) find(p config.Part) (part imagePart, err error) {
	part.Part = p
	switch {
	case p.File == "":
		part.on, err = slot.FindIn(at.image, p.Device)
	case at.root == "":
		err = fmt.Errorf("cannot find %s without --root: name the folder that stands for the device's /, whose files come into the image's file systems", p.File)
	default:
		part.File = filepath.Join(at.root, p.File)
		part.file, err = fileThere(part.File)
	}
	return part, err
}

// fileThere insists on a file that the device can overwrite in place, also where
// nothing starts from it yet.
func fileThere(path string) (fs.FileInfo, error) {
	const advice = "make it a file of its own, with room for the largest image"
	st, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, advice)
	}
	reason := ""
	switch {
	case !st.Mode().IsRegular():
		reason = "is no regular file"
	case st.Size() == 0:
		reason = "is empty"
	case st.Sys().(*syscall.Stat_t).Nlink != 1:
		reason = "has several names (hard links)"
	default:
		return st, nil
	}
	return nil, fmt.Errorf("cannot use %s as a part because it %s: %s", path, reason, advice)
}

// place names where the part lies.
func (p *imagePart) place() string { return p.Device + p.File }

// shares reports whether two parts have bytes in common.
func (p *imagePart) shares(other *imagePart) bool {
	return p.overlaps(other.on.Offset, other.on.Size) || p.File != "" && os.SameFile(p.file, other.file)
}

// overlaps reports whether bytes of the image are in the part.
func (p *imagePart) overlaps(offset, size int64) bool {
	return offset < p.on.Offset+p.on.Size && p.on.Offset < offset+size
}

// String names the slot by its root, or by its first part.
func (s imageSlot) String() (name string) {
	for _, p := range s {
		if name == "" || p.Name == config.RootPart {
			name = p.place()
		}
	}
	return name
}

// digest reads all that the parts hold.
func (s imageSlot) digest(ctx context.Context, image string) ([]slot.Held, error) {
	var all []slot.Held
	for _, p := range s {
		read := func() (slot.Proof, error) { return slot.DigestIn(ctx, image, p.on) }
		if p.File != "" {
			read = func() (slot.Proof, error) { return slot.Digest(ctx, p.File, -1) }
		}
		proof, err := read()
		if err != nil {
			return nil, err
		}
		all = append(all, slot.Held{Name: p.Name, SHA256: proof.SHA256, Size: proof.Size})
	}
	return all, nil
}

// overlaps reports whether bytes of the image are in a part of the slot.
func (s imageSlot) overlaps(offset, size int64) bool {
	for i := range s {
		if s[i].overlaps(offset, size) {
			return true
		}
	}
	return false
}

// backendOnImage is the boot pointer of a device that does not run yet.
func (d *device) backendOnImage(at factory, slots [2]imageSlot) (bootctl.Backend, error) {
	b := d.cfg.Bootloader
	if len(loaderPaths(&b)) > 0 && at.root == "" {
		return nil, &configError{fmt.Errorf("cannot provision an image for kind %s without --root: name the folder that stands for the device's /, whose files come into the image's file systems", b.Kind)}
	}
	switch b.Kind {
	case config.KindEFI:
		return nil, &configError{errors.New("cannot provision an image for kind efi because the boot table is in the firmware's variables: run `abota provision` on the device, when it runs for the first time")}
	case config.KindGPT:
		return configured(gpt.New(at.image, gptNames(d.cfg)))
	case config.KindGRUB, config.KindSDBoot, config.KindTryBoot:
		if err := d.prepare(true); err != nil {
			return nil, err
		}
		return d.openBackend(slot.Host{}, [2]slot.Group{}, writing)
	}
	return d.environmentOnImage(at, slots)
}

// environmentOnImage is U-Boot's environment as the product's boot script will
// find it: inside the image, or in files below the factory's root.
func (d *device) environmentOnImage(at factory, slots [2]imageSlot) (bootctl.Backend, error) {
	if len(d.cfg.Bootloader.Env) == 0 {
		return nil, &configError{errors.New("cannot provision an image without bootloader.env: list the two copies of U-Boot's environment")}
	}
	var copies []uboot.Copy
	for _, env := range d.cfg.Bootloader.Env {
		c, err := copyOnImage(at, env, slots)
		if err != nil {
			return nil, &configError{fmt.Errorf("bootloader.env: %w", err)}
		}
		copies = append(copies, c)
	}
	foreign, err := dialectOf(d.cfg.Bootloader, dialect.UBoot, [2]string{})
	if err != nil {
		return nil, err
	}
	backend, err := uboot.New(copies, true)
	if err != nil {
		return nil, &configError{err}
	}
	return backend.Speaking(foreign), nil
}

// copyOnImage is where one copy of the environment lies at the factory.
func copyOnImage(at factory, env config.EnvCopy, slots [2]imageSlot) (uboot.Copy, error) {
	if filepath.IsAbs(env.Device) && at.root != "" {
		return uboot.Copy{Path: filepath.Join(at.root, env.Device), Offset: env.Offset, Size: env.Size}, nil
	}
	part, err := slot.FindIn(at.image, env.Device)
	if err != nil {
		return uboot.Copy{}, err
	}
	if env.Offset < 0 || env.Offset+env.Size > part.Size {
		return uboot.Copy{}, fmt.Errorf("offset %#x with size %#x is outside %s, which has %#x bytes", env.Offset, env.Size, env.Device, part.Size)
	}
	for _, s := range slots {
		if s.overlaps(part.Offset+env.Offset, env.Size) {
			return uboot.Copy{}, fmt.Errorf("cannot use %s because that is a slot: give the environment a partition of its own", env.Device)
		}
	}
	return uboot.Copy{Path: at.image, Offset: part.Offset + env.Offset, Size: env.Size}, nil
}
