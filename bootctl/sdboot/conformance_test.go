package sdboot

import (
	"bytes"
	"cmp"
	"io/fs"
	"maps"
	"slices"
	"testing"

	"abota/bootctl"
	"abota/bootctl/bootctltest"
)

var bodies = [2]string{
	"title abota A\ninitrd /abota/a/initrd\noptions quiet abota.slot=A\nlinux /abota/a/vmlinuz\n",
	"title abota B\ninitrd /abota/b/initrd\noptions quiet abota.slot=B\nlinux /abota/b/vmlinuz\n",
}

// esp is the folder of entries as the medium holds it, and the loader that
// reads it.
type esp struct {
	files map[string]string
	steps *bootctltest.Steps
	// freed is what clusters of removed files still hold: a file that is made
	// shows it until its own content arrives.
	freed string
}

func (e *esp) list() ([]string, error) {
	if err := e.steps.Read(); err != nil {
		return nil, err
	}
	return slices.Collect(maps.Keys(e.files)), nil
}

func (e *esp) read(name string) ([]byte, error) {
	if err := e.steps.Read(); err != nil {
		return nil, err
	}
	text, ok := e.files[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return []byte(text), nil
}

func (e *esp) create(name string, data []byte) error {
	if _, ok := e.files[name]; ok {
		return fs.ErrExist
	}
	for _, content := range []string{"", e.freed, string(data)} {
		if err := e.steps.Write(func() { e.files[name] = content }); err != nil {
			return err
		}
	}
	return nil
}

func (e *esp) overwrite(name string, data []byte) error {
	if _, ok := e.files[name]; !ok {
		return fs.ErrNotExist
	}
	return e.steps.Write(func() { e.files[name] = string(data) })
}

func (e *esp) remove(name string) error {
	return e.steps.Write(func() {
		if text, ok := e.files[name]; ok {
			e.freed = text
		}
		delete(e.files, name)
	})
}

func (e *esp) Clone() bootctltest.Storage {
	return &esp{files: maps.Clone(e.files), freed: e.freed}
}

func (e *esp) Open(steps *bootctltest.Steps) bootctl.Backend {
	e.steps = steps
	return &Backend{e, bodies}
}

// Boot is what systemd-boot does without a default: entries without tries left
// come last, then the order is that of sort keys and versions, the newest
// first, and then of names; a counted entry is renamed before it is started.
// Firmware refuses that where the new name is there already, and the loader
// starts it all the same.
func (e *esp) Boot() (bootctl.Slot, bool) {
	entries := e.menu()
	if len(entries) == 0 {
		return 0, false
	}
	first := entries[0]
	if n := first.name; n.counted {
		n.left, n.done = max(0, n.left-1), n.done+1
		if _, taken := e.files[n.encode()]; !taken {
			e.files[n.encode()] = e.files[n.text]
			delete(e.files, n.text)
		}
	}
	return first.name.slot, true
}

func (e *esp) menu() (entries []file) {
	for text, content := range e.files {
		n, ok := parseName(text)
		f := parse(n, []byte(content))
		if ok && f.visible() && bytes.Contains(f.raw, []byte("sort-key "+sortKey+"\n")) {
			entries = append(entries, f)
		}
	}
	exhausted := func(f file) int {
		if f.name.counted && f.name.left == 0 {
			return 1
		}
		return 0
	}
	slices.SortFunc(entries, func(x, y file) int {
		return cmp.Or(cmp.Compare(exhausted(x), exhausted(y)), cmp.Compare(y.version, x.version), cmp.Compare(y.name.text, x.name.text))
	})
	return entries
}

func newESP() *esp {
	return &esp{files: map[string]string{"other-os.conf": "title Other\nlinux /other\n", "abota-c.conf": "linux /c\n", "abota-a+x.conf": "linux /x\n"}}
}

func TestConformance(t *testing.T) { bootctltest.RunSteps(t, newESP()) }
