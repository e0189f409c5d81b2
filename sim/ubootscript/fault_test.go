package ubootscript

import (
	"testing"

	"abota/sim/loaderscript"
)

// fault is what the disk does to the script's accesses.
type fault struct {
	readOnly bool
	// inject fails each access of this kind to a copy of the environment:
	// "read" or "write".
	inject string
	copy   int
	// device is used in place of the board's virtio disk.
	device []string
}

// drive is QEMU's arguments for the disk.
func (f fault) drive(t *testing.T, b board, path string) []string {
	t.Helper()
	return loaderscript.Fault{
		ReadOnly: f.readOnly, Inject: f.inject, At: copyAt(f.copy), Size: envSize, Device: f.device,
	}.Drive(t, b.Machine, path)
}
