package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/rogpeppe/go-internal/testscript"

	"abota/bootctl"
	"abota/bootctl/efi"
	"abota/bootctl/gpt"
	"abota/bootctl/sdboot"
)

// loaderStarts KIND SLOT: what a bootloader of this kind would do with the files
// of a script: it chooses a slot, counts the attempt, and starts it. It fails
// when that is another slot than the script expects. The kernel command line
// names the slot only where no variable of the loader does.
func loaderStarts(ts *testscript.TestScript, _ bool, args []string) {
	start := map[string]func(*testscript.TestScript) (bootctl.Slot, string){
		"grub": grubStarts, "sdboot": sdbootStarts, "efi": firmwareStarts, "tryboot": trybootStarts, "gpt": gptStarts,
	}[args[0]]
	slot, line := start(ts)
	if slot.String() != args[1] {
		ts.Fatalf("%s starts slot %s, not %s", args[0], slot, args[1])
	}
	put(ts, ts.MkAbs("machine/proc/cmdline"), line+"\n")
	put(ts, ts.MkAbs("machine/proc/sys/kernel/random/boot_id"), bootIDOf(ts))
	os.Remove(ts.MkAbs("machine/rebooted"))
}

func passed(s bootctl.Slot) string { return "abota.slot=" + s.String() + " abota.contract=1" }

var grubTable = regexp.MustCompile(`(?m)^abota_head=(1\d{9}) order=([AB]+) a=(good|unproven),(\d+) b=(good|unproven),(\d+) confirmed=(\d+)`)

// grubStarts is grub.cfg's choice for tables with a slot to start, on the files
// below boot/efi/abota.
func grubStarts(ts *testscript.TestScript) (bootctl.Slot, string) {
	var t []string
	for _, name := range []string{"0", "1"} {
		text, _ := os.ReadFile(ts.MkAbs("boot/efi/abota/" + name + "/env"))
		if m := grubTable.FindStringSubmatch(string(text)); m != nil && (t == nil || m[1] > t[1]) {
			t = m
		}
	}
	count := ts.MkAbs("boot/efi/abota/count/env")
	left := []string{t[4], t[6]}
	text, err := os.ReadFile(count)
	ts.Check(err)
	if m := regexp.MustCompile(`(?m)^abota_count=` + t[1] + ` (\d+) (\d+)$`).FindStringSubmatch(string(text)); m != nil {
		left = m[1:]
	}
	for _, letter := range t[2] {
		s, err := bootctl.ParseSlot(string(letter))
		ts.Check(err)
		n, err := strconv.Atoi(left[s])
		ts.Check(err)
		if n == 0 {
			continue
		}
		left[s] = strconv.Itoa(n - 1)
		line := t[1] + " " + left[0] + " " + left[1] + "\n"
		block := "# GRUB Environment Block\nabota_count=" + line + "abota_count_again=" + line
		ts.Check(os.WriteFile(count, []byte(block+strings.Repeat("#", 1024-len(block))), 0o644))
		return s, passed(s)
	}
	ts.Fatalf("GRUB starts nothing by %q", t[0])
	return 0, ""
}

var (
	sdbootName    = regexp.MustCompile(`^abota-([ab])(?:\+(\d+)(?:-(\d+))?)?\.conf$`)
	sdbootVersion = regexp.MustCompile(`(?m)^version (\d+)$`)
)

// sdbootStarts takes the entry with the greatest version whose tries are not
// used up, and renames a counted one.
func sdbootStarts(ts *testscript.TestScript) (bootctl.Slot, string) {
	dir := ts.MkAbs("boot/efi/loader/entries")
	found, err := filepath.Glob(filepath.Join(dir, "abota-*.conf"))
	ts.Check(err)
	best, version := "", ""
	for _, path := range found {
		text, err := os.ReadFile(path)
		ts.Check(err)
		m, v := sdbootName.FindStringSubmatch(filepath.Base(path)), sdbootVersion.FindStringSubmatch(string(text))
		if m != nil && v != nil && strings.Contains(string(text), "\nlinux ") && m[2] != "0" && v[1] > version {
			best, version = filepath.Base(path), v[1]
		}
	}
	m := sdbootName.FindStringSubmatch(best)
	variable(ts, sdboot.VarEntrySelected, wide(best))
	os.Remove(ts.MkAbs("machine" + efi.Mount + "/" + sdboot.VarBootCountPath))
	if m[2] != "" {
		left, _ := strconv.Atoi(m[2])
		done, _ := strconv.Atoi(m[3])
		next := fmt.Sprintf("abota-%s+%d-%d.conf", m[1], left-1, done+1)
		_, err := os.Lstat(filepath.Join(dir, next))
		if err == nil {
			ts.Fatalf("the loader cannot rename %s to %s, which is there", best, next)
		}
		ts.Check(os.Rename(filepath.Join(dir, best), filepath.Join(dir, next)))
		variable(ts, sdboot.VarBootCountPath, wide(`\loader\entries\`+next))
	}
	s, err := bootctl.ParseSlot(m[1])
	ts.Check(err)
	return s, "abota.contract=1"
}

const global = "-8be4df61-93ca-11d2-aa0d-00e098032b8c"

// firmwareStarts takes BootNext, which it removes, or the first of BootOrder.
func firmwareStarts(ts *testscript.TestScript) (bootctl.Slot, string) {
	next := ts.MkAbs("machine" + efi.Mount + "/BootNext" + global)
	chosen, err := os.ReadFile(next)
	os.Remove(next)
	if err != nil {
		chosen, err = os.ReadFile(ts.MkAbs("machine" + efi.Mount + "/BootOrder" + global))
		ts.Check(err)
	}
	number := binary.LittleEndian.Uint16(chosen[4:])
	variable(ts, "BootCurrent"+global, chosen[4:6])
	entry, err := os.ReadFile(ts.MkAbs(fmt.Sprintf("machine%s/Boot%04X%s", efi.Mount, number, global)))
	ts.Check(err)
	option, err := efi.ParseLoadOption(entry[4:])
	ts.Check(err)
	s, err := bootctl.ParseSlot(option.Label[len("abota "):])
	ts.Check(err)
	return s, option.CommandLine()
}

// trybootStarts reads autoboot.txt as a Raspberry Pi does after this reboot.
func trybootStarts(ts *testscript.TestScript) (bootctl.Slot, string) {
	argument, _ := os.ReadFile(ts.MkAbs("machine/rebooted"))
	section, partition := "[all]", ""
	for line := range strings.Lines(ts.ReadFile("boot/firmware/autoboot.txt")) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section = line
		}
		if n, ok := strings.CutPrefix(line, "boot_partition="); ok && (section == "[all]" || section == "[tryboot]" && string(argument) == "0 tryboot") {
			partition = n
		}
	}
	at := slices.Index([]string{"2", "3"}, partition)
	if at < 0 {
		ts.Fatalf("the firmware starts partition %q", partition)
	}
	return bootctl.Slot(at), passed(bootctl.Slot(at))
}

// gptStarts counts a trial down as ChromeOS does, while tries are left.
func gptStarts(ts *testscript.TestScript) (bootctl.Slot, string) {
	backend, err := gpt.New(ts.MkAbs("disk.img"), [2]string{"PARTLABEL=root-a", "PARTLABEL=root-b"})
	ts.Check(err)
	t, err := backend.Load()
	ts.Check(err)
	for _, s := range t.Order() {
		st := &t.Slots[s]
		if !st.Good && st.Tries == 0 {
			continue
		}
		if !st.Good {
			st.Tries--
			ts.Check(backend.Store(t))
		}
		return s, passed(s)
	}
	ts.Fatalf("nothing starts by %+v", t)
	return 0, ""
}

// variable sets what efivarfs would show.
func variable(ts *testscript.TestScript, name string, data []byte) {
	put(ts, ts.MkAbs("machine"+efi.Mount+"/"+name), "\x07\x00\x00\x00"+string(data))
}

func wide(text string) (b []byte) {
	for _, unit := range utf16.Encode([]rune(text + "\x00")) {
		b = binary.LittleEndian.AppendUint16(b, unit)
	}
	return b
}
