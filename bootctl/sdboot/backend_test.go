package sdboot

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"abota/bootctl"
	"abota/bootctl/bootctltest"
)

func bothGood() bootctl.Table {
	t := bootctl.Table{Generation: 4, ConfirmedTries: 10}.WithOrder(bootctl.A, bootctl.B)
	for i := range t.Slots {
		t.Slots[i].Good, t.Slots[i].Tries = true, 10
	}
	return t
}

// armed is B's trial over a confirmed A.
func armed() bootctl.Table {
	t := bothGood().WithOrder(bootctl.B, bootctl.A)
	t.Slots[bootctl.B].Good, t.Slots[bootctl.B].Tries = false, 3
	t.Generation = 5
	return t
}

func opened(e *esp) *Backend {
	e.steps = new(bootctltest.Steps)
	return &Backend{e, bodies}
}

func mustStore(t *testing.T, b *Backend, tables ...bootctl.Table) {
	t.Helper()
	for _, table := range tables {
		if err := b.Store(table); err != nil {
			t.Fatal(err)
		}
	}
}

func mustLoad(t *testing.T, b *Backend) bootctl.Table {
	t.Helper()
	got, err := b.Load()
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func (e *esp) counted() (names []string) {
	for name := range e.files {
		if strings.Contains(name, "+") && name != "abota-a+x.conf" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func TestTheLoaderCountsATrialDown(t *testing.T) {
	e := newESP()
	b := opened(e)
	mustStore(t, b, bothGood(), bothGood().WithOrder(bootctl.A), armed())
	if got := e.counted(); !slices.Equal(got, []string{"abota-b+3.conf"}) {
		t.Errorf("armed as %v", got)
	}
	for _, want := range []struct {
		name string
		left int
	}{{"abota-b+2-1.conf", 2}, {"abota-b+1-2.conf", 1}, {"abota-b+0-3.conf", 0}} {
		if s, ok := e.Boot(); !ok || s != bootctl.B {
			t.Fatalf("booted %s, %v", s, ok)
		}
		if got := e.counted(); !slices.Equal(got, []string{want.name}) {
			t.Errorf("the entry is %v, want %s", got, want.name)
		}
		if got := mustLoad(t, b).Slots[bootctl.B].Tries; got != want.left {
			t.Errorf("%d tries left, want %d", got, want.left)
		}
	}
	if s, ok := e.Boot(); !ok || s != bootctl.A {
		t.Errorf("with no tries left it booted %s, %v", s, ok)
	}
}

func TestTheConfirmedEntryIsUntouchedUntilTheCommit(t *testing.T) {
	e := newESP()
	b := opened(e)
	mustStore(t, b, bothGood(), bothGood().WithOrder(bootctl.A))
	confirmed := e.files["abota-a.conf"]
	mustStore(t, b, armed())
	e.Boot()
	tried := mustLoad(t, b)
	if e.files["abota-a.conf"] != confirmed {
		t.Error("arming wrote the confirmed entry")
	}
	given := e.Clone().(*esp)
	lost, err := bootctl.Situation{Table: tried, Booted: bootctl.B}.Rollback("0123456789abcdef")
	if err != nil {
		t.Fatal(err)
	}
	mustStore(t, opened(given), lost)
	if given.files["abota-a.conf"] != confirmed || len(given.counted()) != 0 {
		t.Errorf("the rollback wrote the confirmed entry or left %v", given.counted())
	}
	won, err := bootctl.Situation{Table: tried, Booted: bootctl.B}.MarkGood(bootctl.B)
	if err != nil {
		t.Fatal(err)
	}
	mustStore(t, b, won)
	if e.files["abota-a.conf"] != confirmed || len(e.counted()) != 0 {
		t.Errorf("the commit wrote the other slot's entry or left %v", e.counted())
	}
	if s, _ := e.Boot(); s != bootctl.B || mustLoad(t, b) != won {
		t.Errorf("after the commit: booted %s, %+v", s, mustLoad(t, b))
	}
}

// What cuts within the loader's own rename leave.
func TestARenameThatWasCutIsMendedByTheNextStore(t *testing.T) {
	for name, cut := range map[string]func(e *esp){
		"no name": func(e *esp) { delete(e.files, "abota-b+3.conf") },
		"both":    func(e *esp) { e.files["abota-b+2-1.conf"] = e.files["abota-b+3.conf"] },
		"empty":   func(e *esp) { e.files["abota-b+3.conf"] = "" },
		"garbage": func(e *esp) { e.files["abota-b+3.conf"] = strings.Repeat("\xe5", Size) },
	} {
		e := newESP()
		b := opened(e)
		mustStore(t, b, bothGood(), bothGood().WithOrder(bootctl.A), armed())
		cut(e)
		got := mustLoad(t, b)
		if !got.Slots[bootctl.A].Good || !got.Slots[bootctl.A].Bootable() || got.Slots[bootctl.B].Good && got.Slots[bootctl.B].Bootable() {
			t.Errorf("%s: loaded %+v", name, got)
		}
		for range 6 {
			e.Boot()
		}
		want := bootctl.A
		if name == "both" { // firmware does not rename the one to the other
			want = bootctl.B
		}
		if s, ok := e.Boot(); !ok || s != want {
			t.Errorf("%s: booted %s, %v", name, s, ok)
		}
		mustStore(t, b, bothGood().WithOrder(bootctl.A))
		if s, ok := e.Boot(); !ok || s != bootctl.A || len(e.menu()) != 1 {
			t.Errorf("%s: after the next store booted %s, %v", name, s, ok)
		}
	}
}

func TestEntriesOfOthersStay(t *testing.T) {
	e := newESP()
	before := newESP().files
	mustStore(t, opened(e), bothGood(), armed(), bothGood())
	for name, content := range before {
		if e.files[name] != content {
			t.Errorf("%s became %q", name, e.files[name])
		}
	}
}

func TestAHandMadeEntryIsNotRemoved(t *testing.T) {
	e := newESP()
	e.files["abota-a.conf"] = bodies[0]
	if err := opened(e).Store(bothGood()); err == nil || !strings.Contains(err.Error(), "must have 512") {
		t.Errorf("store: %v", err)
	}
	if e.files["abota-a.conf"] != bodies[0] {
		t.Error("it was written")
	}
}

// With the file that was written last the table before it counts, without the
// slot whose entry is gone.
func TestADamagedFileLeavesTheOtherSlot(t *testing.T) {
	for _, name := range []string{"abota-a.conf", "abota-b.conf"} {
		e := newESP()
		b := opened(e)
		mustStore(t, b, bothGood().WithOrder(bootctl.A), bothGood(), bothGood().WithOrder(bootctl.B, bootctl.A))
		e.files[name] = strings.Repeat("\x00", Size)
		got := mustLoad(t, b)
		s, ok := e.Boot()
		if !ok || !slices.Equal(got.Order(), []bootctl.Slot{s}) || !got.Slots[s].Good || name == confirmedName(s).text {
			t.Errorf("without %s: booted %s, %v, table %+v", name, s, ok, got)
		}
	}
}

func TestDamagedFilesAreNoTable(t *testing.T) {
	e := newESP()
	b := opened(e)
	mustStore(t, b, bothGood())
	for name, content := range e.files {
		if strings.HasPrefix(content, magic) {
			e.files[name] = content[:Size-1] + "x"
		}
	}
	if got, err := b.Load(); !errors.Is(err, bootctl.ErrNoTable) {
		t.Errorf("loaded %+v, %v", got, err)
	}
}

func TestNames(t *testing.T) {
	for text, want := range map[string]name{
		"abota-a.conf":       {slot: bootctl.A},
		"ABOTA-B+3.CONF":     {slot: bootctl.B, counted: true, left: 3},
		"abota-b+2-1.conf":   {slot: bootctl.B, counted: true, left: 2, done: 1},
		"abota-a+0-12.conf":  {slot: bootctl.A, counted: true, done: 12},
		"abota-b+003-0.conf": {slot: bootctl.B, counted: true, left: 3},
	} {
		want.text = text
		if got, ok := parseName(text); !ok || got != want {
			t.Errorf("%s: %+v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "abota-.conf", "abota-c.conf", "abota-a", "abota-ab.conf", "abota-a+.conf", "abota-a+-1.conf", "abota-a+1-.conf", "abota-a+1-2-3.conf", "abota-a++1.conf", "abota-a+99999999999.conf", "x-abota-a.conf"} {
		if n, ok := parseName(text); ok {
			t.Errorf("%q is taken for %+v", text, n)
		}
	}
}

func TestBootedIsInTheLoadersVariable(t *testing.T) {
	variable := func(text string) (b []byte) {
		for _, u := range utf16.Encode([]rune(text + "\x00")) {
			b = append(b, byte(u), byte(u>>8))
		}
		return b
	}
	if s, ok := Booted(variable(`\loader\entries\abota-b+2-1.conf`)); !ok || s != bootctl.B {
		t.Errorf("booted %s, %v", s, ok)
	}
	for _, path := range []string{"", `\loader\entries\abota-b.conf`, `\EFI\Linux\abota-b+2-1.conf`, `\loader\entries\other+2-1.conf`} {
		if s, ok := Booted(variable(path)); ok {
			t.Errorf("%s: booted %s", path, s)
		}
	}
}

func TestEntriesThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	if _, err := New(dir, bodies); err == nil || !strings.Contains(err.Error(), "bootctl install") {
		t.Errorf("without the folder: %v", err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "loader", "entries"), 0o700); err != nil {
		t.Fatal(err)
	}
	for want, body := range map[string]string{
		"starts nothing":      "title x\n",
		`line "version 3"`:    "linux /x\nversion 3\n",
		`line "sort-key z"`:   "linux /x\nsort-key z\n",
		`line "# comment"`:    "# comment\nlinux /x\n",
		"not text in lines":   "linux /x",
		"in one sector":       "linux /x\noptions " + strings.Repeat("x", 400) + "\n",
		"start the same":      bodies[1],
		`line ""`:             "linux /x\n\n",
		`line "machine-id 1"`: "linux /x\nmachine-id 1\n",
	} {
		if _, err := New(dir, [2]string{body, bodies[1]}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", body, err, want)
		}
	}
}

// The files that a device maker copies are usable as they are.
func TestProductFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "loader", "entries"), 0o700); err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	b, err := New(dir, [2]string{read("entry-a.conf"), read("entry-b.conf")})
	if err != nil {
		t.Fatal(err)
	}
	mustStore(t, b, bothGood(), bothGood().WithOrder(bootctl.A), armed())
	if got := mustLoad(t, b); got != armed() {
		t.Errorf("on files: %+v", got)
	}
	names, err := b.folder.list()
	slices.Sort(names)
	if err != nil || !slices.Equal(names, []string{"abota-a.conf", "abota-b+3.conf", "abota-b.conf"}) {
		t.Errorf("files %v, %v", names, err)
	}
	if err := CheckDefault("loader.conf", read("loader.conf")); err != nil {
		t.Error(err)
	}
	for _, line := range []string{"default abota-b*", "  default\tabota-a.conf", "preferred abota-b+3.conf"} {
		if err := CheckDefault("loader.conf", "timeout 0\n"+line+"\n"); err == nil {
			t.Errorf("%q was not refused", line)
		}
	}
}

func FuzzEntry(f *testing.F) {
	for _, table := range []bootctl.Table{bothGood(), armed()} {
		data, err := render(stamp{7, table}, bodies[1], firstVersion)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(bodies[0]))
	f.Fuzz(func(t *testing.T, raw []byte) {
		got := parse(confirmedName(bootctl.A), raw)
		if !got.stamped {
			return
		}
		again, err := render(got.stamp, "", got.version)
		if err != nil {
			t.Fatal(err)
		}
		if back := parse(got.name, again); !back.stamped || back.stamp != got.stamp || back.visible() {
			t.Errorf("%q reads as %+v, and back as %+v", raw, got.stamp, back.stamp)
		}
	})
}

// A sector that the drive did not write whole shows the loader nothing: its last
// line, which names the kernel, is the whole line or a piece of it.
func TestAPieceOfAnEntryStartsNothing(t *testing.T) {
	for _, s := range bootctl.Slots {
		_, starts := cutStarts(bodies[s])
		whole, err := render(stamp{7, armed()}, bodies[s], firstVersion)
		if err != nil {
			t.Fatal(err)
		}
		inert, err := render(stamp{6, bothGood()}, "", firstVersion)
		if err != nil {
			t.Fatal(err)
		}
		for keep := range Size - 1 { // the last byte ends the line in both
			torn := append(slices.Clone(whole[:keep]), inert[keep:]...)
			if f := parse(confirmedName(s), torn); strings.Contains(f.body, starts) || f.stamped && keep > len(magic) {
				t.Errorf("%d bytes of the sector are an entry: %q (stamped: %v)", keep, f.body, f.stamped)
			}
		}
		if f := parse(confirmedName(s), whole); f.body != bodies[s] || !f.stamped {
			t.Errorf("the whole sector is the entry %q", f.body)
		}
	}
}

// An entry that is written over with another of its slot, in part alone, still
// starts that slot as it should: only its table is gone.
func TestAPieceOfAnEntryOverAnotherIsThatEntry(t *testing.T) {
	small, great := bothGood(), armed()
	small.Generation, great.Generation = 9, 1<<32-1
	great.Slots[bootctl.A].Failed, great.Slots[bootctl.A].Tries = "0123456789abcdef", 1<<31-1
	for _, pair := range [][2]stamp{{{9, small}, {1 << 60, great}}, {{1 << 60, great}, {1<<60 + 1, small}}} {
		was, err := render(pair[0], bodies[bootctl.A], firstVersion)
		if err != nil {
			t.Fatal(err)
		}
		is, err := render(pair[1], bodies[bootctl.A], firstVersion+1)
		if err != nil {
			t.Fatal(err)
		}
		for keep := range Size + 1 {
			torn := append(slices.Clone(is[:keep]), was[keep:]...)
			f := parse(confirmedName(bootctl.A), torn)
			if f.body != bodies[bootctl.A] || f.version < firstVersion || f.version > firstVersion+1 {
				t.Errorf("%d bytes of the sector make the entry %q of version %d", keep, f.body, f.version)
			}
		}
	}
}

func TestLinesOfABodyMayComeInAnyOrder(t *testing.T) {
	mount := t.TempDir()
	if err := os.MkdirAll(filepath.Join(mount, "loader", "entries"), 0o755); err != nil {
		t.Fatal(err)
	}
	texts := [2]string{"linux /a\ninitrd /i\noptions x\n", "options y\nefi /b\ntitle B\n"}
	b, err := New(mount, texts)
	if err != nil {
		t.Fatal(err)
	}
	mustStore(t, b, bothGood(), armed(), bothGood())
	st, err := b.state()
	if err != nil {
		t.Fatal(err)
	}
	for s, want := range [2]string{"initrd /i\noptions x\nlinux /a\n", "options y\ntitle B\nefi /b\n"} {
		if f, ok := st.confirmed(bootctl.Slot(s)); !ok || f.body != want || len(f.raw) != Size {
			t.Errorf("slot %s has the entry %q, want %q", bootctl.Slot(s), f.body, want)
		}
	}
}

func TestSelectedIsTheEntryThatTheLoaderStarted(t *testing.T) {
	for text, want := range map[string]string{
		"abota-b+3.conf": "B", "abota-a.conf": "A", "debian.conf": "", `\loader\entries\abota-a.conf`: "", "": "",
	} {
		var variable []byte
		for _, unit := range utf16.Encode([]rune(text + "\x00")) {
			variable = append(variable, byte(unit), byte(unit>>8))
		}
		if got := Text(variable); got != text {
			t.Errorf("text %q, want %q", got, text)
		}
		if s, ok := Selected(variable); ok != (want != "") || ok && s.String() != want {
			t.Errorf("%q: slot %s, %v", text, s, ok)
		}
	}
}
