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

// sdboot starts a slot by an entry on the ESP, where the slots' kernels are too.
type sdboot struct{ kind parts.Board }

// kernelsSize is an ESP's that holds the kernels of both slots.
const kernelsSize = 128 * mib

func (sdboot) Layout() disk.Layout { return disk.UEFI(kernelsSize) }

func (sdboot) Mount() string { return mount }

func (sdboot) KernelInSlot() bool { return false }

func (sdboot) Says(e Seen) (string, bool) { return silent{}.Says(e) }

func (sdboot) Counts() (trial, confirmed bool) { return true, false }

// The names of a slot's files on the ESP; those of slot A lie in slotFolder("A").
const (
	linuxFile  = "vmlinuz"
	initrdFile = "initrd"
)

// slotFolder is where a slot has its part of the ESP.
func slotFolder(slot string) string { return "abota/" + strings.ToLower(slot) }

func (s sdboot) Fill(_ context.Context, dir string, m Material) error {
	if err := put(removable(dir, s.kind), m.Parts.Loader); err != nil {
		return err
	}
	if err := m.copied(filepath.Join(dir, "loader", "loader.conf"), "bootctl/sdboot/loader.conf"); err != nil {
		return err
	}
	return kernels(dir, m)
}

// kernels puts the kernel and the initramfs of both slots on the ESP, with room for
// larger ones. Those of slot B are there to be written over.
func kernels(dir string, m Material) error {
	for _, slot := range []string{"A", "B"} {
		folder := filepath.Join(dir, slotFolder(slot))
		if err := roomy(filepath.Join(folder, linuxFile), m.Parts.Kernel); err != nil {
			return err
		}
		if err := roomy(filepath.Join(folder, initrdFile), m.Initrd); err != nil {
			return err
		}
	}
	return nil
}

// slotParts are slots whose kernel and initramfs are files on the ESP.
func slotParts() string {
	var text strings.Builder
	text.WriteString("slots:\n")
	for _, slot := range []string{"A", "B"} {
		folder := filepath.Join(mount, slotFolder(slot))
		fmt.Fprintf(&text, "  %s: {parts: {root: {device: PARTLABEL=%s}, linux: {file: %s}, initrd: {file: %s}}}\n",
			strings.ToLower(slot), disk.Root(slot), filepath.Join(folder, linuxFile), filepath.Join(folder, initrdFile))
	}
	return text.String()
}

// entryFiles are the bodies of the slots' entries, below /etc/abota.
var entryFiles = map[string]string{"A": "entry-a.conf", "B": "entry-b.conf"}

func (s sdboot) Files(read Read) (map[string]string, error) {
	files := map[string]string{}
	for _, name := range entryFiles {
		body, err := read("bootctl/sdboot/" + name)
		if err != nil {
			return nil, err
		}
		const options = " ro panic=1 "
		if n := strings.Count(string(body), options); n != 1 {
			return nil, fmt.Errorf("cannot set the kernel's arguments in %s because it holds %q %d times, not once", name, options, n)
		}
		files[name] = strings.Replace(string(body), options, " "+arguments(s.kind)+" ", 1)
	}
	return files, nil
}

// arguments are those of every kernel that is not started by a script of the
// product.
func arguments(kind parts.Board) string {
	return "ro quiet panic=1 console=" + kind.Console + ",115200"
}

func (sdboot) Config() string {
	return slotParts() + fmt.Sprintf(`bootloader:
  kind: sdboot
  sdboot: {esp: %s, entries: [%s, %s]}
`, mount, filepath.Join(etc, entryFiles["A"]), filepath.Join(etc, entryFiles["B"]))
}

func (sdboot) FirstBoot() string { return "" }

func (sdboot) Bears(l Loss) error {
	if l == Table {
		return errors.New("systemd-boot starts what its entries say, and the table is in them")
	}
	return errors.New("systemd-boot ends at an entry that it cannot load, and would choose it again")
}

func (s sdboot) LoseKernel(context.Context, disk.Image, string) error { return s.Bears(Kernel) }

func (s sdboot) LoseTable(context.Context, disk.Image) error { return s.Bears(Table) }
