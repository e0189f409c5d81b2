package loader

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"abota/sim/parts"
	"abota/updater/config"
)

func TestSettingsOfEveryBoardAreInTheBootScript(t *testing.T) {
	text, err := os.ReadFile("../../bootctl/uboot/boot.cmd")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range parts.Boards() {
		got, err := settle(string(text), kind.Script)
		if err != nil {
			t.Errorf("%s: %v", kind.Name, err)
			continue
		}
		for name, value := range kind.Script {
			if !strings.Contains(got, "\nsetenv "+name+" "+value+"\n") {
				t.Errorf("%s: the script does not set %s to %s", kind.Name, name, value)
			}
		}
		if strings.Count(got, "\n") != strings.Count(string(text), "\n") {
			t.Errorf("%s: lines came or went", kind.Name)
		}
	}
	for _, script := range []string{"", "setenv x 1\nsetenv x 2\n", "setenv xy 1\n"} {
		if _, err := settle(script, map[string]string{"x": "3"}); err == nil {
			t.Errorf("a setting was found in %q", script)
		}
	}
}

func read(name string) ([]byte, error) { return os.ReadFile("../../" + name) }

// sayings are the events of a loader's scripts, with the words around what
// differs from slot to slot.
var sayings = []Seen{
	{Event: Confirmed, Slot: "A", Left: 9},
	{Event: Trial, Slot: "B", Left: 2},
	{Event: Spent, Slot: "A"},
	{Event: Passed, Slot: "A"},
	{Event: Unloadable, Slot: "A"},
	{Event: Lost},
	{Event: Untold, Slot: "A"},
}

func TestWhatALoaderSaysIsInItsScript(t *testing.T) {
	for board, script := range map[string]string{"arm64": "bootctl/uboot/boot.cmd", "amd64-grub": "bootctl/grub/grub.cfg"} {
		text, err := read(script)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range sayings {
			words, some := For(kind(t, board)).Says(e)
			// What the scripts fill in.
			words = strings.TrimPrefix(words, "slot "+e.Slot+": ")
			kind, rest, _ := strings.Cut(words, ", ")
			rest, _, _ = strings.Cut(rest, ", ")
			if !some || !strings.Contains(string(text), kind) || !strings.Contains(string(text), rest) {
				t.Errorf("%s: nothing in %s says %q", board, script, words)
			}
		}
	}
}

func TestSilentLoadersHaveNoWordsAndSayWhatTheyCannot(t *testing.T) {
	for _, board := range []string{"amd64-sdboot", "arm64-sdboot", "amd64-efi"} {
		l := For(kind(t, board))
		for _, e := range sayings {
			if words, some := l.Says(e); some {
				t.Errorf("%s says %q", board, words)
			}
		}
		if err := l.Bears(Table); err == nil {
			t.Errorf("%s gets over the loss of its table", board)
		}
	}
}

func kind(t *testing.T, name string) parts.Board {
	t.Helper()
	kind, err := parts.FindBoard(name)
	if err != nil {
		t.Fatal(err)
	}
	return kind
}

func TestConfigurationOfEveryBoardIsTheProducts(t *testing.T) {
	for _, b := range parts.Boards() {
		path := filepath.Join(t.TempDir(), "config.yaml")
		rest := "accesskey: a\nsecretkey: s\nregion: r\nbucket: b\nhealth: {checks: [{exec: [/bin/true]}]}\n"
		if err := os.WriteFile(path, []byte(For(b).Config()+rest), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load([]string{path}, nil, nil)
		if err != nil {
			t.Errorf("%s: %v", b.Name, err)
			continue
		}
		if c.Bootloader.Kind != string(b.Loader) {
			t.Errorf("%s: the configuration is for %s, want %s", b.Name, c.Bootloader.Kind, b.Loader)
		}
		if parts := len(c.Slots[0].Group()); (parts == 1) != For(b).KernelInSlot() {
			t.Errorf("%s: a slot has %d parts", b.Name, parts)
		}
	}
}

func TestEntriesOfSystemdBootAreTheProductsWithTheBoardsConsole(t *testing.T) {
	b := kind(t, "arm64-sdboot")
	files, err := For(b).Files(read)
	if err != nil || len(files) != 2 {
		t.Fatalf("%d files, %v, want two entries", len(files), err)
	}
	for name, body := range files {
		if !strings.Contains(body, "console=ttyAMA0,115200") || !strings.Contains(body, "\nlinux /abota/") {
			t.Errorf("%s is\n%s", name, body)
		}
	}
	foreign := func(string) ([]byte, error) { return []byte("options quiet\n"), nil }
	if _, err := For(b).Files(foreign); err == nil || !strings.Contains(err.Error(), "cannot set the kernel's arguments") {
		t.Errorf("another entry: %v, want a refusal", err)
	}
}
