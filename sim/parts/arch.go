package parts

// Arch is everything that differs between the processors of virtual boards.
type Arch struct {
	// Debian is Debian's name of the architecture, Go is GOARCH.
	Debian, Go string
	// Variant tells what is fetched for this from what other boards of the
	// architecture have; empty for those.
	Variant string
	// KernelPackage depends on the newest kernel's package.
	KernelPackage string
	// KernelFile is the kernel's name in a slot's /boot, as the boot script
	// looks for it.
	KernelFile string
	// Modules are what the kernel needs to see its disk, its network, the
	// simulator's port and a watchdog, beside what they depend on.
	Modules []string
	// BusyBoxPackage holds a static BusyBox at BusyBoxPath.
	BusyBoxPackage, BusyBoxPath string
	// UBoot is where the host's package u-boot-qemu has this board's U-Boot.
	// It is empty when U-Boot is built as Build says.
	UBoot string
	Build *Build
	// ScriptType is what mkimage calls the boot script's architecture.
	ScriptType string
	// Script is what the device maker changes in the boot script: the values
	// of its settings, by name.
	Script map[string]string
	// QEMU is the emulator's command and the machine's own arguments.
	QEMU []string
	// Console is the kernel's name of the serial console.
	Console string
	// Emulator is the host's package that has QEMU[0].
	Emulator string
	// Virtio ends the names of QEMU's virtio devices, which differ by bus.
	Virtio string
}

// ARM64 is a generic 64-bit ARM board: QEMU's machine "virt". The processor is
// named because "max" spends most of the boot on emulated pointer
// authentication, and the accelerator because a host's broken nested
// virtualisation hangs guests.
func ARM64() Arch {
	return Arch{
		Debian: "arm64", Go: "arm64",
		KernelPackage: "linux-image-cloud-arm64", KernelFile: "Image",
		Modules:        []string{"virtio_mmio", "virtio_blk", "virtio_net", "virtio_console", "softdog"},
		BusyBoxPackage: "busybox-static", BusyBoxPath: "bin/busybox",
		UBoot:      "/usr/lib/u-boot/qemu_arm64/u-boot.bin",
		ScriptType: "arm64", Console: "ttyAMA0",
		QEMU:     []string{"qemu-system-aarch64", "-accel", "tcg", "-machine", "virt", "-cpu", "cortex-a57"},
		Emulator: "qemu-system-arm",
		Virtio:   "device",
	}
}

// ARMHF is a generic 32-bit ARM board. Debian has no smaller kernel for it.
func ARMHF() Arch {
	return Arch{
		Debian: "armhf", Go: "arm",
		KernelPackage: "linux-image-armmp", KernelFile: "zImage",
		Modules:        []string{"virtio_mmio", "virtio_blk", "virtio_net", "virtio_console", "crc32c_generic", "ext4", "softdog"},
		BusyBoxPackage: "busybox-static", BusyBoxPath: "bin/busybox",
		UBoot:      "/usr/lib/u-boot/qemu_arm/u-boot.bin",
		ScriptType: "arm", Console: "ttyAMA0",
		QEMU:     []string{"qemu-system-arm", "-accel", "tcg", "-machine", "virt", "-cpu", "cortex-a15"},
		Emulator: "qemu-system-arm",
		Virtio:   "device",
	}
}

// AMD64 is a PC with U-Boot in place of a BIOS: QEMU's machine "pc", the one
// that U-Boot's driver knows.
func AMD64() Arch {
	return Arch{
		Debian: "amd64", Go: "amd64",
		KernelPackage: "linux-image-cloud-amd64", KernelFile: "bzImage",
		Modules:        []string{"virtio_pci", "virtio_blk", "virtio_net", "virtio_console", "softdog"},
		BusyBoxPackage: "busybox-static", BusyBoxPath: "bin/busybox",
		Build: &Build{
			Config: "qemu-x86_defconfig", Cross: "i686-linux-gnu-", CrossPackage: "gcc-i686-linux-gnu",
			Result: "u-boot.rom",
		},
		ScriptType: "x86", Console: "ttyS0",
		Script: map[string]string{
			"ab_common_args": `"console=ttyS0,115200 rootwait panic=5"`,
			// Above what the kernel unpacks itself to, below U-Boot.
			"ab_initrd_addr": "0xa000000",
		},
		QEMU:     []string{"qemu-system-x86_64", "-accel", "tcg", "-machine", "pc", "-cpu", "qemu64"},
		Emulator: "qemu-system-x86",
		Virtio:   "pci",
	}
}
