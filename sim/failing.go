package sim

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"abota/sim/cutdisk"
	"abota/sim/disk"
	"abota/sim/guest"
	"abota/sim/loader"
	"abota/sim/nbd"
)

// Exit codes of abota that scenarios expect.
const (
	exitFailed = 1
)

// fails makes the board's disk one that can be let fail, from the next
// power-on on.
func fails() []Step {
	return []Step{{Title: "the disk is one that can fail", Do: func(_ context.Context, w *World) (string, error) {
		socket := filepath.Join(w.dir, "nbd")
		served, err := nbd.Serve(w.disk.Path, socket)
		if err != nil {
			return "", err
		}
		w.failing = served
		w.board.DiskFrom(socket)
		return "QEMU gets it over NBD", nil
	}}}
}

// in is a fault in the whole of a partition.
func in(partition string, op cutdisk.Op, errno syscall.Errno) nbd.Fault {
	p := part(partition)
	return nbd.Fault{Op: op, Errno: errno, Offset: p.Offset, Size: p.Size}
}

// lies is a write that reports success.
func lies(partition string, lie cutdisk.Lie) nbd.Fault {
	f := in(partition, cutdisk.Write, 0)
	f.Lie = lie
	return f
}

func part(name string) disk.Partition {
	all := disk.UBoot()
	return all[slices.IndexFunc(all, func(p disk.Partition) bool { return p.Name == name })]
}

// installed installs what is offered, and restarts the board.
func installed(version, target string) []Step { return update(version, guest.Healthy, target)[1:] }

// refusesToArm runs an install into slot B while the disk fails, and holds
// the device against the contract: a clear word, nothing armed, the slot that
// runs untouched.
func refusesToArm(how string, fault nbd.Fault, words ...string) []Step {
	return []Step{{Title: "an install while " + how, Do: func(ctx context.Context, w *World) (string, error) {
		before, err := w.sum("A")
		if err != nil {
			return "", err
		}
		w.failing.Fail(fault)
		got, err := w.board.Run(ctx, "abota install")
		struck := w.failing.Struck()
		w.failing.Fail()
		if err != nil {
			return "", err
		}
		complaint := strings.TrimSpace(lastLine(got))
		switch after, err := w.sum("A"); {
		case err != nil:
			return "", err
		case after != before:
			return "", errors.New("slot A, which runs, was changed")
		case struck == 0:
			return "", errors.New("the fault met no request")
		case got.Exit != exitFailed:
			return "", fmt.Errorf("exit code %d, not %d: %s", got.Exit, exitFailed, got.Stderr)
		}
		for _, word := range words {
			if !strings.Contains(complaint, word) {
				return "", fmt.Errorf("abota did not say %q but %q", word, complaint)
			}
		}
		return "exit code 1: " + complaint, w.idle(ctx, "A")
	}}}
}

// sum is the digest of a slot's bytes, as they lie on the disk.
func (w *World) sum(slot string) ([sha256.Size]byte, error) {
	f, err := os.Open(w.disk.Path)
	if err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("look at slot %s: %w", slot, err)
	}
	defer f.Close()
	h, p := sha256.New(), part(disk.Root(slot))
	if _, err := io.Copy(h, io.NewSectionReader(f, p.Offset, p.Size)); err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("look at slot %s: %w", slot, err)
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}

// idle checks that this slot runs, boots next, and nothing else may boot.
func (w *World) idle(ctx context.Context, slot string) error {
	s, err := w.look(ctx)
	switch {
	case err != nil:
		return err
	case s.Status.Primary != slot || s.Status.RebootRequired || s.Status.bootStatus(slot) != "good":
		return fmt.Errorf("after the failure slot %s is not what boots: %s", slot, describe(s.Status))
	}
	for _, other := range s.Status.Slots {
		if other.Name != slot && other.BootStatus == "trial" {
			return fmt.Errorf("after the failure slot %s is armed: %s", other.Name, describe(s.Status))
		}
	}
	return nil
}

// commitFails lets the environment fail at the moment of the commit. init's
// supervisor tries again, and the disk has healed by then.
func commitFails(slot, version string) []Step {
	return []Step{{Title: "the environment cannot be written when release " + version + " is to be kept", Do: func(ctx context.Context, w *World) (string, error) {
		w.failing.Fail(in(disk.Env, cutdisk.Write, syscall.EIO))
		defer w.failing.Fail()
		if _, err := w.guest(ctx, "rm -f "+hold, 0); err != nil {
			return "", err
		}
		line, err := w.awaitConsole(ctx, regexp.MustCompile(`^(abota boot: write the boot table: .*input/output error.*)`))
		if err != nil {
			return "", err
		}
		s, err := w.look(ctx)
		if err != nil {
			return "", err
		}
		if s.Status.bootStatus(slot) != "trial" {
			return "", fmt.Errorf("a half commit: %s", describe(s.Status))
		}
		return line, nil
	}}}
}

// failingDisk is one board that meets every fault of its disk.
func failingDisk() Scenario {
	const env, b = disk.Env, "root-b"
	return Scenario{
		Name:  "disk",
		suits: forUBoot,
		About: "the disk fails and lies while an update is installed, armed and kept; nothing half done stays, and the update succeeds once the disk is well",
		Steps: steps(
			fails(),
			fromFactory(),
			published("2", guest.Healthy),
			refusesToArm("slot B cannot be written (EIO)", in(b, cutdisk.Write, syscall.EIO), "/dev/vda4", "input/output error"),
			refusesToArm("slot B cannot be read back (EIO)", in(b, cutdisk.Read, syscall.EIO), "/dev/vda4", "input/output error"),
			refusesToArm("slot B swallows what is written", lies(b, cutdisk.Ignore), "differs at offset"),
			refusesToArm("slot B flips bits", lies(b, cutdisk.Flip), "differs at offset"),
			refusesToArm("slot B writes zeroes", lies(b, cutdisk.Zero), "differs at offset"),
			refusesToArm("the environment cannot be written (EIO)", in(env, cutdisk.Write, syscall.EIO), "boot table", "input/output error"),
			refusesToArm("the environment cannot be read (EIO)", in(env, cutdisk.Read, syscall.EIO), "boot table", "input/output error"),
			refusesToArm("the environment swallows what is written", lies(env, cutdisk.Ignore), "does not hold what was written"),
			installed("2", "B"),
			boots("version 2 starts from slot B, on trial", expected{
				slot: "B", version: "2", decision: "trial", trial: "B", good: "A",
				loader: []loader.Seen{triedWith("B", 2)},
			}),
			commitFails("B", "2"),
			commits("B", "2"),
		),
	}
}
