package updater

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"abota/bootctl"
	"abota/bootctl/symlink"
)

// folders is a world whose slots are folders: what runs is a process, which a
// power cut ends and the death of abota does not.
type folders struct {
	*world
	link bootctl.Slot
	// runs is the content that was started last, empty when nothing runs.
	runs string
	// restarts counts, and stuck makes them fail, whatever they start.
	restarts int
	stuck    error
}

func newFolders(t *testing.T) *folders {
	w := newWorld(t)
	dir := inMemory(t)
	for _, s := range bootctl.Slots {
		w.paths[s] = filepath.Join(dir, s.String())
	}
	f := &folders{world: w, runs: "v1 healthy"}
	if err := os.Mkdir(w.paths[bootctl.A], 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.paths[bootctl.A], "image"), []byte("v1 healthy"+end), 0o644); err != nil {
		t.Fatal(err)
	}
	return f
}

// inMemory is a folder in memory where there is one, because thousands of trees
// are flushed in it; package tree's tests flush to a disk.
func inMemory(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "abota")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// end is what every image of the world ends in.
var end = strings.Repeat(".", 4096) + "\x00"

// content is what a slot holds when it is whole, and else empty.
func (f *folders) content(s bootctl.Slot) string {
	all, err := os.ReadFile(filepath.Join(f.paths[s], "image"))
	text, whole := strings.CutSuffix(string(all), end)
	if err != nil || !whole {
		return ""
	}
	return text
}

func (f *folders) Startable(s bootctl.Slot) bool {
	_, err := os.Stat(f.paths[s])
	return err == nil
}

func (f *folders) Point(s bootctl.Slot) error {
	if err := f.step(); err != nil {
		return err
	}
	f.link = s
	return f.step()
}

func (f *folders) Restart(context.Context) error {
	if err := f.step(); err != nil {
		return err
	}
	f.restarts++
	f.runs = ""
	if err := errors.Join(f.step(), f.stuck); err != nil {
		return err
	}
	f.start()
	if err := f.step(); err != nil {
		return err
	}
	if f.runs == "" {
		return errors.New("exit status 3")
	}
	return nil
}

// start is what init or the restart does: a program that panics does not run.
func (f *folders) start() {
	if f.runs = f.content(f.link); strings.Contains(f.runs, "panics") {
		f.runs = ""
	}
}

func (f *folders) engine() *Engine {
	f.booted = f.link
	e := f.world.engine()
	e.Service = f
	e.Prove = func(ctx context.Context) error {
		if f.runs == "" {
			return errors.New("nothing runs")
		}
		if f.runs != f.content(f.link) {
			f.t.Errorf("slot %s is judged by %q, which was not started from it", f.link, f.runs)
		}
		if err := f.step(); err != nil {
			return err
		}
		return f.healthErr(f.runs)
	}
	return e
}

// powerOn starts the device again: the link is chosen before anything runs.
func (f *folders) powerOn() {
	f.dead, f.cutAt = false, 0
	f.boots++
	next, s, ok := symlink.Choose(f.table, f.Startable)
	if !ok {
		f.t.Fatalf("brick: nothing to start in %+v", f.table)
	}
	f.table, f.link = next, s
	f.start()
}

// revive starts abota again after it alone was killed.
func (f *folders) revive() { f.dead, f.cutAt = false, 0 }

func (f *folders) install() (Outcome, error) {
	return f.engine().Install(context.Background(), InstallOptions{})
}

func (f *folders) boot() (BootReport, error) { return f.engine().Boot(context.Background()) }

// whole wants the link to show a whole release, at whatever moment.
func (f *folders) whole(contents ...string) {
	f.t.Helper()
	if got := f.content(f.link); !slices.Contains(contents, got) {
		f.t.Errorf("the link shows slot %s, which holds %q", f.link, got)
	}
}

func TestFoldersRunAReleaseWithoutAReboot(t *testing.T) {
	f := newFolders(t)
	for n, content := range []string{"v2 healthy", "v3 healthy", "v4 healthy"} {
		f.offer = &image{content: content, version: content[:2]}
		out, err := f.install()
		if err != nil || !out.Committed || out.RebootRequired || out.Slot != bootctl.Slot((n+1)%2) {
			t.Fatalf("%s: %+v, %v", content, out, err)
		}
		if f.runs != content || f.link != out.Slot || f.rebooted || f.restarts != n+1 {
			t.Errorf("%q runs from slot %s after %d restarts, rebooted %v", f.runs, f.link, f.restarts, f.rebooted)
		}
		if r := f.record(); r.Phase != Committed || !f.table.Slots[f.link].Good || r.Slots[f.link].SHA256 == "" {
			t.Errorf("record %+v, table %+v", r, f.table)
		}
		if _, err := f.install(); !errors.Is(err, ErrNothingToDo) {
			t.Errorf("again: %v", err)
		}
		report, err := f.boot()
		if err != nil || report.Action != DoNothing || f.restarts != n+1 {
			t.Errorf("boot: %+v, %v, %d restarts", report, err, f.restarts)
		}
	}
}

func TestFoldersGoBackFromABadRelease(t *testing.T) {
	for _, content := range []string{"v3 unhealthy", "v4 panics"} {
		f := newFolders(t)
		f.offer = &image{content: content}
		out, err := f.install()
		if !errors.Is(err, ErrUnhealthy) || out.Committed || out.RebootRequired {
			t.Errorf("%s: %+v, %v", content, out, err)
		}
		if f.runs != "v1 healthy" || f.link != bootctl.A || f.table.Slots[bootctl.B].Bootable() || f.restarts != 2 {
			t.Errorf("%s: %q runs from slot %s after %d restarts, table %+v", content, f.runs, f.link, f.restarts, f.table)
		}
		if r := f.record(); r.Phase != Idle || len(r.Condemned) != 1 {
			t.Errorf("%s: record %+v", content, r)
		}
		if _, err := f.install(); !errors.Is(err, ErrRefusedRelease) {
			t.Errorf("%s again: %v", content, err)
		}
	}
}

func TestRestartThatFailsForBothSlotsIsTriedAgain(t *testing.T) {
	f := newFolders(t)
	f.offer = &image{content: "v2 healthy"}
	f.stuck = errors.New("no service manager")
	_, err := f.install()
	if !errors.Is(err, ErrUnhealthy) || !strings.Contains(err.Error(), "could not be started either") || f.link != bootctl.A {
		t.Fatalf("got %v, the link shows %s", err, f.link)
	}
	if _, err := f.boot(); err == nil || f.link != bootctl.A {
		t.Errorf("boot: %v, the link shows %s", err, f.link)
	}
	f.stuck = nil
	if report, err := f.boot(); err != nil || f.runs != "v1 healthy" {
		t.Errorf("boot: %+v, %v, %q runs", report, err, f.runs)
	}
	restarts := f.restarts
	if _, err := f.boot(); err != nil || f.restarts != restarts {
		t.Errorf("a further boot: %v, %d restarts more", err, f.restarts-restarts)
	}
}

// A link that cannot be moved is not the release's fault.
func TestLinkThatCannotBeMovedLeavesTheReleaseUnjudged(t *testing.T) {
	f := newFolders(t)
	f.offer = &image{content: "v2 healthy"}
	e := f.engine()
	e.Service = stiff{f}
	_, err := e.Install(t.Context(), InstallOptions{})
	if err == nil || errors.Is(err, ErrUnhealthy) || f.table.Slots[bootctl.B].Bootable() || len(f.record().Condemned) > 0 {
		t.Errorf("%v, table %+v, record %+v", err, f.table, f.record())
	}
	if out, err := f.install(); err != nil || !out.Committed {
		t.Errorf("once it can be: %+v, %v", out, err)
	}
}

type stiff struct{ *folders }

func (stiff) Point(bootctl.Slot) error { return errors.New("read-only file system") }

func TestOperatorsWordTakesEffectAtOnce(t *testing.T) {
	f := newFolders(t)
	f.offer = &image{content: "v2 healthy"}
	if _, err := f.install(); err != nil {
		t.Fatal(err)
	}
	follow := func(mark func(*Engine) (MarkResult, error), want string) {
		t.Helper()
		e := f.engine()
		if _, err := mark(e); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Follow(t.Context()); err != nil || f.runs != want || e.Booted != f.link {
			t.Errorf("%v: %q runs, want %q", err, f.runs, want)
		}
	}
	follow((*Engine).Rollback, "v1 healthy")
	follow(func(e *Engine) (MarkResult, error) { return e.MarkActive(bootctl.B) }, "v2 healthy")
	follow(func(e *Engine) (MarkResult, error) { return e.MarkGood(bootctl.B) }, "v2 healthy")
	follow(func(e *Engine) (MarkResult, error) { return e.MarkBad(bootctl.B) }, "v1 healthy")
	f.powerOn()
	if report, err := f.boot(); err != nil || report.Action != DoNothing || f.runs != "v1 healthy" {
		t.Errorf("after a reboot: %+v, %v, %q runs", report, err, f.runs)
	}
}

// A release that hangs the device, or lets the power fail, is left after three
// attempts, of which starting it in the first place is one.
func TestAttemptsAreCountedAcrossBoots(t *testing.T) {
	f := newFolders(t)
	f.offer = &image{content: "v2 healthy"}
	ctx, cut := context.WithCancel(t.Context())
	e := f.engine()
	e.Prove = func(context.Context) error { cut(); return nil }
	if _, err := e.Install(ctx, InstallOptions{}); !errors.Is(err, context.Canceled) || f.link != bootctl.B {
		t.Fatalf("got %v, the link shows %s", err, f.link)
	}
	for attempt := 2; attempt <= 3; attempt++ {
		f.powerOn()
		if f.link != bootctl.B {
			t.Fatalf("attempt %d starts slot %s", attempt, f.link)
		}
		ctx, cut := context.WithCancel(t.Context())
		cut()
		if _, err := f.engine().Boot(ctx); !errors.Is(err, context.Canceled) {
			t.Fatalf("attempt %d: %v", attempt, err)
		}
	}
	f.powerOn()
	if _, err := f.boot(); err != nil || f.runs != "v1 healthy" || f.link != bootctl.A || len(f.record().Condemned) > 0 {
		t.Errorf("%v: %q runs from slot %s, record %+v", err, f.runs, f.link, f.record())
	}
}

// The power may go before a slot's old folder is really gone, and comes back
// to a loader that counts.
func TestInterruptedWriteIsStillExplainedAfterABoot(t *testing.T) {
	f := newFolders(t)
	for _, content := range []string{"v2 healthy", "v3 healthy"} {
		f.offer = &image{content: content}
		if _, err := f.install(); err != nil {
			t.Fatal(err)
		}
	}
	f.offer = &image{content: "v4 healthy"}
	f.steps, f.cutAt = 0, 7
	if _, err := f.install(); !errors.Is(err, errPowerLost) || f.record().Phase != Writing {
		t.Fatalf("the write was not interrupted: %v, %+v", err, f.record())
	}
	if err := os.MkdirAll(filepath.Join(f.paths[f.link.Other()], "of old"), 0o755); err != nil {
		t.Fatal(err)
	}
	f.powerOn()
	if _, err := f.boot(); err != nil {
		t.Fatal(err)
	}
	if r := f.record(); r.Phase != Writing || f.table.Generation-r.Generation > 1 {
		t.Errorf("record %+v, table %+v", r, f.table)
	}
	if out, err := f.install(); err != nil || !out.Committed {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestFolderOfSomebodyElseIsNotReplaced(t *testing.T) {
	f := newFolders(t)
	precious := filepath.Join(f.paths[bootctl.B], "precious")
	if err := os.MkdirAll(precious, 0o755); err != nil {
		t.Fatal(err)
	}
	f.offer = &image{content: "v2 healthy"}
	var refused *bootctl.RefusedError
	for range 2 {
		if _, err := f.install(); !errors.As(err, &refused) {
			t.Errorf("got %v", err)
		}
		if _, err := f.boot(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(precious); err != nil {
		t.Error(err)
	}
}
