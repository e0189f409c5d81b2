package loader

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"abota/sim/disk"
	"abota/sim/parts"
)

// efi is no loader at all: the firmware starts the kernel of a slot.
type efi struct{ kind parts.Board }

func (efi) Layout() disk.Layout { return disk.UEFI(kernelsSize) }

func (efi) Mount() string { return mount }

func (efi) KernelInSlot() bool { return false }

func (efi) Says(e Seen) (string, bool) { return silent{}.Says(e) }

func (efi) Counts() (trial, confirmed bool) { return false, false }

func (e efi) Fill(_ context.Context, dir string, m Material) error { return kernels(dir, m) }

func (efi) Files(Read) (map[string]string, error) { return nil, nil }

// line is the command line of a slot's kernel.
func (e efi) line(slot string) string {
	return fmt.Sprintf("root=PARTLABEL=%s %s abota.slot=%s", disk.Root(slot), arguments(e.kind), slot)
}

func (e efi) Config() string {
	entry := func(slot string) string {
		folder := "/" + slotFolder(slot)
		return fmt.Sprintf("{device: PARTLABEL=%s, file: %s, options: \"initrd=%s %s\"}",
			disk.Boot, filepath.Join(folder, linuxFile), strings.ReplaceAll(filepath.Join(folder, initrdFile), "/", `\\`), e.line(slot))
	}
	return slotParts() + fmt.Sprintf(`bootloader:
  kind: efi
  efi:
    entries:
      - %s
      - %s
`, entry("A"), entry("B"))
}

func (e efi) FirstBoot() string { return e.line("A") }

func (efi) Bears(l Loss) error {
	if l == Table {
		return errors.New("without its variables the firmware knows no slot")
	}
	return nil
}

func (efi) LoseKernel(ctx context.Context, d disk.Image, slot string) error {
	return d.EraseFATFile(ctx, disk.Boot, "/"+slotFolder(slot)+"/"+linuxFile)
}

func (e efi) LoseTable(context.Context, disk.Image) error { return e.Bears(Table) }
