package efi

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"abota/bootctl"
)

// DefaultLabels are the descriptions of the slots' boot entries.
var DefaultLabels = [2]string{"abota A", "abota B"}

// New is the backend on this machine's firmware. The labels are the
// descriptions of both boot entries, as efibootmgr shows them.
func New(labels [2]string) (*Backend, error) {
	if labels[0] == labels[1] || labels[0] == "" || labels[1] == "" {
		return nil, fmt.Errorf("cannot use the labels %q and %q for boot entries because each slot needs one of its own", labels[0], labels[1])
	}
	var on unix.Statfs_t
	if err := unix.Statfs(Mount, &on); err != nil || uint32(on.Type) != unix.EFIVARFS_MAGIC {
		return nil, fmt.Errorf("cannot use EFI variables because efivarfs is not mounted on %s: mount -t efivarfs efivarfs %s; a device that was not started by UEFI firmware has none", Mount, Mount)
	}
	return &Backend{efivarfs{Mount}, labels}, nil
}

// On is the backend on variables that are ordinary files of a folder, each as
// efivarfs shows it: a firmware for tests. It checks nothing of what [New]
// checks.
func On(folder string, labels [2]string) *Backend {
	return &Backend{files{efivarfs{folder}}, labels}
}

// files are variables in ordinary files, of which a write replaces only as much
// as it has bytes.
type files struct{ efivarfs }

func (f files) write(name string, attributes uint32, data []byte) error {
	if err := os.Truncate(filepath.Join(f.dir, name), 0); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return f.efivarfs.write(name, attributes, data)
}

// entry is the Boot#### variable of a slot.
type entry struct {
	number        uint16
	found, active bool
	option        LoadOption
}

// findEntries looks for both slots by their labels. A load option that cannot
// be read is somebody else's.
func (b *Backend) findEntries() (found [2]entry, err error) {
	names, err := b.vars.list()
	if err != nil {
		return found, fmt.Errorf("list EFI variables: %w", err)
	}
	slices.Sort(names)
	for _, name := range names {
		number, ok := ofBoot(name)
		if !ok {
			continue
		}
		_, data, err := b.get(name)
		if err != nil {
			return found, err
		}
		option, err := ParseLoadOption(data)
		if err != nil {
			continue
		}
		for _, s := range bootctl.Slots {
			if option.Label != b.labels[s] {
				continue
			}
			if found[s].found {
				return found, fmt.Errorf("cannot tell the boot entry of slot %s because both %s and %s are called %q: remove one with efibootmgr -b %04X -B", s, bootName(found[s].number), bootName(number), option.Label, number)
			}
			found[s] = entry{number, true, option.Attributes&Active != 0, option}
		}
	}
	return found, nil
}

// CreateEntries makes the boot entries that are missing, without starting
// them: that is what Store is for. An entry that is there and starts something
// else is left alone, and an error.
func (b *Backend) CreateEntries(options [2]LoadOption) error {
	found, err := b.findEntries()
	if err != nil {
		return err
	}
	for _, s := range bootctl.Slots {
		want := options[s]
		want.Label = b.labels[s]
		text, err := want.Encode()
		if err != nil {
			return err
		}
		if found[s].found {
			if err := same(found[s], want); err != nil {
				return err
			}
			continue
		}
		number, err := b.freeNumber()
		if err != nil {
			return err
		}
		if err := b.put(bootName(number), text); err != nil {
			return err
		}
	}
	return nil
}

func same(e entry, want LoadOption) error {
	if slices.Equal(e.option.Path, want.Path) && slices.Equal(e.option.Data, want.Data) {
		return nil
	}
	guid, file, _ := e.option.File()
	return fmt.Errorf("cannot make a boot entry %q because %s has that name already and starts something else (%s on %s, %q): remove it with efibootmgr -b %04X -B", want.Label, bootName(e.number), file, guid, e.option.CommandLine(), e.number)
}

// freeNumber is the lowest number that no boot entry has.
func (b *Backend) freeNumber() (uint16, error) {
	names, err := b.vars.list()
	if err != nil {
		return 0, fmt.Errorf("list EFI variables: %w", err)
	}
	taken := map[uint16]bool{}
	for _, name := range names {
		if number, ok := ofBoot(name); ok {
			taken[number] = true
		}
	}
	for number := range 1 << 16 {
		if !taken[uint16(number)] {
			return uint16(number), nil
		}
	}
	return 0, errors.New("cannot make a boot entry because all 65536 numbers are taken")
}

// Faults are boot entries that are missing or not active, and what BootOrder
// starts before them.
func (b *Backend) Faults() (all []string) {
	st, err := b.state()
	if err != nil {
		return nil // the table says that
	}
	for _, s := range bootctl.Slots {
		switch e := st.entries[s]; {
		case !e.found:
			all = append(all, fmt.Sprintf("the firmware has no boot entry %q for slot %s: `abota provision` makes it, with bootloader.efi.entries", b.labels[s], s))
		case !e.active:
			all = append(all, fmt.Sprintf("the boot entry %q of slot %s is not active: efibootmgr -b %04X -a", b.labels[s], s, e.number))
		}
	}
	if ours := st.ours(); len(ours) > 0 && st.order[0] != st.entries[ours[0]].number {
		all = append(all, fmt.Sprintf("BootOrder starts %s before the slots: move it behind them with efibootmgr -o", bootName(st.order[0])))
	}
	return all
}

// OnTrial reports whether the firmware started an entry with this word on its
// command line, while BootOrder starts another one of those first: BootNext did
// it. It is for whoever does not know the labels.
func (b *Backend) OnTrial(word string) bool {
	has := func(number uint16) bool {
		_, data, err := b.get(global(bootName(number)))
		option, perr := ParseLoadOption(data)
		return err == nil && perr == nil && slices.Contains(strings.Fields(option.CommandLine()), word)
	}
	current, ok, err := b.readNumber("BootCurrent")
	if err != nil || !ok || !has(current) {
		return false
	}
	order, err := b.readOrder()
	if err != nil {
		return false
	}
	for _, number := range order {
		if has(number) {
			return number != current
		}
	}
	return true
}

// Booted is the slot that the firmware started, and false when it started
// something else.
func (b *Backend) Booted() (bootctl.Slot, bool, error) {
	number, ok, err := b.readNumber("BootCurrent")
	if err != nil || !ok {
		return 0, false, err
	}
	found, err := b.findEntries()
	if err != nil {
		return 0, false, err
	}
	for _, s := range bootctl.Slots {
		if found[s].found && found[s].number == number {
			return s, true, nil
		}
	}
	return 0, false, nil
}
