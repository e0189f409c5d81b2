package bootctltest

import (
	"bytes"
	"errors"
	"fmt"

	"abota/bootctl"
	"abota/sim/cutdisk"
)

// suite is one run over one backend.
type suite struct {
	Factory
	caps   bootctl.Caps
	tables []bootctl.Table
	edges  []edge
	// spacer and third are tables unlike the others: one to be stored before,
	// so that both copies are in use, one to be stored after a cut.
	spacer, third bootctl.Table
	cuts          int
	// found is the table that was there before, in a storage that is given.
	found bootctl.Table
}

func newSuite(f Factory) *suite {
	b := f.Open(cutdisk.Open(f.Blank))
	s := newSuiteOf(b.Caps())
	s.Factory = f
	if f.Given {
		s.found, _ = b.Load()
	}
	return s
}

// newSuiteOf makes the tables that a backend with these caps is tried with.
func newSuiteOf(caps bootctl.Caps) *suite {
	s := &suite{caps: caps}
	var all []edge
	s.tables, all = transitions()
	for _, e := range all {
		if s.caps.Keep(e.from) != s.caps.Keep(e.to) {
			s.edges = append(s.edges, e)
		}
	}
	s.spacer = Spacer()
	s.third = provisioned().WithOrder(bootctl.A)
	s.third.Slots[bootctl.A].Tries = 6
	s.third.Generation = 0xfffffffe
	return s
}

// some is every n-th transition: enough where each one costs many stores.
func (s *suite) some(n int) (edges []edge) {
	for i := 0; i < len(s.edges); i += n {
		edges = append(edges, s.edges[i])
	}
	return edges
}

// disk is one that these tables were stored on, one after the other, before
// the power was turned off and on again.
func (s *suite) disk(tables ...bootctl.Table) (*cutdisk.Disk, error) {
	d := cutdisk.Open(s.Blank)
	b := s.Open(d)
	for _, t := range tables {
		if err := b.Store(t); err != nil {
			return nil, fmt.Errorf("cannot prepare a disk: store %+v: %w", t, err)
		}
	}
	return cutdisk.Open(d.Image()), nil
}

// expect loads the table from an image and wants one of these.
func (s *suite) expect(image []byte, want ...bootctl.Table) (bootctl.Table, error) {
	got, err := s.Open(cutdisk.Open(image)).Load()
	if err != nil {
		return got, fmt.Errorf("load: %w, want one of %+v", err, want)
	}
	return got, s.among(got, want)
}

func (s *suite) among(got bootctl.Table, want []bootctl.Table) error {
	for _, t := range want {
		if s.caps.Keep(got) == s.caps.Keep(t) {
			return nil
		}
	}
	return fmt.Errorf("loaded a table that was not stored: %+v, want one of %+v", got, want)
}

// expectNone wants an image to hold no table.
func (s *suite) expectNone(image []byte) error {
	if got, err := s.Open(cutdisk.Open(image)).Load(); !errors.Is(err, bootctl.ErrNoTable) {
		return fmt.Errorf("load gave %+v and error %v, want ErrNoTable", got, err)
	}
	return nil
}

// expectOrNone wants one of these tables or none, and to be written again.
func (s *suite) expectOrNone(image []byte, want ...bootctl.Table) error {
	if s.expectNone(image) != nil {
		if _, err := s.expect(image, want...); err != nil {
			return err
		}
	}
	return s.expectWritable(image)
}

// expectDurable wants every image that a cut now would leave to hold the
// table: what success of a Store means.
func (s *suite) expectDurable(d *cutdisk.Disk, want ...bootctl.Table) error {
	for cut := range d.CutNow(s.exploration(0)) {
		s.cuts++
		if _, err := s.expect(cut.Image, want...); err != nil {
			return fmt.Errorf("%s: %w", cut, err)
		}
	}
	return nil
}

// expectWritable wants a table to be storable on an image, durably.
func (s *suite) expectWritable(image []byte) error {
	d := cutdisk.Open(image)
	if err := s.Open(d).Store(s.third); err != nil {
		return fmt.Errorf("a further store: %w", err)
	}
	if _, err := s.expect(d.Image(), s.third); err != nil {
		return fmt.Errorf("after a further store: %w", err)
	}
	return nil
}

// expectRefusal wants nothing to be stored where there is nothing to store it
// in.
func (s *suite) expectRefusal(image []byte) error {
	d := cutdisk.Open(image)
	if err := s.Open(d).Store(s.third); err == nil {
		return errors.New("a store made its storage up")
	}
	if n := d.Count(cutdisk.Write); n != 0 {
		return fmt.Errorf("a store that failed made %d writes, want none", n)
	}
	return nil
}

// fixed says that the storage is part of something that the backend must not
// make up.
func (s *suite) fixed() bool { return s.Layout == Mirrored || s.Given }

func (s *suite) checkEmpty() error {
	for name, image := range map[string][]byte{
		"blank":          s.Blank,
		"full of zeroes": make([]byte, len(s.Blank)),
		"erased":         bytes.Repeat([]byte{0xff}, len(s.Blank)),
	} {
		if s.Given && name == "blank" {
			continue
		}
		if err := s.expectNone(image); err != nil {
			return fmt.Errorf("%s storage: %w", name, err)
		}
		if s.fixed() && name != "blank" {
			if err := s.expectRefusal(image); err != nil {
				return fmt.Errorf("%s storage: %w", name, err)
			}
			continue
		}
		if err := s.expectWritable(image); err != nil {
			return fmt.Errorf("%s storage: %w", name, err)
		}
	}
	return nil
}

func (s *suite) checkRoundTrip() error {
	d := cutdisk.Open(s.Blank)
	b := s.Open(d)
	for round := range 8 { // more stores than a serial number has values
		for _, t := range s.tables {
			if err := b.Store(t); err != nil {
				return fmt.Errorf("round %d: store %+v: %w", round, t, err)
			}
			got, err := b.Load()
			if err != nil {
				return fmt.Errorf("round %d: load after storing %+v: %w", round, t, err)
			}
			if err := s.among(got, []bootctl.Table{t}); err != nil {
				return fmt.Errorf("round %d: %w", round, err)
			}
		}
		if err := s.expectDurable(cutdisk.Open(d.Image()), s.tables[len(s.tables)-1]); err != nil {
			return err
		}
	}
	return nil
}

func (s *suite) checkUnchanged() error {
	for _, t := range s.tables {
		d, err := s.disk(s.spacer, t)
		if err != nil {
			return err
		}
		if err := s.Open(d).Store(t); err != nil {
			return fmt.Errorf("store %+v again: %w", t, err)
		}
		if n := d.Count(cutdisk.Write); n != 0 {
			return fmt.Errorf("storing %+v again made %d writes, want none", t, n)
		}
	}
	return nil
}
