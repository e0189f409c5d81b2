package symlink

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"abota/bootctl"
	"abota/bootctl/bootctltest"
	"abota/bootctl/bootscript"
	"abota/bootctl/record"
	"abota/sim/cutdisk"
	"abota/updater/journal"
)

const recordSize = 4096

func onDisk(t *testing.T, d *cutdisk.Disk) bootctl.Backend {
	t.Helper()
	j, err := journal.On(cutdisk.Folded{Disk: d, Piece: recordSize, Second: journal.Offsets[1]}, recordSize)
	if err != nil {
		t.Fatal(err)
	}
	return Backend{record.New(j, journal.ErrLost)}
}

func TestConformance(t *testing.T) {
	bootctltest.Run(t, bootctltest.Factory{
		Blank:  make([]byte, 2*recordSize),
		Open:   func(d *cutdisk.Disk) bootctl.Backend { return onDisk(t, d) },
		Copies: [2]bootctltest.Region{{Offset: 0, Size: recordSize}, {Offset: recordSize, Size: recordSize}},
	})
}

// trial is a table in which B is armed over a confirmed A.
func trial() bootctl.Table {
	t := bootctl.Table{Generation: 5, ConfirmedTries: 10}.WithOrder(bootctl.B, bootctl.A)
	t.Slots[bootctl.A].Good, t.Slots[bootctl.A].Tries = true, 10
	t.Slots[bootctl.B].Tries = 3
	return t
}

func TestChoosesAsTheBootScriptDoes(t *testing.T) {
	both := func(bootctl.Slot) bool { return true }
	for _, row := range []struct {
		name         string
		change       func(*bootctl.Table)
		missing      string
		want         bootctl.Slot
		none         bool
		triesA, left int
	}{
		{name: "armed", want: bootctl.B, triesA: 10, left: 2},
		{name: "last attempt", change: func(t *bootctl.Table) { t.Slots[bootctl.B].Tries = 1 }, want: bootctl.B, triesA: 10},
		{name: "no attempt left", change: func(t *bootctl.Table) { t.Slots[bootctl.B].Tries = 0 }, want: bootctl.A, triesA: 9},
		{name: "not there", missing: "B", want: bootctl.A, triesA: 9, left: 3},
		{name: "confirmed boots are not counted", change: func(t *bootctl.Table) {
			*t = t.WithOrder(bootctl.A)
			t.ConfirmedTries = 0
		}, want: bootctl.A, triesA: 10, left: 3},
		{name: "no attempt left anywhere", change: func(t *bootctl.Table) {
			t.Slots[bootctl.A].Tries, t.Slots[bootctl.B].Tries = 0, 0
		}, want: bootctl.A, triesA: 9},
		{name: "nothing good, no attempt left", change: func(t *bootctl.Table) {
			t.Slots[bootctl.A] = bootctl.State{}
			t.Slots[bootctl.B].Tries = 0
		}, want: bootctl.B},
		{name: "none there", missing: "AB", none: true, triesA: 10, left: 3},
	} {
		t.Run(row.name, func(t *testing.T) {
			table := trial()
			if row.change != nil {
				row.change(&table)
			}
			startable := both
			if row.missing != "" {
				startable = func(s bootctl.Slot) bool { return !strings.Contains(row.missing, s.String()) }
			}
			next, got, ok := Choose(table, startable)
			if ok == row.none || ok && got != row.want {
				t.Errorf("chose %s, %v", got, ok)
			}
			if a, b := next.Slots[bootctl.A].Tries, next.Slots[bootctl.B].Tries; a != row.triesA || b != row.left {
				t.Errorf("tries left: A %d, B %d, want %d, %d", a, b, row.triesA, row.left)
			}
		})
	}
}

// memory is a table in memory.
type memory struct {
	table  bootctl.Table
	none   error
	fail   error
	stores int
}

func (m *memory) Caps() bootctl.Caps { return bootctl.Caps{Good: true, Generation: true} }

func (m *memory) Load() (bootctl.Table, error) { return m.table, m.none }

func (m *memory) Store(t bootctl.Table) error {
	if m.fail != nil {
		return m.fail
	}
	m.table, m.stores = t, m.stores+1
	return nil
}

func loader(t *testing.T) (*memory, Loader, string) {
	t.Helper()
	link, dir := layout(t)
	m := &memory{table: trial()}
	return m, Loader{Backend: Backend{m}, Link: link, Marker: filepath.Join(dir, "selected"), BootID: "boot-1"}, dir
}

func (l Loader) mustSelect(t *testing.T, want bootctl.Slot, moved bool) {
	t.Helper()
	got, err := l.Select()
	if err != nil || got != (Selection{want, moved}) {
		t.Errorf("selected %+v, %v, want %s, moved %v", got, err, want, moved)
	}
	if shown, ok := l.Link.Shows(); !ok || shown != want {
		t.Errorf("the link shows %s, %v, want %s", shown, ok, want)
	}
}

func TestCountsOnceInEachBoot(t *testing.T) {
	m, l, _ := loader(t)
	for boot, want := range []bootctl.Slot{bootctl.B, bootctl.B, bootctl.B, bootctl.A, bootctl.A} {
		l.BootID = "boot-" + string(rune('a'+boot))
		before := m.stores
		l.mustSelect(t, want, boot == 0 || boot == 3)
		for range 3 { // the service restarts
			l.mustSelect(t, want, false)
		}
		if m.stores != before+1 {
			t.Errorf("boot %d: the table was stored %d times", boot, m.stores-before)
		}
	}
	if got := m.table.Slots[bootctl.B].Tries; got != 0 {
		t.Errorf("%d attempts left", got)
	}
}

func TestRepairsTheLinkWithinABoot(t *testing.T) {
	for name, spoil := range map[string]func(l Loader, m *memory) error{
		"gone": func(l Loader, _ *memory) error { return os.Remove(l.Link.Path()) },
		"foreign": func(l Loader, _ *memory) error {
			return errors.Join(os.Remove(l.Link.Path()), os.Symlink("/tmp", l.Link.Path()))
		},
		"slot left the order": func(_ Loader, m *memory) error { m.table = m.table.WithOrder(bootctl.A); return nil },
		"slot is gone":        func(l Loader, _ *memory) error { return os.Remove(l.Link.Slots()[bootctl.B]) },
	} {
		t.Run(name, func(t *testing.T) {
			m, l, _ := loader(t)
			l.mustSelect(t, bootctl.B, true)
			stores := m.stores
			if err := spoil(l, m); err != nil {
				t.Fatal(err)
			}
			l.mustSelect(t, bootctl.A, true)
			if m.stores != stores {
				t.Error("a repair counted")
			}
		})
	}
}

func TestAttemptThatCannotBeRecordedStartsTheConfirmedSlot(t *testing.T) {
	m, l, _ := loader(t)
	var warned []string
	l.Warn = func(s string) { warned = append(warned, s) }
	if err := l.Link.Point(bootctl.B); err != nil {
		t.Fatal(err)
	}
	m.fail = errors.New("read-only file system")
	l.mustSelect(t, bootctl.A, true)
	if len(warned) != 1 || !strings.Contains(warned[0], "read-only") || l.Counted() {
		t.Errorf("warned of %q, counted %v", warned, l.Counted())
	}
}

func TestWithoutATableTheLinkStays(t *testing.T) {
	for _, lost := range []error{bootctl.ErrNoTable, errors.New("I/O error")} {
		m, l, dir := loader(t)
		m.none = lost
		if err := l.Link.Point(bootctl.B); err != nil {
			t.Fatal(err)
		}
		l.mustSelect(t, bootctl.B, false)
		if err := os.Remove(l.Link.Path()); err != nil {
			t.Fatal(err)
		}
		l.mustSelect(t, bootctl.A, true)
		for _, name := range []string{"a", "b"} {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := l.Select(); !errors.Is(err, ErrNothing) {
			t.Errorf("without slots it gave %+v, %v", got, err)
		}
		if m.stores != 0 {
			t.Error("a lost table was counted in")
		}
	}
}

// What the product's boot script would start, this loader starts, and counts
// the same, whatever the table. But it looks whether a slot is there before it
// counts, which a boot script cannot.
func TestChoosesWhatTheModelOfTheBootScriptChooses(t *testing.T) {
	n := 0
	for _, order := range [][]bootctl.Slot{{}, {bootctl.A}, {bootctl.B}, {bootctl.A, bootctl.B}, {bootctl.B, bootctl.A}} {
		for bits := range 4 * 4 * 4 * 2 {
			table := bootctl.Table{ConfirmedTries: []int{0, 10}[bits>>6&1]}.WithOrder(order...)
			table.Slots[bootctl.A].Tries, table.Slots[bootctl.B].Tries = bits&3, bits>>2&3
			table.Slots[bootctl.A].Good, table.Slots[bootctl.B].Good = bits>>4&1 == 1, bits>>5&1 == 1
			next, s, ok := Choose(table, func(bootctl.Slot) bool { return true })
			want, starts := bootscript.Boot(table, nil)
			starts = starts && len(order) > 0 // without an order the link stays as it is
			n++
			if ok != starts || ok && (s != want.Slot || next != want.Table) {
				t.Errorf("%+v: chose %s, %v, %+v; the script %s, %v, %+v", table, s, ok, next, want.Slot, starts, want.Table)
			}
		}
	}
	t.Logf("%d tables", n)
}
