package uboot

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"abota/bootctl"
)

const toolSize = 0x1000

// tools is an environment in a file that U-Boot's own tools and this package
// both use.
type tools struct {
	t                  *testing.T
	image, config, dir string
}

// newTools makes an environment with mkenvimage, both copies alike.
func newTools(t *testing.T, vars ...string) *tools {
	t.Helper()
	for _, name := range []string{"fw_printenv", "fw_setenv", "mkenvimage"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is not installed (Debian: libubootenv-tool, u-boot-tools)", name)
		}
	}
	dir := t.TempDir()
	k := &tools{t, filepath.Join(dir, "env"), filepath.Join(dir, "fw_env.config"), dir}
	copyPath := filepath.Join(dir, "copy")
	k.run(strings.Join(vars, "\n")+"\n", "mkenvimage", "-r", "-s", fmt.Sprint(toolSize), "-o", copyPath, "-")
	b, err := os.ReadFile(copyPath)
	if err != nil {
		t.Fatal(err)
	}
	k.write(append(bytes.Clone(b), b...))
	text := fmt.Sprintf("# device offset size\n%s 0x0 0x%x\n%s 0x%x 0x%x\n", k.image, toolSize, k.image, toolSize, toolSize)
	if err := os.WriteFile(k.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return k
}

func (k *tools) run(stdin, name string, args ...string) string {
	k.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		k.t.Fatalf("%s %q: %v: %s%s", name, args, err, out, stderr.Bytes())
	}
	return string(out)
}

func (k *tools) read() []byte {
	k.t.Helper()
	b, err := os.ReadFile(k.image)
	if err != nil {
		k.t.Fatal(err)
	}
	return b
}

func (k *tools) write(image []byte) {
	k.t.Helper()
	if err := os.WriteFile(k.image, image, 0o600); err != nil {
		k.t.Fatal(err)
	}
}

// backend reads the same configuration as the tools do.
func (k *tools) backend(contract bool) *Backend {
	k.t.Helper()
	copies, err := FromFwEnvConfig(k.config)
	if err != nil {
		k.t.Fatal(err)
	}
	b, err := New(copies, contract)
	if err != nil {
		k.t.Fatal(err)
	}
	return b
}

// printed is what fw_printenv shows.
func (k *tools) printed() map[string]string {
	k.t.Helper()
	vars := map[string]string{}
	for line := range strings.Lines(k.run("", "fw_printenv", "-c", k.config)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		vars[name] = value
	}
	return vars
}

func (k *tools) store(b *Backend, t bootctl.Table) {
	k.t.Helper()
	if err := b.Store(t); err != nil {
		k.t.Fatal(err)
	}
}

func (k *tools) expectTable(b *Backend, want bootctl.Table) {
	k.t.Helper()
	if got, err := b.Load(); err != nil || got != want {
		k.t.Fatalf("loaded %+v, %v, want %+v", got, err, want)
	}
}

func sample() bootctl.Table {
	t := bootctl.Table{Generation: 0x1f, ConfirmedTries: 0}.WithOrder(bootctl.B, bootctl.A)
	t.Slots[bootctl.A].Tries, t.Slots[bootctl.A].Good = 10, true
	t.Slots[bootctl.B].Tries = 3
	t.Slots[bootctl.A].Failed = "0123456789abcdef"
	return t
}

func TestToolsReadWhatWasStored(t *testing.T) {
	k := newTools(t, "bootdelay=2", "odd=a=b=c", "latin=\xe9t\xe9")
	k.store(k.backend(true), sample())
	want := map[string]string{
		"BOOT_ORDER":  "B A",
		"BOOT_A_LEFT": "a", "BOOT_A_GOOD": "1", "BOOT_A_FAILED": "0123456789abcdef",
		"BOOT_B_LEFT": "3", "BOOT_B_GOOD": "0",
		"BOOT_GENERATION": "1f", "BOOT_CONFIRMED_TRIES": "0",
		"bootdelay": "2", "odd": "a=b=c", "latin": "\xe9t\xe9",
	}
	if got := k.printed(); !maps.Equal(got, want) {
		t.Errorf("fw_printenv shows %q, want %q", got, want)
	}
}

func TestStoreReadsWhatToolsWrote(t *testing.T) {
	k := newTools(t, "bootdelay=2")
	b := k.backend(true)
	k.store(b, sample())
	k.run("", "fw_setenv", "-c", k.config, "BOOT_ORDER", "A")
	k.run("", "fw_setenv", "-c", k.config, "BOOT_A_LEFT", "1f")
	k.run("", "fw_setenv", "-c", k.config, "BOOT_A_FAILED") // removes it
	k.run("", "fw_setenv", "-c", k.config, "added", "x y")
	want := sample().WithOrder(bootctl.A)
	want.Slots[bootctl.A].Tries = 31
	want.Slots[bootctl.A].Failed = ""
	k.expectTable(b, want)

	want.Slots[bootctl.A].Tries = 9
	k.store(b, want)
	if got := k.printed(); got["added"] != "x y" || got["BOOT_A_LEFT"] != "9" || got["bootdelay"] != "2" {
		t.Errorf("fw_printenv shows %q", got)
	}
}

func TestSerialNumbersAgreeWithTheTools(t *testing.T) {
	k := newTools(t, "BOOT_ORDER=A B")
	b := k.backend(false)
	want := bootctl.Caps{Tries: true}.Keep(sample())
	for i := range 300 { // more than a turn of the serial number, both writing
		if i%3 == 2 {
			k.run("", "fw_setenv", "-c", k.config, "BOOT_B_LEFT", fmt.Sprintf("%x", i))
			want.Slots[bootctl.B].Tries = i
			k.expectTable(b, want)
			continue
		}
		want.Slots[bootctl.B].Tries = i
		k.store(b, want)
		if i%20 > 1 {
			continue
		}
		if got := k.printed()["BOOT_B_LEFT"]; got != fmt.Sprintf("%x", i) {
			t.Fatalf("store %d: fw_printenv shows %s", i, got)
		}
	}
}

// TestNewerCopyIsTheToolsNewerCopy compares the choice between two valid
// copies for serial numbers that lie together and far apart.
func TestNewerCopyIsTheToolsNewerCopy(t *testing.T) {
	k := newTools(t, "x=y")
	b := k.backend(false)
	serials := []byte{0, 1, 2, 127, 128, 129, 254, 255}
	for _, first := range serials {
		for _, second := range serials {
			one, err := environment{"BOOT_ORDER=A"}.encode(toolSize, first)
			if err != nil {
				t.Fatal(err)
			}
			two, err := environment{"BOOT_ORDER=B"}.encode(toolSize, second)
			if err != nil {
				t.Fatal(err)
			}
			k.write(append(one, two...))
			table, err := b.Load()
			if err != nil {
				t.Fatal(err)
			}
			slot, _ := table.Primary()
			if tool := k.printed()["BOOT_ORDER"]; slot.String() != tool {
				t.Errorf("serial numbers %d and %d: the table says %s, fw_printenv %s", first, second, slot, tool)
			}
		}
	}
}

func TestDamageIsSeenAlikeByTheTools(t *testing.T) {
	k := newTools(t, "bootdelay=2")
	b := k.backend(true)
	first, second := sample(), sample()
	second.Generation++
	k.store(b, first)  // into copy 1
	k.store(b, second) // into copy 0
	whole := k.read()
	for i, want := range []bootctl.Table{first, second} {
		damaged := bytes.Clone(whole)
		damaged[i*toolSize+headerSize+3] ^= 1
		k.write(damaged)
		k.expectTable(b, want)
		if got := k.printed()["BOOT_GENERATION"]; got != hex(want.Generation) {
			t.Errorf("copy %d damaged: fw_printenv shows generation %s, want %s", i, got, hex(want.Generation))
		}
		third := want
		third.Generation = 0x77
		k.store(b, third)
		if got := k.printed(); got["BOOT_GENERATION"] != "77" || got["bootdelay"] != "2" {
			t.Errorf("copy %d damaged, then stored: fw_printenv shows %q", i, got)
		}
		k.run("", "fw_setenv", "-c", k.config, "BOOT_GENERATION", "78")
		third.Generation = 0x78
		k.expectTable(b, third)
	}
}

// TestPaddingOfTheTools pins down what the padding is that others write, and
// that it makes no difference.
func TestPaddingOfTheTools(t *testing.T) {
	k := newTools(t, "BOOT_ORDER=A B")
	k.run("", "fw_setenv", "-c", k.config, "x", "y") // into copy 1
	image := k.read()
	for i, by := range []string{"mkenvimage", "fw_setenv"} {
		c := image[i*toolSize:][:toolSize]
		if pad := c[toolSize-1]; pad != 0xff {
			t.Errorf("%s pads with 0x%02x, and the package's documentation says 0xff", by, pad)
		}
		if _, _, ok := decode(c); !ok {
			t.Errorf("the copy of %s is not valid", by)
		}
	}
	k.expectTable(k.backend(false), bootctl.Table{Slots: [2]bootctl.State{
		{Priority: 2, Tries: 3, Good: true},
		{Priority: 1, Tries: 3, Good: true},
	}})

	b := k.backend(false)
	table, err := b.Load()
	if err != nil {
		t.Fatal(err)
	}
	table.Slots[bootctl.A].Tries = 1
	k.store(b, table)
	c := k.read()[:toolSize]
	if bytes.Count(c[toolSize/2:], []byte{0}) != toolSize/2 {
		t.Error("stored copy is not padded with zeroes")
	}
	if binary.LittleEndian.Uint32(c) != crc32.ChecksumIEEE(c[5:]) {
		t.Error("the CRC is not the CRC-32 of all bytes from 5 on")
	}
}

func TestFwEnvConfigIsReadAsTheToolsDo(t *testing.T) {
	k := newTools(t, "BOOT_ORDER=B A")
	text := fmt.Sprintf("\n# comment\n%s\t0 1000 0x1000 2\n%s 4096 0x1000\nthird 0 1\n", k.image, k.image)
	if err := os.WriteFile(k.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := k.printed()["BOOT_ORDER"]; got != "B A" {
		t.Fatalf("fw_printenv shows %q", got)
	}
	got, err := FromFwEnvConfig(k.config)
	want := []Copy{{k.image, 0, toolSize}, {k.image, toolSize, toolSize}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("read %+v, %v, want %+v", got, err, want)
	}
}
