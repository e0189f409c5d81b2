package loader

import (
	"context"
	"fmt"
	"strings"

	"abota/sim/disk"
)

// verity is U-Boot with slots whose root is verified: the boot script finds kernel,
// initramfs and root hash on a partition of the slot's own.
type verity struct{ uboot }

func (verity) Layout() disk.Layout { return disk.Verity() }

func (verity) KernelInSlot() bool { return false }

func (verity) Config() string {
	text := "slots:\n"
	for _, slot := range []string{"A", "B"} {
		text += fmt.Sprintf("  %s: {parts: {boot: PARTLABEL=%s, root: PARTLABEL=%s, verity: PARTLABEL=%s}}\n",
			strings.ToLower(slot), disk.BootOf(slot), disk.Root(slot), disk.Hashes(slot))
	}
	return text + environment()
}

func (v verity) LoseKernel(ctx context.Context, d disk.Image, slot string) error {
	return d.EraseFile(ctx, disk.BootOf(slot), "/boot/"+v.kind.KernelFile)
}
