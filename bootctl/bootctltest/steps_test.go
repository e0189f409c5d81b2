package bootctltest

import (
	"errors"
	"testing"

	"abota/bootctl"
)

// Ways in which a backend of whole steps can be wrong.
const (
	guesses       defect = "makes up a table where there is none"
	drops         defect = "forgets what failed"
	writesAlways  defect = "writes what is already there"
	firesTooOften defect = "lets the loader start a trial for ever"
	twoSteps      defect = "changes the pointer in two steps"
	armsFirst     defect = "arms before the table says so"
	hidesErrors   defect = "does not return an error"
	trusts        defect = "does not read back"
)

// cell is the smallest storage of whole steps: a table, and the one start of
// an armed slot beside it.
type cell struct {
	table  bootctl.Table
	shot   string
	defect defect
	steps  *Steps
}

func (c *cell) Clone() Storage { next := *c; return &next }

func (c *cell) Open(s *Steps) bootctl.Backend { c.steps = s; return c }

func (c *cell) Caps() bootctl.Caps {
	return bootctl.Caps{OneShot: true, Good: true, Generation: true}
}

func (c *cell) Boot() (bootctl.Slot, bool) {
	if once, err := bootctl.ParseSlot(c.shot); err == nil {
		if c.defect != firesTooOften {
			c.shot = ""
		}
		return once, true
	}
	for _, s := range c.table.Order() {
		if c.table.Slots[s].Good {
			return s, true
		}
	}
	return c.table.Primary()
}

func (c *cell) Load() (bootctl.Table, error) {
	if err := c.steps.Read(); err != nil && c.defect != hidesErrors {
		return bootctl.Table{}, err
	}
	if len(c.table.Order()) == 0 && c.defect != guesses {
		return bootctl.Table{}, bootctl.ErrNoTable
	}
	return c.table, nil
}

func (c *cell) Store(t bootctl.Table) error {
	t = c.Caps().Keep(t)
	if c.defect == drops {
		t.Slots[bootctl.B].Failed = ""
	}
	was, err := c.Load()
	if err != nil && !errors.Is(err, bootctl.ErrNoTable) {
		return err
	}
	first, _ := t.Primary()
	armed, once := !t.Slots[first].Good, ""
	if armed {
		once = first.String()
	}
	if was == t && c.shot == once && c.defect != writesAlways {
		return nil
	}
	changes := []func(*cell){func(c *cell) { c.table = t }, func(c *cell) { c.shot = once }}
	if !armed || c.defect == armsFirst {
		changes[0], changes[1] = changes[1], changes[0]
	}
	if c.defect == twoSteps {
		changes = append([]func(*cell){func(c *cell) { c.table = c.table.WithOrder(t.Order()...) }}, changes...)
	}
	for _, change := range changes {
		if err := c.write(change); err != nil && c.defect != hidesErrors {
			return err
		}
	}
	return nil
}

// write makes one change and looks whether it took place.
func (c *cell) write(change func(*cell)) error {
	want := *c
	change(&want)
	if err := c.steps.Write(func() { change(c) }); err != nil || c.defect == trusts {
		return err
	}
	if err := c.steps.Read(); err != nil {
		return err
	}
	if c.table != want.table || c.shot != want.shot {
		return errors.New("read back something else")
	}
	return nil
}

func TestASoundBackendOfStepsPasses(t *testing.T) { RunSteps(t, &cell{}) }

func TestEachDefectOfStepsIsFound(t *testing.T) {
	finds := map[string][]defect{
		"storage without a table says so":           {guesses},
		"every table is kept":                       {drops},
		"an unchanged table writes nothing":         {writesAlways},
		"the loader does what the table says":       {firesTooOften},
		"a cut leaves the old table or the new one": {twoSteps, armsFirst, trusts},
		"an error is returned":                      {hidesErrors},
		"a write that is ignored is caught":         {trusts},
	}
	for _, c := range stepChecks() {
		if len(finds[c.name]) == 0 {
			t.Errorf("no defect shows that the check %q can fail", c.name)
		}
		for _, d := range finds[c.name] {
			if err := c.run(newStepSuite(&cell{defect: d})); err == nil {
				t.Errorf("the check %q passes a backend that %s", c.name, d)
			} else {
				t.Logf("a backend that %s: found by %q: %.120v", d, c.name, err)
			}
		}
	}
}
