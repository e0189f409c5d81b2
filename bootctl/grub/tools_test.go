package grub

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"abota/bootctl"
)

// editenv is three files that grub-editenv made.
type editenv struct {
	t     *testing.T
	paths [3]string
}

func newEditenv(t *testing.T) editenv {
	t.Helper()
	if _, err := exec.LookPath("grub-editenv"); err != nil {
		t.Skip("grub-editenv is not installed (Debian: grub-common)")
	}
	k := editenv{t: t}
	dir := t.TempDir()
	for i, name := range []string{"0", "1", "count"} {
		k.paths[i] = filepath.Join(dir, name)
		k.run(i, "create")
	}
	return k
}

func (k editenv) run(i int, args ...string) string {
	k.t.Helper()
	out, err := exec.Command("grub-editenv", append([]string{k.paths[i]}, args...)...).CombinedOutput()
	if err != nil {
		k.t.Fatalf("grub-editenv %q: %v: %s", args, err, out)
	}
	return string(out)
}

// list is what grub-editenv shows.
func (k editenv) list(i int) map[string]string {
	k.t.Helper()
	vars := map[string]string{}
	for line := range strings.Lines(k.run(i, "list")) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		vars[name] = value
	}
	return vars
}

func (k editenv) backend() *Backend {
	k.t.Helper()
	b, err := New([2]Place{{Path: k.paths[0]}, {Path: k.paths[1]}}, Place{Path: k.paths[2]})
	if err != nil {
		k.t.Fatal(err)
	}
	return b
}

func (k editenv) store(b *Backend, t bootctl.Table) {
	k.t.Helper()
	if err := b.Store(t); err != nil {
		k.t.Fatal(err)
	}
}

func (k editenv) expect(b *Backend, want bootctl.Table) {
	k.t.Helper()
	if got, err := b.Load(); err != nil || got != want {
		k.t.Fatalf("loaded %+v, %v, want %+v", got, err, want)
	}
}

const sampleRecord = "1000000000 order=BA a=good,10 b=unproven,3 confirmed=0 generation=31 a_failed=0123456789abcdef"

func TestToolReadsWhatWasStored(t *testing.T) {
	k := newEditenv(t)
	k.run(0, "set", "saved_entry=2", "odd=a b=c\\d")
	k.store(k.backend(), sample())
	want := map[string]string{varHead: sampleRecord, varTail: sampleRecord, "saved_entry": "2", "odd": "a b=c\\d"}
	if got := k.list(0); !maps.Equal(got, want) {
		t.Errorf("grub-editenv shows %q, want %q", got, want)
	}
	for i, path := range k.paths {
		b, err := os.ReadFile(path)
		if err != nil || len(b) != blockSize {
			t.Errorf("file %d has %d bytes, %v", i, len(b), err)
		}
	}
}

func TestStoreReadsWhatTheToolWrote(t *testing.T) {
	k := newEditenv(t)
	b := k.backend()
	k.store(b, sample())
	const edited = "1000000000 order=AB a=good,7 b=good,10 confirmed=10 generation=31"
	k.run(0, "set", varHead+"="+edited, varTail+"="+edited, "added=x")
	want := bootctl.Table{Generation: 31, ConfirmedTries: 10}.WithOrder(bootctl.A, bootctl.B)
	want.Slots[bootctl.A] = bootctl.State{Priority: 2, Tries: 7, Good: true}
	want.Slots[bootctl.B] = bootctl.State{Priority: 1, Tries: 10, Good: true}
	k.expect(b, want)

	k.store(b, sample()) // into the other block, with the variable of others
	if got := k.list(1); got["added"] != "x" {
		t.Errorf("grub-editenv shows %q", got)
	}
	k.store(b, want)
	image, err := os.ReadFile(k.paths[0])
	if err != nil || image[sectorSize-1] != '\n' {
		t.Errorf("the table no longer fills the first sector: %q, %v", image, err)
	}
}

// The tool shares GRUB's code for writing variables (envblk.c).
func TestCountsThatTheToolWrites(t *testing.T) {
	k := newEditenv(t)
	b := k.backend()
	table := sample()
	k.store(b, table)
	for _, c := range []struct {
		text string
		left int
	}{{"1000000000 10 2", 2}, {"1000000000 10 1", 1}, {"1000000000 10 0", 0}, {"1000000009 10 2", 3}} {
		k.run(2, "set", varCount+"="+c.text, varCountAgain+"="+c.text)
		table.Slots[bootctl.B].Tries = c.left
		k.expect(b, table)
	}
}

// What abota takes for a file that GRUB can count in, the tool can.
func TestRoomForCountsIsTheTools(t *testing.T) {
	k := newEditenv(t)
	for fill := 900; fill < blockSize-len(signature)-len("f=\n"); fill++ {
		block := padded(signature + "f=" + strings.Repeat("x", fill) + "\n")
		if err := os.WriteFile(k.paths[2], block, 0o600); err != nil {
			t.Fatal(err)
		}
		text := "1000000000 99 99"
		err := exec.Command("grub-editenv", k.paths[2], "set", varCount+"="+text, varCountAgain+"="+text).Run()
		if can := writable(block); can && err != nil {
			t.Errorf("filled with %d bytes: abota says %v, grub-editenv %v", fill, can, err)
		}
	}
	if writable(padded(signature+"f="+strings.Repeat("x", 990)+"\n")) || !writable(padded(signature+"f="+strings.Repeat("x", 900)+"\n")) {
		t.Error("the range that was tried does not hold the limit")
	}
}

func TestDamageIsSeenAlikeByTheTool(t *testing.T) {
	k := newEditenv(t)
	b := k.backend()
	second := sample()
	second.Generation++
	k.store(b, sample())
	k.store(b, second)
	whole, err := os.ReadFile(k.paths[1])
	if err != nil {
		t.Fatal(err)
	}
	for at := range sectorSize {
		damaged := bytes.Clone(whole)
		damaged[at] ^= 4
		if err := os.WriteFile(k.paths[1], damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("grub-editenv", k.paths[1], "list").Output()
		entries, ok := parseBlock(damaged)
		if ok != (err == nil) {
			t.Errorf("byte %d: abota reads a block: %v, grub-editenv: %v", at, ok, err)
		}
		var want strings.Builder
		for _, e := range entries {
			if !strings.HasPrefix(e.raw, "#") {
				want.WriteString(e.name + "=" + e.value + "\n")
			}
		}
		if ok && want.String() != string(out) {
			t.Errorf("byte %d: abota reads %q, grub-editenv shows %q", at, want.String(), out)
		}
	}
}
