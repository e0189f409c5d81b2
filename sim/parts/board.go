package parts

import (
	"fmt"
	"slices"
	"strings"
)

// Board is a kind of virtual board: a processor in a machine, its firmware, and
// the boot loader that abota moves the pointer of.
type Board struct {
	// Name is how people choose it.
	Name string
	Arch
	// Loader is the boot loader.
	Loader Loader
	// Firmware is the UEFI that starts the loader; nil where U-Boot is all there
	// is before the kernel.
	Firmware *Firmware
	// LoaderPackage is Debian's package of this architecture that has the
	// loader at LoaderPath: a file to start, or for GRUB the folder of the
	// modules that it is made of.
	LoaderPackage, LoaderPath string
	// BoardModules are kernel modules beside those of the architecture.
	BoardModules []string
	// Verity says that the root is verified: see [Board.Verified].
	Verity bool
}

// Verified is the board with a root that is read through dm-verity: a slot is
// then a boot partition with kernel, initramfs and root hash, the root, and its
// hash tree.
func (b Board) Verified() Board {
	b.Verity = true
	b.BoardModules = append(slices.Clone(b.BoardModules), "dm-verity")
	return b
}

// Loader is a boot loader, by the product's word for it (bootloader.kind).
type Loader string

// The boot loaders that boards have.
const (
	LoaderUBoot Loader = "uboot"
	LoaderGRUB  Loader = "grub"
	// LoaderSystemdBoot is systemd-boot.
	LoaderSystemdBoot Loader = "sdboot"
	// LoaderEFI is the firmware itself, which starts the kernel of a slot.
	LoaderEFI Loader = "efi"
)

// Firmware is a UEFI for QEMU.
type Firmware struct {
	// Package is Debian's, the same for every architecture.
	Package string
	// Code and Vars are the files in it: what runs, and the variables of a
	// board that was never switched on.
	Code, Vars string
	// Removable is the file on the ESP that it starts when it knows no better,
	// and Target is GRUB's name of the platform.
	Removable, Target string
}

func ovmf() *Firmware {
	return &Firmware{
		Package: "ovmf", Code: "usr/share/OVMF/OVMF_CODE_4M.fd", Vars: "usr/share/OVMF/OVMF_VARS_4M.fd",
		Removable: "BOOTX64.EFI", Target: "x86_64-efi",
	}
}

func aavmf() *Firmware {
	return &Firmware{
		Package: "qemu-efi-aarch64", Code: "usr/share/AAVMF/AAVMF_CODE.fd", Vars: "usr/share/AAVMF/AAVMF_VARS.fd",
		Removable: "BOOTAA64.EFI", Target: "arm64-efi",
	}
}

// espModules are what the kernel needs to mount the ESP, and to see the
// firmware's variables.
var espModules = []string{"vfat", "nls_cp437", "nls_ascii", "efivarfs"}

// uefi is a PC or an ARM server with a loader on its ESP.
func uefi(name string, arch Arch, firmware *Firmware, loader Loader) Board {
	return Board{Name: name, Arch: arch, Firmware: firmware, Loader: loader, BoardModules: espModules}
}

// q35 is a PC with UEFI, whose machine is not the one of U-Boot's driver.
func q35() Arch {
	a := AMD64()
	a.QEMU = []string{"qemu-system-x86_64", "-accel", "tcg", "-machine", "q35,smm=off", "-cpu", "qemu64"}
	return a
}

// server is an ARM machine whose disk is on PCI.
func server() Arch {
	a := ARM64()
	a.Virtio = "pci"
	a.Modules = append([]string{"virtio_pci"}, a.Modules[1:]...)
	return a
}

// Boards are all of them, the default first.
func Boards() []Board {
	boards := []Board{
		{Name: "arm64", Arch: ARM64(), Loader: LoaderUBoot},
		{Name: "amd64", Arch: AMD64(), Loader: LoaderUBoot},
		{Name: "armhf", Arch: ARMHF(), Loader: LoaderUBoot},
		uefi("amd64-grub", q35(), ovmf(), LoaderGRUB),
		uefi("amd64-sdboot", q35(), ovmf(), LoaderSystemdBoot),
		uefi("arm64-sdboot", server(), aavmf(), LoaderSystemdBoot),
		uefi("amd64-efi", q35(), ovmf(), LoaderEFI),
	}
	for i := range boards {
		b := &boards[i]
		switch b.Loader {
		case LoaderGRUB:
			b.LoaderPackage, b.LoaderPath = "grub-efi-"+b.Debian+"-bin", "usr/lib/grub/"+b.Firmware.Target
		case LoaderSystemdBoot:
			suffix := strings.ToLower(strings.TrimPrefix(b.Firmware.Removable, "BOOT"))
			b.LoaderPackage, b.LoaderPath = "systemd-boot-efi", "usr/lib/systemd/boot/efi/systemd-boot"+suffix
		case LoaderUBoot, LoaderEFI:
		}
	}
	return boards
}

// DefaultBoard is the quickest one.
func DefaultBoard() Board { return Boards()[0] }

// FindBoard finds a board by its name.
func FindBoard(name string) (Board, error) {
	all := Boards()
	if i := slices.IndexFunc(all, func(b Board) bool { return b.Name == name }); i >= 0 {
		return all[i], nil
	}
	return Board{}, fmt.Errorf("there is no board named %q: use one of %s", name, strings.Join(BoardNames(), ", "))
}

// BoardNames are the names of all boards, the default's first.
func BoardNames() []string {
	var names []string
	for _, b := range Boards() {
		names = append(names, b.Name)
	}
	return names
}
