package sim

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"strings"

	"abota/sim/board"
	"abota/sim/loader"
)

// decided is what `abota boot` logs first: the slot, what to do, and why.
var decided = regexp.MustCompile(`msg=boot slot=(\w+) decision=("[^"]*"|\S+) why=(.*)$`)

// expected is a boot as a scenario wants to see it.
type expected struct {
	// slot and version must run; any version when it is empty.
	slot, version string
	// decision is what abota boot must decide; not looked at when empty.
	decision string
	// loader is what the boot loader must have done.
	loader []loader.Seen
	// good and bad are slots whose boot status must be so; trial likewise.
	good, trial, bad string
	// condemned are versions that must be condemned.
	condemned []string
	// held is a version that must not come back by itself, without a verdict.
	held string
}

// boots waits for the next boot that reaches user space, and holds it against
// what is expected.
func boots(title string, want expected) []Step {
	return []Step{{Title: title, Do: func(ctx context.Context, w *World) (string, error) {
		if err := w.awaitHello(ctx); err != nil {
			return "", err
		}
		if want.decision != "" {
			if err := w.decides(ctx, want.decision); err != nil {
				return "", err
			}
		}
		s, err := w.look(ctx)
		if err != nil {
			return "", err
		}
		if err := s.runs(want.slot, cmp.Or(want.version, s.Version)); err != nil {
			return "", err
		}
		if err := want.loads(w.loader, w.loaderSaid(), s.Status); err != nil {
			return "", err
		}
		if err := want.holds(s.Status); err != nil {
			return "", err
		}
		return fmt.Sprintf("version file %s, / is %s, abota.slot=%s; %s", s.Version, s.Root, want.slot, describe(s.Status)), nil
	}}}
}

// decision is what abota decided in the boot that the story stands in.
func (w *World) decision(ctx context.Context) (action, why string, err error) {
	_, _, err = w.board.Log().Wait(ctx, w.boot, func(e board.Event) bool {
		m := decided.FindStringSubmatch(e.Text)
		if e.Kind != board.Console || m == nil {
			return false
		}
		action, why = strings.Trim(m[2], `"`), strings.Trim(m[3], `"`)
		return true
	})
	if err != nil {
		return "", "", fmt.Errorf("wait for the decision of abota boot: %w", err)
	}
	return action, why, nil
}

// decides checks what abota decides in the boot that the story stands in.
func (w *World) decides(ctx context.Context, want string) error {
	action, why, err := w.decision(ctx)
	if err != nil {
		return err
	}
	if action != want {
		return fmt.Errorf("abota boot decided %q (%s), not %q", action, why, want)
	}
	return nil
}

// holds compares abota's own view.
func (want expected) holds(s status) error {
	for _, c := range []struct{ slot, status string }{{want.good, "good"}, {want.trial, "trial"}, {want.bad, "bad"}} {
		if have := s.bootStatus(c.slot); c.slot != "" && have != c.status {
			return fmt.Errorf("abota status says that slot %s is %s, not %s", c.slot, have, c.status)
		}
	}
	for _, version := range want.condemned {
		if _, found := s.condemns(version); !found {
			return fmt.Errorf("abota status does not say that release %s is condemned, but: %v", version, s.Condemned)
		}
	}
	if want.held == "" {
		return nil
	}
	if _, found := s.condemns(want.held); found {
		return fmt.Errorf("release %s is condemned, although it never had a verdict", want.held)
	}
	if s.Held == nil || s.Held.Release.Version != want.held {
		return fmt.Errorf("abota status does not say that release %s is held, but: %+v", want.held, s.Held)
	}
	return nil
}

// describe says of each slot what abota status says.
func describe(s status) string {
	var words []string
	for _, slot := range s.Slots {
		words = append(words, fmt.Sprintf("%s %s (priority %d, tries %d)", slot.Name, slot.BootStatus, slot.Priority, slot.Tries))
	}
	return "abota status: " + strings.Join(words, ", ")
}

// commits waits for the trial's good end.
func commits(slot, version string) []Step {
	return []Step{{Title: fmt.Sprintf("release %s proves healthy and is kept", version), Do: func(ctx context.Context, w *World) (string, error) {
		if _, err := w.guest(ctx, "rm -f "+hold, 0); err != nil {
			return "", err
		}
		if _, err := w.awaitConsole(ctx, regexp.MustCompile(`msg=committed slot=`+slot+` release=`+version+`$`)); err != nil {
			return "", err
		}
		s, err := w.look(ctx)
		if err != nil {
			return "", err
		}
		if err := s.runs(slot, version); err != nil {
			return "", err
		}
		switch {
		case s.Status.bootStatus(slot) != "good":
			return "", fmt.Errorf("abota status says that slot %s is %s, not good", slot, s.Status.bootStatus(slot))
		case s.Status.Phase != "committed" || s.Status.Primary != slot:
			return "", fmt.Errorf("abota status has phase %s and primary %s, not committed and %s", s.Status.Phase, s.Status.Primary, slot)
		}
		return describe(s.Status), nil
	}}}
}

// fallsIll waits for the trial's bad end: the health check fails, and abota
// goes back by itself.
func fallsIll(version, back string) []Step {
	return []Step{{Title: fmt.Sprintf("release %s fails its health check and is left", version), Do: func(ctx context.Context, w *World) (string, error) {
		if _, err := w.awaitConsole(ctx, regexp.MustCompile(`msg="the trial is unhealthy" .*version `+version+` does not work`)); err != nil {
			return "", err
		}
		if _, err := w.awaitConsole(ctx, regexp.MustCompile(`msg="rolled back, rebooting" to=`+back)); err != nil {
			return "", err
		}
		w.boot = w.seen
		return "abota boot says so, and reboots into slot " + back, nil
	}}}
}

// crashes waits for a number of boots that end in a kernel panic. A loader that
// tries once starts the slot origin after each.
func crashes(version, origin string, times int) []Step {
	var all []Step
	for n := range times {
		if n > 0 {
			all = append(all, backOnce(origin)...)
		}
		all = append(all, crashesOnce(version, fmt.Sprintf("release %s panics in attempt %d of %d", version, n+1, times))...)
	}
	return all
}

func crashesOnce(version, title string) []Step {
	return []Step{{Title: title, Do: func(ctx context.Context, w *World) (string, error) {
		if _, err := w.awaitConsole(ctx, regexp.MustCompile(`^firmware: version `+version+` starts, behaviour panics`)); err != nil {
			return "", err
		}
		_, err := w.awaitConsole(ctx, regexp.MustCompile(`Kernel panic - not syncing`))
		w.boot = w.seen
		return "the kernel says so", err
	}}}
}

// hangs waits for a boot that ends in a system which does nothing any more.
func hangs(version string) []Step {
	return []Step{{Title: "version " + version + " starts and hangs", Do: func(ctx context.Context, w *World) (string, error) {
		_, err := w.awaitConsole(ctx, regexp.MustCompile(`^firmware: version `+version+` starts, behaviour hangs`))
		return "its last words on the console", err
	}}}
}

// freezes lets a held trial lock up, and waits for the watchdog to end it and
// the attempts after it.
func freezes(version string, times int) []Step {
	return []Step{{Title: fmt.Sprintf("version %s locks up in each of its %d attempts, and the watchdog resets the board", version, times), Do: func(ctx context.Context, w *World) (string, error) {
		if _, err := w.guest(ctx, "rm -f "+hold, 0); err != nil {
			return "", err
		}
		var proof string
		for range times {
			if _, err := w.awaitConsole(ctx, regexp.MustCompile(`^firmware: version `+version+` (freezes|stalls|dies)`)); err != nil {
				return "", err
			}
			var err error
			if proof, err = w.awaitReset(ctx); err != nil {
				return "", err
			}
			w.boot = w.seen
		}
		return fmt.Sprintf("%s, %d times", proof, times), nil
	}}}
}

// awaitReset waits until the watchdog bites. One in hardware leaves no word of the
// kernel's: the boot loader starts again, and nothing had said that it would.
func (w *World) awaitReset(ctx context.Context) (string, error) {
	if !w.kind.HasWatchdog() {
		_, err := w.awaitConsole(ctx, regexp.MustCompile(`softdog: Initiating system reboot`))
		return "the kernel says so", err
	}
	said, err := w.awaitConsole(ctx, regexp.MustCompile(`(reboot: .*|Rebooting in .*|U-Boot 2\d{3}\.\d\d)`))
	if err == nil && !strings.HasPrefix(said, "U-Boot") {
		err = fmt.Errorf("the kernel restarts the board itself: %q", said)
	}
	return "the boot loader starts without a word of the kernel's", err
}

// refuses checks that the guest does not take up what the bucket still offers.
func refuses(version string) []Step {
	return []Step{{Title: fmt.Sprintf("the condemned release %s is not installed again", version), Do: func(ctx context.Context, w *World) (string, error) {
		const refused = 7
		if _, err := w.guest(ctx, "abota install", refused); err != nil {
			return "", err
		}
		return fmt.Sprintf("abota install: exit code %d", refused), nil
	}}}
}

// powerCut takes the power away and gives it back.
func powerCut(when string) []Step {
	return []Step{{Title: "the power fails " + when, Do: func(ctx context.Context, w *World) (string, error) {
		w.board.PowerCut()
		w.boot = w.board.Log().Mark()
		w.seen = w.boot
		return "off and on", w.board.PowerOn(ctx)
	}}}
}

// damaged takes the power away, does something to the disk, and gives the
// power back.
func damaged(title string, harm func(ctx context.Context, w *World) error) []Step {
	// Should a trial follow, it is held.
	return whileOff(title, "touch "+hold+" && sync", harm)
}

// whileOff has the guest do one more thing, and then does something to the
// board while it is off.
func whileOff(title, before string, harm func(ctx context.Context, w *World) error) []Step {
	return []Step{{Title: title, Do: func(ctx context.Context, w *World) (string, error) {
		if _, err := w.guest(ctx, before, 0); err != nil {
			return "", err
		}
		w.board.PowerCut()
		if err := harm(ctx, w); err != nil {
			return "", err
		}
		w.boot = w.board.Log().Mark()
		w.seen = w.boot
		return "done while the board was off; on again", w.board.PowerOn(ctx)
	}}}
}

// backOnce is where a loader that tries once goes back after an attempt without
// a verdict: the slot origin starts, arms the trial again, and is restarted.
func backOnce(origin string) []Step {
	return where(func(l loader.Loader) bool { trial, _ := l.Counts(); return !trial },
		boots("the firmware goes back to slot "+origin+", which arms the trial again", expected{slot: origin, decision: "arm again", good: origin}),
		[]Step{restart()},
	)
}

// damage are steps for loaders that pass a slot by which cannot be loaded.
func damage(groups ...[]Step) []Step {
	return where(func(l loader.Loader) bool { return l.Bears(loader.Kernel) == nil }, groups...)
}

// where has steps left out on boards whose loader does not suit.
func where(suits func(loader.Loader) bool, groups ...[]Step) []Step {
	all := steps(groups...)
	for i := range all {
		all[i].where = suits
	}
	return all
}

// kernelErased loses a slot's kernel.
func kernelErased(slot string) []Step {
	return damaged("the kernel of slot "+slot+" is lost", func(ctx context.Context, w *World) error {
		return w.loader.LoseKernel(ctx, w.disk, slot)
	})
}
