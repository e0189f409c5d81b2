package uboot

import (
	"fmt"
	"strings"
	"testing"

	"abota/bootctl"
	"abota/bootctl/bootctltest"
	"abota/sim/cutdisk"
)

// onDisk is a backend whose copies lie one after the other on a disk.
func onDisk(d *cutdisk.Disk, size int64, contract bool) *Backend {
	return On(d, [2]Copy{{Path: "disk", Size: size}, {Path: "disk", Offset: size, Size: size}}, contract)
}

// foreignImage is an environment of two copies that somebody else wrote: the
// variables fill most of both, and differ.
func foreignImage(t *testing.T, size int64) []byte {
	t.Helper()
	var image []byte
	for i := range 2 {
		value := strings.Repeat(string("ox"[i]), int(size)-300)
		b, err := environment{"ethaddr=02:00:00:00:00:01", "filler=" + value}.encode(int(size), byte(i))
		if err != nil {
			t.Fatal(err)
		}
		image = append(image, b...)
	}
	return image
}

func TestConformance(t *testing.T) {
	const small, large = sectorSize, 3 * sectorSize
	for _, contract := range []bool{false, true} {
		for name, blank := range map[string][]byte{
			"zeroes":            make([]byte, 2*small),
			"foreign variables": foreignImage(t, large),
		} {
			size := int64(len(blank) / 2)
			t.Run(fmt.Sprintf("contract=%v,%s", contract, name), func(t *testing.T) {
				bootctltest.Run(t, bootctltest.Factory{
					Blank:  blank,
					Open:   func(d *cutdisk.Disk) bootctl.Backend { return onDisk(d, size, contract) },
					Copies: [2]bootctltest.Region{{Offset: 0, Size: size}, {Offset: size, Size: size}},
				})
			})
		}
	}
}
