package sim

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"abota/sim/disk"
	"abota/sim/guest"
)

// stateDir is where the guest's data partition is mounted.
const stateDir = "/var/lib/abota"

// tells runs a script in the guest and wants it to end well.
func tells(title, proof, script string) []Step {
	return []Step{{Title: title, Do: func(ctx context.Context, w *World) (string, error) {
		got, err := w.guest(ctx, script, 0)
		return strings.TrimSpace(proof + " " + got), err
	}}}
}

// filled leaves not one free block on the data partition.
func filled() []Step {
	return tells("the data partition is filled to its last block", "", `
dd if=/dev/zero of=`+stateDir+`/fill bs=64k 2>/dev/null
dd if=/dev/zero of=`+stateDir+`/rest bs=512 2>/dev/null
sync
df -kP `+stateDir+` | awk 'END { print $4 " KiB free"; exit $4 != 0 }'`)
}

// cannotInstall wants a plain word where the journal cannot be kept, and
// nothing changed.
func cannotInstall(how, slot, word string) []Step {
	return []Step{{Title: "an install while the data partition is " + how, Do: func(ctx context.Context, w *World) (string, error) {
		got, err := w.board.Run(ctx, "abota install")
		if err != nil {
			return "", err
		}
		complaint := lastLine(got)
		if got.Exit != exitFailed || !strings.Contains(complaint, word) || !strings.Contains(complaint, stateDir) {
			return "", fmt.Errorf("exit code %d with %q, not %d with the folder and %q", got.Exit, complaint, exitFailed, word)
		}
		return "exit code 1: " + complaint, w.idle(ctx, slot)
	}}}
}

// offHand cuts the power after everything was written, does something to the
// disk, and switches the board on again.
func offHand(title string, harm func(ctx context.Context, w *World) error) []Step {
	// A file system that cannot be written any more has nothing left to recover.
	return whileOff(title, "sync; mount -o remount,ro "+stateDir+" || true", harm)
}

// newData is what somebody does who repairs a device: an empty file system.
func newData(ctx context.Context, w *World) error {
	empty := filepath.Join(w.dir, "empty")
	if err := os.MkdirAll(empty, 0o755); err != nil {
		return fmt.Errorf("make a data partition: %w", err)
	}
	image := filepath.Join(w.dir, "new-data.ext4")
	if err := disk.Ext4Journaled(ctx, image, empty, "data", disk.DataSize); err != nil {
		return err
	}
	if err := w.disk.Relabel(ctx, disk.Data, disk.Data); err != nil {
		return err
	}
	return w.disk.Replace(disk.Data, image)
}

// falls is a release that does not work and is left, whatever the journal can
// keep of it.
func falls(version, decision string) []Step {
	return steps(
		boots("version "+version+" starts from slot A, on trial all the same", expected{slot: "A", version: version, decision: "trial", trial: "A", good: "B"}),
		fallsIll(version, "B"),
		boots("version 2 is back from slot B", expected{slot: "B", version: "2", decision: decision, good: "B", bad: "A"}),
	)
}

// armedSick installs a release that does not work, without a restart.
func armedSick(version string) []Step {
	all := update(version, guest.Unhealthy, "A")
	return all[:len(all)-1]
}

// failingData is a board whose data partition goes through everything.
func failingData() Scenario {
	onHost := func(harm func(ctx context.Context, d disk.Image) error) func(context.Context, *World) error {
		return func(ctx context.Context, w *World) error { return harm(ctx, w.disk) }
	}
	return Scenario{
		Name:  "data",
		About: "the data partition is full, read-only, corrupt and gone: the board starts, judges trials and goes back all the same, and updates again after the repair",
		Steps: steps(
			fromFactory(),

			filled(),
			keeps("2", "B"),
			tells("somebody tidies up", "", "rm "+stateDir+"/fill "+stateDir+"/rest"),

			tells("the data partition is read-only", "", "mount -o remount,ro "+stateDir),
			published("3", guest.Unhealthy),
			cannotInstall("read-only", "B", "read-only file system"),
			tells("somebody makes it writable", "", "mount -o remount,rw "+stateDir),
			armedSick("3")[1:],
			offHand("the data partition becomes read-only before the restart", onHost(func(ctx context.Context, d disk.Image) error {
				return d.ReadOnly(ctx, disk.Data, true)
			})),
			falls("3", "nothing to do"),
			offHand("somebody makes it writable for good", onHost(func(ctx context.Context, d disk.Image) error {
				return d.ReadOnly(ctx, disk.Data, false)
			})),
			boots("version 2 starts as before", expected{slot: "B", version: "2", decision: "nothing to do", good: "B", bad: "A"}),
			refuses("3"),

			armedSick("4"),
			offHand("the data partition is corrupt at the restart", onHost(func(_ context.Context, d disk.Image) error {
				return d.Scramble(disk.Data, 256<<10)
			})),
			falls("4", "nothing to do"),
			cannotInstall("corrupt", "B", "read-only file system"),

			offHand("the data partition is gone", onHost(func(ctx context.Context, d disk.Image) error {
				return d.Relabel(ctx, disk.Data, "lost")
			})),
			boots("version 2 starts without it", expected{slot: "B", version: "2", decision: "nothing to do", good: "B", bad: "A"}),
			cannotInstall("gone", "B", "read-only file system"),

			offHand("somebody makes a new data partition", newData),
			boots("version 2 starts as before", expected{slot: "B", version: "2", decision: "nothing to do", good: "B", bad: "A"}),
			keeps("5", "A"),
		),
	}
}
