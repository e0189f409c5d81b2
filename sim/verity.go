package sim

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"abota/sim/board"
	"abota/sim/disk"
	"abota/sim/guest"
)

// sealed is a file of every firmware that nothing reads before it is asked for:
// what becomes of a block that went bad shows there.
const sealed = "/usr/share/sealed"

func verity() Scenario {
	return Scenario{
		Name:    "verity",
		Setting: Setting{Verity: true},
		suits:   forUBoot,
		About:   "slots of boot, root and hash tree are switched as one; a root that is not what its hash says never runs, and a block that goes bad is an error",
		Steps: steps(
			fromFactory(), verified("A"),
			keeps("2", "B"), verified("B"), wholeGroup("B"),
			tampered("3", "A"), failsToMount(3),
			boots("the attempts are used up, and version 2 is back", expected{
				slot: "B", version: "2", decision: "condemn", good: "B", condemned: []string{"3"},
			}),
			keeps("4", "A"), verified("A"),
			damaged("a block of a file goes bad in the slot that runs", func(ctx context.Context, w *World) error {
				return w.disk.DamageFile(ctx, disk.Root("A"), sealed)
			}),
			boots("version 4 starts all the same", expected{slot: "A", version: "4", decision: "nothing to do", good: "A"}),
			unreadable(),
		),
	}
}

// verified looks at what the root really is: a mapping over the slot's two
// partitions, read-only, that has found nothing wrong.
func verified(slot string) []Step {
	const look = `set -e
grep "^/dev/dm-0 / ext4 ro" /proc/mounts
for s in /sys/class/block/dm-0/slaves/*; do sed -n 's/^PARTNAME=//p' $s/uevent; done
cat /sys/class/block/dm-0/ro
cat ` + sealed + ` >/dev/null
`
	return []Step{{Title: "the root of slot " + slot + " is read through dm-verity", Do: func(ctx context.Context, w *World) (string, error) {
		out, err := w.guest(ctx, look, 0)
		if err != nil {
			return "", err
		}
		for _, want := range []string{disk.Root(slot), disk.Hashes(slot)} {
			if !strings.Contains(out, want+"\n") {
				return "", fmt.Errorf("the root is not built on %s, but: %s", want, out)
			}
		}
		return strings.Join(strings.Fields(out), " "), nil
	}}}
}

// wholeGroup holds the digests of the parts that abota says against what the
// partitions hold.
func wholeGroup(slot string) []Step {
	return []Step{{Title: "the parts of slot " + slot + " hold what abota says", Do: func(ctx context.Context, w *World) (string, error) {
		s, err := w.look(ctx)
		if err != nil {
			return "", err
		}
		var sums []string
		for _, at := range s.Status.Slots {
			if at.Name != slot {
				continue
			}
			for _, p := range at.Parts {
				out, err := w.guest(ctx, fmt.Sprintf("head -c %d %s | sha256sum", p.Size, p.Device), 0)
				if err != nil {
					return "", err
				}
				if !strings.HasPrefix(out, p.SHA256) || p.SHA256 == "" {
					return "", fmt.Errorf("%s has SHA-256 %s, and abota status says %q", p.Device, out, p.SHA256)
				}
				sums = append(sums, p.Name+" "+p.SHA256[:12])
			}
		}
		if len(sums) != 3 {
			return "", fmt.Errorf("abota status lists %d parts, not 3", len(sums))
		}
		return strings.Join(sums, ", "), nil
	}}}
}

// tampered is an update whose root was changed after its hash tree was made, by a
// publisher's mistake or worse; abota proves the bytes that were published.
func tampered(version, target string) []Step {
	return append([]Step{{Title: fmt.Sprintf("firmware %s is published, its root changed after its hash tree was made", version), Do: func(ctx context.Context, w *World) (string, error) {
		image, err := w.image(ctx, version, guest.Healthy)
		if err != nil {
			return "", err
		}
		defer w.discard(image)
		if err := (disk.Image{Path: image}).DamageFile(ctx, "", "/"); err != nil {
			return "", err
		}
		size, err := w.offer(ctx, version, image)
		return fmt.Sprintf("%.1f MiB in the bucket", float64(size)/(1<<20)), err
	}}}, Step{Title: fmt.Sprintf("the board installs %s into slot %s", version, target), Do: func(ctx context.Context, w *World) (string, error) {
		return w.install(ctx, version, target)
	}}, restart())
}

// failsToMount waits for a number of boots that end in the initramfs.
func failsToMount(times int) []Step {
	return []Step{{Title: fmt.Sprintf("its root cannot be used in any of %d attempts", times), Do: func(ctx context.Context, w *World) (string, error) {
		for range times {
			if _, err := w.awaitConsole(ctx, regexp.MustCompile(`device-mapper: verity: .* is corrupted`)); err != nil {
				return "", err
			}
			if _, err := w.awaitConsole(ctx, regexp.MustCompile(`Kernel panic - not syncing`)); err != nil {
				return "", err
			}
			w.boot = w.seen
		}
		return fmt.Sprintf("%d panics on the console, each after dm-verity said what is corrupted", times), nil
	}}}
}

// unreadable: reading the damaged block is an error, and nothing of it comes out.
func unreadable() []Step {
	return []Step{{Title: "reading the bad block is an error", Do: func(ctx context.Context, w *World) (string, error) {
		got, err := w.board.Run(ctx, "cat "+sealed)
		if err != nil {
			return "", err
		}
		if got.Exit == 0 || got.Stdout != "" || !strings.Contains(got.Stderr, "Input/output error") {
			return "", fmt.Errorf("cat ended with %d, %d bytes and %q", got.Exit, len(got.Stdout), got.Stderr)
		}
		for _, e := range w.board.Log().Since(w.boot) {
			if e.Kind == board.Console && strings.Contains(e.Text, "device-mapper: verity") && strings.Contains(e.Text, "is corrupted") {
				return strings.TrimSpace(got.Stderr) + "; " + e.Text, nil
			}
		}
		return "", errors.New("the kernel said nothing of it")
	}}}
}
