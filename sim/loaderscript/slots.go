package loaderscript

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"abota/sim/disk"
)

// SlotSize is that of a slot's file system, in bytes.
const SlotSize = 2 << 20

// Files is what a slot holds, by path. Nil is a slot without a file system.
type Files map[string]string

// Slots makes slots' file systems, each content once.
type Slots struct {
	Machine
	made map[string][]byte
}

// Healthy is a slot that starts and says so.
func (s *Slots) Healthy(name string) Files {
	return Files{s.kernel(): string(s.Payload(name))}
}

func (s *Slots) kernel() string { return "boot/" + s.Kernel }

// Content is a slot by a word that says what is wrong with it, empty for a
// healthy one.
func (s *Slots) Content(t *testing.T, kind, name string) Files {
	t.Helper()
	f := s.Healthy(name)
	switch kind {
	case "":
	case "blank":
		return nil
	case "no kernel":
		delete(f, s.kernel())
		f["etc/issue"] = "nothing to boot"
	case "empty kernel":
		f[s.kernel()] = ""
	case "garbage":
		f[s.kernel()] = strings.Repeat("no kernel at all", 1024)
	case "long arguments":
		f["boot/abota.args"] = "abota_args=" + strings.Repeat("x", 2048) + "\n"
	case "long tree":
		f["boot/dtb"] = strings.Repeat("x", 512<<10)
	case "garbage tree":
		f["boot/dtb"] = strings.Repeat("no tree", 1024)
	default:
		t.Fatalf("the test names an unknown kind of slot %q", kind)
	}
	return f
}

// Image is the file system with these files.
func (s *Slots) Image(t *testing.T, content Files) []byte {
	t.Helper()
	if content == nil {
		return make([]byte, SlotSize)
	}
	var key strings.Builder
	for _, name := range slices.Sorted(maps.Keys(content)) {
		fmt.Fprintf(&key, "%q=%q\n", name, content[name])
	}
	if image, ok := s.made[key.String()]; ok {
		return image
	}
	dir, path := Scratch(t), filepath.Join(Scratch(t), "slot.img")
	for name, text := range content {
		Write(t, filepath.Join(dir, name), []byte(text))
	}
	if err := disk.Ext4(t.Context(), path, dir, "slot", SlotSize); err != nil {
		t.Fatal(err)
	}
	if s.made == nil {
		s.made = map[string][]byte{}
	}
	s.made[key.String()] = Read(t, path)
	return s.made[key.String()]
}
