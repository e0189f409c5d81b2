package loader

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"abota/sim/disk"
	"abota/sim/parts"
)

// grub starts a slot by the product's grub.cfg on the ESP, and keeps the table in
// environment blocks beside it.
type grub struct{ kind parts.Board }

// grubSize is the ESP's: the least that FAT32 may have, and some more.
const grubSize = 48 * mib

func (grub) Layout() disk.Layout { return disk.UEFI(grubSize) }

func (grub) Mount() string { return mount }

func (grub) KernelInSlot() bool { return true }

func (grub) Says(e Seen) (string, bool) { return script{"table"}.Says(e) }

func (grub) Counts() (trial, confirmed bool) { return true, true }

// blocks are where grub.cfg has its environment blocks: the two with the table, and
// the one that GRUB counts in.
var blocks = [3]string{"abota/0/env", "abota/1/env", "abota/count/env"}

func (g grub) Fill(_ context.Context, dir string, m Material) error {
	if err := put(removable(dir, g.kind), m.Parts.Loader); err != nil {
		return err
	}
	// Its settings are those of a disk with the ESP first and the slots behind
	// it, as ours is.
	return m.copied(filepath.Join(dir, "grub", "grub.cfg"), "bootctl/grub/grub.cfg")
}

func (grub) Files(Read) (map[string]string, error) { return nil, nil }

func (grub) Config() string {
	at := func(i int) string { return filepath.Join(mount, blocks[i]) }
	return slots() + fmt.Sprintf(`bootloader:
  kind: grub
  grub: {blocks: [%s, %s], counts: %s}
`, at(0), at(1), at(2))
}

func (grub) FirstBoot() string { return "" }

func (grub) Bears(Loss) error { return nil }

func (g grub) LoseKernel(ctx context.Context, d disk.Image, slot string) error {
	return d.EraseFile(ctx, disk.Root(slot), "/boot/"+g.kind.KernelFile)
}

func (grub) LoseTable(ctx context.Context, d disk.Image) error {
	return errors.Join(d.ScrambleFATFile(ctx, disk.Boot, "/"+blocks[0]), d.ScrambleFATFile(ctx, disk.Boot, "/"+blocks[1]))
}
