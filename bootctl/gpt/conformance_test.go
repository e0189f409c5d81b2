package gpt

import (
	"testing"

	"abota/bootctl"
	"abota/bootctl/bootctltest"
	"abota/sim/cutdisk"
)

func TestConformance(t *testing.T) {
	for name, l := range map[string]layout{
		"512-byte sectors":  {sector: 512, entries: 16},
		"4096-byte sectors": {sector: 4096, entries: 16},
	} {
		t.Run(name, func(t *testing.T) {
			var copies [2]bootctltest.Region
			for i := range copies {
				copies[i].Offset, copies[i].Size = l.region(i)
			}
			bootctltest.Run(t, bootctltest.Factory{
				Layout: bootctltest.Mirrored,
				Blank:  l.disk(ordinary()),
				Open:   func(d *cutdisk.Disk) bootctl.Backend { return On(d, l.geometry(), testNames) },
				Copies: copies,
			})
		})
	}
}
