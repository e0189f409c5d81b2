package efi

import (
	"io/fs"
	"maps"
	"slices"
	"testing"

	"abota/bootctl"
	"abota/bootctl/bootctltest"
)

// nvram is a firmware: its variables, each of which it writes whole or not at
// all, and its boot manager.
type nvram struct {
	vars  map[string]variable
	steps *bootctltest.Steps
	// meddles says that it puts every entry that BootOrder lacks at its end at
	// each boot, as some firmware does.
	meddles bool
}

type variable struct {
	attributes uint32
	data       string
}

func (n *nvram) read(name string) (uint32, []byte, error) {
	if err := n.steps.Read(); err != nil {
		return 0, nil, err
	}
	v, ok := n.vars[name]
	if !ok {
		return 0, nil, fs.ErrNotExist
	}
	return v.attributes, []byte(v.data), nil
}

func (n *nvram) write(name string, attributes uint32, data []byte) error {
	return n.steps.Write(func() { n.vars[name] = variable{attributes, string(data)} })
}

func (n *nvram) remove(name string) error {
	return n.steps.Write(func() { delete(n.vars, name) })
}

func (n *nvram) list() ([]string, error) {
	if err := n.steps.Read(); err != nil {
		return nil, err
	}
	return slices.Collect(maps.Keys(n.vars)), nil
}

func (n *nvram) Clone() bootctltest.Storage {
	return &nvram{vars: maps.Clone(n.vars), meddles: n.meddles}
}

func (n *nvram) Open(steps *bootctltest.Steps) bootctl.Backend {
	n.steps = steps
	return &Backend{n, DefaultLabels}
}

// Boot is what the UEFI specification says of the boot manager: BootNext is
// removed and started, and then BootOrder is, entry after entry. Entries of
// others fail to start here.
func (n *nvram) Boot() (bootctl.Slot, bool) {
	order := decodeOrder([]byte(n.vars[global("BootOrder")].data))
	if next, ok := n.vars[global("BootNext")]; ok {
		delete(n.vars, global("BootNext"))
		order = append(decodeOrder([]byte(next.data)), order...)
	}
	if n.meddles {
		n.restoreEntries()
	}
	for _, number := range order {
		option, err := ParseLoadOption([]byte(n.vars[global(bootName(number))].data))
		if err != nil || option.Attributes&Active == 0 {
			continue
		}
		if i := slices.Index(DefaultLabels[:], option.Label); i >= 0 {
			n.vars[global("BootCurrent")] = variable{6, string(bootOrder{number}.encode())}
			return bootctl.Slot(i), true
		}
	}
	return 0, false
}

func (n *nvram) restoreEntries() {
	order := decodeOrder([]byte(n.vars[global("BootOrder")].data))
	for _, name := range slices.Sorted(maps.Keys(n.vars)) {
		if number, ok := ofBoot(name); ok && !slices.Contains(order, number) {
			order = append(order, number)
		}
	}
	n.vars[global("BootOrder")] = variable{attributes, string(order.encode())}
}

const somePartition = "0fc63daf-8483-4772-8e79-3d69d8477de4"

func mustOption(t testing.TB, label, file, commandLine string) LoadOption {
	t.Helper()
	o, err := NewLoadOption(label, Partition{Number: 1, Start: 2048, Size: 262144, GUID: somePartition}, file, commandLine)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// newFirmware has entries for both slots, 0003 and 0004, made by this package,
// between entries of others.
func newFirmware(t testing.TB, order ...uint16) *nvram {
	t.Helper()
	n := &nvram{vars: map[string]variable{}}
	for number, option := range map[uint16]LoadOption{
		0: {Attributes: Active, Label: "UiApp", Path: []byte{typeEnd, subTypeEndEntire, 4, 0}},
		1: mustOption(t, "shell", "shell.efi", ""),
		3: mustOption(t, DefaultLabels[0], "slot-a/vmlinuz.efi", "abota.slot=A"),
		4: mustOption(t, DefaultLabels[1], "slot-b/vmlinuz.efi", "abota.slot=B"),
	} {
		text, err := option.Encode()
		if err != nil {
			t.Fatal(err)
		}
		n.vars[global(bootName(number))] = variable{attributes, string(text)}
	}
	n.vars[global("Timeout")] = variable{attributes, "\x00\x00"}
	n.vars[global("BootOrder")] = variable{attributes, string(bootOrder(order).encode())}
	return n
}

func TestConformance(t *testing.T) {
	for name, order := range map[string][]uint16{"empty order": nil, "entries of others": {1, 0}} {
		t.Run(name, func(t *testing.T) { bootctltest.RunSteps(t, newFirmware(t, order...)) })
	}
}
