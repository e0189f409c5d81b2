package powercut

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"abota/bootctl"
	"abota/bootctl/efi"
	"abota/sim/disk"
)

// efiLoader is the firmware itself: BootNext and BootOrder in its flash. The boot
// manager is modelled here; the rest is bootctl/efi on the variables in a folder.
//
// Flash has no cache: what was written is there, byte after byte, and stays in
// its order with the disk's flushes.
type efiLoader struct {
	dir string
	// options are both slots' load options as the board left the factory.
	options [2][]byte
	// seen are pointers by their key: most bytes of the flash change none.
	seen map[string]snapshot
}

func newEFILoader(dir string, base *Disk) (*efiLoader, error) {
	l := &efiLoader{dir: dir, seen: map[string]snapshot{}}
	vars, err := l.variables(base)
	if err != nil {
		return nil, fmt.Errorf("read the firmware's variables: %w", err)
	}
	for _, v := range vars {
		if option, err := efi.ParseLoadOption(v.data); err == nil {
			if i := slices.Index(efi.DefaultLabels[:], option.Label); i >= 0 {
				l.options[i] = v.data
			}
		}
	}
	return l, nil
}

func (*efiLoader) storage() []string { return []string{varsName} }

// files are what a slot's load option names.
func (l *efiLoader) files(s bootctl.Slot) map[string]string {
	option, err := efi.ParseLoadOption(l.options[s])
	if err != nil {
		return nil
	}
	_, linux, _ := option.File()
	files := map[string]string{partLinux: slashes(linux)}
	for _, word := range strings.Fields(option.CommandLine()) {
		if initrd, ok := strings.CutPrefix(word, "initrd="); ok {
			files[partInitrd] = slashes(initrd)
		}
	}
	return files
}

// slashes writes a path of the firmware's as that of a file.
func slashes(path string) string { return strings.ReplaceAll(path, `\`, "/") }

func (*efiLoader) own(d *Disk, w write) map[int64]bool {
	if !d.inPartition(w, varsName) {
		return ownOfESP(d, w)
	}
	own := map[int64]bool{}
	for k := range w.numbers {
		own[w.Sector+int64(k)] = true
	}
	return own
}

// variables are those that the boot pointer consists of.
func (*efiLoader) variables(d *Disk) (map[string]efiVariable, error) {
	p := d.partition(varsName)
	flash := make([]byte, p.Size)
	if _, err := d.ReadAt(flash, p.Offset); err != nil {
		return nil, err
	}
	vars, err := parseVarstore(flash)
	maps.DeleteFunc(vars, func(name string, _ efiVariable) bool {
		return !strings.HasPrefix(name, "Boot") && !strings.HasPrefix(name, "AbotaTable-")
	})
	return vars, err
}

func (l *efiLoader) read(d *Disk) (snapshot, error) {
	vars, err := l.variables(d)
	if err != nil {
		return snapshot{}, err
	}
	key := ""
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		key += fmt.Sprintf("%s %d %q\n", name, vars[name].attributes, vars[name].data)
	}
	if s, known := l.seen[key]; known {
		return s, nil
	}
	p, err := l.open(vars)
	if err != nil {
		return snapshot{}, err
	}
	table, err := p.Load()
	if err != nil && !errors.Is(err, bootctl.ErrNoTable) {
		return snapshot{}, fmt.Errorf("read the boot table: %w", err)
	}
	// What BootNext says beside it is the loader's to use up.
	s := snapshot{table: p.Caps().Keep(table), lost: err != nil, once: true, key: key, open: func() (pointer, error) { return l.open(vars) }}
	l.seen[key] = s
	return s, nil
}

func (l *efiLoader) open(vars map[string]efiVariable) (*efiPointer, error) {
	folder := filepath.Join(l.dir, "efivars")
	err := os.RemoveAll(folder)
	if err == nil {
		err = os.MkdirAll(folder, 0o700)
	}
	for name, v := range vars {
		content := append(binary.LittleEndian.AppendUint32(nil, v.attributes), v.data...)
		err = errors.Join(err, os.WriteFile(filepath.Join(folder, name), content, 0o600))
	}
	if err != nil {
		return nil, fmt.Errorf("take up the EFI variables: %w", err)
	}
	return &efiPointer{Backend: efi.On(folder, efi.DefaultLabels), folder: folder, options: l.options}, nil
}

func (l *efiLoader) defects() []defect {
	return []defect{{name: "BootOrder in place of BootNext", seed: inTrial, worse: l.ordered}}
}

// ordered is the pointer of a backend that puts what is on trial into BootOrder,
// before it is proven.
func (l *efiLoader) ordered(s snapshot) (snapshot, error) {
	if first, ok := s.table.Primary(); s.lost || !ok || !onTrial(s.table, first) {
		return s, nil
	}
	open := s.open
	s.key += "ordered"
	s.open = func() (pointer, error) {
		p, err := open()
		if err != nil {
			return nil, err
		}
		e := p.(*efiPointer)
		next := e.variable("BootNext")
		if next == nil {
			return e, nil
		}
		attributes := binary.LittleEndian.AppendUint32(nil, efiKept)
		order := slices.Concat(attributes, next, e.variable("BootOrder"))
		return e, errors.Join(
			os.WriteFile(filepath.Join(e.folder, "BootOrder"+efiGlobal), order, 0o600),
			os.Remove(filepath.Join(e.folder, "BootNext"+efiGlobal)))
	}
	return s, nil
}

// efiKept are a variable's attributes: kept without power, and seen by the
// firmware and by the system.
const efiKept = 1 | 2 | 4

// efiPointer is a folder of variables, and the firmware that boots by them.
type efiPointer struct {
	*efi.Backend
	folder  string
	options [2][]byte
}

// efiGlobal ends the names of the specification's variables.
const efiGlobal = "-8be4df61-93ca-11d2-aa0d-00e098032b8c"

// variable is one's content, without its attributes; nil when it is not there.
func (p *efiPointer) variable(name string) []byte {
	b, err := os.ReadFile(filepath.Join(p.folder, name+efiGlobal))
	if err != nil || len(b) < 4 {
		return nil
	}
	return b[4:]
}

// start is the boot manager: BootNext is removed and started, then BootOrder is,
// entry after entry (UEFI 3.1.1). Entries of others start nothing here.
func (p *efiPointer) start() (begun, error) {
	order := p.variable("BootNext")
	if order != nil {
		if err := os.Remove(filepath.Join(p.folder, "BootNext"+efiGlobal)); err != nil {
			return begun{}, fmt.Errorf("use BootNext up: %w", err)
		}
	}
	order = append(order, p.variable("BootOrder")...)
	for ; len(order) >= 2; order = order[2:] {
		entry := p.variable(fmt.Sprintf("Boot%04X", binary.LittleEndian.Uint16(order)))
		option, err := efi.ParseLoadOption(entry)
		if err != nil || option.Attributes&efi.Active == 0 {
			continue
		}
		for _, s := range bootctl.Slots {
			if option.Label == efi.DefaultLabels[s] {
				return begun{starts: true, slot: s, whole: string(entry) == string(p.options[s])}, nil
			}
		}
	}
	return begun{}, nil
}

// varsName is the flash with the firmware's variables, as if it were a partition
// at the disk's end.
const varsName = disk.Vars
