package sdboot

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"abota/bootctl"
	"abota/bootctl/bootctltest"
	"abota/sim/cutdisk"
)

// medium is a folder of real files, of which some are one under two names, and
// the loader that reads it.
type medium struct {
	*Backend
	t   *testing.T
	dir string
}

func newMedium(t *testing.T) medium {
	t.Helper()
	mount := t.TempDir()
	dir := filepath.Join(mount, "loader", "entries")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	b, err := New(mount, bodies)
	if err != nil {
		t.Fatal(err)
	}
	return medium{b, t, dir}
}

// twin gives a file another name, as a cut within the loader's rename does.
func (m medium) twin(name, other string) {
	m.t.Helper()
	if err := os.Link(filepath.Join(m.dir, name), filepath.Join(m.dir, other)); err != nil {
		m.t.Fatal(err)
	}
}

func (m medium) esp() *esp {
	m.t.Helper()
	e := &esp{files: map[string]string{}, steps: new(bootctltest.Steps)}
	names, err := m.folder.list()
	for _, name := range names {
		if err == nil {
			var raw []byte
			raw, err = m.folder.read(name)
			e.files[name] = string(raw)
		}
	}
	if err != nil {
		m.t.Fatal(err)
	}
	return e
}

// boot is the loader's next start.
func (m medium) boot() bootctl.Slot {
	m.t.Helper()
	before := m.esp()
	after := before.Clone().(*esp)
	s, ok := after.Boot()
	if !ok {
		m.t.Fatal("the loader starts nothing")
	}
	for from := range before.files {
		if _, stays := after.files[from]; stays {
			continue
		}
		for to := range after.files {
			if _, old := before.files[to]; !old {
				if err := os.Rename(filepath.Join(m.dir, from), filepath.Join(m.dir, to)); err != nil {
					m.t.Fatal(err)
				}
			}
		}
	}
	return s
}

func (m medium) expect(what string, counted ...string) {
	m.t.Helper()
	if got := m.esp().counted(); !slices.Equal(got, counted) {
		m.t.Errorf("%s: the counted entries are %v, want %v", what, got, counted)
	}
}

// tried is a medium where a cut within the loader's rename left two names.
func tried(t *testing.T) medium {
	m := newMedium(t)
	mustStore(t, m.Backend, bothGood(), bothGood().WithOrder(bootctl.A), armed())
	m.twin("abota-b+3.conf", "abota-b+2-1.conf")
	for range 5 {
		if s := m.boot(); s != bootctl.B {
			t.Fatalf("booted %s", s)
		}
	}
	m.expect("booted", "abota-b+2-1.conf", "abota-b+3.conf")
	return m
}

// Two names of one file are never removed, and the next trial has none of them
// in its way.
func TestTwoNamesOfOneFileStay(t *testing.T) {
	m := tried(t)
	if faults := m.Faults(); len(faults) != 3 || !strings.Contains(faults[1], "abota-b+2-1.conf") || !strings.Contains(faults[1], "fsck.vfat") {
		t.Errorf("faults %q", faults)
	}
	lost, err := bootctl.Situation{Table: mustLoad(t, m.Backend), Booted: bootctl.B}.Rollback("abcd")
	if err != nil {
		t.Fatal(err)
	}
	mustStore(t, m.Backend, lost)
	m.expect("rolled back", "abota-b+2-1.conf", "abota-b+3.conf")
	if s := m.boot(); s != bootctl.A || mustLoad(t, m.Backend) != lost {
		t.Errorf("rolled back: booted %s", s)
	}
	again := armed()
	again.Generation = lost.Generation + 1
	mustStore(t, m.Backend, again, again)
	m.expect("armed again", "abota-b+2-1.conf", "abota-b+3-1.conf", "abota-b+3.conf")
	for _, want := range []bootctl.Slot{bootctl.B, bootctl.B, bootctl.B, bootctl.A} {
		if s := m.boot(); s != want {
			t.Errorf("armed again: booted %s, want %s", s, want)
		}
	}
	m.expect("tried again", "abota-b+0-4.conf", "abota-b+2-1.conf", "abota-b+3.conf")
	if got := mustLoad(t, m.Backend).Slots[bootctl.B].Tries; got != 0 {
		t.Errorf("%d tries left", got)
	}
	mustStore(t, m.Backend, lost)
	m.expect("gone back again", "abota-b+2-1.conf", "abota-b+3.conf")
}

func TestATrialUnderTwoNamesIsCommitted(t *testing.T) {
	m := tried(t)
	won, err := bootctl.Situation{Table: mustLoad(t, m.Backend), Booted: bootctl.B}.MarkGood(bootctl.B)
	if err != nil {
		t.Fatal(err)
	}
	mustStore(t, m.Backend, won, won)
	m.expect("committed", "abota-b+2-1.conf", "abota-b+3.conf")
	if e := m.esp(); m.boot() != bootctl.B || !slices.Equal(e.starts(), []string{bodies[1], bodies[0]}) {
		t.Errorf("committed: the entries are %q", e.starts())
	}
}

// A table that keeps the trial gives it an entry of one name.
func TestATrialUnderTwoNamesIsCountedAgain(t *testing.T) {
	for _, tries := range []int{3, 2, 1} {
		m := tried(t)
		table := armed()
		table.Slots[bootctl.B].Tries = tries
		mustStore(t, m.Backend, table)
		for range tries {
			if s := m.boot(); s != bootctl.B {
				t.Errorf("%d tries: booted %s", tries, s)
			}
		}
		if s := m.boot(); s != bootctl.A {
			t.Errorf("%d tries: then booted %s", tries, s)
		}
	}
}

// fsck.vfat leaves one of the two names with an empty file.
func TestATrialBesideAnEmptyNameIsCountedAgain(t *testing.T) {
	e := newESP()
	b := opened(e)
	mustStore(t, b, bothGood(), bothGood().WithOrder(bootctl.A), armed())
	e.files["abota-b+2-1.conf"] = ""
	next := armed()
	next.Generation++
	mustStore(t, b, next)
	for _, want := range []bootctl.Slot{bootctl.B, bootctl.B, bootctl.B, bootctl.A} {
		if s, ok := e.Boot(); !ok || s != want {
			t.Errorf("booted %s, %v, want %s", s, ok, want)
		}
	}
}

// cutAfter is a folder that loses power after so many writes.
type cutAfter struct {
	*esp
	writes int
}

func (c *cutAfter) write(do func() error) error {
	if c.writes == 0 {
		return cutdisk.ErrPowerLost
	}
	c.writes--
	return do()
}

func (c *cutAfter) create(name string, data []byte) error {
	return c.write(func() error { return c.esp.create(name, data) })
}

func (c *cutAfter) overwrite(name string, data []byte) error {
	return c.write(func() error { return c.esp.overwrite(name, data) })
}

func (c *cutAfter) remove(name string) error {
	return c.write(func() error { return c.esp.remove(name) })
}

// What an earlier cut left is not in the way of counting down, also when another
// cut keeps it from being removed.
func TestANameInUseDoesNotStopTheCounting(t *testing.T) {
	for _, left := range []string{"abota-b+2-1.conf", "abota-b+1-2.conf", "abota-b+0-3.conf", "abota-b+3.conf"} {
		for writes := range 8 {
			e := newESP()
			mustStore(t, opened(e), bothGood(), bothGood().WithOrder(bootctl.A))
			e.files[left] = e.files["abota-b.conf"][:Size-1] + " "
			_ = (&Backend{&cutAfter{e, writes}, bodies}).Store(armed()) // it may be cut
			names := slices.Sorted(maps.Keys(e.files))
			for range 3 {
				e.Boot()
			}
			if s, ok := e.Boot(); !ok || s != bootctl.A {
				t.Errorf("%s, %d writes: booted %s, %v from %v", left, writes, s, ok, names)
			}
		}
	}
}
