package bootctltest

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"abota/bootctl"
	"abota/sim/cutdisk"
)

// Steps lets power go, errors happen and lies be told between the operations
// of a storage that changes in whole steps: a firmware's variables, of which a
// power cut leaves the old or the new one. The zero value does none of it.
type Steps struct {
	counts [2]int // reads, writes
	cut    int    // writes until the power goes; zero: it stays
	gone   bool
	fault  *stepFault
}

// stepFault happens at the n-th operation of its kind.
type stepFault struct {
	op cutdisk.Op
	n  int
	// err is what the operation returns; nil with a write that is ignored.
	err error
	// late says that the write took place all the same.
	late bool
}

// Read is called before each read.
func (s *Steps) Read() error { return s.do(cutdisk.Read, func() {}) }

// Lost reports whether the power has gone, for storage whose backend tries a read
// that fails again: it does not count those that succeed.
func (s *Steps) Lost() bool { return s.gone }

// Write makes one change, or none.
func (s *Steps) Write(change func()) error { return s.do(cutdisk.Write, change) }

func (s *Steps) do(op cutdisk.Op, change func()) error {
	if s.gone {
		return cutdisk.ErrPowerLost
	}
	s.counts[op]++
	if f := s.fault; f != nil && f.op == op && f.n == s.counts[op] {
		if f.late {
			change()
		}
		return f.err
	}
	change()
	if op == cutdisk.Write && s.cut > 0 {
		s.cut--
		s.gone = s.cut == 0
	}
	return nil
}

// Storage is what a loader and its backend share.
type Storage interface {
	// Open returns the backend, as after power on. It makes every access
	// through these steps.
	Open(*Steps) bootctl.Backend
	Clone() Storage
	// Boot is the loader: it returns the slot that it starts, and false when
	// it starts none, and leaves the storage as it does.
	Boot() (bootctl.Slot, bool)
}

// stepSuite is one run over one storage.
type stepSuite struct {
	blank Storage
	*suite
}

type stepCheck struct {
	name string
	run  func(*stepSuite) error
}

func stepChecks() []stepCheck {
	return []stepCheck{
		{"storage without a table says so", (*stepSuite).checkEmptySteps},
		{"every table is kept", (*stepSuite).checkRoundTripSteps},
		{"an unchanged table writes nothing", (*stepSuite).checkUnchangedSteps},
		{"the loader does what the table says", (*stepSuite).checkBoots},
		{"a cut leaves the old table or the new one", (*stepSuite).checkCutSteps},
		{"an error is returned", (*stepSuite).checkStepFaults},
		{"a write that is ignored is caught", (*stepSuite).checkStepLies},
	}
}

// RunSteps is Run for a storage that changes in whole steps. blank holds no
// table, unless it has a method Given() bool that says so, as [Factory] has. The loader's model is asked too: whatever was cut, it starts a slot
// that is good in the table that is there, or the one that the table has armed.
func RunSteps(t *testing.T, blank Storage) {
	t.Helper()
	s := newStepSuite(blank)
	t.Logf("caps %+v, %d tables, %d transitions", s.caps, len(s.tables), len(s.edges))
	for _, c := range stepChecks() {
		t.Run(c.name, func(t *testing.T) {
			s.cuts = 0
			if err := c.run(s); err != nil {
				t.Error(err)
			}
			t.Logf("%d cut points", s.cuts)
		})
	}
}

func newStepSuite(blank Storage) *stepSuite {
	b := blank.Clone().Open(new(Steps))
	s := newSuiteOf(b.Caps())
	if g, ok := blank.(interface{ Given() bool }); ok && g.Given() {
		s.Given = true
		s.found, _ = b.Load()
	}
	return &stepSuite{blank: blank, suite: s}
}

// holding is a storage that these tables were stored on.
func (s *stepSuite) holding(tables ...bootctl.Table) (Storage, error) {
	st := s.blank.Clone()
	for _, t := range tables {
		if err := st.Open(new(Steps)).Store(t); err != nil {
			return nil, fmt.Errorf("cannot prepare a storage: store %+v: %w", t, err)
		}
	}
	return st, nil
}

func (s *stepSuite) expectStored(st Storage, want ...bootctl.Table) (bootctl.Table, error) {
	got, err := st.Open(new(Steps)).Load()
	if err != nil {
		return got, fmt.Errorf("load: %w, want one of %+v", err, want)
	}
	return got, s.among(got, want)
}

// expectSound wants a storage to hold one of these tables, its loader to start
// what that table allows, and a further table to be storable.
func (s *stepSuite) expectSound(st Storage, want ...bootctl.Table) error {
	got, err := s.expectStored(st, want...)
	if err != nil {
		return err
	}
	if err := s.expectBoots(st.Clone(), got); err != nil {
		return err
	}
	next := st.Clone()
	if err := next.Open(new(Steps)).Store(s.third); err != nil {
		return fmt.Errorf("a further store: %w", err)
	}
	_, err = s.expectStored(next, s.third)
	return err
}

// boots is far more starts than any table has tries.
const boots = bootctl.DefaultTrialTries + 2

// expectBoots starts a device that never answers again and again: it ends in a
// confirmed slot, and never starts one that is out of the order.
func (s *stepSuite) expectBoots(st Storage, t bootctl.Table) error {
	t = s.caps.Keep(t)
	good := t.Slots[bootctl.A].Good && t.Slots[bootctl.A].Bootable() || t.Slots[bootctl.B].Good && t.Slots[bootctl.B].Bootable()
	for n := range boots {
		slot, ok := st.Boot()
		switch {
		case !ok:
			return fmt.Errorf("boot %d of %+v: the loader starts nothing", n+1, t)
		case !t.Slots[slot].Bootable():
			return fmt.Errorf("boot %d of %+v: the loader starts slot %s, which is out of the order", n+1, t, slot)
		case n == boots-1 && good && !t.Slots[slot].Good:
			return fmt.Errorf("boot %d of %+v: the loader still starts slot %s, which is not good", n+1, t, slot)
		}
	}
	return nil
}

func (s *stepSuite) checkEmptySteps() error {
	st := s.blank.Clone()
	if got, err := st.Open(new(Steps)).Load(); !s.Given && !errors.Is(err, bootctl.ErrNoTable) {
		return fmt.Errorf("load gave %+v and error %v, want ErrNoTable", got, err)
	}
	if err := st.Open(new(Steps)).Store(s.third); err != nil {
		return err
	}
	_, err := s.expectStored(st, s.third)
	return err
}

func (s *stepSuite) checkRoundTripSteps() error {
	st := s.blank.Clone()
	for round := range 3 {
		for _, t := range s.tables {
			if err := st.Open(new(Steps)).Store(t); err != nil {
				return fmt.Errorf("round %d: store %+v: %w", round, t, err)
			}
			if _, err := s.expectStored(st, t); err != nil {
				return fmt.Errorf("round %d: %w", round, err)
			}
		}
	}
	return nil
}

func (s *stepSuite) checkUnchangedSteps() error {
	for _, t := range s.tables {
		st, err := s.holding(s.spacer, t)
		if err != nil {
			return err
		}
		steps := new(Steps)
		if err := st.Open(steps).Store(t); err != nil {
			return fmt.Errorf("store %+v again: %w", t, err)
		}
		if n := steps.counts[cutdisk.Write]; n != 0 {
			return fmt.Errorf("storing %+v again made %d writes, want none", t, n)
		}
	}
	return nil
}

// checkBoots: the first choice is started, a trial only as often as the caps
// say, and an armed table that is stored again is armed again.
func (s *stepSuite) checkBoots() error {
	for _, t := range s.tables {
		st, err := s.holding(s.spacer, t)
		if err != nil {
			return err
		}
		first, _ := t.Primary()
		trial := !t.Slots[first].Good && t.Slots[first.Other()].Good && t.Slots[first.Other()].Bootable()
		if s.caps.Tries && t.Slots[first].Tries == 0 {
			continue
		}
		for range 2 {
			if slot, ok := st.Boot(); !ok || slot != first {
				return fmt.Errorf("%+v: the loader starts %s, %v", t, slot, ok)
			}
			if !trial || !s.caps.OneShot {
				break
			}
			if slot, _ := st.Boot(); slot != first.Other() {
				return fmt.Errorf("%+v: after its one start the loader starts %s again", t, slot)
			}
			if _, err := s.expectStored(st, s.afterTrial(t)); err != nil {
				return fmt.Errorf("after its one start: %w", err)
			}
			if err := st.Open(new(Steps)).Store(t); err != nil {
				return fmt.Errorf("%+v: arm again: %w", t, err)
			}
		}
		if err := s.expectBoots(st, t); err != nil {
			return err
		}
	}
	return nil
}

// afterTrial is what a loader that tries once leaves when it has gone back.
func (s *stepSuite) afterTrial(t bootctl.Table) bootctl.Table {
	first, _ := t.Primary()
	switch {
	case s.caps.Pointer:
		return t.WithOrder(first.Other())
	case s.caps.Tries:
		t.Slots[first].Tries, t.Slots[first.Other()].Tries = 0, 0
	}
	return t
}

// checkCutSteps lets the power go after every write of every transition, also
// before the first table, and again in the store that follows.
func (s *stepSuite) checkCutSteps() error {
	for i, e := range s.edges {
		from, err := s.holding(s.history(i, e)...)
		if err != nil {
			return err
		}
		err = s.cutStore(from, e.to, func(cut Storage) error {
			if err := s.expectSound(cut, e.from, e.to); err != nil || i%16 != 0 {
				return err
			}
			found, err := s.expectStored(cut, e.from, e.to)
			if err != nil {
				return err
			}
			return s.cutStore(cut, s.third, func(again Storage) error { return s.expectSound(again, found, s.third) })
		})
		if err != nil {
			return fmt.Errorf("%s: %w", e, err)
		}
	}
	first := provisioned()
	return s.cutStore(s.blank, first, func(cut Storage) error {
		if s.Given {
			return s.expectSound(cut, first, s.found)
		}
		if _, err := cut.Open(new(Steps)).Load(); errors.Is(err, bootctl.ErrNoTable) {
			return nil
		}
		return s.expectSound(cut, first)
	})
}

// cutStore stores a table with the power going after each number of writes.
func (s *stepSuite) cutStore(from Storage, to bootctl.Table, look func(cut Storage) error) error {
	for n := 1; ; n++ {
		st, steps := from.Clone(), &Steps{cut: n}
		err := st.Open(steps).Store(to)
		if err == nil && steps.cut > 0 {
			_, err := s.expectStored(st, to)
			return err
		}
		s.cuts++
		if !errors.Is(err, cutdisk.ErrPowerLost) {
			return fmt.Errorf("power lost after %d writes: store returned %v, want ErrPowerLost", n, err)
		}
		if err := look(st); err != nil {
			return fmt.Errorf("power lost after %d writes: %w", n, err)
		}
	}
}

// checkStepFaults lets each read and write fail in turn, a write also after it
// took place.
func (s *stepSuite) checkStepFaults() error {
	for i, e := range s.edges {
		if i%4 != 0 {
			continue
		}
		from, err := s.holding(s.spacer, e.from)
		if err != nil {
			return err
		}
		steps := new(Steps)
		if err := from.Clone().Open(steps).Store(e.to); err != nil {
			return fmt.Errorf("%s: %w", e, err)
		}
		for _, op := range []cutdisk.Op{cutdisk.Read, cutdisk.Write} {
			for n := range steps.counts[op] {
				for _, late := range []bool{false, true} {
					f := &stepFault{op: op, n: n + 1, err: syscall.EIO, late: late}
					if err := s.storeWithStepFault(from.Clone(), e, f); err != nil {
						return fmt.Errorf("%s: %s %d fails: %w", e, [...]string{"read", "write"}[op], n+1, err)
					}
				}
			}
		}
	}
	return nil
}

func (s *stepSuite) storeWithStepFault(st Storage, e edge, f *stepFault) error {
	b := st.Open(&Steps{fault: f})
	switch err := b.Store(e.to); {
	case err == nil:
		return errors.New("success was reported")
	case !errors.Is(err, f.err):
		return fmt.Errorf("store returned %w, which does not wrap what the storage said", err)
	case errors.Is(err, bootctl.ErrNoTable):
		return fmt.Errorf("a failing storage was taken for one without a table: %w", err)
	}
	if err := s.expectSound(st, e.from, e.to); err != nil {
		return fmt.Errorf("after the error: %w", err)
	}
	if err := b.Store(e.to); err != nil {
		return fmt.Errorf("the same store again: %w", err)
	}
	return s.expectSound(st, e.to)
}

func (s *stepSuite) checkStepLies() error {
	for _, e := range s.edges {
		from, err := s.holding(s.spacer, e.from)
		if err != nil {
			return err
		}
		for n := 1; ; n++ {
			st, steps := from.Clone(), &Steps{fault: &stepFault{op: cutdisk.Write, n: n}}
			if err := st.Open(steps).Store(e.to); err == nil {
				if err := s.expectSound(st, e.to); err != nil {
					return fmt.Errorf("%s: write %d was ignored, yet success was reported: %w", e, n, err)
				}
			} else if err := s.expectSound(st, e.from, e.to); err != nil {
				return fmt.Errorf("%s: write %d was ignored: %w", e, n, err)
			}
			if steps.counts[cutdisk.Write] < n {
				break
			}
		}
	}
	return nil
}
