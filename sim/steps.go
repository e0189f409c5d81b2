package sim

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"abota/sim/board"
	"abota/sim/guest"
)

// loaderLine is what the boot script says; its group is the message.
var loaderLine = regexp.MustCompile(`^abota: (.*)`)

// loaderStarts is what a boot begins with on the console, of U-Boot, and of UEFI
// when it has chosen what to start.
var loaderStarts = regexp.MustCompile(`^U-Boot |^BdsDxe: starting `)

// abotaLine is what `abota boot` logs on the console.
var abotaLine = regexp.MustCompile(`^time=\S+ level=\w+ msg=(.*)`)

// powerOn switches the board on.
func powerOn() []Step {
	return []Step{{Title: "the board is switched on", Do: func(ctx context.Context, w *World) (string, error) {
		w.boot = w.board.Log().Mark()
		w.seen = w.boot
		return "power", w.board.PowerOn(ctx)
	}}}
}

// update publishes a firmware, lets the board install it and restarts it.
func update(version string, b guest.Behaviour, target string) []Step {
	return append(
		published(version, b),
		Step{Title: fmt.Sprintf("the board installs %s into slot %s", version, target), Do: func(ctx context.Context, w *World) (string, error) {
			return w.install(ctx, version, target)
		}},
		restart(),
	)
}

// published offers a firmware in the bucket.
func published(version string, b guest.Behaviour) []Step {
	return []Step{{Title: fmt.Sprintf("firmware %s (%s) is published", version, b), Do: func(ctx context.Context, w *World) (string, error) {
		size, err := w.publish(ctx, version, b)
		return fmt.Sprintf("%.1f MiB in the bucket", float64(size)/(1<<20)), err
	}}}
}

// install runs `abota install` and checks what it left.
func (w *World) install(ctx context.Context, version, target string) (string, error) {
	began := w.timeline.Elapsed()
	if _, err := w.guest(ctx, "abota install --json", 0); err != nil {
		return "", err
	}
	took := w.timeline.Elapsed() - began
	s, err := w.look(ctx)
	if err != nil {
		return "", err
	}
	switch {
	case !s.Status.RebootRequired || s.Status.Primary != target:
		return "", fmt.Errorf("abota status has primary %s and reboot_required %v after the install", s.Status.Primary, s.Status.RebootRequired)
	case s.Status.bootStatus(target) != "trial":
		return "", fmt.Errorf("abota status says that slot %s is %s, not armed for a trial", target, s.Status.bootStatus(target))
	}
	return fmt.Sprintf("abota status: slot %s armed, reboot required (%.1f s)", target, took.Seconds()), nil
}

// hold is a file on the data partition that keeps a trial open, so that the
// simulator can look at it, and cut it, at leisure: the firmware's health check
// does not pass as long as it is there.
const hold = "/var/lib/abota/sim-hold"

// restart asks the guest for an orderly reboot. A trial that follows is held.
func restart() Step {
	return Step{Title: "the board restarts", Do: func(ctx context.Context, w *World) (string, error) {
		w.boot = w.board.Log().Mark()
		w.seen = w.boot
		// The answer may or may not come before the guest is gone.
		_, err := w.board.Run(ctx, "touch "+hold+" && reboot")
		if err != nil && !errors.Is(err, board.ErrRestarts) {
			return "", err
		}
		_, err = w.awaitConsole(ctx, regexp.MustCompile(`reboot: Restarting system`))
		return "the kernel says so", err
	}}
}

// awaitConsole waits for a console line from where the story stands, moves
// there, and returns the line's last group.
func (w *World) awaitConsole(ctx context.Context, line *regexp.Regexp) (string, error) {
	var text string
	_, next, err := w.board.Log().Wait(ctx, w.seen, func(e board.Event) bool {
		if e.Kind != board.Console {
			return false
		}
		m := line.FindStringSubmatch(e.Text)
		if m != nil {
			text = m[len(m)-1]
		}
		return m != nil
	})
	if err != nil {
		return "", fmt.Errorf("wait for %q on the console: %w", line, err)
	}
	w.seen = next
	return text, nil
}

// awaitHello waits until user space answers, and moves there.
func (w *World) awaitHello(ctx context.Context) error {
	_, next, err := w.board.Log().Wait(ctx, w.seen, func(e board.Event) bool { return e.Kind == board.Hello })
	if err != nil {
		return fmt.Errorf("wait for the guest's user space: %w", err)
	}
	w.seen = next
	return nil
}

// loaderSaid is what the boot script said in the boot that the story stands in.
func (w *World) loaderSaid() []string {
	var said []string
	for _, e := range w.board.Log().Since(w.boot) {
		switch {
		case e.Kind == board.Hello:
			return said
		case e.Kind != board.Console:
		case loaderStarts.MatchString(e.Text):
			said = nil // an earlier boot that did not reach user space
		default:
			if m := loaderLine.FindStringSubmatch(e.Text); m != nil {
				said = append(said, m[1])
			}
		}
	}
	return said
}
