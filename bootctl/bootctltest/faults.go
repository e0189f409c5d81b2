package bootctltest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"

	"abota/bootctl"
	"abota/sim/cutdisk"
)

func (s *suite) checkDamage() error {
	if s.Unchecked {
		return nil
	}
	for i, e := range s.some(64) {
		d, err := s.disk(s.spacer, e.from, e.to)
		if err != nil {
			return err
		}
		rng := rand.New(rand.NewPCG(uint64(i), 1))
		for _, r := range s.Copies {
			for _, spoil := range damages(rng, r.Size) {
				image := d.Image()
				spoil.do(r.in(image))
				if s.Layout == Single {
					if err := s.expectOrNone(image, e.to); err != nil {
						return fmt.Errorf("%s: %s: %w", e, spoil.name, err)
					}
					continue
				}
				if _, err := s.expect(image, e.from, e.to); err != nil {
					return fmt.Errorf("%s: copy at %d %s: %w", e, r.Offset, spoil.name, err)
				}
				if err := s.expectWritable(image); err != nil {
					return fmt.Errorf("%s: copy at %d %s: %w", e, r.Offset, spoil.name, err)
				}
			}
		}
		if err := s.damageBoth(d.Image(), rng); err != nil {
			return fmt.Errorf("%s: both copies damaged: %w", e, err)
		}
	}
	return nil
}

func (s *suite) damageBoth(image []byte, rng *rand.Rand) error {
	for _, r := range s.Copies {
		garbage(rng)(r.in(image))
	}
	if err := s.expectNone(image); err != nil {
		return err
	}
	if s.fixed() {
		return s.expectRefusal(image)
	}
	return s.expectWritable(image)
}

// damage is one way to spoil a copy.
type damage struct {
	name string
	do   func([]byte)
}

// damages are whole copies and first sectors lost, every bit of the first
// bytes flipped, where headers are, and some bits behind.
func damages(rng *rand.Rand, size int64) []damage {
	if size == 0 {
		return nil
	}
	first := func(do func([]byte)) func([]byte) {
		return func(b []byte) { do(b[:min(cutdisk.SectorSize, len(b))]) }
	}
	all := []damage{
		{"full of zeroes", func(b []byte) { clear(b) }},
		{"erased", erase},
		{"full of garbage", garbage(rng)},
		{"with its first sector full of zeroes", first(func(b []byte) { clear(b) })},
		{"with its first sector erased", first(erase)},
		{"with its first sector full of garbage", first(garbage(rng))},
	}
	flip := func(bit int64) damage {
		return damage{fmt.Sprintf("with bit %d flipped", bit), func(b []byte) { b[bit/8] ^= 1 << (bit % 8) }}
	}
	const header = 24 * 8
	for bit := range min(header, size*8) {
		all = append(all, flip(bit))
	}
	for range 64 {
		all = append(all, flip(rng.Int64N(size*8)))
	}
	return all
}

func erase(b []byte) {
	for i := range b {
		b[i] = 0xff
	}
}

func garbage(rng *rand.Rand) func([]byte) {
	return func(b []byte) {
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
	}
}

// checkFaults lets each read, write and sync of a Store fail in turn, then all
// of them.
func (s *suite) checkFaults() error {
	for _, e := range s.some(16) {
		full, err := s.disk(s.spacer, e.from)
		if err != nil {
			return err
		}
		image := full.Image()
		b := s.Open(full)
		before := counts(full)
		if err := b.Store(e.to); err != nil {
			return fmt.Errorf("%s: %w", e, err)
		}
		for _, f := range s.faultsUpTo(counts(full), before) {
			if err := s.storeWithFault(image, e, f); err != nil {
				return fmt.Errorf("%s: %s: %w", e, describe(f), err)
			}
		}
		if err := s.loadWithoutReads(image); err != nil {
			return err
		}
	}
	return nil
}

func counts(d *cutdisk.Disk) [3]int {
	return [3]int{d.Count(cutdisk.Read), d.Count(cutdisk.Write), d.Count(cutdisk.Sync)}
}

// faultsUpTo are failures of each operation that was done in between, and of
// all of one kind.
func (s *suite) faultsUpTo(after, before [3]int) (all []cutdisk.Fault) {
	for _, op := range []cutdisk.Op{cutdisk.Read, cutdisk.Write, cutdisk.Sync} {
		for n := range after[op] - before[op] + 1 {
			all = append(all, cutdisk.Fault{Op: op, N: n, Err: syscall.EIO})
		}
	}
	within := []int{1, cutdisk.SectorSize - 1, cutdisk.SectorSize, int(s.Copies[0].Size) - 1}
	if s.Layout == Single {
		within = []int{cutdisk.SectorSize} // whole or not at all
	}
	for n := range after[cutdisk.Write] - before[cutdisk.Write] {
		for _, done := range within {
			all = append(all, cutdisk.ShortWrite(n+1, done))
		}
	}
	return all
}

// storeWithFault makes the transition on a disk that fails once or always. A
// read that fails may be survived, since there are two copies; a write or a
// sync may not.
func (s *suite) storeWithFault(image []byte, e edge, f cutdisk.Fault) error {
	d := cutdisk.Open(image)
	b := s.Open(d)
	d.Fail(f)
	err := b.Store(e.to)
	if err == nil {
		if f.Op != cutdisk.Read || f.N == 0 {
			return errors.New("success was reported")
		}
		return s.expectDurable(d, e.to)
	}
	if !errors.Is(err, f.Err) {
		return fmt.Errorf("store returned %w, which does not wrap what the disk said", err)
	}
	if errors.Is(err, bootctl.ErrNoTable) {
		return fmt.Errorf("a failing disk was taken for one without a table: %w", err)
	}
	if err := s.expectDurable(d, e.from, e.to); err != nil {
		return fmt.Errorf("after the error: %w", err)
	}
	if err := b.Store(e.to); err == nil {
		if err := s.expectDurable(d, e.to); err != nil {
			return fmt.Errorf("the same store reported success when repeated: %w", err)
		}
	}
	for cut := range d.CutNow(cutdisk.Options{}) {
		if err := s.expectWritable(cut.Image); err != nil {
			return fmt.Errorf("after the error: %s: %w", cut, err)
		}
	}
	return nil
}

func (s *suite) loadWithoutReads(image []byte) error {
	d := cutdisk.Open(image)
	b := s.Open(d)
	d.Fail(cutdisk.Fault{Op: cutdisk.Read, Err: syscall.EIO})
	if _, err := b.Load(); err == nil || errors.Is(err, bootctl.ErrNoTable) {
		return fmt.Errorf("load from a disk that cannot be read returned %v, want an error that is not ErrNoTable", err)
	}
	return nil
}

func describe(f cutdisk.Fault) string {
	name := [...]string{"read", "write", "sync"}[f.Op]
	if f.N == 0 {
		return fmt.Sprintf("every %s fails with %v", name, f.Err)
	}
	return fmt.Sprintf("%s %d fails after %d bytes with %v", name, f.N, f.Bytes, f.Err)
}

// checkLies uses a disk that reports success for a write but keeps none of it,
// or only the beginning.
func (s *suite) checkLies() error {
	for _, e := range s.some(8) {
		d, err := s.disk(s.spacer, e.from)
		if err != nil {
			return err
		}
		image := d.Image()
		for kept := int64(0); kept < s.Copies[0].Size; kept += cutdisk.SectorSize {
			d := cutdisk.Open(image)
			b := s.Open(d)
			d.Fail(cutdisk.Fault{Op: cutdisk.Write, Bytes: int(kept)})
			if err := b.Store(e.to); err == nil {
				if err := s.expectDurable(d, e.to); err != nil {
					return fmt.Errorf("%s: only %d bytes of a write were kept, yet success was reported: %w", e, kept, err)
				}
			}
			if err := s.expectDurable(d, e.from, e.to); err != nil {
				return fmt.Errorf("%s: only %d bytes of a write were kept: %w", e, kept, err)
			}
		}
	}
	return nil
}
