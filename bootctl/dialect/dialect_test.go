package dialect

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"abota/bootctl"
)

// vars are variables as "name=value|…".
func vars(text string) map[string]string {
	all := map[string]string{}
	for _, line := range strings.Split(text, "|") {
		if name, value, ok := strings.Cut(line, "="); ok {
			all[name] = value
		}
	}
	return all
}

func in(all map[string]string) Variables { return func(name string) string { return all[name] } }

func must(t *testing.T) func(Dialect, error) Dialect {
	return func(d Dialect, err error) Dialect {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
}

const (
	menderEnv = "mender_boot_part=2|mender_boot_part_hex=2|upgrade_available=0|bootcount=1|bootlimit=1|altbootcmd=run mender_altbootcmd; run bootcmd"
	swuEnv    = "rootpart=2|upgrade_available=0|bootcount=0|bootlimit=3|altbootcmd=run back|ustate=0"
	grubEnv   = "ORDER=A B|A_OK=1|A_TRY=0|B_OK=1|B_TRY=1"
)

var (
	none  = bootctl.State{}
	first = bootctl.State{Priority: 1, Good: true}
	back  = bootctl.State{Priority: 1, Good: true}
	fresh = bootctl.State{Priority: 2, Tries: 3}
	used  = bootctl.State{Priority: 2}
)

func both(a, b bootctl.State) bootctl.Table { return bootctl.Table{Slots: [2]bootctl.State{a, b}} }

func dialects(t *testing.T) map[string]Dialect {
	ok := must(t)
	return map[string]Dialect{
		"mender":   ok(Mender(UBoot, [2]string{"2", "10"})),
		"grub":     ok(Mender(GRUB, [2]string{"2", "10"})),
		"swupdate": ok(SWUpdate(UBoot, Names{Slot: "rootpart", Trial: "upgrade_available", Count: "bootcount", State: "ustate"}, [2]string{"2", "10"})),
		"ustate":   ok(SWUpdate(UBoot, Names{Slot: "bootslot", Trial: "ustate"}, [2]string{"a", "b"})),
		"rauc":     ok(RAUC(UBoot, [2]string{"system0", "system1"})),
		"raucgrub": ok(RAUC(GRUB, [2]string{"A", "B"})),
	}
}

// TestWhatVariablesSay has the states that each boot script leaves.
func TestWhatVariablesSay(t *testing.T) {
	all := dialects(t)
	for _, c := range []struct {
		dialect, env string
		want         bootctl.Table
	}{
		{"mender", menderEnv, both(first, none)},
		{"mender", "mender_boot_part=10|upgrade_available=0", both(none, first)},
		{"mender", "mender_boot_part=10|upgrade_available=1|bootcount=0", both(back, fresh)},
		{"mender", "mender_boot_part=10|upgrade_available=1", both(back, fresh)},
		{"mender", "mender_boot_part=10|upgrade_available=1|bootcount=1", both(back, used)},
		{"mender", "mender_boot_part=2|upgrade_available=1|bootcount=x", both(fresh, back)},
		{"mender", "mender_boot_part= 2", both(first, none)},
		{"grub", "mender_boot_part=10|upgrade_available=1|bootcount=1", both(back, used)},
		{"swupdate", swuEnv, both(first, none)},
		{"swupdate", "rootpart=10|upgrade_available=1|bootcount=0|ustate=1", both(back, fresh)},
		{"swupdate", "rootpart=2|ustate=3", both(first, none)},
		{"ustate", "bootslot=b|ustate=1", both(back, fresh)},
		{"ustate", "bootslot=b|ustate=2", both(back, used)},
		{"ustate", "bootslot=a|ustate=3", both(first, none)},
		{"ustate", "bootslot=a|ustate=0", both(first, none)},
		{"rauc", "BOOT_ORDER=system1 system0 rescue|BOOT_system0_LEFT=2|BOOT_system1_LEFT=a", both(bootctl.State{Priority: 1, Tries: 2, Good: true}, bootctl.State{Priority: 2, Tries: 10, Good: true})},
		{"rauc", "BOOT_ORDER=system0|BOOT_system1_LEFT=0", both(bootctl.State{Priority: 1, Tries: 3, Good: true}, none)},
		{"raucgrub", grubEnv, both(bootctl.State{Priority: 2, Tries: 3, Good: true}, bootctl.State{Priority: 1, Good: true})},
		{"raucgrub", "ORDER=B A|A_OK=1|A_TRY=0|B_OK=0|B_TRY=0", both(bootctl.State{Priority: 1, Tries: 3, Good: true}, none)},
		{"raucgrub", "ORDER=B R|A_OK=1|B_OK=1", both(none, bootctl.State{Priority: 1, Tries: 3, Good: true})},
	} {
		got, err := all[c.dialect].Read(in(vars(c.env)))
		if err != nil || got != c.want {
			t.Errorf("%s: %s: read %+v, %v\nwant %+v", c.dialect, c.env, got, err, c.want)
		}
	}
}

// TestVariablesThatHoldNoTable: what is not there is none, and what is there
// under other names is an error that no boot table is made up for.
func TestVariablesThatHoldNoTable(t *testing.T) {
	all := dialects(t)
	for _, c := range []struct {
		dialect, env, want string
		none               bool
	}{
		{"mender", "BOOT_ORDER=A B", "no mender_boot_part", true},
		{"mender", "mender_boot_part=3|upgrade_available=0", `mender_boot_part is "3", which names neither slot A (2) nor slot B (10)`, false},
		{"swupdate", "", "no rootpart", true},
		{"ustate", "bootslot=c", `bootslot is "c"`, false},
		{"rauc", "", "no BOOT_ORDER", true},
		{"rauc", "BOOT_ORDER=A B", "set bootloader.names", true},
		{"rauc", "mender_boot_part=2", "set bootloader.variables: mender", false},
		{"raucgrub", "", "no ORDER", true},
		{"raucgrub", "ORDER=x y", "neither slot A (A) nor slot B (B)", false},
		{"raucgrub", "ORDER=A B|A_OK=0", "neither slot may be started", true},
	} {
		_, err := all[c.dialect].Read(in(vars(c.env)))
		if err == nil || errors.Is(err, bootctl.ErrNoTable) != c.none || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %s: %v, want %q and that there is none: %v", c.dialect, c.env, err, c.want, c.none)
		}
	}
}

// TestWhatTablesBecome: what is written, all of it, and nothing else.
func TestWhatTablesBecome(t *testing.T) {
	all := dialects(t)
	trial := both(bootctl.State{Priority: 1, Tries: 10, Good: true}, fresh)
	committed := both(bootctl.State{Priority: 1, Tries: 3, Good: true}, bootctl.State{Priority: 2, Tries: 3, Good: true})
	for _, c := range []struct {
		name, dialect, env string
		table              bootctl.Table
		want               string
	}{
		{"armed", "mender", menderEnv, trial, "mender_boot_part=10|mender_boot_part_hex=a|upgrade_available=1|bootcount=0"},
		{"armed, an old U-Boot", "mender", "mender_boot_part=2|bootlimit=1|altbootcmd=x", trial, "mender_boot_part=10|upgrade_available=1|bootcount=0"},
		{"started once", "mender", menderEnv, both(back, used), "mender_boot_part=10|mender_boot_part_hex=a|upgrade_available=1|bootcount=1"},
		{"committed", "mender", menderEnv, committed, "mender_boot_part=10|mender_boot_part_hex=a|upgrade_available=0"},
		{"back", "mender", menderEnv, both(first, none), "mender_boot_part=2|mender_boot_part_hex=2|upgrade_available=0"},
		{"armed", "grub", "mender_boot_part=2|mender_boot_part_hex=2", trial, "mender_boot_part=10|upgrade_available=1|bootcount=0"},
		{"armed", "swupdate", swuEnv, trial, "rootpart=10|upgrade_available=1|bootcount=0|ustate=1"},
		{"committed", "swupdate", swuEnv, committed, "rootpart=10|upgrade_available=0|ustate=0"},
		{"armed", "ustate", "bootslot=a", trial, "bootslot=b|ustate=1"},
		{"started once", "ustate", "bootslot=a", both(back, used), "bootslot=b|ustate=2"},
		{"committed", "ustate", "bootslot=a|ustate=2", committed, "bootslot=b|ustate=0"},
		{"armed", "rauc", "BOOT_ORDER=r system0 system1", trial, "BOOT_ORDER=system1 system0 r|BOOT_system0_LEFT=a|BOOT_system1_LEFT=3"},
		{"cleared", "rauc", "BOOT_ORDER=system0 system1", both(bootctl.State{Priority: 1, Tries: 3, Good: true}, none), "BOOT_ORDER=system0|BOOT_system0_LEFT=3|BOOT_system1_LEFT=0"},
		{"armed", "raucgrub", grubEnv, trial, "ORDER=B A|A_OK=1|A_TRY=0|B_OK=1|B_TRY=0"},
		{"cleared", "raucgrub", "ORDER=B A r", both(bootctl.State{Priority: 1, Tries: 3, Good: true}, none), "ORDER=A B r|A_OK=1|A_TRY=0|B_OK=0|B_TRY=0"},
		{"boots counted", "raucgrub", grubEnv, both(first, bootctl.State{Priority: 2, Good: true}), "ORDER=B A|A_OK=1|A_TRY=1|B_OK=1|B_TRY=1"},
	} {
		got, err := all[c.dialect].Write(c.table, in(vars(c.env)))
		set := map[string]string{}
		for _, v := range got {
			set[v.Name] = v.Value
		}
		if err != nil || !maps.Equal(set, vars(c.want)) || len(got) != len(set) {
			t.Errorf("%s, %s: wrote %v, %v\nwant %s", c.dialect, c.name, got, err, c.want)
		}
	}
}

// TestTablesThatAreRefused: what the boot script could not end by itself, and
// what is not its environment.
func TestTablesThatAreRefused(t *testing.T) {
	all := dialects(t)
	trial, good := both(back, fresh), both(first, none)
	for _, c := range []struct {
		dialect, env string
		table        bootctl.Table
		want         string
	}{
		{"mender", "", good, "no mender_boot_part"},
		{"mender", "mender_boot_part=7", good, "which names neither"},
		{"mender", "mender_boot_part=2|altbootcmd=x", trial, "bootlimit is not set"},
		{"mender", "mender_boot_part=2|bootlimit=0|altbootcmd=x", trial, "bootlimit is not set"},
		{"mender", "mender_boot_part=2|bootlimit=1", trial, "altbootcmd is not set"},
		{"mender", menderEnv + "|mender_check_saveenv_canary=1", trial, "mender_saveenv_canary is not there"},
		{"mender", menderEnv, both(none, used), "nothing to go back to"},
		{"mender", menderEnv, bootctl.Table{}, "without a bootable slot"},
		{"swupdate", "rootpart=2|bootlimit=3", trial, "altbootcmd is not set"},
		{"swupdate", "upgrade_available=0", good, "no rootpart"},
		{"raucgrub", "A_OK=1", good, "no ORDER"},
		{"raucgrub", "ORDER=x", good, "set bootloader.names"},
		{"raucgrub", grubEnv, bootctl.Table{}, "without a bootable slot"},
		{"rauc", "mender_boot_part=2", good, "set bootloader.variables: mender"},
		{"rauc", "", bootctl.Table{}, "without a bootable slot"},
		{"rauc", "", both(bootctl.State{Priority: 1, Tries: -1}, none), "-1 tries"},
	} {
		got, err := all[c.dialect].Write(c.table, in(vars(c.env)))
		if err == nil || len(got) > 0 || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %s: wrote %v, %v, want %q", c.dialect, c.env, got, err, c.want)
		}
	}
	for name, env := range map[string]string{"canary": menderEnv + "|mender_check_saveenv_canary=1|mender_saveenv_canary=1", "no canary": menderEnv} {
		if _, err := all["mender"].Write(trial, in(vars(env))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNamesThatNoScriptCanHave(t *testing.T) {
	swu := Names{Slot: "rootpart", Trial: "upgrade_available"}
	for want, try := range map[string]func() (Dialect, error){
		"number of a partition":    func() (Dialect, error) { return Mender(UBoot, [2]string{"a", "3"}) },
		`"02"`:                     func() (Dialect, error) { return Mender(UBoot, [2]string{"02", "3"}) },
		"name of both":             func() (Dialect, error) { return Mender(UBoot, [2]string{"3", "3"}) },
		`"two words"`:              func() (Dialect, error) { return RAUC(GRUB, [2]string{"two words", "B"}) },
		"bootname":                 func() (Dialect, error) { return RAUC(UBoot, [2]string{"", "B"}) },
		"of both slots":            func() (Dialect, error) { return RAUC(UBoot, [2]string{"B", "B"}) },
		"bootloader.swupdate.slot": func() (Dialect, error) { return SWUpdate(UBoot, Names{}, [2]string{"2", "3"}) },
		"never goes back":          func() (Dialect, error) { return SWUpdate(UBoot, Names{Slot: "x"}, [2]string{"2", "3"}) },
		"two things at once": func() (Dialect, error) {
			return SWUpdate(UBoot, Names{Slot: "x", Trial: "y", State: "y"}, [2]string{"2", "3"})
		},
		"name of a variable": func() (Dialect, error) {
			return SWUpdate(UBoot, Names{Slot: "x=1", Trial: "y"}, [2]string{"2", "3"})
		},
		"bootloader.names to the values of": func() (Dialect, error) { return SWUpdate(UBoot, swu, [2]string{"", ""}) },
	} {
		if _, err := try(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestDoubts(t *testing.T) {
	all := dialects(t)
	for _, c := range []struct{ dialect, env, want string }{
		{"mender", menderEnv, ""},
		{"mender", "mender_boot_part=2|upgrade_available=0", "bootlimit"},
		{"mender", "BOOT_ORDER=A B", ""},
		{"grub", "mender_boot_part=2|upgrade_available=0", ""},
		{"swupdate", "rootpart=2|bootlimit=1|altbootcmd=x", "no upgrade_available"},
		{"ustate", "bootslot=a|ustate=0", ""},
		{"rauc", "", "counts every boot"},
		{"raucgrub", "", "wants an answer to every boot"},
	} {
		got := strings.Join(all[c.dialect].Doubts(in(vars(c.env))), "; ")
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %s: %q, want %q", c.dialect, c.env, got, c.want)
		}
	}
}
