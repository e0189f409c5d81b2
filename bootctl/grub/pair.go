package grub

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"

	"abota/bootctl"
	"abota/bootctl/dialect"
	"abota/bootctl/inplace"
)

// Pair keeps the table in the two environment blocks of Mender's boot script, of
// which each has a second block that says whether it is being written:
//
//	mender_grubenv1/env   what the script reads
//	mender_grubenv1/lock  editing=0, else env is not to be trusted
//	mender_grubenv2/env
//	mender_grubenv2/lock
//
// The script first makes one pair whole from the other: the second where its lock
// is not 0, else the first where that one's is not. A Store therefore writes the
// second under its lock, then sets the first lock: that one byte is the commit
// point, since from there on the first is made whole from the second. Then the
// first is written too. Neither env has a checksum; damage to one whose lock is 0
// is not noticed. The checksums of the locks, lock.sha256sum, which Mender's own
// tool looks at, hold again when a Store is done.
//
// It holds nothing open between calls. It is not safe for concurrent use.
type Pair struct {
	sides [2]Side
	words dialect.Dialect
	open  opener
	hold  func() (release func())
}

// Side is one of the two.
type Side struct{ Env, Lock Place }

// toolLock is the file that Mender's grub-mender-grubenv-set locks while it reads
// and writes.
const toolLock = "/var/lock/grub-mender-grubenv-set.lock"

// NewPair is the backend on the folder that holds mender_grubenv1 and 2. Mender's
// own tool is kept out while it works.
func NewPair(dir string, d dialect.Dialect) (*Pair, error) {
	b := &Pair{words: d, open: openDevice, hold: func() func() { return inplace.Hold(toolLock) }}
	for i, name := range []string{"mender_grubenv1", "mender_grubenv2"} {
		b.sides[i] = Side{Place{Path: filepath.Join(dir, name, "env")}, Place{Path: filepath.Join(dir, name, "lock")}}
		for _, p := range []Place{b.sides[i].Env, b.sides[i].Lock} {
			if _, err := Check(p); err != nil {
				return nil, err
			}
		}
	}
	return b, nil
}

// OnPair is the backend on any medium that has room for the four blocks.
func OnPair(m Medium, sides [2]Side, d dialect.Dialect) *Pair {
	return &Pair{sides, d, func(Place, bool) (medium, error) { return lent{m}, nil }, func() func() { return func() {} }}
}

// Caps are those of the dialect.
func (b *Pair) Caps() bootctl.Caps { return b.words.Caps() }

// Foreign names the updater whose variables are written.
func (b *Pair) Foreign() string { return b.words.Name() }

// Doubts are what the variables that are there say against relying on them, that
// both sides do not say the same, and whose they seem to be: the name of an
// updater, or empty.
func (b *Pair) Doubts() (doubts []string, whose string) {
	defer b.hold()()
	s, err := b.look()
	doubts, whose = doubtsIn(func() ([]byte, error) { return s.env, err }, b.words)
	if err == nil && !b.inStep(s) {
		doubts = append(doubts, fmt.Sprintf("%s and %s do not say the same, or a lock beside them is not 0: the next change of the boot table makes them equal", b.sides[0].Env, b.sides[1].Env))
	}
	return doubts, whose
}

// Load reads the table as the boot script will.
func (b *Pair) Load() (bootctl.Table, error) {
	defer b.hold()()
	s, err := b.look()
	if err != nil {
		return bootctl.Table{}, err
	}
	return tableIn(b.sides[s.from].Env, s.env, b.words)
}

// pairState is what the four blocks together say.
type pairState struct {
	from  int // the side that the script takes the variables from
	env   []byte
	locks [2]lockState
}

// lockState is one lock: its block, and whether it says 0.
type lockState struct {
	image []byte
	free  bool
}

// look reads the locks and the block that they point to.
func (b *Pair) look() (s pairState, err error) {
	for i, side := range b.sides {
		image, err := b.open.read(side.Lock)
		if err != nil {
			return s, err
		}
		entries, ok := parseBlock(image)
		s.locks[i] = lockState{image, ok && get(entries, varEditing) == free}
	}
	if s.locks[1].free && !s.locks[0].free {
		s.from = 1
	}
	s.env, err = b.open.read(b.sides[s.from].Env)
	return s, err
}

// inStep reports whether the side that the script does not read says the same, as
// far as it can be read: after a power cut it may hold a table that never counted,
// and would count if the other lock were lost.
func (b *Pair) inStep(s pairState) bool {
	if !s.locks[0].free || !s.locks[1].free {
		return false
	}
	image, err := b.open.read(b.sides[1-s.from].Env)
	return err != nil || bytes.Equal(image, s.env)
}

const (
	varEditing = "editing"
	free       = "0"
	taken      = "1"
)

// Store brings both blocks to this table, the second first.
func (b *Pair) Store(t bootctl.Table) error {
	defer b.hold()()
	t = b.Caps().Keep(t)
	if err := b.flush(); err != nil {
		return err
	}
	s, err := b.look()
	if err != nil {
		return err
	}
	if now, err := tableIn(b.sides[s.from].Env, s.env, b.words); err == nil && now == t && b.inStep(s) {
		return nil
	}
	next, err := rendered(b.sides[s.from].Env, s.env, t, b.words)
	if err != nil {
		return err
	}
	if s, err = b.whole(s); err != nil {
		return err
	}
	for _, i := range []int{1, 0} {
		if err := b.write(i, s.locks[i].image, next); err != nil {
			return err
		}
	}
	if s, err = b.look(); err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if !bytes.Equal(s.env, next) || !s.locks[0].free || !s.locks[1].free {
		return fmt.Errorf("read back %s: another table counts than the one that was written: the device is failing", b.sides[0].Env)
	}
	return nil
}

// whole does what the script would do first: it makes a side that was being
// written whole from the other one.
func (b *Pair) whole(s pairState) (pairState, error) {
	model := lockBlock
	for _, l := range s.locks {
		if l.free {
			model = l.image
		}
	}
	for _, i := range []int{1, 0} {
		if s.locks[i].free {
			continue
		}
		// Both copies of the lock were made from one file.
		if err := b.write(i, model, s.env); err != nil {
			return s, err
		}
		s.locks[i] = lockState{model, true}
	}
	return s, nil
}

// lockBlock is a lock as grub-editenv makes it.
var lockBlock = padded(signature + varEditing + "=" + free + "\n")

// write replaces one side's block under its lock. lock is that one while it is
// free.
func (b *Pair) write(i int, lock, env []byte) error {
	entries, _ := parseBlock(lock)
	text := signature
	for _, e := range withValue(entries, dialect.Variable{Name: varEditing, Value: taken}) {
		text += e.raw
	}
	side := b.sides[i]
	if err := b.replace(side.Lock, padded(text)); err != nil {
		return err
	}
	if err := b.replace(side.Env, env); err != nil {
		return err
	}
	return b.replace(side.Lock, lock)
}

// replace overwrites one block in place where it differs.
func (b *Pair) replace(p Place, image []byte) error {
	return b.open.writing(p, func(m medium) error {
		if was, err := readPlace(m, p); err != nil || bytes.Equal(was, image) {
			return err
		}
		if _, err := m.WriteAt(image, p.Offset); err != nil {
			return fmt.Errorf("write %s: %w", p, err)
		}
		return prove(m, p, image)
	})
}

// flush makes sure that what is read is on the medium, which it need not be
// after a Store that failed.
func (b *Pair) flush() (err error) {
	for _, side := range b.sides {
		for _, p := range []Place{side.Env, side.Lock} {
			err = errors.Join(err, b.open.writing(p, func(m medium) error {
				if err := m.Sync(); err != nil {
					return fmt.Errorf("flush %s: %w", p, err)
				}
				return nil
			}))
		}
	}
	return err
}
