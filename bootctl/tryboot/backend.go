package tryboot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"abota/bootctl"
	"abota/bootctl/inplace"
)

const (
	// maxSize is what the firmware reads at most, and one sector.
	maxSize = 512
	// paddedSize is what Pad makes of a shorter file.
	paddedSize = 500
	// maxPartition is what the firmware's reboot parameter can express.
	maxPartition = 63
	// argument asks the firmware for one start of the [tryboot] partition; 0 is
	// the default partition, where autoboot.txt is.
	argument = "0 tryboot"
)

// caps: the firmware counts nothing; the record keeps all but tries.
var caps = bootctl.Caps{OneShot: true, Good: true, Generation: true}

// Medium is what the file's content lies on, from its first byte. ReadAt reads
// what it holds, not what a cache remembers. WriteAt is durable once Sync
// returned nil.
type Medium interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
}

type medium interface {
	Medium
	io.Closer
}

// Backend keeps the table in one autoboot.txt. It holds nothing open between
// calls. It is not safe for concurrent use.
type Backend struct {
	path    string
	size    int
	numbers [2]int
	open    func(write bool) (medium, error)
}

// On is the backend on any medium that holds a file of this size in bytes.
// numbers are the partitions of A and B.
func On(m Medium, size int, numbers [2]int) *Backend {
	return &Backend{
		path: "autoboot.txt", size: size, numbers: numbers,
		open: func(bool) (medium, error) { return lent{m}, nil },
	}
}

// lent is a medium that is somebody else's to close.
type lent struct{ Medium }

func (lent) Close() error { return nil }

// New is the backend on this autoboot.txt, which must exist and be long enough
// (see [Pad]). numbers are the partitions of A and B, counted from 1 as the
// firmware does.
func New(path string, numbers [2]int) (*Backend, error) {
	for _, n := range numbers {
		if n < 1 || n > maxPartition {
			return nil, fmt.Errorf("cannot use partition %d because the firmware knows 1 to %d: use the number in the partition table", n, maxPartition)
		}
	}
	if numbers[0] == numbers[1] {
		return nil, fmt.Errorf("cannot use partition %d for both slots because they must be distinct: give each slot its own", numbers[0])
	}
	fi, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("find autoboot.txt: %w: mount the first FAT partition, and run `abota provision`", err)
	case err != nil:
		return nil, fmt.Errorf("find autoboot.txt: %w", err)
	case !fi.Mode().IsRegular():
		return nil, fmt.Errorf("cannot use %s because it is not a file: name the autoboot.txt on the first FAT partition", path)
	case fi.Size() > maxSize:
		return nil, fmt.Errorf("cannot use %s because its %d bytes are more than the %d that the firmware reads: shorten it", path, fi.Size(), maxSize)
	}
	return &Backend{
		path: path, size: int(fi.Size()), numbers: numbers,
		open: func(write bool) (medium, error) {
			f, err := inplace.Open(path, write)
			if err != nil {
				return nil, err
			}
			return f, nil
		},
	}, nil
}

// Pad makes an autoboot.txt long enough to be overwritten in place for ever,
// by line ends, and makes the file where there is none. It is for provisioning.
// It appends within the file's first sector, and the directory entry with the
// new size follows: at every moment the file holds its old text.
func Pad(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("pad autoboot.txt: %w", err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return fmt.Errorf("pad autoboot.txt: %w", err)
	}
	if fi.Size() >= paddedSize {
		return nil
	}
	if _, err := f.Write(bytes.Repeat([]byte("\n"), paddedSize-int(fi.Size()))); err != nil {
		return fmt.Errorf("pad %s: %w", path, err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("flush %s: %w", path, err)
	}
	return nil
}

// Faults are that the file may be too short for what is to come.
func (b *Backend) Faults() []string {
	if b.size >= paddedSize {
		return nil
	}
	return []string{fmt.Sprintf("%s has only %d bytes and cannot grow, so that a boot table may not fit: `abota provision` makes it longer", b.path, b.size)}
}

// Caps says that a trial is started once, and that all but tries is kept.
func (b *Backend) Caps() bootctl.Caps { return caps }

// Load reads the table.
func (b *Backend) Load() (t bootctl.Table, err error) {
	m, err := b.open(false)
	if err != nil {
		return t, fmt.Errorf("open %s: %w", b.path, err)
	}
	defer m.Close()
	content, err := b.read(m)
	if err != nil {
		return t, err
	}
	return b.table(content)
}

// table is what the file says.
func (b *Backend) table(content []byte) (t bootctl.Table, err error) {
	none := func(why string) error {
		return fmt.Errorf("%w: %s %s: run `abota provision`", bootctl.ErrNoTable, b.path, why)
	}
	l, err := split(content)
	if err != nil {
		return t, none("is damaged: " + err.Error())
	}
	i := l.record()
	if i < 0 {
		return t, none("has no record of abota")
	}
	t, ok := decode(l[i], b.numbers)
	if !ok {
		return t, none("has a record with a wrong checksum")
	}
	c := chosen(t)
	if l.partition(false) != b.numbers[c.byDefault] || l.partition(true) != b.numbers[c.once] || !l.switches() || l.ambiguous() {
		return t, none("was changed by somebody else: it starts other partitions than its record says")
	}
	if len(t.Order()) == 0 {
		return t, none("has an empty boot order")
	}
	return t, nil
}

// RebootArgument is what a reboot out of this slot has to pass to the kernel so
// that the table's first choice is started: empty unless that is a trial of the
// other slot. Out of a trial every reboot leads back to the confirmed slot, also
// when the file could not be written.
func (b *Backend) RebootArgument(booted bootctl.Slot) (string, error) {
	t, err := b.Load()
	if err != nil {
		return "", err
	}
	if first, ok := t.Primary(); ok && first != chosen(t).byDefault && first != booted {
		return argument, nil
	}
	return "", nil
}

// Store overwrites the file in place.
func (b *Backend) Store(t bootctl.Table) error {
	m, err := b.open(true)
	if err != nil {
		return fmt.Errorf("open %s for writing: %w", b.path, err)
	}
	err = b.store(m, t)
	if cerr := m.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("close %s: %w", b.path, cerr)
	}
	return err
}

func (b *Backend) store(m medium, t bootctl.Table) error {
	// A Store that failed may have left in a cache what is not on the medium.
	if err := m.Sync(); err != nil {
		return fmt.Errorf("flush %s: %w", b.path, err)
	}
	was, err := b.read(m)
	if err != nil {
		return err
	}
	if now, err := b.table(was); err == nil && now == caps.Keep(t) {
		return nil
	}
	next, err := b.rendered(was, caps.Keep(t))
	if err != nil {
		return err
	}
	if _, err := m.WriteAt(next, 0); err != nil {
		return fmt.Errorf("write %s: %w", b.path, err)
	}
	if err := m.Sync(); err != nil {
		return fmt.Errorf("flush %s: %w", b.path, err)
	}
	back, err := b.read(m)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if !bytes.Equal(back, next) {
		return fmt.Errorf("read back %s: the device does not hold what was written: it is failing or write-protected", b.path)
	}
	return nil
}

// rendered is the file with this table in it.
func (b *Backend) rendered(was []byte, t bootctl.Table) ([]byte, error) {
	l, err := split(was)
	switch {
	case errors.Is(err, errDamaged):
		l = nil
	case err != nil:
		return nil, err
	}
	record, err := encode(t, b.numbers)
	if err != nil {
		return nil, err
	}
	c := chosen(t)
	return l.with(b.numbers[c.byDefault], b.numbers[c.once]).withRecord(record).join(b.size)
}

// read reads the file, twice if it must: an error that passes is no damage.
func (b *Backend) read(m medium) (content []byte, err error) {
	content = make([]byte, b.size)
	for range 2 {
		var n int
		if n, err = m.ReadAt(content, 0); n == len(content) {
			return content, nil
		}
	}
	return nil, fmt.Errorf("read %s: %w", b.path, err)
}
