// Package plan is what the simulator asks of the program that stores boot
// tables inside a guest (sim/bootcuts/storer), and where that program leaves
// its marks.
package plan

import (
	"strings"

	"abota/bootctl"
)

// File is where the guest finds its plan.
const File = "/plan.json"

// Plan is a guest's whole work.
type Plan struct {
	// Loader is the kind of backend: uboot, grub or sdboot.
	Loader string
	// Device is the partition with the tables; FS its file system, empty where
	// they are raw.
	Device, FS string
	// Disk is what marks are left on, see [MarksAt].
	Disk string
	// Offsets and Size say where U-Boot's copies lie on the device, in bytes.
	Offsets [2]int64
	Size    int64
	// Bodies are systemd-boot's entries.
	Bodies [2]string
	Steps  []Step
}

// Step is one transition that is to be cut. What was stored before is made
// first: these tables one after the other, where the loader's storage can be
// emptied on an empty one.
type Step struct {
	Before []bootctl.Table
	To     bootctl.Table
}

// MarksAt is the first sector of marks, in the gap before the first partition:
// sectors MarksAt+2i and MarksAt+2i+1 are written before and after step i.
// MaxSteps is how many steps they are enough for.
const (
	MarksAt  = 64
	MaxSteps = (2048 - MarksAt) / 2
)

// GRUB's files below the root of its file system, as grub.cfg names them.
var GRUB = [3]string{"abota/0/env", "abota/1/env", "abota/count/env"}

// EmptyBlock is an environment block as `grub-editenv FILE create` makes it.
func EmptyBlock() string {
	const (
		signature = "# GRUB Environment Block\n"
		size      = 1024
	)
	return signature + strings.Repeat("#", size-len(signature))
}
