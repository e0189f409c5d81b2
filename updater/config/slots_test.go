package config

import (
	"reflect"
	"strings"
	"testing"
)

func TestPartsOfSlots(t *testing.T) {
	c := mustLoad(t, `
slots:
  a:
    parts:
      root: {device: PARTLABEL=root-a}
      boot: PARTLABEL=boot-a
      kernel: {file: /efi/abota/a/../a/linux}
  b: {parts: {kernel: {file: /efi/abota/b/linux}, boot: {device: PARTLABEL=boot-b}, root: /dev/b}}
`)
	want := [2][]Part{
		{{Name: "boot", Device: "PARTLABEL=boot-a"}, {Name: "kernel", File: "/efi/abota/a/linux"}, {Name: "root", Device: "PARTLABEL=root-a"}},
		{{Name: "boot", Device: "PARTLABEL=boot-b"}, {Name: "kernel", File: "/efi/abota/b/linux"}, {Name: "root", Device: "/dev/b"}},
	}
	for i, s := range c.Slots {
		if !reflect.DeepEqual(s.Group(), want[i]) {
			t.Errorf("slot %d has %+v, want %+v", i, s.Group(), want[i])
		}
	}
	if err := c.NeedSlots(); err != nil {
		t.Error(err)
	}
}

func TestOneDeviceIsTheRootPart(t *testing.T) {
	c := mustLoad(t, "slots: {a: {parts: {root: /dev/a}}, b: /dev/b}\n")
	if a, b := c.Slots[0].Group(), c.Slots[1].Group(); len(a) != 1 || len(b) != 1 || a[0] != (Part{Name: RootPart, Device: "/dev/a"}) || b[0] != (Part{Name: RootPart, Device: "/dev/b"}) {
		t.Errorf("%+v and %+v are not one part each", a, b)
	}
}

func TestPartsByVariableAndCommandLine(t *testing.T) {
	c, err := Load([]string{write(t, "config.yaml", "slots: {b: {parts: {uki: {file: /efi/b}}}}\n")},
		[]string{"ABOTA_SLOTS_A_PARTS={uki: {file: /efi/x}}"}, []string{"slots.a.parts={uki: {file: /efi/a}}"})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Slots[0].Group(); len(got) != 1 || got[0] != (Part{Name: "uki", File: "/efi/a"}) {
		t.Errorf("slot A has %+v", got)
	}
}

// Every refusal names the line of what is wrong.
func TestRefusedParts(t *testing.T) {
	pair := func(a, b string) string { return "slots:\n  a: " + a + "\n  b: " + b + "\n" }
	root := "{parts: {root: /dev/b}}"
	for name, c := range map[string]struct {
		text, want string
		line       string
	}{
		"a list":             {pair("{parts: [root]}", root), "slots.a.parts: needs the parts by their names, as {root: {device: …}, kernel: {file: …}}, not a list", ":2:"},
		"no parts":           {pair("{parts: {}}", root), "slots.a.parts: needs the parts by their names", ":2:"},
		"nothing":            {pair("{parts: }", root), "not nothing", ":2:"},
		"a bad name":         {pair("{parts: {Root: /dev/a}}", root), "slots.a.parts.Root: cannot be a part's name", ":2:"},
		"a dot in the name":  {pair("{parts: {root.img: /dev/a}}", root), "cannot be a part's name", ":2:"},
		"no name":            {pair(`{parts: {"": /dev/a}}`, root), "slots.a.parts: has a part without a name", ":2:"},
		"a name too long":    {pair("{parts: {"+strings.Repeat("a", 33)+": /dev/a}}", root), "at most 32", ":2:"},
		"a list as a name":   {pair("{parts: {[a]: /dev/a}}", root), "slots.a.parts: has a part without a name", ":2:"},
		"an alias as a name": {pair("{parts: {root: &root /dev/a, *root : /dev/c}}", root), "slots.a.parts: has a part without a name", ":2:"},
		"twice":              {pair("{parts: {root: /dev/a, root: /dev/c}}", root), "slots.a.parts.root: is set twice", ":2:"},
		"an unknown key":     {pair("{parts: {root: {disk: /dev/a}}}", root), "slots.a.parts.root.disk: unknown key: known here are device, file", ":2:"},
		"device and file":    {pair("{parts: {root: {device: /dev/a, file: /efi/a}}}", root), "slots.a.parts.root: needs device or file, and not both", ":2:"},
		"a device twice":     {pair("{parts: {root: {device: /dev/a, device: /dev/c}}}", root), "slots.a.parts.root.device: is set twice", ":2:"},
		"a list for a part":  {pair("{parts: {root: [/dev/a]}}", root), "slots.a.parts.root: needs keys and values, not a list", ":2:"},
		"neither":            {pair("{parts: {root: {}}}", root), "slots.a.parts.root: needs device or file", ":2:"},
		"no value":           {pair("{parts: {root: }}", root), "slots.a.parts.root", ":2:"},
		"a relative file":    {pair("{parts: {root: {file: efi/a}}}", root), "slots.a.parts.root.file: \"efi/a\" is not an absolute path", ":2:"},
		"a file system":      {pair("{parts: {root: LABEL=root-a}}", root), "cannot be found by LABEL=", ":2:"},
		"beside a device":    {pair("{device: /dev/a, parts: {boot: /dev/c}}", root), "slots.a.parts: stands beside slots.a.device", ":2:"},
		"beside a folder":    {pair("{dir: /opt/a, parts: {boot: /dev/c}}", root), "slots.a.parts: stands beside slots.a.dir", ":2:"},
		"a folder and parts": {pair(root, "{dir: /opt/b}"), "slots.b.dir: and slots.a are of two kinds", ":3:"},
		"parts and a folder": {pair("{dir: /opt/a}", root), "slots.b.parts: and slots.a are of two kinds", ":3:"},
		"one part more in A": {pair("{parts: {root: /dev/a, boot: /dev/c}}", root), "slots.a.parts.boot: has no counterpart in slots.b", ":2:"},
		"one part more in B": {pair("/dev/a", "{parts: {root: /dev/b, boot: /dev/c}}"), "slots.b.parts.boot: has no counterpart in slots.a", ":3:"},
		"other names":        {pair("/dev/a", "{parts: {rootfs: /dev/b}}"), "has no counterpart", ""},
		"one file for both": {
			pair("{parts: {root: /dev/a, kernel: {file: /efi/linux}}}", "{parts: {root: /dev/b, kernel: {file: /efi/x/../linux}}}"),
			"slots.b.parts.kernel.file: is the same as slots.a.parts.kernel.file (/efi/linux): an update would overwrite the running system", ":3:",
		},
		"one device for both": {
			pair("{parts: {root: /dev/a, boot: /dev/boot}}", "{parts: {root: /dev/b, boot: /dev/boot}}"),
			"slots.b.parts.boot.device: is the same as slots.a.parts.boot.device (/dev/boot): an update would overwrite the running system", ":3:",
		},
		"crossed": {
			pair("{parts: {root: /dev/a, boot: /dev/b}}", "{parts: {root: /dev/b, boot: /dev/c}}"),
			"slots.b.parts.root.device: is the same as slots.a.parts.boot.device", ":3:",
		},
		"twice in a slot": {
			pair("{parts: {root: /dev/a, boot: /dev/a}}", "{parts: {root: /dev/b, boot: /dev/c}}"),
			"slots.a.parts.root.device: is the same as slots.a.parts.boot.device (/dev/a): an update would overwrite one part with the other", ":2:",
		},
		"a link beside them": {pair("{parts: {root: /dev/a}}", root) + "bootloader: {kind: symlink, link: /opt/l}\n", "bootloader.kind: symlink is for directory slots", ":4:"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := loadText(t, c.text)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.line) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got  %v\nwant %s … %s", err, c.line, c.want)
			}
		})
	}
	many := "{parts: {"
	for i := range maxParts + 1 {
		many += "p" + string(rune('a'+i)) + ": /dev/" + string(rune('a'+i)) + ", "
	}
	if _, err := loadText(t, pair(many+"}}", root)); err == nil || !strings.Contains(err.Error(), "at most 16") {
		t.Errorf("17 parts: %v", err)
	}
}
