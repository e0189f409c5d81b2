package uboot

import (
	"cmp"
	"errors"
	"fmt"
	"io"

	"abota/bootctl"
	"abota/bootctl/dialect"
)

// Backend keeps the table in the two copies, or in a single one. It holds
// nothing open between calls. It is not safe for concurrent use.
type Backend struct {
	copies   []Copy
	contract bool
	foreign  dialect.Dialect
	// flash says that the copies lie on flash, which is erased before it is
	// written, and are marked as U-Boot marks them there.
	flash bool
	media []string // what each copy lies on, in words
	open  func(c Copy, write bool) (medium, error)
	lock  func() (unlock func())
}

// Medium is what both copies lie on, for On. ReadAt reads what it holds, not
// what a cache remembers. WriteAt is durable once Sync returned nil. One that
// has a method Erase(offset, size int64) error is flash.
type Medium interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
}

// On is the backend on any medium that has room for both copies. It takes no
// lock, and checks nothing of what [New] checks.
func On(m Medium, copies [2]Copy, contract bool) *Backend { return on(m, copies[:], contract) }

func on(m Medium, copies []Copy, contract bool) *Backend {
	var lend medium = lent{m}
	e, flash := m.(eraser)
	if flash {
		lend = lentFlash{lent{m}, e}
	}
	return &Backend{
		copies: copies, contract: contract, flash: flash,
		open: func(Copy, bool) (medium, error) { return lend, nil },
		lock: func() func() { return func() {} },
	}
}

// lent is a medium that is somebody else's to close.
type lent struct{ Medium }

func (lent) Close() error { return nil }

type lentFlash struct {
	lent
	eraser
}

// medium is what a copy lies on. ReadAt reads what the device holds, not what
// a cache remembers.
type medium interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Sync() error
}

// Speaking makes the backend keep the table in another updater's variables; nil
// changes nothing.
func (b *Backend) Speaking(d dialect.Dialect) *Backend {
	b.foreign = d
	return b
}

// Foreign names the updater whose variables are written, or is empty: without a
// contract they are RAUC's.
func (b *Backend) Foreign() string {
	if b.contract && b.foreign == nil {
		return ""
	}
	return b.dialect().Name()
}

// Doubts are what the variables that are there say against relying on them, and
// whose they seem to be: the name of an updater, or empty.
func (b *Backend) Doubts() (doubts []string, whose string) {
	cur, err := b.current()
	if err != nil {
		return nil, "" // the table says that
	}
	whose = dialect.Whose(cur.env.get)
	if whose == rauc.Name() && b.Foreign() == "" {
		whose = "" // what abota's own script shares with RAUC's
	}
	return b.dialect().Doubts(cur.env.get), whose
}

func (b *Backend) dialect() dialect.Dialect {
	if b.foreign != nil {
		return b.foreign
	}
	return own{b.contract}
}

// Caps says what the environment keeps: in contract mode all but a one-shot
// boot, without it only what RAUC's variables hold, or those of the dialect.
func (b *Backend) Caps() bootctl.Caps {
	return b.dialect().Caps()
}

// Load reads the table from the newer copy, as U-Boot does. A copy that
// cannot be read counts as damaged while the other one is valid.
func (b *Backend) Load() (bootctl.Table, error) {
	cur, err := b.current()
	if err != nil {
		return bootctl.Table{}, err
	}
	return b.tableIn(cur)
}

// Store replaces the older copy. Foreign variables are taken over from the
// newer one. It may also be called when there is no valid copy: foreign
// variables are lost then.
func (b *Backend) Store(t bootctl.Table) error {
	defer b.lock()()
	cur, err := b.current()
	if err != nil && !errors.Is(err, bootctl.ErrNoTable) {
		return err
	}
	own, err := b.dialect().Write(b.Caps().Keep(t), cur.env.get)
	if err != nil {
		return err
	}
	// A copy that cannot be read may hold another table and a newer number.
	if was, err := b.tableIn(cur); err == nil && was == b.Caps().Keep(t) && cur.unread == nil {
		if err := b.confirm(cur); err != nil {
			return err
		}
		return b.expect(t)
	}
	if err := b.write(cur, cur.env.with(own)); err != nil {
		return err
	}
	return b.expect(t)
}

// expect reads both copies once more, as U-Boot will: a device that answered
// wrongly before may have made the wrong copy count.
func (b *Backend) expect(t bootctl.Table) error {
	cur, err := b.current()
	if got, terr := b.tableIn(cur); err == nil && terr == nil && got == b.Caps().Keep(t) {
		return nil
	}
	if err = cmp.Or(err, cur.unread); err == nil || errors.Is(err, bootctl.ErrNoTable) {
		return fmt.Errorf("read back %s: another table counts than the one that was written: the device is failing", b.copies[0])
	}
	return fmt.Errorf("read back: %w", err)
}

// single reports whether there is no second copy.
func (b *Backend) single() bool { return len(b.copies) == 1 }

// state is what both copies together say.
type state struct {
	env    environment
	serial byte
	image  []byte // the copy that counts; nil when there is none
	at     int    // where that one is
	older  int    // the copy to overwrite next; a single one is both
	torn   bool   // that one is not valid
	unread error  // why that one could not even be read
}

func (b *Backend) tableIn(s state) (bootctl.Table, error) {
	if s.image == nil {
		return bootctl.Table{}, b.noCopy()
	}
	return b.dialect().Read(s.env.get)
}

// noCopy is the error of an environment that is not valid.
func (b *Backend) noCopy() error {
	which := "neither copy of the U-Boot environment has"
	if b.single() {
		which = "the single copy of the U-Boot environment has not"
	}
	return fmt.Errorf("%w: %s a valid checksum: run `abota provision`", bootctl.ErrNoTable, which)
}

// current finds the copy that counts. When none is valid it returns noCopy, or
// why they could not be read or are not meant to be overwritten.
func (b *Backend) current() (state, error) {
	if b.single() {
		return b.onlyCopy()
	}
	var valid [2]bool
	var found [2]state
	var failed [2]error
	alone := false
	for i, c := range b.copies {
		image, err := b.read(c)
		if err != nil {
			failed[i] = err
			continue
		}
		s := state{image: image, at: i, older: 1 - i}
		s.env, s.serial, valid[i] = decode(image)
		alone = alone || holds(image, singleHeader)
		found[i] = s
	}
	found[0].torn, found[1].torn = !valid[1], !valid[0]
	found[0].unread, found[1].unread = failed[1], failed[0]
	switch {
	case valid[1] && (!valid[0] || secondIsNewer(found[0].serial, found[1].serial)):
		return found[1], nil
	case valid[0]:
		return found[0], nil
	case failed[0] != nil && failed[1] != nil:
		return state{}, fmt.Errorf("%w; %w", failed[0], failed[1])
	case failed[0] != nil || failed[1] != nil:
		return state{}, cmp.Or(failed[0], failed[1])
	case alone:
		return state{}, errors.New("cannot use the U-Boot environment as two copies because U-Boot keeps it as one without redundancy: build U-Boot with CONFIG_SYS_REDUNDAND_ENVIRONMENT, or configure a single copy")
	}
	return state{torn: true}, b.noCopy()
}

// onlyCopy is the state of a single copy.
func (b *Backend) onlyCopy() (state, error) {
	image, err := b.read(b.copies[0])
	if err != nil {
		return state{}, err
	}
	env, ok := decodeSingle(image)
	switch {
	case ok:
		return state{env: env, image: image}, nil
	case holds(image, headerSize):
		return state{}, fmt.Errorf("cannot use %s as a single copy because U-Boot keeps it as one of two: configure both", b.copies[0])
	}
	return state{torn: true}, b.noCopy()
}

func (b *Backend) read(c Copy) ([]byte, error) {
	m, err := b.open(c, false)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", c, err)
	}
	defer m.Close()
	return readCopy(m, c)
}

// readCopy tries twice, so that an error that passes does not bring the other,
// older copy back.
func readCopy(m medium, c Copy) ([]byte, error) {
	image := make([]byte, c.Size)
	n, err := m.ReadAt(image, c.Offset)
	if n < len(image) {
		n, err = m.ReadAt(image, c.Offset)
	}
	if n < len(image) {
		return nil, fmt.Errorf("read %s: %w", c, err)
	}
	return image, nil
}
