package bootcuts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"abota/sim"
	"abota/sim/bootcuts/plan"
	"abota/sim/disk"
	"abota/sim/guest"
	"abota/sim/loader"
	"abota/sim/parts"
)

// bench makes and holds what a setting is tried with.
type bench struct {
	setting
	module sim.Module
	dir    string
	log    io.Writer
	parts  parts.Set
	kind   loader.Loader
	layout disk.Layout
	// bodies are systemd-boot's entries.
	bodies [2]string
	// recorder is the board that stores, and storer the program that does.
	recorder parts.Set
	storer   string
}

// base is the disk that all states differ from.
func (b *bench) base() string { return filepath.Join(b.dir, "base.img") }

// slotInit is the first program of a slot. It only speaks.
const slotInit = `#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
echo "user space %s: $(/bin/busybox cat /proc/cmdline)"
/bin/busybox poweroff -f
`

// prepare gets the parts, and what is known of the loader.
func (b *bench) prepare(ctx context.Context) error {
	kind, err := parts.FindBoard(b.board)
	if err != nil {
		return err
	}
	cache, err := parts.DefaultCache()
	if err != nil {
		return err
	}
	if b.parts, err = parts.Get(ctx, kind, cache, b.log); err != nil {
		return err
	}
	if b.recorder, err = parts.Get(ctx, parts.DefaultBoard(), cache, b.log); err != nil {
		return err
	}
	b.kind = loader.For(kind)
	files, err := b.kind.Files(b.module.Read)
	if err != nil {
		return err
	}
	b.bodies = [2]string{files["entry-a.conf"], files["entry-b.conf"]}
	b.layout = b.kind.Layout()
	b.storer, err = b.module.Helper(ctx, "sim/bootcuts/storer", b.recorder.Board.Go, b.dir)
	return err
}

// build makes the base disk: loader, slots, and storage without a table.
func (b *bench) build(ctx context.Context) error {
	var initrd [2]string
	for i, slot := range []string{"A", "B"} {
		initrd[i] = filepath.Join(b.dir, "initrd-"+slot)
		init := map[string][]byte{"init": fmt.Appendf(nil, slotInit, slot)}
		if err := guest.Tiny(initrd[i], b.parts, nil, init); err != nil {
			return err
		}
	}
	boot := filepath.Join(b.dir, "boot")
	material := loader.Material{Parts: b.parts, Read: b.module.Read, Initrd: initrd[0], Dir: b.dir}
	err := fresh(boot, func() error { return errors.Join(b.kind.Fill(ctx, boot, material), b.emptyBlocks(boot)) })
	if err != nil {
		return err
	}
	images := map[string]string{}
	if b.kind.KernelInSlot() {
		err = b.slots(ctx, initrd, images)
	} else {
		err = onESP(boot, initrd[1])
	}
	if err == nil && b.ext4() {
		err = b.ownFileSystem(ctx, boot, images)
	}
	if err != nil {
		return err
	}
	return b.assemble(ctx, boot, images)
}

// emptyBlocks makes GRUB's files as the factory leaves them, but without a table.
func (b *bench) emptyBlocks(boot string) error {
	if b.loader != "grub" {
		return nil
	}
	for _, name := range plan.GRUB {
		path := filepath.Join(boot, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("make GRUB's files: %w", err)
		}
		if err := os.WriteFile(path, []byte(plan.EmptyBlock()), 0o644); err != nil {
			return fmt.Errorf("make GRUB's files: %w", err)
		}
	}
	return nil
}

// slots makes file systems with a kernel and an initramfs each.
func (b *bench) slots(ctx context.Context, initrd [2]string, images map[string]string) error {
	for i, slot := range []string{"A", "B"} {
		tree, image := filepath.Join(b.dir, "slot-"+slot), filepath.Join(b.dir, "slot-"+slot+".img")
		err := fresh(tree, func() error {
			if err := copyFile(filepath.Join(tree, "boot", b.parts.Board.KernelFile), b.parts.Kernel); err != nil {
				return err
			}
			return copyFile(filepath.Join(tree, "boot", "initrd"), initrd[i])
		})
		if err != nil {
			return err
		}
		if err := disk.Ext4(ctx, image, tree, "slot", disk.SlotSize); err != nil {
			return err
		}
		images[disk.Root(slot)] = image
	}
	return nil
}

// onESP gives slot B its own initramfs where those are on the ESP, and makes the
// folder of entries, as the loader's installation does.
func onESP(boot, initrd string) error {
	if err := os.MkdirAll(filepath.Join(boot, "loader", "entries"), 0o755); err != nil {
		return fmt.Errorf("make the folder of entries: %w", err)
	}
	return copyFile(filepath.Join(boot, "abota", "b", "initrd"), initrd)
}

// bootLabel is the label by which GRUB finds its configuration.
const bootLabel = "BOOT"

// ownFileSystem moves what GRUB reads from the ESP to the data partition, as ext4
// with a journal.
func (b *bench) ownFileSystem(ctx context.Context, boot string, images map[string]string) error {
	tree, image := filepath.Join(b.dir, "grub"), filepath.Join(b.dir, "grub.img")
	err := fresh(tree, func() error {
		for _, name := range []string{"grub", "abota"} {
			if err := os.Rename(filepath.Join(boot, name), filepath.Join(tree, name)); err != nil {
				return fmt.Errorf("give GRUB a file system of its own: %w", err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	images[disk.Data] = image
	return disk.Ext4Journaled(ctx, image, tree, bootLabel, disk.DataSize)
}

func (b *bench) assemble(ctx context.Context, boot string, images map[string]string) error {
	p, err := b.layout.Find(disk.Boot)
	if err != nil {
		return err
	}
	label := bootLabel
	if b.ext4() {
		label = "ESP"
	}
	images[disk.Boot] = filepath.Join(b.dir, "boot.img")
	if err := disk.FAT(ctx, images[disk.Boot], boot, label, p.Size); err != nil {
		return err
	}
	return disk.Image{Path: b.base(), Layout: b.layout}.Create(ctx, images)
}

// torn says which sectors hold what the loader's format promises to survive torn:
// U-Boot's copies, GRUB's blocks, and systemd-boot's entries. The last two are
// found by what they hold.
func (b *bench) torn(steps []step) (func(int64) bool, error) {
	switch b.loader {
	case "uboot":
		p, err := b.layout.Find(disk.Env)
		if err != nil {
			return nil, err
		}
		return func(n int64) bool { at := n * sectorSize; return at >= p.Offset && at < p.Offset+p.Size }, nil
	case "grub":
		found, err := b.blocks()
		return func(n int64) bool { return found[n] }, err
	case "sdboot":
		found := entries(steps)
		return func(n int64) bool { return found[n] }, nil
	}
	return nil, nil
}

// entries are the sectors of entry files: each begins with a comment of abota's.
func entries(steps []step) map[int64]bool {
	found := map[int64]bool{}
	for _, s := range steps {
		for n, content := range written(s.log) {
			if strings.HasPrefix(content, "# abota ") {
				found[n] = true
			}
		}
	}
	return found
}

// blocks are the sectors of GRUB's blocks: those of the base disk that begin as a
// block does, and the one behind each.
func (b *bench) blocks() (map[int64]bool, error) {
	f, err := os.Open(b.base())
	if err != nil {
		return nil, fmt.Errorf("look for GRUB's blocks: %w", err)
	}
	defer f.Close()
	found := map[int64]bool{}
	for n := range b.layout.Size() / sectorSize {
		s, err := image{f}.sector(nil, n)
		if err != nil {
			return nil, fmt.Errorf("look for GRUB's blocks: %w", err)
		}
		if s == plan.EmptyBlock()[:sectorSize] {
			found[n], found[n+1] = true, true
		}
	}
	if len(found) != 2*len(plan.GRUB) {
		return nil, fmt.Errorf("cannot find GRUB's blocks on the disk: %d sectors look like theirs, not %d", len(found), 2*len(plan.GRUB))
	}
	return found, nil
}

// fresh makes a folder anew and fills it.
func fresh(dir string, fill func() error) error {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("make %s anew: %w", dir, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make %s anew: %w", dir, err)
	}
	return fill()
}

// copyFile copies a file, and makes the folder that it goes to.
func copyFile(to, from string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	return disk.Copy(to, from)
}
