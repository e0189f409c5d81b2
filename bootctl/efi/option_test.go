package efi

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

// foreign are load options of a kind that this package does not make: a whole
// device, reached over ACPI and PCI nodes, with data that only its maker reads.
var foreign = map[string]string{
	"a device": "01000000" + "1600" + hex.EncodeToString(encodeUTF16("UEFI Misc Device")) +
		"02010c00d041030a00000000" + "010106000001" + "7fff0400" + "4eac0881119f594d850ee21a522c59b2",
	"without a path or data": "00000000" + "0000" + "0000",
}

func TestLoadOptionsSurviveParsing(t *testing.T) {
	for name, text := range foreign {
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		o, err := ParseLoadOption(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		back, err := o.Encode()
		if err != nil || !bytes.Equal(back, b) {
			t.Errorf("%s: %x became %x, %v", name, b, back, err)
		}
		if _, _, ok := o.File(); ok {
			t.Errorf("%s starts no file", name)
		}
	}
}

func TestLoadOptionOfAKernel(t *testing.T) {
	o := mustOption(t, "abota A", "slot-a/vmlinuz.efi", `initrd=\slot-a\initrd`)
	b, err := o.Encode()
	if err != nil {
		t.Fatal(err)
	}
	// The bytes that a firmware started, node by node.
	want := "01000000" + "5a00" + "610062006f0074006100200041000000" +
		"04012a00" + "01000000" + "0008000000000000" + "0000040000000000" + "af3dc60f838472478e793d69d8477de4" + "0202" +
		"04042c00" + hex.EncodeToString(encodeUTF16(`\slot-a\vmlinuz.efi`)) +
		"7fff0400" + hex.EncodeToString(encodeUTF16(`initrd=\slot-a\initrd`))
	if got := hex.EncodeToString(b); got != want {
		t.Errorf("encoded\n%s\nwant\n%s", got, want)
	}
	back, err := ParseLoadOption(b)
	if err != nil {
		t.Fatal(err)
	}
	guid, file, ok := back.File()
	if !ok || guid != somePartition || file != `\slot-a\vmlinuz.efi` || back.CommandLine() != `initrd=\slot-a\initrd` {
		t.Errorf("read %s, %s, %v, %q", guid, file, ok, back.CommandLine())
	}
}

func TestLoadOptionsThatAreNone(t *testing.T) {
	for name, b := range map[string][]byte{
		"too short":    {1, 0, 0, 0, 0},
		"no end":       {1, 0, 0, 0, 0, 0, 'a', 0},
		"ends after 2": {1, 0, 0, 0, 4, 0, 'a', 0, 0, 0, 0x7f, 0xff},
	} {
		if _, err := ParseLoadOption(b); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, path := range []string{"", "04", "7fff0400", "0401ffff", "04010000", "040406006100", "04040400"} {
		b, err := hex.DecodeString(path)
		if err != nil {
			t.Fatal(err)
		}
		if guid, file, ok := (LoadOption{Path: b}).File(); ok {
			t.Errorf("the path %s starts %s on %s", path, file, guid)
		}
	}
}

func TestWhatNoLoadOptionHolds(t *testing.T) {
	good := Partition{Number: 1, GUID: somePartition}
	for name, try := range map[string]func() error{
		"no GUID": func() error { _, err := NewLoadOption("x", Partition{GUID: "0fc63daf"}, "f", ""); return err },
		"is no GUID: it": func() error {
			_, err := NewLoadOption("x", Partition{GUID: strings.Replace(somePartition, "-8483-", "8-483-", 1)}, "f", "")
			return err
		},
		"longer than 4096":    func() error { _, err := NewLoadOption("x", good, strings.Repeat("d/", 4096), ""); return err },
		"holds a NUL":         func() error { _, err := NewLoadOption("x", good, "a\x00b", ""); return err },
		"label holds a NUL":   func() error { _, err := LoadOption{Label: "a\x00"}.Encode(); return err },
		"longer than 1024":    func() error { _, err := LoadOption{Label: strings.Repeat("a", 2000)}.Encode(); return err },
		"than firmware takes": func() error { _, err := LoadOption{Data: make([]byte, 1<<17)}.Encode(); return err },
	} {
		if err := try(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzLoadOption(f *testing.F) {
	for _, text := range foreign {
		b, err := hex.DecodeString(text)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	kernel, err := mustOption(f, "abota A", "slot-a/vmlinuz.efi", "quiet").Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(kernel)
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := ParseLoadOption(b)
		if err != nil {
			return
		}
		o.File()
		o.CommandLine()
		again, err := o.Encode()
		if err != nil {
			return
		}
		back, err := ParseLoadOption(again)
		if err != nil || back.Label != o.Label || !bytes.Equal(back.Path, o.Path) || !bytes.Equal(back.Data, o.Data) {
			t.Errorf("%x reads as %+v and back as %+v, %v", b, o, back, err)
		}
	})
}
