package parts

import (
	"fmt"
	"slices"
)

// WithWatchdog is the default board with a watchdog in hardware: QEMU's i6300ESB on
// PCI, which resets the machine whatever the kernel does. Debian's kernels for
// clouds have no driver of it, so this one has the kernel for everything, whose
// ext4 is a module that wants a CRC.
func WithWatchdog(b Board) (Board, error) {
	if b.Name != DefaultBoard().Name {
		return Board{}, fmt.Errorf("board %s has no variant with a watchdog in hardware: use %s", b.Name, DefaultBoard().Name)
	}
	b.Variant, b.KernelPackage = "-watchdog", "linux-image-arm64"
	b.Modules = append(slices.DeleteFunc(slices.Clone(b.Modules), func(name string) bool { return name == "softdog" }), "crc32c_generic", "ext4", "i6300esb")
	b.QEMU = append(slices.Clone(b.QEMU), "-device", "i6300esb", "-action", "watchdog=reset")
	return b, nil
}

// HasWatchdog reports one in hardware.
func (b Board) HasWatchdog() bool { return slices.Contains(b.QEMU, "i6300esb") }
