package efi

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"abota/bootctl"
)

// bootOrder is the numbers of boot entries in the order in which they are
// tried.
type bootOrder []uint16

func (o bootOrder) encode() []byte {
	var b []byte
	for _, number := range o {
		b = binary.LittleEndian.AppendUint16(b, number)
	}
	return b
}

func decodeOrder(b []byte) (o bootOrder) {
	for ; len(b) >= 2; b = b[2:] {
		o = append(o, binary.LittleEndian.Uint16(b))
	}
	return o
}

// with puts these slots where the first of ours was, or else in front, and
// keeps all others in their order.
func (o bootOrder) with(entries [2]entry, slots []bootctl.Slot) bootOrder {
	ours := func(number uint16) bool {
		return slices.ContainsFunc(entries[:], func(e entry) bool { return e.found && e.number == number })
	}
	at := max(0, slices.IndexFunc(o, ours))
	next := slices.Clone(o[:at])
	for _, s := range slots {
		next = append(next, entries[s].number)
	}
	for _, number := range o[at:] {
		if !ours(number) {
			next = append(next, number)
		}
	}
	return next
}

func (b *Backend) readOrder() (bootOrder, error) {
	_, data, err := b.get(global("BootOrder"))
	return decodeOrder(data), err
}

// readNumber reads BootNext or BootCurrent.
func (b *Backend) readNumber(name string) (number uint16, ok bool, err error) {
	_, data, err := b.get(global(name))
	if err != nil || len(data) != 2 {
		return 0, false, err
	}
	return binary.LittleEndian.Uint16(data), true, nil
}

// get reads a variable; one that is not there has no data.
func (b *Backend) get(name string) (uint32, []byte, error) {
	attributes, data, err := b.vars.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil, nil
	}
	if err != nil {
		return 0, nil, fmt.Errorf("read the EFI variable %s: %w", name, err)
	}
	return attributes, data, nil
}

// put writes one of the specification's variables, with the attributes that it
// has.
func (b *Backend) put(name string, data []byte) error {
	has, _, err := b.get(global(name))
	if err != nil {
		return err
	}
	if has == 0 {
		has = attributes
	}
	return b.set(global(name), has, data)
}

// set writes a variable and reads it back before anything follows from it.
func (b *Backend) set(name string, attributes uint32, data []byte) error {
	if err := b.vars.write(name, attributes, data); err != nil {
		return fmt.Errorf("write the EFI variable %s: %w", name, err)
	}
	_, got, err := b.get(name)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if !bytes.Equal(got, data) {
		return errIgnored
	}
	return nil
}

// unset removes a variable and looks whether it is gone.
func (b *Backend) unset(name string) error {
	if err := b.vars.remove(name); err != nil {
		return fmt.Errorf("remove the EFI variable %s: %w", name, err)
	}
	_, got, err := b.get(name)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if got != nil {
		return errIgnored
	}
	return nil
}

var errIgnored = errors.New("read back EFI variables: they do not hold what was written: this firmware ignores writes, so its boot pointer cannot be moved: look for a setting that locks its variables, or use another bootloader kind")
