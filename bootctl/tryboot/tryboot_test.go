package tryboot

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"abota/bootctl"
	"abota/sim/cutdisk"
)

// trial is an update to B that waits for its first boot.
func trial() bootctl.Table {
	t := bootctl.Table{Generation: 0x1f, ConfirmedTries: 10}.WithOrder(bootctl.B, bootctl.A)
	t.Slots[bootctl.A].Good = true
	return t
}

// committed is the same update, confirmed.
func committed() bootctl.Table {
	t := trial()
	t.Generation++
	t.Slots[bootctl.B].Good = true
	return t
}

// writing is what an update writes to: B left the order.
func writing() bootctl.Table {
	t := trial().WithOrder(bootctl.A)
	t.Slots[bootctl.B].Failed = "0123456789abcdef"
	return t
}

// stored is the sector after a table was stored over it.
func stored(t *testing.T, content []byte, table bootctl.Table) []byte {
	t.Helper()
	d := cutdisk.Open(content)
	if err := On(d, paddedSize, testNumbers).Store(table); err != nil {
		t.Fatal(err)
	}
	return d.Image()
}

func text(content []byte) string { return strings.TrimRight(string(content[:paddedSize]), "\n") + "\n" }

// started is what the firmware's documentation says that it starts, by other
// code than the package's own.
func started(content []byte, tryboot bool) (partition string) {
	passes := true
	for _, line := range strings.Split(string(content[:paddedSize]), "\n") {
		switch {
		case line == "[all]":
			passes = true
		case line == "[tryboot]":
			passes = tryboot
		case strings.HasPrefix(line, "["):
			passes = false
		case passes && strings.HasPrefix(line, "boot_partition="):
			partition = strings.TrimPrefix(line, "boot_partition=")
		}
	}
	return partition
}

func TestWhatIsWritten(t *testing.T) {
	for _, c := range []struct {
		table bootctl.Table
		want  string
	}{
		{trial(), `[all]
tryboot_a_b=1
boot_partition=2
[tryboot]
boot_partition=3
# abota 1 BA A- 0000001f 000a ---------------- ---------------- `},
		{committed(), `[all]
tryboot_a_b=1
boot_partition=3
[tryboot]
boot_partition=2
# abota 1 BA AB 00000020 000a ---------------- ---------------- `},
		{writing(), `[all]
tryboot_a_b=1
boot_partition=2
[tryboot]
boot_partition=2
# abota 1 A- A- 0000001f 000a ---------------- 0123456789abcdef `},
	} {
		got := text(stored(t, file(""), c.table))
		if len(got) != len(c.want)+9 || !strings.HasPrefix(got, c.want) {
			t.Errorf("got\n%swant\n%s…", got, c.want)
		}
	}
}

func TestForeignSettingsAreKept(t *testing.T) {
	got := text(stored(t, file(foreign), committed()))
	want := strings.NewReplacer("boot_partition=2", "boot_partition=3", "boot_partition=3", "boot_partition=2").Replace(foreign)
	if rest, ok := strings.CutPrefix(got, want); !ok || !strings.HasPrefix(rest, recordPrefix) || strings.Count(rest, "\n") != 1 {
		t.Errorf("got\n%s\nwant, and a record:\n%s", got, want)
	}
	behind := stored(t, file(foreign), committed())[paddedSize:]
	if !bytes.Equal(behind, file("")[paddedSize:]) {
		t.Error("bytes behind the end of the file changed")
	}
}

// TestSettingsInDoubtAreOverridden: files that do not say clearly what starts
// get lines of their own.
func TestSettingsInDoubtAreOverridden(t *testing.T) {
	for name, was := range map[string]string{
		"one partition":             "boot_partition=2\n# mine\n",
		"filters the other way":     "[tryboot]\nboot_partition=3\n[all]\ntryboot_a_b=1\nboot_partition=2\n# mine\n",
		"files instead":             "[all]\ntryboot_a_b=0\nboot_partition=2\n[tryboot]\nboot_partition=3\n# mine\n",
		"below an unknown filter":   foreignFilter + "[pi4]\nboot_partition=7\n# mine\n",
		"below half a filter":       foreignFilter + "[all\nboot_partition=7\n# mine\n",
		"with blanks":               foreignFilter + "boot_partition = 7\n# mine\n",
		"carriage returns":          "[all]\r\ntryboot_a_b=1\r\nboot_partition=2\r\n[tryboot]\r\nboot_partition=3\r\n# mine\n",
		"never counting":            "[none]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n# mine\n",
		"overridden further behind": foreignFilter + "[all]\nboot_partition=4\n# mine\n",
	} {
		for _, table := range []bootctl.Table{trial(), committed(), writing()} {
			got := stored(t, file(was), table)
			c := chosen(table)
			for tryboot, want := range map[bool]bootctl.Slot{false: c.byDefault, true: c.once} {
				if s := started(got, tryboot); s != []string{"2", "3"}[want] {
					t.Errorf("%s: tryboot=%v starts %q, want slot %s:\n%s", name, tryboot, s, want, text(got))
				}
			}
			if !strings.Contains(text(got), "# mine\n") || !strings.Contains(text(got), "tryboot_a_b=1") {
				t.Errorf("%s: lines were lost:\n%s", name, text(got))
			}
			if back, err := On(cutdisk.Open(got), paddedSize, testNumbers).Load(); err != nil || back != table {
				t.Errorf("%s: loaded %+v, %v", name, back, err)
			}
		}
	}
}

const foreignFilter = "[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n"

// TestATornSectorStartsAConfirmedSlot: every beginning of the new sector before
// every end of the old one.
func TestATornSectorStartsAConfirmedSlot(t *testing.T) {
	for _, was := range []string{"", foreign} {
		for _, step := range [][2]bootctl.Table{
			{trial(), committed()}, {committed(), trial()}, {writing(), trial()}, {trial(), writing()}, {committed(), writing()},
		} {
			from := stored(t, file(was), step[0])
			to := stored(t, from, step[1])
			for n := range len(to) {
				torn := append(bytes.Clone(to[:n]), from[n:]...)
				for _, tryboot := range []bool{false, true} {
					if s := started(torn, tryboot); s != started(from, tryboot) && s != started(to, tryboot) {
						t.Fatalf("torn after %d bytes: tryboot=%v starts %q:\n%s", n, tryboot, s, text(torn))
					}
				}
			}
		}
	}
}

func TestTheRebootAsksForATrialOnly(t *testing.T) {
	alone := bootctl.Table{}.WithOrder(bootctl.B) // rebuilt: nothing else is known
	for name, c := range map[string]struct {
		table  bootctl.Table
		booted bootctl.Slot
		want   string
	}{
		"trial":             {trial(), bootctl.A, "0 tryboot"},
		"out of the trial":  {trial(), bootctl.B, ""},
		"committed":         {committed(), bootctl.A, ""},
		"being written":     {writing(), bootctl.A, ""},
		"unconfirmed alone": {alone, bootctl.A, ""},
	} {
		b := On(cutdisk.Open(stored(t, file(""), c.table)), paddedSize, testNumbers)
		if got, err := b.RebootArgument(c.booted); err != nil || got != c.want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, c.want)
		}
	}
	b := On(cutdisk.Open(file("")), paddedSize, testNumbers)
	if got, err := b.RebootArgument(bootctl.A); !errors.Is(err, bootctl.ErrNoTable) || got != "" {
		t.Errorf("no table: %q, %v", got, err)
	}
}

// TestLoadBelievesTheFirmwaresLines: a record that does not fit to them is none.
func TestLoadBelievesTheFirmwaresLines(t *testing.T) {
	whole := text(stored(t, file(""), trial()))
	for name, c := range map[string]struct{ was, want string }{
		"default changed":    {strings.Replace(whole, "boot_partition=2", "boot_partition=3", 1), "changed by somebody else"},
		"trial changed":      {strings.Replace(whole, "boot_partition=3", "boot_partition=4", 1), "changed by somebody else"},
		"switch taken out":   {strings.Replace(whole, "tryboot_a_b=1\n", "", 1), "changed by somebody else"},
		"more at the end":    {whole + "[all]\nboot_partition=5\n", "changed by somebody else"},
		"record changed":     {strings.Replace(whole, "0000001f", "0000001e", 1), "wrong checksum"},
		"record of the next": {strings.Replace(whole, "# abota 1", "# abota 2", 1), "wrong checksum"},
		"record taken out":   {whole[:strings.Index(whole, recordPrefix)], "no record"},
		"no text":            {"\x00\x00", "damaged"},
	} {
		b := On(cutdisk.Open(file(c.was)), paddedSize, testNumbers)
		if _, err := b.Load(); !errors.Is(err, bootctl.ErrNoTable) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestWhatDoesNotFitIsRefused(t *testing.T) {
	long := "# " + strings.Repeat("x", 400) + "\n"
	many := trial()
	many.ConfirmedTries = 0x10000
	odd := writing()
	odd.Slots[bootctl.B].Failed = "not-a-digest"
	for name, c := range map[string]struct {
		was   string
		table bootctl.Table
		want  string
	}{
		"text":   {long, trial(), "do not fit into the file's 500"},
		"tries":  {"", many, "room for 65535"},
		"digest": {"", odd, "not a short digest"},
	} {
		d := cutdisk.Open(file(c.was))
		if err := On(d, paddedSize, testNumbers).Store(c.table); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if n := d.Count(cutdisk.Write); n != 0 {
			t.Errorf("%s: %d writes, want none", name, n)
		}
	}
}

func TestNewWantsAFileOfOneSector(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "autoboot.txt")
	write := func(size int) {
		if err := os.WriteFile(path, bytes.Repeat([]byte("\n"), size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(513)
	for _, c := range []struct {
		path    string
		numbers [2]int
		want    string
	}{
		{filepath.Join(dir, "absent"), testNumbers, "no such file"},
		{dir, testNumbers, "not a file"},
		{path, testNumbers, "513 bytes are more than the 512"},
		{path, [2]int{0, 3}, "the firmware knows 1 to 63"},
		{path, [2]int{2, 64}, "the firmware knows 1 to 63"},
		{path, [2]int{3, 3}, "must be distinct"},
	} {
		if _, err := New(c.path, c.numbers); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %v: %v, want %q", c.path, c.numbers, err, c.want)
		}
	}
	write(40)
	b, err := New(path, testNumbers)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Store(trial()); err == nil || !strings.Contains(err.Error(), "make the file longer") {
		t.Errorf("a short file: %v", err)
	}
}

// TestOnARealFAT pads and overwrites a file, and lets mtools read it. The
// content must begin a sector, and nothing else of the file system may change.
func TestOnARealFAT(t *testing.T) {
	for _, tool := range []string{"mkfs.vfat", "mcopy", "mtype"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed (Debian: dosfstools, mtools)", tool)
		}
	}
	dir := t.TempDir()
	image, path := filepath.Join(dir, "fat"), filepath.Join(dir, "autoboot.txt")
	if err := os.WriteFile(path, []byte(foreignFilter), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Pad(path); err != nil {
		t.Fatal(err)
	}
	if err := Pad(path); err != nil { // changes nothing
		t.Fatal(err)
	}
	padded, err := os.ReadFile(path)
	if err != nil || len(padded) != paddedSize || text(padded) != foreignFilter {
		t.Fatalf("padded to %d bytes, %v:\n%s", len(padded), err, padded)
	}
	run(t, "mkfs.vfat", "-C", image, "16384")
	run(t, "mcopy", "-i", image, path, "::/")
	whole, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(whole, padded)
	if at < 0 || at%maxSize != 0 {
		t.Fatalf("the file begins at byte %d, which begins no sector", at)
	}
	copy(whole[at:], stored(t, whole[at:][:maxSize], trial()))
	if err := os.WriteFile(image, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	got := run(t, "mtype", "-i", image, "::/autoboot.txt")
	back, err := On(cutdisk.Open([]byte(got)), paddedSize, testNumbers).Load()
	if err != nil || back != trial() || len(got) != paddedSize {
		t.Errorf("mtype shows a table %+v, %v:\n%s", back, err, got)
	}
	if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := New(path, testNumbers)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Store(committed()); err != nil {
		t.Fatal(err)
	}
	if back, err := b.Load(); err != nil || back != committed() {
		t.Errorf("loaded from a file: %+v, %v", back, err)
	}
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
	return string(out)
}

func FuzzFile(f *testing.F) {
	f.Add([]byte(foreign))
	f.Add([]byte("[tryboot]\nboot_partition=3\n[all\nboot_partition = 2"))
	f.Fuzz(func(t *testing.T, content []byte) {
		content = content[:min(len(content), 300)]
		d := cutdisk.Open(append(content, bytes.Repeat([]byte("\n"), maxSize-len(content))...))
		b := On(d, paddedSize, testNumbers)
		if err := b.Store(trial()); err != nil {
			t.Skip(err)
		}
		if got, err := b.Load(); err != nil || got != trial() {
			t.Errorf("stored, then loaded %+v, %v", got, err)
		}
	})
}
