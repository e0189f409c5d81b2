package bootcuts

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"abota/sim/bootcuts/plan"
	"abota/sim/disk"
	"abota/sim/guest"
	"abota/sim/powercut"
)

// recorderInit is the first program of the guest that stores.
const recorderInit = `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
while read -r module; do
	insmod "/lib/modules/$module"
done </lib/modules/order
n=0
until [ -b /dev/vda4 ] || [ $n -ge 100 ]; do
	n=$((n + 1))
	sleep 0.1
done
/storer
sync
poweroff -f
`

// recorderModules are what the guest needs beside what its kernel has: the disk,
// and FAT.
var recorderModules = []string{"virtio_mmio", "virtio_blk", "vfat", "nls_cp437", "nls_ascii"}

// recording is the log of the guest's writes.
func (b *bench) recording() string { return filepath.Join(b.dir, "store.log") }

// steps are the writes of each step of a recording.
func (b *bench) steps(n int) ([]step, error) {
	entries, err := powercut.ReadLog(b.recording())
	if err != nil {
		return nil, err
	}
	return b.split(entries, n)
}

// record lets a guest store by this plan. The storage is the same on every board,
// so that the quickest one does it.
func (b *bench) record(ctx context.Context, p plan.Plan) error {
	if len(p.Steps) > plan.MaxSteps {
		return fmt.Errorf("cannot store %d tables in one guest: there is room for the marks of %d", len(p.Steps), plan.MaxSteps)
	}
	set := b.recorder
	initrd, image := filepath.Join(b.dir, "recorder"), filepath.Join(b.dir, "recorded.img")
	if err := b.recorderInitrd(p, initrd); err != nil {
		return err
	}
	if err := disk.Copy(image, b.base()); err != nil {
		return err
	}
	drive, err := recorded(image, b.recording(), "virtio-blk-"+set.Board.Virtio)
	if err != nil {
		return err
	}
	argv := append(append([]string{}, set.Board.QEMU...), "-m", "512", "-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot",
		"-kernel", set.Kernel, "-initrd", initrd, "-append", "quiet panic=-1 console="+set.Board.Console)
	console, err := emulate(ctx, append(argv, drive...), nil)
	if err != nil {
		return err
	}
	if !strings.Contains(console, "storer: done") {
		return fmt.Errorf("cannot store the tables in a guest: %s", complaint(console))
	}
	return nil
}

var storerLine = regexp.MustCompile(`(?m)^storer: .*$`)

func complaint(console string) string {
	if line := storerLine.FindString(console); line != "" {
		return line
	}
	const shown = 500
	return "the console ends with: " + console[max(0, len(console)-shown):]
}

// recorderInitrd makes the guest's initramfs.
func (b *bench) recorderInitrd(p plan.Plan, path string) error {
	binary, err := os.ReadFile(b.storer)
	if err != nil {
		return fmt.Errorf("read the storing program: %w", err)
	}
	text, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("write the plan: %w", err)
	}
	return guest.Tiny(path, b.recorder, recorderModules, map[string][]byte{
		"init": []byte(recorderInit), "storer": binary, strings.TrimPrefix(plan.File, "/"): text,
	})
}

// step is one transition as it was recorded.
type step struct {
	// before is what the disk held when it began, as it differs from the base.
	before overlay
	log    []powercut.Entry
}

// split cuts a recording at the guest's marks, which are left out.
func (b *bench) split(entries []powercut.Entry, n int) (steps []step, err error) {
	f, err := os.Open(b.base())
	if err != nil {
		return nil, fmt.Errorf("read the base disk: %w", err)
	}
	defer f.Close()
	base := image{f}
	now, begun := overlay{}, false
	var between []powercut.Entry
	for _, e := range entries {
		mark := int(e.Sector) - plan.MarksAt
		if e.Count == 0 || mark < 0 || e.Sector >= plan.MarksAt+2*plan.MaxSteps {
			between = append(between, e)
			continue
		}
		if mark/2 != len(steps) || (mark%2 == 1) != begun {
			return nil, fmt.Errorf("cannot take the recording apart: mark %d comes after %d steps", mark, len(steps))
		}
		after, err := base.with(now, written(between))
		if err != nil {
			return nil, err
		}
		if begun {
			steps = append(steps, step{now, between})
		}
		now, between, begun = after, nil, !begun
	}
	if len(steps) != n {
		return nil, fmt.Errorf("cannot take the recording apart: it has %d steps, not %d", len(steps), n)
	}
	return steps, nil
}
