package uboot

import (
	"bytes"
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

// TestConformanceOfASingleCopy: a sector is trusted to be written whole, so that a
// cut costs no table while the variables keep their lengths.
func TestConformanceOfASingleCopy(t *testing.T) {
	for _, contract := range []bool{false, true} {
		t.Run(fmt.Sprintf("contract=%v", contract), func(t *testing.T) {
			bootctltest.Run(t, bootctltest.Factory{
				Layout: bootctltest.Single,
				Blank:  make([]byte, 2*sectorSize),
				Open: func(d *cutdisk.Disk) bootctl.Backend {
					return on(d, []Copy{{Path: "disk", Size: sectorSize}}, contract)
				},
				Copies: [2]bootctltest.Region{{Size: sectorSize}, {}},
			})
		})
	}
}

// TestConformanceOnFlash: copies of one erase block, and of several.
func TestConformanceOnFlash(t *testing.T) {
	for _, c := range []struct {
		name              string
		size, block       int64
		contract, foreign bool
	}{
		{"one block of one sector", sectorSize, sectorSize, true, false},
		{"RAUC", sectorSize, sectorSize, false, false},
		{"blocks larger than the copy", sectorSize, 2 * sectorSize, true, false},
		{"several blocks", 2 * sectorSize, sectorSize, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			apart := max(c.size, c.block)
			blank := bytes.Repeat([]byte{0xff}, int(2*apart))
			if c.foreign {
				blank = foreignImage(t, c.size)
			}
			bootctltest.Run(t, bootctltest.Factory{
				Layout: bootctltest.Marked,
				Blank:  blank,
				Open: func(d *cutdisk.Disk) bootctl.Backend {
					return On(&norFlash{d, c.block}, [2]Copy{{Path: "flash", Size: c.size}, {Path: "flash", Offset: apart, Size: c.size}}, c.contract)
				},
				Copies: [2]bootctltest.Region{{Size: apart}, {Offset: apart, Size: apart}},
			})
		})
	}
}
