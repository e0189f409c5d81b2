package updater

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"abota/bootctl"
	"abota/bootctl/bootscript"
	"abota/updater/release"
	"abota/updater/source"
)

var errPowerLost = errors.New("power lost")

// world is a device whose table and journal are in memory, whose slots are
// files, and whose power can be cut between any two things that last.
type world struct {
	t     *testing.T
	caps  bootctl.Caps
	table bootctl.Table
	none  bool // there is no valid table
	// once is what starts an armed slot, where the table does not: BootNext, or
	// the reboot's argument. deaf is a loader that does not follow it.
	once, deaf bool
	// saved is the newest copy of the journal, former the one before it.
	saved, former []byte
	paths         [2]string

	// steps counts the moments at which power could go; cutAt is the one at
	// which it does, 0 for never.
	steps, cutAt int
	dead         bool

	boots    int
	booted   bootctl.Slot
	rebooted bool

	offer *image
	// hooks, when set, are the device's hooks; events is what was told.
	hooks  *worldHooks
	events []Event
	// note is what the images say of themselves.
	note       func(bootctl.Slot) (release.Note, error)
	journalErr error
	healthErr  func(content string) error
}

// image is a release of one image.
type image struct {
	content string
	version string
	// damage, when set, is what the payload ends in.
	damage error
	// changes makes the first n passes end in a publication race.
	changes int
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, caps: counting, boots: 1, healthErr: func(content string) error {
		if strings.Contains(content, "unhealthy") {
			return errors.New("selftest failed")
		}
		return nil
	}}
	for _, s := range bootctl.Slots {
		w.paths[s] = filepath.Join(t.TempDir(), "slot-"+s.String())
		if err := os.WriteFile(w.paths[s], make([]byte, 16<<10), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.fill(bootctl.A, "v1 healthy")
	w.table = bootctl.Table{Generation: 1, ConfirmedTries: 10, Slots: [2]bootctl.State{{Priority: 1, Tries: 10, Good: true}, {}}}
	return w
}

func (w *world) fill(s bootctl.Slot, content string) {
	f, err := os.OpenFile(w.paths[s], os.O_WRONLY, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(content + "\x00"); err != nil {
		w.t.Fatal(err)
	}
}

// content is what a slot starts with, up to its first zero.
func (w *world) content(s bootctl.Slot) string {
	all, err := os.ReadFile(w.paths[s])
	if err != nil {
		w.t.Fatal(err)
	}
	text, _, _ := bytes.Cut(all, []byte{0})
	return strings.TrimRight(string(text), ".")
}

// step is one moment at which the power may go.
func (w *world) step() error {
	w.steps++
	if w.steps == w.cutAt {
		w.dead = true
	}
	if w.dead {
		return errPowerLost
	}
	return nil
}

// The boot table.

func (w *world) Caps() bootctl.Caps { return w.caps }

func (w *world) Load() (bootctl.Table, error) {
	if w.none {
		return bootctl.Table{}, bootctl.ErrNoTable
	}
	t := w.caps.Keep(w.table)
	if first, ok := t.Primary(); ok && w.caps.TellsStart && w.once {
		t.Slots[first].Tries = bootctl.DefaultTrialTries
	}
	return t, nil
}

func (w *world) Store(t bootctl.Table) error {
	if err := w.step(); err != nil {
		return err
	}
	t = w.caps.Keep(t)
	w.table, w.none, w.once = t, false, false
	if err := w.step(); err != nil || !w.outside() {
		return err
	}
	first, ok := t.Primary()
	w.once = ok && !t.Slots[first].Good
	return w.step()
}

// outside reports whether what starts a trial is not in the table.
func (w *world) outside() bool { return w.caps.OneShot && !w.caps.Tries }

// worldJournal is the world's journal.
type worldJournal struct{ *world }

func (j worldJournal) Load() ([]byte, error) {
	if j.saved == nil {
		return nil, errors.New("no record")
	}
	return j.saved, nil
}

func (j worldJournal) Save(p []byte) error {
	if j.journalErr != nil {
		return j.journalErr
	}
	if err := j.step(); err != nil {
		return err
	}
	j.former, j.saved = j.saved, bytes.Clone(p)
	return j.step()
}

// The release.

func (i *image) id() release.ID {
	sum := sha256.Sum256([]byte(i.content))
	return release.ID{Checksum: hex.EncodeToString(sum[:8]), Version: i.version, Source: "memory"}
}

// worldRelease is what the world offers.
type worldRelease struct{ *world }

func (r worldRelease) Check(context.Context) (release.ID, error) {
	if r.offer == nil {
		return release.ID{}, fmt.Errorf("nothing published: %w", source.ErrNotFound)
	}
	id := r.offer.id()
	id.Version = ""
	return id, nil
}

func (r worldRelease) Open(context.Context) (Payload, error) {
	// Dots fill the image up, so that it takes several writes.
	return &pass{w: r.world, image: r.offer, left: strings.NewReader(r.offer.content + strings.Repeat(".", 4096) + "\x00")}, nil
}

// pass is one reading of an image.
type pass struct {
	w     *world
	image *image
	left  *strings.Reader
	begun bool
	done  bool
}

func (p *pass) Next() (release.Part, error) {
	if !p.begun {
		p.begun = true
		return release.Part{Name: "image", Size: p.left.Size()}, nil
	}
	if p.image.changes > 0 {
		p.image.changes--
		return release.Part{}, fmt.Errorf("publication race: %w", source.ErrChanged)
	}
	if p.image.damage != nil {
		return release.Part{}, p.image.damage
	}
	p.done = true
	return release.Part{}, io.EOF
}

func (p *pass) Read(b []byte) (int, error) {
	if err := p.w.step(); err != nil {
		return 0, err
	}
	return p.left.Read(b[:min(len(b), 1024)])
}

func (p *pass) ID() release.ID {
	id := p.image.id()
	if p.done {
		sum := sha256.Sum256([]byte(p.image.content))
		id.SHA256 = hex.EncodeToString(sum[:])
	}
	return id
}

func (p *pass) Parts() iter.Seq[release.Part] {
	return slices.Values([]release.Part{{Name: "image", Size: p.left.Size()}})
}

func (p *pass) Fetched() int64 { return p.left.Size() - int64(p.left.Len()) }
func (p *pass) Close() error   { return nil }

// engine is abota on the system that runs now.
func (w *world) engine() *Engine {
	e := &Engine{
		Backend: w, Journal: worldJournal{w}, Release: worldRelease{w},
		Paths: w.paths, Booted: w.booted, BootID: fmt.Sprintf("boot-%d", w.boots), ConfirmedTries: 10,
		Prove:    func(context.Context) error { return w.healthErr(w.content(w.booted)) },
		Reboot:   func(context.Context) error { w.rebooted = true; return nil },
		Progress: func(Progress) {},
		Code:     func(error) int { return 8 },
		Events:   func(ev Event) { w.events = append(w.events, ev) },
		Now:      func() time.Time { return time.Unix(1_700_000_000, 0) },
		Log:      slog.New(slog.DiscardHandler),
	}
	e.Note = w.note
	if w.hooks != nil {
		e.Hooks = w.hooks
	}
	return e
}

// powerOn is the bootloader and the kernel: it restarts until some slot
// reaches user space.
func (w *world) powerOn() {
	w.dead, w.cutAt, w.rebooted = false, 0, false
	for range 20 {
		w.boots++
		slot, ok := w.choose()
		if !ok {
			w.t.Fatalf("brick: nothing to boot in %+v", w.table)
		}
		if !strings.Contains(w.content(slot), "panics") {
			w.booted = slot
			return
		}
	}
	w.t.Fatalf("brick: no user space after 20 boots, table %+v", w.table)
}

// choose is the boot script.
func (w *world) choose() (bootctl.Slot, bool) {
	if w.none {
		start, ok := bootscript.BootLost(nil)
		return start.Slot, ok
	}
	if w.outside() {
		return w.chooseOutside(), true
	}
	if w.caps.OneShot {
		return w.chooseOnce(), true
	}
	table := w.table
	if !w.caps.Good {
		table.ConfirmedTries = bootctl.DefaultConfirmedTries // RAUC's counts every boot
	}
	start, ok := bootscript.Boot(table, nil)
	if ok && start.Recorded {
		w.table = w.caps.Keep(start.Table)
	}
	return start.Slot, ok
}

// chooseOutside is a firmware that starts a slot once if it is asked to, and
// else the confirmed one. It does not forget what it does not follow.
func (w *world) chooseOutside() bootctl.Slot {
	order := w.table.Order()
	if w.deaf || !w.once {
		i := slices.IndexFunc(order, func(s bootctl.Slot) bool { return w.table.Slots[s].Good })
		return order[max(i, 0)]
	}
	w.once = false
	return order[0]
}

// chooseOnce is a boot script that starts a trial once: Mender's, or RAUC's in
// GRUB, which wants an answer from every slot that it starts.
func (w *world) chooseOnce() bootctl.Slot {
	w.table = w.caps.Keep(w.table)
	for {
		for _, s := range w.table.Order() {
			st := &w.table.Slots[s]
			ready := st.Tries > 0 || w.caps.Pointer && st.Good
			st.Tries = 0
			if !ready && w.caps.Pointer {
				w.table = w.table.WithOrder(s.Other())
			}
			if ready {
				return s
			}
		}
		for i := range w.table.Slots {
			if w.table.Slots[i].Bootable() && !w.caps.Pointer {
				w.table.Slots[i].Tries = bootctl.DefaultTrialTries
			}
		}
	}
}
