package takeover

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"abota/bootctl"
	"abota/sim/loaderscript"
	"abota/updater"
	"abota/updater/journal"
	"abota/updater/raw"
	"abota/updater/slot"
	"abota/updater/source"
)

func TestMain(m *testing.M) {
	code := m.Run()
	fmt.Printf("takeover: %d boots of a real U-Boot or GRUB\n", loaderscript.Boots.Load())
	os.Exit(code)
}

// board is a device that another updater ran on.
type board struct {
	loaderscript.Slots
	path   string // the disk
	slotAt int    // where slot A begins on it; slot B is behind
	// paths are the slots for the engine, which writes files, not partitions.
	paths [2]string
	dir   string
	boots int
	// quiet is how many reboots it is left alone for, and brief leaves out the
	// release whose kernel does not start.
	quiet int
	brief bool
	// counts says that the script writes at each boot.
	counts bool

	power func(*testing.T) loaderscript.Outcome
	open  func() bootctl.Backend
	// variables are what the loader's own tool lists.
	variables func(*testing.T) string
	// push and pull bring files of the boot partition to the disk and back.
	push, pull func(*testing.T)
}

func newBoard(t *testing.T, m loaderscript.Machine, slotAt int) *board {
	t.Helper()
	dir := loaderscript.Scratch(t)
	b := &board{Slots: loaderscript.Slots{Machine: m}, path: filepath.Join(dir, "disk.img"), slotAt: slotAt, dir: dir, quiet: 10}
	b.push, b.pull = func(*testing.T) {}, func(*testing.T) {}
	for _, s := range bootctl.Slots {
		b.paths[s] = filepath.Join(dir, "slot-"+s.String())
		loaderscript.Write(t, b.paths[s], b.Image(t, b.Healthy(s.String())))
	}
	return b
}

// start powers the board on: the slot that runs, or none when it resets.
func (b *board) start(t *testing.T) (slot bootctl.Slot, runs bool) {
	t.Helper()
	b.push(t)
	image := loaderscript.Read(t, b.path)
	for i, path := range b.paths {
		copy(image[b.slotAt+i*loaderscript.SlotSize:], loaderscript.Read(t, path))
	}
	loaderscript.Write(t, b.path, image)
	b.boots++
	o := b.power(t)
	b.pull(t)
	if o.Started == "" {
		return 0, false
	}
	// A payload is named for the slot that it was made for, and its release.
	slot, err := bootctl.ParseSlot(o.Started[:1])
	if err != nil {
		t.Fatalf("%v\n%s", err, o.Console)
	}
	return slot, true
}

// expect starts the board and wants this slot to run.
func (b *board) expect(t *testing.T, want bootctl.Slot) {
	t.Helper()
	if got, runs := b.start(t); !runs || got != want {
		t.Fatalf("boot %d: slot %s runs (%v), want %s; the variables are\n%s", b.boots, got, runs, want, b.variables(t))
	}
}

var errSick = errors.New("selftest failed")

// engine is abota on the slot that runs.
func (b *board) engine(t *testing.T, booted bootctl.Slot, healthy bool) *updater.Engine {
	t.Helper()
	j, err := journal.Open(filepath.Join(b.dir, "journal"), 32<<10)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return &updater.Engine{
		Backend: b.open(), Journal: j, Host: slot.Host{}, Paths: b.paths,
		Booted: booted, BootID: fmt.Sprintf("boot-%d", b.boots), ConfirmedTries: bootctl.DefaultConfirmedTries,
		Prove: func(context.Context) error {
			if healthy {
				return nil
			}
			return errSick
		},
		Reboot: func(context.Context) error { return nil }, Progress: func(updater.Progress) {},
		Code: func(error) int { return 1 }, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
}

// answer is `abota boot`.
func (b *board) answer(t *testing.T, booted bootctl.Slot, healthy bool) updater.BootReport {
	t.Helper()
	report, err := b.engine(t, booted, healthy).Boot(t.Context())
	if err != nil && !errors.Is(err, updater.ErrUnhealthy) {
		t.Fatalf("boot %d in slot %s: %v", b.boots, booted, err)
	}
	return report
}

// offer is a release as it is.
type offer struct{ *raw.Release }

func (o offer) Open(ctx context.Context) (updater.Payload, error) { return o.Release.Open(ctx) }

// install is `abota install` of a release with this kernel in slot B's or A's file
// system.
func (b *board) install(t *testing.T, booted bootctl.Slot, content loaderscript.Files) {
	t.Helper()
	path := filepath.Join(loaderscript.Scratch(t), "release.img")
	image := b.Image(t, content)
	loaderscript.Write(t, path, image)
	dir, err := source.NewDir(path)
	if err != nil {
		t.Fatal(err)
	}
	e := b.engine(t, booted, true)
	e.Release = offer{&raw.Release{Source: dir, Object: "release.img", Size: int64(len(image))}}
	if _, err := e.Install(t.Context(), updater.InstallOptions{}); err != nil {
		t.Fatalf("install: %v", err)
	}
}

// takeOver is `abota provision`: it must leave the disk as it is.
func (b *board) takeOver(t *testing.T) {
	t.Helper()
	before := b.everything(t)
	s, err := b.engine(t, bootctl.A, true).Provision(t.Context(), updater.ProvisionOptions{
		TakeOver: true,
		Digest: func(ctx context.Context, s bootctl.Slot) ([]slot.Held, error) {
			proof, err := slot.Digest(ctx, b.paths[s], -1)
			return []slot.Held{{SHA256: proof.SHA256, Size: proof.Size}}, err
		},
	})
	if err != nil {
		t.Fatalf("take over: %v", err)
	}
	if s.Phase != updater.Idle || s.Primary != "A" {
		t.Errorf("after taking over the device is %+v", s)
	}
	if !bytes.Equal(b.everything(t), before) {
		t.Error("taking over changed the disk")
	}
}

// everything is the disk and what of its files lies beside it.
func (b *board) everything(t *testing.T) []byte {
	t.Helper()
	b.push(t)
	return loaderscript.Read(t, b.path)
}

// story takes the device over, leaves it alone, updates it, and fails to.
func (b *board) story(t *testing.T) {
	b.expect(t, bootctl.A)
	b.settle(t)
	before, names := b.variables(t), namesIn(b.variables(t))
	b.takeOver(t)
	for n := range b.quiet {
		all := b.everything(t)
		b.expect(t, bootctl.A)
		if r := b.answer(t, bootctl.A, true); r.Action != updater.DoNothing {
			t.Fatalf("reboot %d: %s: %s", n+1, r.Action, r.Why)
		}
		if after := b.variables(t); after != before {
			t.Fatalf("reboot %d changed the variables:\n%s\nwere\n%s", n+1, after, before)
		}
		if !b.counts && !bytes.Equal(b.everything(t), all) {
			t.Fatalf("reboot %d wrote to the disk", n+1)
		}
	}
	b.update(t)
	b.sick(t)
	if !b.brief {
		b.broken(t)
	}
	if after := namesIn(b.variables(t)); !slices.Equal(after, names) {
		t.Errorf("the variables are now %q, were %q", after, names)
	}
	if !strings.Contains(b.variables(t), "board_note=a b;c") {
		t.Errorf("a variable of others is lost:\n%s", b.variables(t))
	}
}

// settle is the old updater's last word: it marks what runs as good.
func (b *board) settle(t *testing.T) {
	t.Helper()
	table, err := b.open().Load()
	if err == nil {
		err = b.open().Store(bootctl.Situation{Table: table, Booted: bootctl.A}.Refill())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// update: a release that is healthy is tried once by their script, and kept.
func (b *board) update(t *testing.T) {
	t.Helper()
	b.install(t, bootctl.A, b.Healthy("B 2.0"))
	b.expect(t, bootctl.B)
	if r := b.answer(t, bootctl.B, true); !r.Committed {
		t.Fatalf("the trial ended with %s: %s", r.Action, r.Why)
	}
	for range 2 {
		b.expect(t, bootctl.B)
		if r := b.answer(t, bootctl.B, true); r.Action != updater.DoNothing {
			t.Fatalf("after the commit: %s: %s", r.Action, r.Why)
		}
	}
}

// sick: a release that is not healthy is left.
func (b *board) sick(t *testing.T) {
	t.Helper()
	b.install(t, bootctl.B, b.Healthy("A 3.0"))
	b.expect(t, bootctl.A)
	if r := b.answer(t, bootctl.A, false); r.Action != updater.Trial || r.Committed {
		t.Fatalf("the trial ended with %s: %s", r.Action, r.Why)
	}
	b.expect(t, bootctl.B)
	if r := b.answer(t, bootctl.B, true); r.Action != updater.DoNothing {
		t.Fatalf("after the rollback: %s: %s", r.Action, r.Why)
	}
}

// broken: a kernel that does not start is left by their script alone, and tried
// as often as the journal says.
func (b *board) broken(t *testing.T) {
	t.Helper()
	content := b.Healthy("A 4.0")
	content["boot/"+b.Kernel] = strings.Repeat("no kernel at all", 1024)
	b.install(t, bootctl.B, content)
	for range 20 {
		booted, runs := b.start(t)
		if !runs {
			continue
		}
		if booted != bootctl.B {
			t.Fatalf("slot %s runs, whose kernel is none", booted)
		}
		switch r := b.answer(t, booted, true); r.Action {
		case updater.Condemn:
			b.expect(t, bootctl.B)
			return
		case updater.ArmAgain:
		default:
			t.Fatalf("back from the trial: %s: %s", r.Action, r.Why)
		}
	}
	t.Fatal("the trial never ended")
}

func sorted(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func namesIn(variables string) (names []string) {
	for line := range strings.Lines(variables) {
		name, _, _ := strings.Cut(line, "=")
		names = append(names, name)
	}
	return names
}
