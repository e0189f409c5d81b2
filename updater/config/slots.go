package config

import (
	"reflect"
	"slices"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"
)

// RootPart is the part that a slot's device alone stands for.
const RootPart = "root"

const (
	// maxParts and maxPartName, in bytes, keep what the journal says of two
	// slots within its record.
	maxParts    = 16
	maxPartName = 32
)

// Slot is one copy of the system. Only one of its fields is set.
type Slot struct {
	// Device is PARTUUID=…, PARTLABEL=… or a path: the slot's one part, which
	// is called RootPart.
	Device string
	// Dir is a folder instead of a device: the release is unpacked into it,
	// and a service is restarted instead of the machine.
	Dir string
	// Parts are written together, before the one pointer moves. They are in
	// the order of their names, the same in both slots. See [Slot.Group].
	Parts []Part
}

// Part is one part of a slot: Device or File is set.
type Part struct {
	Name string
	// Device is PARTUUID=…, PARTLABEL=… or a path.
	Device string
	// File is the path of a preallocated file, which is overwritten in place.
	File string
}

// Group is what the slot is made of, by whichever key: at least one part,
// unless it is a folder or not configured.
func (s Slot) Group() []Part {
	if s.Device != "" {
		return []Part{{Name: RootPart, Device: s.Device}}
	}
	return s.Parts
}

// kind is the key that says what the slot is made of, or empty.
func (s Slot) kind() string {
	switch {
	case s.Dir != "":
		return "dir"
	case s.Device != "":
		return "device"
	case len(s.Parts) > 0:
		return "parts"
	}
	return ""
}

func slotKey(name, index string) key {
	return key{name: name, field: index, short: "device", sub: []key{
		{name: "device", field: "Device", set: scalar(slotDevice)},
		{name: "dir", field: "Dir", set: scalar(absolutePath)},
		{name: "parts", list: true, field: "Parts", set: parts},
	}}
}

var partKeys = []key{
	{name: "device", field: "Device", set: scalar(slotDevice)},
	{name: "file", field: "File", set: scalar(absolutePath)},
}

// parts is the setter of a mapping whose names are the author's. It replaces
// what was there.
func parts(w *walker, dst reflect.Value, n *yaml.Node, path string) error {
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		return w.fail(n, path, "needs the parts by their names, as {root: {device: …}, kernel: {file: …}}, not %s%s", kindName(n), blankAdvice(n))
	}
	var all []Part
	for i := 0; i+1 < len(n.Content); i += 2 {
		p, err := w.part(n.Content[i], n.Content[i+1], path)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(all, func(o Part) bool { return o.Name == p.Name }) {
			return w.fail(n.Content[i], join(path, p.Name), "is set twice: keep one")
		}
		all = append(all, p)
	}
	if len(all) > maxParts {
		return w.fail(n, path, "has %d parts: a slot has at most %d", len(all), maxParts)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	dst.Set(reflect.ValueOf(all))
	return nil
}

// part reads one part. A bare value is its device.
func (w *walker) part(name, value *yaml.Node, path string) (Part, error) {
	p, at := Part{Name: name.Value}, join(path, printable(name.Value))
	if name.Kind != yaml.ScalarNode || name.Value == "" {
		return p, w.fail(name, path, "has a part without a name: write one before the colon, as %s", RootPart)
	}
	if !isPartName(name.Value) {
		return p, w.fail(name, at, "cannot be a part's name, since entries of a release are named for it: use a to z, 0 to 9, _ and -, a letter first, at most %d of them", maxPartName)
	}
	w.at[at] = w.place(name)
	if err := assign(w, reflect.ValueOf(&p).Elem(), key{short: "device", sub: partKeys}, value, at); err != nil {
		return p, err
	}
	if (p.Device == "") == (p.File == "") {
		return p, w.fail(name, at, "needs device or file, and not both")
	}
	return p, nil
}

func isPartName(s string) bool {
	isOther := func(r rune) bool { return r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') }
	return s != "" && s[0] >= 'a' && s[0] <= 'z' && len(s) <= maxPartName && !strings.ContainsFunc(s, isOther)
}

func checkSlots(w *walker, c *Config) error {
	for i, path := range slotPaths {
		if err := w.checkKind(c.Slots[i], path); err != nil {
			return err
		}
	}
	a, b := c.Slots[0], c.Slots[1]
	switch {
	case a.Dir != "" && a.Dir == b.Dir:
		return w.failAt("slots.b.dir", "is the same as slots.a.dir (%s): an update would overwrite the running system", a.Dir)
	case (a.Dir != "") != (b.Dir != "") && a.kind() != "" && b.kind() != "":
		return w.failAt("slots.b."+b.kind(), "and slots.a are of two kinds: give both a device or parts, or both a dir")
	}
	if err := w.checkGroups(a, b); err != nil {
		return err
	}
	return checkLink(w, c)
}

var slotPaths = [2]string{"slots.a", "slots.b"}

// checkKind refuses a slot that is said in two ways.
func (w *walker) checkKind(s Slot, path string) error {
	switch {
	case s.Device != "" && s.Dir != "":
		return w.failAt(path+".dir", "stands beside %s.device: a slot is either a device or a folder", path)
	case s.Device != "" && len(s.Parts) > 0:
		return w.failAt(path+".parts", "stands beside %s.device: name that device as a part too, as %s", path, RootPart)
	case s.Dir != "" && len(s.Parts) > 0:
		return w.failAt(path+".parts", "stands beside %s.dir: a slot is either a folder or made of parts", path)
	}
	return nil
}

// checkGroups: both slots have the same parts, and share none of them: what
// both would read could not change with one pointer.
func (w *walker) checkGroups(a, b Slot) error {
	if a.kind() == "" || b.kind() == "" {
		return nil
	}
	taken := map[string]string{}
	for i, s := range []Slot{a, b} {
		for _, p := range s.Group() {
			other := []Slot{b, a}[i]
			if !slices.ContainsFunc(other.Group(), func(o Part) bool { return o.Name == p.Name }) {
				return w.failAt(slotPaths[i]+".parts."+p.Name, "has no counterpart in %s: both slots need the same parts, since a release fits either", slotPaths[1-i])
			}
			at, where := s.placeOf(p, slotPaths[i])
			if first, twice := taken[where]; twice {
				return w.failAt(at, "is the same as %s (%s): an update would overwrite %s", first, where, overwritten(first, at))
			}
			taken[where] = at
		}
	}
	return nil
}

// placeOf is the key that says where a part lies, and what it says.
func (s Slot) placeOf(p Part, path string) (at, where string) {
	switch {
	case s.Device != "":
		return path + ".device", s.Device
	case p.File != "":
		return path + ".parts." + p.Name + ".file", p.File
	}
	return path + ".parts." + p.Name + ".device", p.Device
}

func overwritten(first, second string) string {
	if first[:len("slots.a")] != second[:len("slots.a")] {
		return "the running system"
	}
	return "one part with the other"
}

// NeedSlots reports which slot is not configured.
func (c *Config) NeedSlots() error {
	for i, path := range slotPaths {
		if c.Slots[i].kind() != "" {
			continue
		}
		return &Error{
			File: strings.Join(c.files, ", "), Key: path + ".device",
			Reason: "not set: name both slots, as `slots: {a: PARTLABEL=root-a, b: PARTLABEL=root-b}` in " + DefaultPath + " or in a file named by --config",
		}
	}
	return nil
}
