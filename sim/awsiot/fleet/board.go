package fleet

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"abota/bootctl"
	"abota/bootctl/bootscript"
	"abota/updater/slot"
)

// board is a device's hardware with everything that is stored on it. It is safe
// for concurrent use.
type board struct {
	mu      sync.Mutex
	table   bootctl.Table
	journal []byte
	jobs    []byte // the record of the jobs agent
	slots   [2]*os.File
	boots   int
	// panics names the version whose kernel does not come up on this board.
	panics string
}

// newBoard is a board as it leaves the factory, with an image in slot A.
func newBoard(factory image) (*board, error) {
	b := &board{table: bootctl.Table{
		Generation: 1, ConfirmedTries: bootctl.DefaultConfirmedTries,
		Slots: [2]bootctl.State{{Priority: 1, Tries: bootctl.DefaultConfirmedTries, Good: true}, {}},
	}}
	for _, s := range bootctl.Slots {
		fd, err := unix.MemfdCreate("abota-slot-"+s.String(), unix.MFD_CLOEXEC)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("make a slot in memory: %w", err), b.close())
		}
		b.slots[s] = os.NewFile(uintptr(fd), fmt.Sprintf("/proc/self/fd/%d", fd))
		if err := b.slots[s].Truncate(slotSize); err != nil {
			return nil, errors.Join(fmt.Errorf("make a slot in memory: %w", err), b.close())
		}
	}
	if _, err := b.slots[bootctl.A].WriteAt(factory.data, 0); err != nil {
		return nil, errors.Join(fmt.Errorf("fill a slot: %w", err), b.close())
	}
	return b, nil
}

func (b *board) close() error {
	var errs []error
	for _, f := range b.slots {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// newHost is where a board's kernel shows its state, which is the same on all: a
// root file system on a chip, and nothing else that a slot could collide with.
func newHost(dir string) (slot.Host, error) {
	h := slot.Host{Proc: filepath.Join(dir, "proc"), Sys: filepath.Join(dir, "sys")}
	for _, folder := range []string{filepath.Join(h.Proc, "self"), filepath.Join(h.Sys, "class", "block")} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return h, fmt.Errorf("make a board's kernel: %w", err)
		}
	}
	const mounts = "1 0 179:2 / / ro - squashfs /dev/mmcblk0p2 ro\n"
	if err := os.WriteFile(filepath.Join(h.Proc, "self", "mountinfo"), []byte(mounts), 0o600); err != nil {
		return h, fmt.Errorf("make a board's kernel: %w", err)
	}
	return h, nil
}

// paths are the slots as the engine opens them.
func (b *board) paths() [2]string {
	return [2]string{b.slots[bootctl.A].Name(), b.slots[bootctl.B].Name()}
}

// content is all that a slot holds.
func (b *board) content(s bootctl.Slot) ([]byte, error) {
	all := make([]byte, slotSize)
	if _, err := b.slots[s].ReadAt(all, 0); err != nil {
		return nil, fmt.Errorf("read slot %s: %w", s, err)
	}
	return all, nil
}

// version is what the image in a slot says of itself.
func (b *board) version(s bootctl.Slot) string {
	all, err := b.content(s)
	if err != nil {
		return ""
	}
	return versionOf(all)
}

// maxBoots is how often a board starts in vain until it is a brick.
const maxBoots = 20

// errBrick: nothing starts any more.
var errBrick = errors.New("the device is a brick")

// start is the boot loader and the kernel: it restarts until some slot has
// reached user space. It returns that one, and the number of the boot.
func (b *board) start() (bootctl.Slot, int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range maxBoots {
		b.boots++
		start, ok := bootscript.Boot(b.table, nil)
		if !ok {
			break
		}
		if start.Recorded {
			b.table = start.Table
		}
		if v := b.version(start.Slot); v != "" && v != b.panics {
			return start.Slot, b.boots, nil
		}
	}
	return bootctl.A, b.boots, fmt.Errorf("%w: boot table %+v", errBrick, b.table)
}

// started is how often the board has started.
func (b *board) started() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.boots
}

// errPowerLost is what becomes of writing without power.
var errPowerLost = errors.New("the power is gone")

// storage is what one system, from its start to its end, sees of the board. It
// is the engine's boot table.
type storage struct {
	*board
	// off is closed when the system's power goes: nothing is stored after that.
	off <-chan struct{}
}

// change stores something unless the power is gone.
func (s storage) change(do func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.off:
		return errPowerLost
	default:
		do()
		return nil
	}
}

// boardCaps are those of abota's own boot script.
var boardCaps = bootctl.Caps{Tries: true, Good: true, Generation: true}

func (s storage) Caps() bootctl.Caps { return boardCaps }

func (s storage) Load() (bootctl.Table, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.table, nil
}

func (s storage) Store(t bootctl.Table) error {
	return s.change(func() { s.table = boardCaps.Keep(t) })
}

// record is one of the texts on the data partition: the journal, or the record
// of the jobs agent.
type record struct {
	storage
	of func(*board) *[]byte
}

func journalOf(b *board) *[]byte { return &b.journal }
func jobsOf(b *board) *[]byte    { return &b.jobs }

var errNoRecord = errors.New("there is no record")

func (r record) Load() ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if *r.of(r.board) == nil {
		return nil, errNoRecord
	}
	return bytes.Clone(*r.of(r.board)), nil
}

func (r record) Save(text []byte) error {
	return r.change(func() { *r.of(r.board) = bytes.Clone(text) })
}
