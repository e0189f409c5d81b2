package powercut

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"

	"abota/bootctl"
	"abota/sim"
	"abota/sim/disk"
	"abota/sim/guest"
	"abota/updater"
)

// decided is the line in which `abota boot` says what it does.
var decided = regexp.MustCompile(`msg=boot slot=(\w+) decision=("[^"]*"|\S+) why=`)

// lookScript prints what runs: the version, the slot by the kernel's command
// line, and the partition behind "/".
const lookScript = `. /etc/firmware.conf
dev=$(awk '$5 == "/" { d = $3 } END { print d }' /proc/self/mountinfo)
echo "$version $(sed -n 's/.*abota\.slot=\([AB]\).*/\1/p' /proc/cmdline) $(sed -n 's/^PARTNAME=//p' "/sys/dev/block/$dev/uevent")"
`

// look asks the guest what runs, in three ways that must agree.
func (r *recorder) look(ctx context.Context) (Place, error) {
	got, err := r.run(ctx, lookScript)
	if err != nil {
		return Place{}, err
	}
	words := strings.Fields(got.Stdout)
	if len(words) != 3 {
		return Place{}, fmt.Errorf("the guest says %q of what runs, not three words", got.Stdout)
	}
	slot, err := bootctl.ParseSlot(words[1])
	if err != nil {
		return Place{}, fmt.Errorf("the kernel's command line: %w", err)
	}
	if words[2] != disk.Root(words[1]) {
		return Place{}, fmt.Errorf("the command line says slot %s, but behind / is %s", words[1], words[2])
	}
	return Place{slot, words[0]}, nil
}

// choose takes n states at random, each of another sort.
func choose(samples []sample, n int, seed uint64) []sample {
	rng := rand.New(rand.NewPCG(seed, 1))
	rng.Shuffle(len(samples), func(i, j int) { samples[i], samples[j] = samples[j], samples[i] })
	return samples[:min(n, len(samples))]
}

// bootSample boots a state that was judged, and holds what happens against
// what was foretold. Where there is a next release the device must be able to
// take it then.
func bootSample(ctx context.Context, w *sim.World, s sample, next *Release) error {
	r := &recorder{world: w}
	if err := r.start(ctx); err != nil {
		return err
	}
	if err := r.expect(ctx, s.starts[0].place(), s.decision); err != nil {
		return err
	}
	if err := r.settle(ctx, s.outcome); err != nil {
		return err
	}
	runs, err := r.look(ctx)
	if err != nil {
		return err
	}
	if runs != s.runs.place() {
		return fmt.Errorf("the device came to rest in %s, not in %s", runs, s.runs.place())
	}
	if next == nil {
		return nil
	}
	return r.takes(ctx, *next, runs.Slot.Other())
}

// expect holds the boot at hand against what was foretold.
func (r *recorder) expect(ctx context.Context, p Place, action updater.Action) error {
	if r.decision != action.String() {
		return fmt.Errorf("abota boot decided %q, but %q was foretold", r.decision, action)
	}
	if r.booted != p.Slot.String() {
		return fmt.Errorf("slot %s started, but %s was foretold", r.booted, p)
	}
	if r.leaves() {
		return nil
	}
	runs, err := r.look(ctx)
	if err == nil && runs != p {
		err = fmt.Errorf("%s started, but %s was foretold", runs, p)
	}
	return err
}

// settle waits for the end of a trial, where one was foretold.
func (r *recorder) settle(ctx context.Context, o outcome) error {
	b := o.starts[0].release.Behaviour
	switch o.decision {
	case updater.ArmAgain: // a restart goes on from there
		if err := errors.Join(r.reboot(ctx), r.up(ctx)); err != nil {
			return err
		}
		b = o.starts[1].release.Behaviour
	case updater.Trial:
	default:
		return r.rest(ctx, o)
	}
	if err := r.console(ctx, verdict(b)); err != nil {
		return err
	}
	if b == guest.Healthy {
		return nil
	}
	r.seen = max(r.seen, r.greeted)
	return r.up(ctx)
}

// rest is for a boot without a trial: where the device goes elsewhere by
// itself, the next boots are waited for.
func (r *recorder) rest(ctx context.Context, o outcome) error {
	for i, s := range o.starts[1:] {
		if s.slot != o.starts[i].slot {
			r.seen = max(r.seen, r.greeted)
			if err := r.up(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// takes lets the device install a release and keep it.
func (r *recorder) takes(ctx context.Context, next Release, target bootctl.Slot) error {
	if _, err := r.run(ctx, installing); err != nil {
		return fmt.Errorf("the next update: %w", err)
	}
	if err := errors.Join(r.reboot(ctx), r.up(ctx), r.console(ctx, committed)); err != nil {
		return fmt.Errorf("the next update: %w", err)
	}
	runs, err := r.look(ctx)
	if err == nil && runs != (Place{target, next.Version}) {
		err = fmt.Errorf("the next update left %s running, not version %s in slot %s", runs, next.Version, target)
	}
	return err
}
