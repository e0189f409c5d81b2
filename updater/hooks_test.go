package updater

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"abota/bootctl"
	"abota/updater/hook"
)

// worldHooks are hooks that only remember what they were told.
type worldHooks struct {
	*world
	// ends is what a hook ends in.
	ends map[hook.Name]error
	// begun and ended are "hook slot version".
	begun, ended []string
}

func (h *worldHooks) Has(hook.Name) bool { return true }

func (h *worldHooks) Run(ctx context.Context, name hook.Name, about hook.About) error {
	what := fmt.Sprintf("%s %s %s", name, about.Slot, about.Version)
	h.begun = append(h.begun, what)
	if err := errors.Join(h.step(), ctx.Err()); err != nil {
		return err
	}
	h.ended = append(h.ended, what)
	return h.ends[name]
}

func hookedWorld(t *testing.T) *world {
	w := newWorld(t)
	w.hooks = &worldHooks{world: w, ends: map[hook.Name]error{}}
	return w
}

// told is what happened, in the words of the events.
func (w *world) told() string {
	words := make([]string, len(w.events))
	for i, ev := range w.events {
		words[i] = ev.What
	}
	return strings.Join(words, ", ")
}

func wantHooks(t *testing.T, w *world, want ...string) {
	t.Helper()
	if !slices.Equal(w.hooks.ended, want) {
		t.Errorf("hooks ran: %q, want %q", w.hooks.ended, want)
	}
}

func TestHooksOfAGoodRelease(t *testing.T) {
	w := hookedWorld(t)
	w.offer = &image{content: "v2 healthy", version: "2"}
	w.mustInstall()
	if err := w.engine().Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.settle()
	w.settle()
	// The version is not known before the release was opened.
	wantHooks(t, w, "before_install B ", "before_reboot B 2", "after_commit B 2")
	if w.record().Owed != nil {
		t.Errorf("still owed: %s", w.saved)
	}
	const want = "install begun, armed, reboot asked for, boot, trial begun, committed, boot"
	if w.told() != want {
		t.Errorf("told: %s\nwant: %s", w.told(), want)
	}
}

// The system that is left gets no after-hook: what is rolled back is only so
// once the other one runs.
func TestHooksOfABadRelease(t *testing.T) {
	w := hookedWorld(t)
	w.offer = &image{content: "v3 unhealthy", version: "3"}
	w.mustInstall()
	w.settle()
	wantHooks(t, w, "before_install B ", "before_reboot A ", "after_rollback A 3")
	const want = "install begun, armed, boot, trial begun, unhealthy, rolled back, reboot asked for, boot"
	if w.told() != want {
		t.Errorf("told: %s\nwant: %s", w.told(), want)
	}
	w.settle()
	if len(w.hooks.ended) != 3 {
		t.Errorf("hooks ran again: %q", w.hooks.ended)
	}
}

func TestHooksOfAReleaseThatNeverReachesUserSpace(t *testing.T) {
	w := hookedWorld(t)
	w.offer = &image{content: "v4 panics", version: "4"}
	w.mustInstall()
	w.settle()
	wantHooks(t, w, "before_install B ", "after_rollback A 4")
	if !strings.Contains(w.told(), "condemned") {
		t.Errorf("told: %s", w.told())
	}
}

func TestHookAfterTheOperatorsRollback(t *testing.T) {
	w := hookedWorld(t)
	w.offer = &image{content: "v2 healthy", version: "2"}
	w.mustInstall()
	w.settle()
	if _, err := w.engine().Rollback(); err != nil {
		t.Fatal(err)
	}
	w.settle()
	wantHooks(t, w, "before_install B ", "after_commit B 2", "after_rollback A 2")
}

// Another word of the operator takes back what was not done yet.
func TestNoHookAfterARollbackThatWasTakenBack(t *testing.T) {
	w := hookedWorld(t)
	w.offer = &image{content: "v2 healthy", version: "2"}
	w.mustInstall()
	w.settle()
	w.hooks.ended = nil
	if _, err := w.engine().Rollback(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.engine().MarkActive(bootctl.B); err != nil {
		t.Fatal(err)
	}
	w.settle()
	wantHooks(t, w)
}

func TestMarkGoodInATrialOwesTheHook(t *testing.T) {
	w := hookedWorld(t)
	w.offer = &image{content: "v2 healthy", version: "2"}
	w.mustInstall()
	w.powerOn()
	e := w.engine()
	if _, err := e.MarkGood(bootctl.B); err != nil {
		t.Fatal(err)
	}
	e.RunOwed(t.Context())
	e.RunOwed(t.Context())
	wantHooks(t, w, "before_install B ", "after_commit B 2")
}

func TestBeforeInstallStopsBeforeTheFirstWrite(t *testing.T) {
	for _, row := range []struct {
		err       error
		lastError bool
		told      string
	}{
		{fmt.Errorf("busy: %w", hook.ErrDeferred), false, "deferred"},
		{errors.New("exit status 1"), true, "install failed"},
	} {
		w := hookedWorld(t)
		w.hooks.ends[hook.BeforeInstall] = row.err
		w.offer = &image{content: "v2 healthy"}
		table := w.table
		if _, err := w.install(); !errors.Is(err, row.err) {
			t.Errorf("got %v, want %v", err, row.err)
		}
		if w.table != table || w.content(bootctl.B) != "" {
			t.Errorf("%v: table %+v, slot %q", row.err, w.table, w.content(bootctl.B))
		}
		if noted := w.saved != nil && w.record().LastError != nil; noted != row.lastError || w.told() != row.told {
			t.Errorf("%v: journal %s, told %s", row.err, w.saved, w.told())
		}
	}
}

// A release that is not taken, or that nobody can read, runs no hook.
func TestNoHookWithoutARelease(t *testing.T) {
	w := hookedWorld(t)
	if _, err := w.install(); err == nil {
		t.Fatal("nothing was installed")
	}
	w.offer = &image{content: "v2 healthy", damage: errors.New("MD5 differs")}
	if _, err := w.install(); err == nil {
		t.Fatal("a damaged release was installed")
	}
	w.settle()
	wantHooks(t, w, "before_install B ")
	w.offer.damage = nil
	w.mustInstall()
	w.settle()
	w.hooks.ended = nil
	if _, err := w.install(); !errors.Is(err, ErrNothingToDo) {
		t.Fatal(err)
	}
	wantHooks(t, w)
}

func TestARaceRunsTheHookOnceForEachRelease(t *testing.T) {
	w := hookedWorld(t)
	w.offer = &image{content: "v2 healthy", version: "2", changes: 2}
	w.mustInstall()
	wantHooks(t, w, "before_install B ")
}

func TestBeforeRebootDefersOnlyWhatCanWait(t *testing.T) {
	deferred := fmt.Errorf("in use: %w", hook.ErrDeferred)
	w := hookedWorld(t)
	w.hooks.ends[hook.BeforeReboot] = deferred
	w.offer = &image{content: "v3 unhealthy"}
	w.mustInstall()
	if err := w.engine().Restart(t.Context()); !errors.Is(err, hook.ErrDeferred) || w.rebooted {
		t.Errorf("got %v, rebooted %t", err, w.rebooted)
	}
	w.powerOn()
	if _, err := w.boot(); !errors.Is(err, ErrUnhealthy) || !w.rebooted {
		t.Errorf("the rollback of an unhealthy trial was deferred: %v", err)
	}
	w.settle()
	w.hooks.ends[hook.BeforeReboot] = errors.New("exit status 1")
	w.rebooted = false
	if err := w.engine().Restart(t.Context()); err != nil || !w.rebooted {
		t.Errorf("a broken hook held up the reboot: %v", err)
	}
}

func TestAfterHooksChangeNothing(t *testing.T) {
	w := hookedWorld(t)
	w.hooks.ends[hook.AfterCommit] = errors.New("exit status 1")
	w.offer = &image{content: "v2 healthy"}
	w.mustInstall()
	w.powerOn()
	if report, err := w.boot(); err != nil || !report.Committed {
		t.Errorf("%+v, %v", report, err)
	}
	w.settle()
	if len(w.hooks.ended) != 2 || w.record().Phase != Committed || !strings.Contains(w.told(), "hook failed") {
		t.Errorf("hooks %q, journal %s, told %s", w.hooks.ended, w.saved, w.told())
	}
}

func TestAShutdownLeavesTheHookToTheNextBoot(t *testing.T) {
	w := hookedWorld(t)
	w.offer = &image{content: "v2 healthy", version: "2"}
	w.mustInstall()
	w.powerOn()
	if _, err := w.engine().MarkGood(bootctl.B); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	w.engine().RunOwed(ctx)
	wantHooks(t, w, "before_install B ")
	w.settle()
	wantHooks(t, w, "before_install B ", "after_commit B 2")
}

// Wherever the power goes, each outcome has its hook: once, or twice when the
// power went between its end and the note of it.
func TestPowerCutsNeverLoseAHook(t *testing.T) {
	for content, want := range map[string]string{"v2 healthy": "after_commit B 2", "v3 unhealthy": "after_rollback A 2", "v4 panics": "after_rollback A 2"} {
		cuts, again := 0, 0
		for cut := 1; ; cut++ {
			w := hookedWorld(t)
			w.offer = &image{content: content, version: "2"}
			w.mustInstall()
			w.powerOn()
			w.steps, w.cutAt = 0, cut
			_, _ = w.boot()
			if !w.dead {
				break
			}
			cuts++
			w.settle()
			w.settle()
			times := 0
			for _, ran := range w.hooks.ended {
				if ran == want {
					times++
				}
			}
			if times < 1 || times > 2 {
				t.Errorf("%s, cut %d: hooks %q, want %q once", content, cut, w.hooks.ended, want)
			}
			again += times - 1
		}
		if cuts < 3 || again > 1 {
			t.Errorf("%s: %d cuts, %d of them ran the hook twice", content, cuts, again)
		}
	}
}
