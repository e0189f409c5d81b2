package parts

import (
	"slices"
	"testing"
)

func TestWatchdogInHardwareIsAVariantOfOneBoard(t *testing.T) {
	plain := DefaultBoard()
	b, err := WithWatchdog(plain)
	if err != nil || !b.HasWatchdog() || b.Name != plain.Name || b.Variant == "" || b.KernelPackage == plain.KernelPackage {
		t.Fatalf("%+v, %v", b, err)
	}
	if slices.Contains(b.Modules, "softdog") || !slices.Contains(b.Modules, "i6300esb") {
		t.Errorf("modules %q", b.Modules)
	}
	// The board itself is as before.
	if again := DefaultBoard(); plain.HasWatchdog() || !slices.Equal(plain.Modules, again.Modules) || !slices.Equal(plain.QEMU, again.QEMU) {
		t.Errorf("%+v", plain)
	}
	for _, other := range Boards()[1:] {
		if _, err := WithWatchdog(other); err == nil {
			t.Errorf("%s has one", other.Name)
		}
	}
}
