package doctor

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// sound is a device without a fault: slot A runs, both are confirmed.
func sound() Facts {
	built := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return Facts{
		Slots: [2]Slot{
			{Name: "A", Spec: "PARTLABEL=root-a", Parts: []Part{{Name: "root", Spec: "PARTLABEL=root-a", Size: 1 << 20, Image: 1000}}, Image: 1000, Listed: true, Good: true, Proven: true},
			{Name: "B", Spec: "PARTLABEL=root-b", Parts: []Part{{Name: "root", Spec: "PARTLABEL=root-b", Size: 1 << 20, Image: 1000}}, Image: 1000, Listed: true, Good: true, Proven: true},
		},
		Loaded: true,
		Table:  Table{Settled: true},
		Env: &Environment{
			Copies: []Copy{
				{Name: "env at 0x0", Storage: "1", Offset: 0, Valid: true},
				{Name: "env at 0x400000", Storage: "1", Offset: 4 << 20, Valid: true},
			},
			Known: []string{"BOOT_ORDER", "BOOT_A_LEFT", "BOOT_B_LEFT", "BOOT_A_GOOD"},
			Names: []string{"BOOT_ORDER", "BOOT_A_LEFT", "BOOT_B_LEFT", "BOOT_A_GOOD"},
			Order: "A B",
		},
		Kernel: Kernel{Contract: true, Slot: "A"},
		State:  State{Dir: "/data/abota", Free: 1 << 30},
		Clock:  Clock{Now: built.AddDate(0, 1, 0), Built: built},
		Dog:    Watchdog{Init: "process 1 holds /dev/watchdog0"},
	}
}

// TestOneFaultIsOneFinding: a fault is named by its check and no other.
func TestOneFaultIsOneFinding(t *testing.T) {
	broken := errors.New("broken because of this: mend it")
	for name, row := range map[string]struct {
		fault func(*Facts)
		check string
		level Level
		says  string
	}{
		"slot missing":  {func(f *Facts) { f.Slots[1].Err = broken }, "slots", Error, "slot B: broken"},
		"users unknown": {func(f *Facts) { f.Unseen, f.Slots[1].InUse = broken, broken }, "slots", Error, "who uses the slots: broken"},
		"one device":    {func(f *Facts) { f.Same = broken }, "slots", Error, "broken"},
		"mounted":       {func(f *Facts) { f.Slots[1].InUse = broken }, "slots", Error, "slot B: broken"},
		"too small":     {func(f *Facts) { f.Slots[1].Parts[0].Size = 999 }, "slots", Error, "999 bytes, but the release that runs in slot A takes 1000"},
		"smaller":       {func(f *Facts) { f.Slots[1].Parts[0].Size = 1 << 19 }, "slots", Warning, "need not fit both"},
		"smaller than whole": {func(f *Facts) {
			f.Slots[0].Parts[0].Image, f.Slots[0].Whole, f.Slots[1].Parts[0].Size = 1<<20, true, 1<<19
		}, "slots", Warning, "need not fit both"},
		"no room": {func(f *Facts) { f.Slots[1].Parts[0].Size = 0 }, "slots", Error, "no room at all"},
		"second part small": {func(f *Facts) {
			for i := range f.Slots {
				f.Slots[i].Parts = append([]Part{{Name: "boot", Spec: "/efi/linux", Size: 9 - int64(i), Image: 9}}, f.Slots[i].Parts...)
			}
		}, "slots", Error, "slot B (/efi/linux) has 8 bytes, but the release that runs in slot A takes 9"},
		"booted unknown":       {func(f *Facts) { f.BootedErr = broken }, "running-slot", Error, "broken"},
		"no table":             {func(f *Facts) { f.Table.Err = broken }, "boot-table", Error, "broken"},
		"no table of its own":  {func(f *Facts) { f.Table.Err, f.Table.Unmade = broken, true }, "boot-table", Warning, "broken"},
		"single copy":          {func(f *Facts) { f.Env.Copies = f.Env.Copies[:1] }, "redundancy", Warning, "single copy of the environment (env at 0x0)"},
		"copies close":         {func(f *Facts) { f.Env.Copies[1].Offset = 0x10000 }, "redundancy", Warning, "0x10000 bytes apart"},
		"copy without a place": {func(f *Facts) { f.Env.Copies[1].Valid, f.Env.Copies[1].Hole = false, true }, "environment", Warning, "the file has a hole there"},
		"a single one beside one of two": {
			func(f *Facts) { f.Env.Copies[0].Valid, f.Env.Copies[0].OtherForm = false, true }, "environment", Warning,
			"copy 0 of the environment (env at 0x0) is not valid",
		},
		"copy write-protected": {func(f *Facts) { f.Env.Copies[1].Writable = broken }, "redundancy", Error, "copy 1 of the environment (env at 0x400000) cannot be written"},
		"copy unreadable":      {func(f *Facts) { f.Env.Copies[1].Valid, f.Env.Copies[1].Err = false, broken }, "environment", Warning, "copy 1 of the environment: broken"},
		"copy torn":            {func(f *Facts) { f.Env.Copies[0].Valid = false }, "environment", Warning, "copy 0"},
		"copy elsewhere": {
			func(f *Facts) { f.Env.Copies[0].Valid, f.Env.Copies[0].Elsewhere = false, []int64{0x800} }, "environment", Error,
			"there is one at 0x800",
		},
		"tools elsewhere":    {func(f *Facts) { f.Env.Tools = "env at 0x8" }, "environment", Warning, "env at 0x8"},
		"variable misspelt":  {func(f *Facts) { f.Env.Names[0] = "BOOT_ODER" }, "variables", Error, "BOOT_ODER, which looks like BOOT_ORDER misspelt, and no BOOT_ORDER"},
		"variable in small":  {func(f *Facts) { f.Env.Names[1] = "boot_a_left" }, "variables", Error, "boot_a_left, which looks like BOOT_A_LEFT"},
		"variable beside":    {func(f *Facts) { f.Env.Names = append(f.Env.Names, "BOOT_ORDRE") }, "variables", Warning, "beside it"},
		"slot in small":      {func(f *Facts) { f.Env.Order = "A b" }, "variables", Error, `names slot "b"`},
		"no canary":          {func(f *Facts) { f.Kernel.Contract = false }, "canary", Error, "neither abota.contract=1 nor rauc.slot"},
		"canary of RAUC":     {func(f *Facts) { f.Kernel.Contract, f.Kernel.RAUC = false, true }, "canary", Warning, "RAUC's"},
		"of another one":     {func(f *Facts) { f.Foreign = Foreign{Configured: true, Spoken: "rauc", Found: "mender"} }, "foreign", Error, "but those of rauc are configured or taken for granted: set bootloader.variables: mender"},
		"contract after all": {func(f *Facts) { f.Foreign = Foreign{Configured: true, Spoken: "rauc", Found: "rauc"} }, "foreign", Error, "remove bootloader.variables"},
		"taken over": {func(f *Facts) {
			f.Kernel.Contract, f.Foreign = false, Foreign{Configured: true, Spoken: "mender", Found: "mender"}
		}, "foreign", Warning, "nothing proves that the boot script made for mender"},
		"lost elsewhere":     {func(f *Facts) { f.Kernel.Env = "lost" }, "canary", Error, "abota.env=lost"},
		"exhausted":          {func(f *Facts) { f.Kernel.Env = "exhausted" }, "canary", Warning, "abota.env=exhausted"},
		"no command line":    {func(f *Facts) { f.Kernel.Err = broken }, "canary", Error, "broken"},
		"booted contradicts": {func(f *Facts) { f.BootedErr, f.Slots[0].InUse, f.Slots[1].InUse = broken, broken, broken }, "running-slot", Error, "broken"},
		"unconfirmed":        {func(f *Facts) { f.Slots[0].Good = false }, "fallback", Error, "slot A runs but is not confirmed"},
		"in a trial":         {func(f *Facts) { f.Slots[0].Good, f.Table.Settled = false, false }, "fallback", Warning, "unconfirmed trial"},
		"never written":      {func(f *Facts) { f.Slots[1] = Slot{Name: "B", Parts: []Part{{Size: 1 << 20}}} }, "fallback", Warning, "slot B was never written"},
		"given up":           {func(f *Facts) { f.Slots[1].Listed = false }, "fallback", Warning, "nothing that may start"},
		"unproven":           {func(f *Facts) { f.Slots[1].Proven = false }, "fallback", Warning, "nobody has proven"},
		"data dead":          {func(f *Facts) { f.State = State{Dir: "/data/abota", Err: broken} }, "data", Error, "/data/abota"},
		"data on a slot":     {func(f *Facts) { f.State.OnSlot = "A" }, "data", Error, "lies in slot A"},
		"data in memory":     {func(f *Facts) { f.State.Volatile = true }, "data", Error, "in memory"},
		"data full":          {func(f *Facts) { f.State.Free, f.State.Needed = 1<<20, 1<<21 }, "data", Error, "1048576 bytes free"},
		"data nearly full":   {func(f *Facts) { f.State.Free = 1<<20 - 1 }, "data", Warning, "only 1048575"},
		"no journal":         {func(f *Facts) { f.State.Missing, f.Slots[1].Proven, f.Slots[1].Image = true, false, 0 }, "data", Warning, "no journal"},
		"journal lost":       {func(f *Facts) { f.State.Journal, f.Slots[1].Proven, f.Slots[1].Image = broken, false, 0 }, "data", Warning, "broken"},
		"no key":             {func(f *Facts) { f.Trust = []Trust{{Name: "key_file", Err: broken}} }, "keys", Error, "key_file: broken"},
		"expired":            {func(f *Facts) { f.Trust = []Trust{{Name: "tls", Note: "old"}} }, "keys", Warning, "tls: old"},
		"secret for all":     {func(f *Facts) { f.Private = broken }, "keys", Error, "broken"},
		"1970":               {func(f *Facts) { f.Clock.Now = time.Unix(12, 0) }, "clock", Warning, "1970-01-01T00:00:12Z"},
		"no watchdog":        {func(f *Facts) { f.Dog.Init = "" }, "watchdog", Warning, "no watchdog"},
		"watchdog missing":   {func(f *Facts) { f.Dog = Watchdog{Configured: "/dev/watchdog", Err: broken} }, "watchdog", Error, "broken"},
		"no way out":         {func(f *Facts) { f.Dog = Watchdog{Configured: "/dev/watchdog", NoWayOut: true} }, "watchdog", Warning, "nowayout"},
		"watchdog of init's": {func(f *Facts) { f.Dog.Configured = "/dev/watchdog" }, "watchdog", Warning, "process 1 holds"},
		"bless-boot":         {func(f *Facts) { f.Rivals = []Rival{{"systemd-bless-boot", "there", true}} }, "rivals", Error, "systemd-bless-boot (there)"},
		"other updater":      {func(f *Facts) { f.Rivals = []Rival{{"swupdate", "there", false}} }, "rivals", Warning, "swupdate (there)"},
	} {
		t.Run(name, func(t *testing.T) {
			f := sound()
			row.fault(&f)
			found := Examine(f)
			if len(found) != 1 {
				t.Fatalf("%d findings, want one: %v", len(found), found)
			}
			got := found[0]
			if got.Check != row.check || got.Level != row.level || !strings.Contains(got.String(), row.says) {
				t.Errorf("%s %s %q, want %s %s with %q", got.Level, got.Check, got, row.level, row.check, row.says)
			}
			if AtRisk(found) != (row.level == Error) {
				t.Errorf("at risk is %v with level %s", AtRisk(found), row.level)
			}
			if got.Do == "" && !strings.Contains(got.What, broken.Error()) && row.check != "keys" {
				t.Errorf("%q does not say what to do", got)
			}
		})
	}
}

// TestTableAstray: who is told to make a new table overwrites the one that is
// there. Another fault of a table is told as it is.
func TestTableAstray(t *testing.T) {
	for name, row := range map[string]struct {
		fault func(*Facts)
		says  string
	}{
		"elsewhere": {func(f *Facts) { f.Env.Copies[0].Valid, f.Env.Copies[1].Valid = false, false }, "not where it is looked for"},
		"one valid": {func(f *Facts) { f.Env.Copies[0].Valid = false }, "make it"},
		"no U-Boot": {func(f *Facts) { f.Env = nil }, "make it"},
	} {
		f := sound()
		f.Table.Err, f.Env.Copies[0].Elsewhere = errors.New("make it"), []int64{0x800}
		row.fault(&f)
		if all := Examine(f); all[0].Check != "boot-table" || all[0].Level != Error || !strings.Contains(all[0].What, row.says) {
			t.Errorf("%s: %v, want %q", name, all[0], row.says)
		}
	}
}

// TestDoubtsOfABootScript: each is a line of its own, and counts where that script
// is configured.
func TestDoubtsOfABootScript(t *testing.T) {
	f := sound()
	f.Kernel.Contract, f.Kernel.RAUC = false, true
	f.Foreign = Foreign{Spoken: "rauc", Found: "rauc", Doubts: []string{"counts every boot"}}
	if found := Examine(f); len(found) != 1 || found[0].Check != "canary" {
		t.Errorf("not configured: %v", found)
	}
	f.Foreign.Configured = true
	found := Examine(f)
	if len(found) != 2 || found[1].What != "counts every boot" || found[1].Level != Warning {
		t.Errorf("configured: %v", found)
	}
}

// TestWhatIsNoFault: what looks like a fault and is none.
func TestWhatIsNoFault(t *testing.T) {
	for name, change := range map[string]func(*Facts){
		"sound":                                   func(*Facts) {},
		"left over from another updater":          func(f *Facts) { f.Foreign.Found = "mender" },
		"no boot loader, no watchdog":             func(f *Facts) { f.Loaded, f.Env, f.Dog, f.Kernel = false, nil, Watchdog{}, Kernel{} },
		"watchdog held in trials":                 func(f *Facts) { f.Dog = Watchdog{Configured: "/dev/watchdog"} },
		"slot that runs is in use":                func(f *Facts) { f.Slots[0].InUse = errors.New("mounted at /") },
		"copies on two media":                     func(f *Facts) { f.Env.Copies[1].Storage, f.Env.Copies[1].Offset = "2", 0 },
		"padding that the file has no blocks for": func(f *Facts) { f.Env.Copies[1].Hole = true },
		"copies side by side on flash": func(f *Facts) {
			f.Env.Copies[0].Flash, f.Env.Copies[1].Flash, f.Env.Copies[1].Offset = true, true, 0x10000
		},
		"a rescue system's variable":              func(f *Facts) { f.Env.Names = append(f.Env.Names, "BOOT_R_LEFT", "BOOT_C_GOOD") },
		"U-Boot's own variables":                  func(f *Facts) { f.Env.Names = append(f.Env.Names, "bootdelay", "bootcmd", "boot_targets", "bootcount") },
		"a rescue system in the order":            func(f *Facts) { f.Env.Order = "A B rescue" },
		"slot B runs and is in use":               func(f *Facts) { f.Booted, f.Slots[1].InUse = 1, errors.New("mounted at /") },
		"folders":                                 func(f *Facts) { f.Slots[0].Parts, f.Slots[1].Parts = nil, nil },
		"table made anew in this boot":            func(f *Facts) { f.Kernel.Env = "" },
		"rollback pending, slot out of the order": func(f *Facts) { f.Table.Settled, f.Slots[0].Listed = false, false },
		"other slot larger":                       func(f *Facts) { f.Slots[1].Parts[0].Size = 1 << 21 },
	} {
		t.Run(name, func(t *testing.T) {
			f := sound()
			change(&f)
			if found := Examine(f); len(found) != 0 {
				t.Errorf("findings: %v", found)
			}
		})
	}
}

// TestWhatNobodyCouldSee: facts that are errors are all told, and nothing is
// made up of what was not seen.
func TestWhatNobodyCouldSee(t *testing.T) {
	unseen := errors.New("not seen: look")
	f := sound()
	f.Slots = [2]Slot{{Name: "A", Err: unseen}, {Name: "B", Err: unseen}}
	f.BootedErr, f.Table.Err, f.Kernel.Err = unseen, unseen, unseen
	f.Env.Copies[0] = Copy{Name: "env", Err: unseen}
	f.Env.Copies[1] = Copy{Name: "env", Err: unseen}
	f.State = State{Dir: "/data", Err: unseen}
	var checks []string
	for _, found := range Examine(f) {
		checks = append(checks, found.Check)
		if found.Level != Error || !strings.Contains(found.String(), unseen.Error()) {
			// The data check has its own advice behind the error.
			if found.Check != "data" {
				t.Errorf("%s %s: %v", found.Level, found.Check, found)
			}
		}
	}
	want := []string{"slots", "slots", "running-slot", "boot-table", "environment", "environment", "canary", "data"}
	if !slices.Equal(checks, want) {
		t.Errorf("checks %v, want %v", checks, want)
	}
}

func TestDistance(t *testing.T) {
	for _, row := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "AB", 2}, {"ORDER", "ORDER", 0}, {"ODER", "ORDER", 1}, {"ORDRE", "ORDER", 1}, {"LEFT", "LETF", 1}, {"GOOD", "GODO", 1}, {"GOOD", "BAD", 3},
	} {
		if got := distance(row.a, row.b); got != row.want {
			t.Errorf("distance(%q, %q) = %d, want %d", row.a, row.b, got, row.want)
		}
		if got := distance(row.b, row.a); got != row.want {
			t.Errorf("distance(%q, %q) = %d, want %d", row.b, row.a, got, row.want)
		}
	}
}

// TestWhatUBootKeepsOtherwise: a single copy where two are configured, and one of
// two where a single one is.
func TestWhatUBootKeepsOtherwise(t *testing.T) {
	f := sound()
	f.Table.Err = errors.New("one of two: configure both")
	f.Env.Copies = f.Env.Copies[:1]
	f.Env.Copies[0].Valid, f.Env.Copies[0].OtherForm = false, true
	found := Examine(f)
	if len(found) != 2 || found[0].What != f.Table.Err.Error() || !strings.Contains(found[1].What, "a single copy") || found[1].Level != Error {
		t.Errorf("one of two as a single one: %v", found)
	}
	f = sound()
	f.Table.Err = errors.New("a single one: build U-Boot with redundancy")
	for i := range f.Env.Copies {
		f.Env.Copies[i].Valid, f.Env.Copies[i].OtherForm = false, i == 0
	}
	found = Examine(f)
	if len(found) != 3 || !strings.Contains(found[1].What, "is a single one to U-Boot") {
		t.Errorf("a single one as one of two: %v", found)
	}
}
