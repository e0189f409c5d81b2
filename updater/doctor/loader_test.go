package doctor

import (
	"errors"
	"strings"
	"testing"
)

// underGRUB is the device without a fault under another boot loader, with every
// fact that any kind has.
func underGRUB() Facts {
	f := sound()
	f.Env = nil
	f.Loader = &Loader{
		Canary: "its configuration", Said: "A",
		Files: []File{{Name: "the first block (/b/0)"}, {Name: "the second block (/b/1)"}, {Name: "the counts (/b/c)", Counts: true}},
		Mount: &Mount{Path: "/boot/efi", Kind: "vfat", Wanted: []string{"vfat", "msdos"}},
	}
	return f
}

// TestOneFaultOfALoaderIsOneFinding: a fault is named by its check and no other.
func TestOneFaultOfALoaderIsOneFinding(t *testing.T) {
	broken := errors.New("broken because of this: mend it")
	for name, row := range map[string]struct {
		fault func(*Facts)
		check string
		level Level
		says  string
	}{
		"block missing":         {func(f *Facts) { f.Loader.Files[0].Missing = true }, "bootloader", Warning, "the first block (/b/0) is missing"},
		"counts missing":        {func(f *Facts) { f.Loader.Files[2].Missing = true }, "bootloader", Error, "the counts (/b/c) is missing, so the boot loader cannot count"},
		"block unusable":        {func(f *Facts) { f.Loader.Files[1].Err, f.Loader.Files[1].Writable = broken, broken }, "bootloader", Error, "the second block (/b/1): broken"},
		"block write-protected": {func(f *Facts) { f.Loader.Files[1].Writable = broken }, "bootloader", Error, "the second block (/b/1) cannot be written: broken"},
		"mounted elsewhere":     {func(f *Facts) { f.Loader.Mount.Kind, f.Loader.Mount.Writable = "ext4", broken }, "bootloader", Error, "/boot/efi is on ext4, which the boot loader does not read"},
		"mounted read-only":     {func(f *Facts) { f.Loader.Mount.Writable = broken }, "bootloader", Error, "mend it: mount -o remount,rw /boot/efi"},
		"default":               {func(f *Facts) { f.Loader.Overrides = []error{broken} }, "bootloader", Error, "broken because of this: mend it"},
		"fault":                 {func(f *Facts) { f.Loader.Faults = []string{"broken because of this: mend it"} }, "bootloader", Warning, "broken because of this: mend it"},
		"blessed":               {func(f *Facts) { f.Loader.Blessed = true }, "bootloader", Error, "systemctl mask systemd-bless-boot.service"},
		"unordered":             {func(f *Facts) { f.Loader.Unordered = true }, "bootloader", Warning, "boot-complete.target"},
		"no canary":             {func(f *Facts) { f.Kernel.Contract, f.Loader.Said = false, "" }, "canary", Error, "has no abota.contract=1, so nothing shows that the boot loader reads the boot table that abota writes: put it into its configuration"},
		"variable alone":        {func(f *Facts) { f.Kernel.Contract = false }, "canary", Warning, "only the boot loader's variable shows"},
		"two stories":           {func(f *Facts) { f.Loader.Said = "B" }, "canary", Error, "the kernel command line says that slot A was started, but the boot loader's own variable says slot B"},
		"lost elsewhere":        {func(f *Facts) { f.Kernel.Env = "lost" }, "canary", Error, "abota.env=lost"},
	} {
		t.Run(name, func(t *testing.T) {
			f := underGRUB()
			row.fault(&f)
			found := Examine(f)
			if len(found) != 1 {
				t.Fatalf("findings %v, want one", found)
			}
			if got := found[0]; got.Check != row.check || got.Level != row.level || !strings.Contains(got.String(), row.says) {
				t.Errorf("%s %s %q, want %s %s with %q", got.Level, got.Check, got, row.level, row.check, row.says)
			}
			if got := found[0]; got.Do == "" && !strings.Contains(got.What, broken.Error()) {
				t.Errorf("%q does not say what to do", got)
			}
		})
	}
}

func TestWhatIsNoFaultOfALoader(t *testing.T) {
	for name, change := range map[string]func(*Facts){
		"sound":                           func(*Facts) {},
		"no variable":                     func(f *Facts) { f.Loader.Said = "" },
		"slot said by the variable alone": func(f *Facts) { f.Kernel.Slot = "" },
		"no files, no mount":              func(f *Facts) { f.Loader.Files, f.Loader.Mount = nil, nil },
		"a mount that nobody knows":       func(f *Facts) { f.Loader.Mount.Kind = "" },
	} {
		f := underGRUB()
		change(&f)
		if found := Examine(f); len(found) != 0 {
			t.Errorf("%s: %v", name, found)
		}
	}
}

// TestNoFileAtAll: a file system that is not mounted is one finding beside those
// of its files.
func TestNoFileAtAll(t *testing.T) {
	f := underGRUB()
	for i := range f.Loader.Files {
		f.Loader.Files[i].Missing = true
	}
	found := Examine(f)
	if len(found) != 1 || found[0].Level != Error || !strings.Contains(found[0].String(), "none of the boot loader's files is there: mount") {
		t.Errorf("%v", found)
	}
}
