package config

import (
	"errors"
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

func slotKey(name string, i int) key[Config] {
	return key[Config]{name: name, short: "device", sub: []key[Config]{
		{name: "device", set: scalar(func(c *Config) *string { return &c.Slots[i].Device }, slotDevice)},
		{name: "dir", set: scalar(func(c *Config) *string { return &c.Slots[i].Dir }, absolutePath)},
		{name: "parts", list: true, set: func(w *walker, c *Config, n *yaml.Node, path string) error { return c.parts(w, i, n, path) }},
	}}
}

// parts is the setter of a mapping whose names are the author's. It replaces
// what was there.
func (c *Config) parts(w *walker, i int, n *yaml.Node, path string) error {
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		return w.fail(n, path, "needs the parts by their names, as {root: {device: …}, kernel: {file: …}}, not %s%s", kindName(n), blankAdvice(n))
	}
	if len(n.Content) > 2*maxParts {
		return w.fail(n, path, "has %d parts: a slot has at most %d", len(n.Content)/2, maxParts)
	}
	var all []Part
	for k := 0; k < len(n.Content); k += 2 {
		p, err := w.part(n.Content[k], n.Content[k+1], path)
		if err != nil {
			return err
		}
		at := 0
		for at < len(all) && all[at].Name < p.Name {
			at++
		}
		if at < len(all) && all[at].Name == p.Name {
			return w.fail(n.Content[k], join(path, p.Name), "is set twice: keep one")
		}
		all = append(all[:at:at], append([]Part{p}, all[at:]...)...)
	}
	c.Slots[i].Parts = all
	return nil
}

// part reads one part. A bare value is its device.
func (w *walker) part(name, value *yaml.Node, path string) (Part, error) {
	p, at := Part{Name: name.Value}, join(path, printable(name.Value))
	if name.Kind != yaml.ScalarNode || !isPartName(name.Value) {
		return p, w.fail(name, at, "cannot be a part's name, since entries of a release are named for it: use a to z, 0 to 9, _ and -, a letter first, at most %d of them", maxPartName)
	}
	w.at[at] = w.place(name)
	value = resolve(value)
	switch {
	case value.Kind == yaml.ScalarNode && value.ShortTag() != "!!null":
		return p, w.placed(&p, "device", value, at)
	case value.Kind != yaml.MappingNode:
		return p, w.fail(value, at, "needs keys and values, not %s", kindName(value))
	}
	for k := 0; k < len(value.Content); k += 2 {
		if err := w.placed(&p, value.Content[k].Value, resolve(value.Content[k+1]), at); err != nil {
			return p, err
		}
	}
	if (p.Device == "") == (p.File == "") {
		return p, w.fail(name, at, "needs either device or file")
	}
	return p, nil
}

// placed takes one of the two keys that say where a part lies.
func (w *walker) placed(p *Part, name string, value *yaml.Node, at string) error {
	text, err := scalarText(value)
	if err == nil {
		switch {
		case name == "device" && p.Device != "", name == "file" && p.File != "":
			err = errors.New("is set twice: keep one")
		case name == "device":
			p.Device, err = slotDevice(text)
		case name == "file":
			p.File, err = absolutePath(text)
		default:
			err = errors.New("unknown key: known here are device, file")
		}
	}
	at = join(at, printable(name))
	w.at[at] = w.place(value)
	if err != nil {
		return w.fail(value, at, "%v", err)
	}
	return nil
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
			if !other.has(p.Name) {
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

// has reports whether the slot has a part of this name.
func (s Slot) has(part string) bool {
	for _, p := range s.Group() {
		if p.Name == part {
			return true
		}
	}
	return false
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
