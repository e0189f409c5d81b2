package bootctltest

import (
	"bytes"
	"errors"
	"fmt"

	"abota/bootctl"
	"abota/sim/cutdisk"
)

// exploration is how far the cuts within one store are explored; there are
// many stores.
func (s *suite) exploration(seed uint64) cutdisk.Options {
	return cutdisk.Options{Seed: seed, Torn: s.Layout != Single, Samples: 4}
}

// history is what was stored before a transition. Mostly both copies are in
// use; now and then the second one was never written.
func (s *suite) history(i int, e edge) []bootctl.Table {
	if i%8 == 0 {
		return []bootctl.Table{e.from}
	}
	return []bootctl.Table{s.spacer, e.from}
}

func (s *suite) checkCopies() error {
	switch s.Layout {
	case Mirrored:
		return s.checkBothCopies()
	case Marked:
		return s.checkMarkedCopies()
	case Single:
		return s.checkSingleCopy()
	}
	if s.Unchecked {
		return nil // whether a copy is whole its loader knows by a lock
	}
	return s.checkOneCopy()
}

func (s *suite) checkOneCopy() error {
	for _, e := range s.edges {
		d, err := s.disk(s.spacer, e.from)
		if err != nil {
			return err
		}
		before := d.Image()
		if err := s.Open(d).Store(e.to); err != nil {
			return fmt.Errorf("%s: %w", e, err)
		}
		changed, err := s.changedCopy(before, d.Image())
		if err != nil {
			return fmt.Errorf("%s: %w", e, err)
		}
		damaged := d.Image()
		clear(changed.in(damaged))
		if _, err := s.expect(damaged, e.from); err != nil {
			return fmt.Errorf("%s: without the copy that was written: %w", e, err)
		}
	}
	return nil
}

// checkMarkedCopies wants one copy to hold what was stored and the other one what
// was stored before, and nothing else to be touched.
func (s *suite) checkMarkedCopies() error {
	for _, e := range s.edges {
		d, err := s.disk(s.spacer, e.from)
		if err != nil {
			return err
		}
		before := d.Image()
		if err := s.Open(d).Store(e.to); err != nil {
			return fmt.Errorf("%s: %w", e, err)
		}
		if _, err := s.changed(before, d.Image()); err != nil {
			return fmt.Errorf("%s: %w", e, err)
		}
		var alone []bootctl.Table
		for _, r := range s.Copies {
			damaged := d.Image()
			clear(r.in(damaged))
			got, err := s.expect(damaged, e.from, e.to)
			if err != nil {
				return fmt.Errorf("%s: without the copy at %d: %w", e, r.Offset, err)
			}
			alone = append(alone, s.caps.Keep(got))
		}
		if alone[0] == alone[1] {
			return fmt.Errorf("%s: both copies hold the same table", e)
		}
	}
	return nil
}

// checkBothCopies wants either copy alone to hold what was stored, and nothing
// else to be touched.
func (s *suite) checkBothCopies() error {
	for _, e := range s.edges {
		d, err := s.disk(s.spacer, e.from)
		if err != nil {
			return err
		}
		before := d.Image()
		if err := s.Open(d).Store(e.to); err != nil {
			return fmt.Errorf("%s: %w", e, err)
		}
		if changed, err := s.changed(before, d.Image()); err != nil || len(changed) != 2 {
			return fmt.Errorf("%s: a store changed %d copies, want both: %w", e, len(changed), err)
		}
		for _, r := range s.Copies {
			damaged := d.Image()
			clear(r.in(damaged))
			if _, err := s.expect(damaged, e.to); err != nil {
				return fmt.Errorf("%s: without the copy at %d: %w", e, r.Offset, err)
			}
		}
	}
	return nil
}

// checkSingleCopy wants one sector to be changed and nothing else, and a torn
// one to hold the old table, the new one, or none.
func (s *suite) checkSingleCopy() error {
	for i, e := range s.edges {
		d, err := s.disk(s.spacer, e.from)
		if err != nil {
			return err
		}
		before := d.Image()
		if err := s.Open(d).Store(e.to); err != nil {
			return fmt.Errorf("%s: %w", e, err)
		}
		changed, err := s.changedCopy(before, d.Image())
		if err != nil || changed.Size > cutdisk.SectorSize {
			return fmt.Errorf("%s: a store changed %d bytes, want one sector: %w", e, changed.Size, err)
		}
		for cut := range d.Cuts(cutdisk.Options{Seed: uint64(i), Torn: !s.Unchecked}) {
			s.cuts++
			if err := s.expectOrNone(cut.Image, e.from, e.to); err != nil {
				return fmt.Errorf("%s: %s: %w", e, cut, err)
			}
		}
	}
	return nil
}

// changedCopy is the one copy that differs between two images. Nothing else
// may.
func (s *suite) changedCopy(before, after []byte) (Region, error) {
	changed, err := s.changed(before, after)
	if err != nil {
		return Region{}, err
	}
	if len(changed) != 1 {
		return Region{}, fmt.Errorf("a store changed %d copies, want one", len(changed))
	}
	return changed[0], nil
}

// changed are the copies that differ between two images. Nothing else may.
func (s *suite) changed(before, after []byte) (changed []Region, err error) {
	before, after = bytes.Clone(before), bytes.Clone(after)
	for _, r := range s.Copies {
		if !bytes.Equal(r.in(before), r.in(after)) {
			changed = append(changed, r)
		}
		clear(r.in(before))
		clear(r.in(after))
	}
	if !bytes.Equal(before, after) {
		return nil, errors.New("a store changed bytes that belong to neither copy")
	}
	return changed, nil
}

func (r Region) in(image []byte) []byte { return image[r.Offset:][:r.Size] }

func (s *suite) checkCuts() error {
	if err := s.cutsOfFirstStore(); err != nil {
		return fmt.Errorf("first store: %w", err)
	}
	// The larger a copy, the more cuts has each store.
	step := max(1, int(s.Copies[0].Size/cutdisk.SectorSize/2))
	for i, e := range s.some(step) {
		d, err := s.disk(s.history(i, e)...)
		if err != nil {
			return err
		}
		if err := s.cutsOfStore(d, e, uint64(i), s.expectWritable); err != nil {
			return fmt.Errorf("%s: %w", e, err)
		}
	}
	return nil
}

// cutsOfStore makes the transition and looks at every cut within it, then at
// what the reported success is worth.
func (s *suite) cutsOfStore(d *cutdisk.Disk, e edge, seed uint64, after func(image []byte) error) error {
	if err := s.Open(d).Store(e.to); err != nil {
		return err
	}
	for cut := range d.Cuts(s.exploration(seed)) {
		s.cuts++
		if _, err := s.expect(cut.Image, e.from, e.to); err != nil {
			return fmt.Errorf("%s: %w", cut, err)
		}
		if err := after(cut.Image); err != nil {
			return fmt.Errorf("%s: %w", cut, err)
		}
	}
	if err := s.expectDurable(d, e.to); err != nil {
		return fmt.Errorf("success was reported too early: %w", err)
	}
	return nil
}

// cutsOfFirstStore: there is no old table then.
func (s *suite) cutsOfFirstStore() error {
	d := cutdisk.Open(s.Blank)
	first := provisioned()
	if err := s.Open(d).Store(first); err != nil {
		return err
	}
	for cut := range d.Cuts(s.exploration(0)) {
		s.cuts++
		want := []bootctl.Table{first}
		if s.Given {
			want = append(want, s.found)
		}
		if s.Given || s.expectNone(cut.Image) != nil {
			if _, err := s.expect(cut.Image, want...); err != nil {
				return fmt.Errorf("%s: %w", cut, err)
			}
		}
		if err := s.expectWritable(cut.Image); err != nil {
			return fmt.Errorf("%s: %w", cut, err)
		}
	}
	return s.expectDurable(d, first)
}

func (s *suite) checkCutsAfterCuts() error {
	// The larger a copy, the fewer: a store after each cut has as many again.
	step := max(1, int(s.Copies[0].Size/cutdisk.SectorSize/4))
	for i, e := range s.some(64 * step) {
		n := 0
		again := func(image []byte) error {
			if n++; n%step != 0 {
				return nil
			}
			found, err := s.expect(image, e.from, e.to)
			if err != nil {
				return err
			}
			second := edge{from: found, to: s.third, verb: "store after a cut"}
			return s.cutsOfStore(cutdisk.Open(image), second, uint64(i), func([]byte) error { return nil })
		}
		d, err := s.disk(s.spacer, e.from)
		if err != nil {
			return err
		}
		if err := s.cutsOfStore(d, e, uint64(i), again); err != nil {
			return fmt.Errorf("%s: %w", e, err)
		}
	}
	return nil
}

// checkPowerLost lets the power go while Store runs, also when only the read
// back is left to do, and looks at what it says.
func (s *suite) checkPowerLost() error {
	for _, e := range s.some(8) {
		full, err := s.disk(s.spacer, e.from)
		if err != nil {
			return err
		}
		image := full.Image()
		if err := s.Open(full).Store(e.to); err != nil {
			return fmt.Errorf("%s: %w", e, err)
		}
		for n := range full.Events() + 1 {
			d := cutdisk.Open(image)
			b := s.Open(d)
			d.CutAfter(n)
			s.cuts++
			if err := b.Store(e.to); !errors.Is(err, cutdisk.ErrPowerLost) {
				return fmt.Errorf("%s: power lost after %d of %d sectors and syncs: store returned %v, want ErrPowerLost", e, n, full.Events(), err)
			}
			if err := s.expectDurable(d, e.from, e.to); err != nil {
				return fmt.Errorf("%s: power lost after %d of %d sectors and syncs: %w", e, n, full.Events(), err)
			}
		}
	}
	return nil
}
