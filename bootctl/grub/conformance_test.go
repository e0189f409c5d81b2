package grub

import (
	"bytes"
	"strings"
	"testing"

	"abota/bootctl"
	"abota/bootctl/bootctltest"
	"abota/sim/cutdisk"
)

// onDisk is a backend whose blocks lie one after the other on a disk.
func onDisk(d *cutdisk.Disk) *Backend {
	return On(d, [2]Place{{Path: "disk"}, {Path: "disk", Offset: blockSize}}, Place{Path: "disk", Offset: 2 * blockSize})
}

// counted is a third file with these counts.
func counted(text string) []byte {
	return padded(signature + varCount + "=" + text + "\n" + varCountAgain + "=" + text + "\n")
}

func TestConformance(t *testing.T) {
	made := padded(signature)
	others := padded(signature + "# a comment of others\nfiller=" + strings.Repeat("x", 400) + "\n")
	for name, blank := range map[string][]byte{
		"zeroes":             make([]byte, 3*blockSize),
		"grub-editenv":       bytes.Join([][]byte{made, made, made}, nil),
		"foreign variables":  bytes.Join([][]byte{others, made, made}, nil),
		"counts of the past": bytes.Join([][]byte{made, made, counted("1000000003 1 2")}, nil),
	} {
		t.Run(name, func(t *testing.T) {
			bootctltest.Run(t, bootctltest.Factory{
				Blank:  blank,
				Open:   func(d *cutdisk.Disk) bootctl.Backend { return onDisk(d) },
				Copies: [2]bootctltest.Region{{Offset: 0, Size: blockSize}, {Offset: blockSize, Size: blockSize}},
			})
		})
	}
}
