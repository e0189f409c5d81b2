package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"abota/sim/guest"
	"abota/sim/loader"
	"abota/sim/parts"
)

// hardwareWatchdog is about a watchdog that needs no kernel to bite.
func hardwareWatchdog() Scenario {
	return Scenario{
		Name: "hardware-watchdog",
		About: "a watchdog in hardware: off after a good trial; a frozen abota, a frozen user space and a dead kernel end in a reset; " +
			"left to who holds it",
		Setting: Setting{Watchdog: true},
		suits: func(kind parts.Board) error {
			_, err := parts.WithWatchdog(kind)
			return err
		},
		Steps: steps(
			fromFactory(), keeps("2", "B"), dogIsOff(),
			locksUp("3", guest.Freezes), locksUp("4", guest.Stalls), locksUp("5", guest.Dies),
			keepsUnderGuard("6", "A"),
		),
	}
}

// locksUp is a release that locks up in slot A while version 2 is kept in slot B.
func locksUp(version string, b guest.Behaviour) []Step {
	return steps(
		update(version, b, "A"),
		boots(fmt.Sprintf("version %s starts from slot A, on trial", version), expected{slot: "A", version: version, decision: "trial", trial: "A", good: "B"}),
		freezes(version, 3),
		boots("the counter brings version 2 back", expected{
			slot: "B", version: "2", decision: "disarm", good: "B", held: version,
			loader: []loader.Seen{spent("A"), confirmed("B")},
		}),
	)
}

// dogState is what the kernel says of the watchdog.
const dogState = "/sys/class/watchdog/watchdog0/"

// dogIsOff waits for longer than the watchdog would.
func dogIsOff() []Step {
	return []Step{{Title: "the trial is over, and nothing feeds the watchdog any more", Do: func(ctx context.Context, w *World) (string, error) {
		if holder, err := w.dogHolder(ctx); err != nil || holder != "" {
			return "", cmp.Or(err, fmt.Errorf("%q still holds it", holder))
		}
		return w.outlives(ctx, "inactive")
	}}}
}

// dogHolder is the name of the process that holds the watchdog, empty for none.
func (w *World) dogHolder(ctx context.Context) (string, error) {
	said, err := w.guest(ctx, `for p in /proc/[0-9]*; do ! ls -l $p/fd 2>/dev/null | grep -q /dev/watchdog || cat $p/comm; done`, 0)
	return strings.TrimSpace(said), err
}

// outlives sees that the board runs on for longer than the watchdog's timeout.
func (w *World) outlives(ctx context.Context, want string) (string, error) {
	out, err := w.guest(ctx, fmt.Sprintf("cat %sidentity %sstate && sleep %d", dogState, dogState, 3*dogTimeout/time.Second/2), 0)
	if err != nil {
		return "", err
	}
	said := strings.Fields(out)
	if len(said) == 0 || said[len(said)-1] != want {
		return "", fmt.Errorf("the kernel says of the watchdog %q, not that it is %s", out, want)
	}
	return strings.Join(said, " ") + "; the board runs on", nil
}

// keepsUnderGuard is a release in which another program feeds the watchdog.
func keepsUnderGuard(version, slot string) []Step {
	return steps(
		update(version, guest.Guarded, slot),
		boots(fmt.Sprintf("version %s starts from slot %s, on trial", version, slot), expected{slot: slot, version: version, decision: "trial", trial: slot, good: "B"}),
		[]Step{{Title: "abota leaves the watchdog to the program that feeds it", Do: func(ctx context.Context, w *World) (string, error) {
			holder, err := w.dogHolder(ctx)
			if err == nil && holder != "watchdog" {
				err = fmt.Errorf("%q holds it", holder)
			}
			return holder + " holds it", err
		}}},
		commits(slot, version),
		[]Step{
			{Title: "it is still fed after the trial", Do: func(ctx context.Context, w *World) (string, error) { return w.outlives(ctx, "active") }},
			{Title: "user space locks up, that program too, and the watchdog resets the board", Do: func(ctx context.Context, w *World) (string, error) {
				began, stop := context.WithTimeout(ctx, dogTimeout/2)
				defer stop()
				if _, err := w.board.Run(began, `sed 's|^[.] /etc/firmware.conf|behaviour=stalls|' /usr/bin/selftest >/tmp/stall; sh /tmp/stall`); err == nil {
					return "", errors.New("user space did not lock up")
				}
				proof, err := w.awaitReset(ctx)
				w.boot = w.seen
				return proof, err
			}},
		},
		boots("the release that was kept starts again", expected{slot: slot, version: version, decision: "nothing to do", good: "B"}),
	)
}
