package uboot

import (
	"errors"
	"math"
	"strings"
	"testing"

	"abota/bootctl"
	"abota/bootctl/dialect"
)

// tableOf makes a table in the order of the slots' letters in order.
func tableOf(order string, a, b bootctl.State) bootctl.Table {
	t := bootctl.Table{Slots: [2]bootctl.State{a, b}}
	var slots []bootctl.Slot
	for _, name := range strings.Fields(order) {
		slots = append(slots, bootctl.Slot(name[0]-'A'))
	}
	return t.WithOrder(slots...)
}

func TestTablesInForeignEnvironments(t *testing.T) {
	state := func(tries int, good bool) bootctl.State { return bootctl.State{Tries: tries, Good: good} }
	for _, c := range []struct {
		name, env string
		contract  bool
		want      bootctl.Table
	}{
		{"RAUC's variables", "BOOT_ORDER=B A|BOOT_A_LEFT=3|BOOT_B_LEFT=2", false, tableOf("B A", state(3, true), state(2, true))},
		{"a slot that left the order", "BOOT_ORDER=B|BOOT_A_LEFT=0|BOOT_B_LEFT=2", false, tableOf("B", state(0, false), state(2, true))},
		{"no counters", "BOOT_ORDER=A B", false, tableOf("A B", state(3, true), state(3, true))},
		{"other slots too", "BOOT_ORDER=R B x A B", false, tableOf("B A", state(3, true), state(3, true))},
		{"our variables without contract", "BOOT_ORDER=A|BOOT_A_GOOD=0|BOOT_A_FAILED=ab|BOOT_GENERATION=7|BOOT_CONFIRMED_TRIES=5", false, tableOf("A", state(3, true), state(3, false))},
		{"counters that are no numbers", "BOOT_ORDER=A B|BOOT_A_LEFT=many|BOOT_B_LEFT=0x1Fz", false, tableOf("A B", state(0, true), state(31, true))},
		{"counters beyond all bounds", "BOOT_ORDER=A B|BOOT_A_LEFT=ffffffffffffffffff|BOOT_B_LEFT=-1", false, tableOf("A B", state(math.MaxInt32, true), state(0, true))},

		{"taken over from RAUC", "BOOT_ORDER=A B|BOOT_A_LEFT=3|BOOT_B_LEFT=0", true, withTries(tableOf("A B", state(3, true), state(0, false)), 10)},
		{"taken over, one slot out of the order", "BOOT_ORDER=B|BOOT_A_LEFT=3|BOOT_B_LEFT=1", true, withTries(tableOf("B", state(3, false), state(1, true)), 10)},
		{"one slot says that it is good", "BOOT_ORDER=B A|BOOT_A_GOOD=1|BOOT_CONFIRMED_TRIES=0", true, tableOf("B A", state(3, true), state(3, false))},
		{"one slot says that it is not", "BOOT_ORDER=B A|BOOT_A_GOOD=0|BOOT_CONFIRMED_TRIES=f", true, withTries(tableOf("B A", state(3, false), state(3, false)), 15)},
		{"a failure that is no digest", "BOOT_ORDER=A|BOOT_A_GOOD=1|BOOT_A_FAILED=x y|BOOT_CONFIRMED_TRIES=", true, withTries(tableOf("A", state(3, true), state(3, false)), 10)},
	} {
		got, err := dialectOf(c.contract).Read(environment(strings.Split(c.env, "|")).get)
		if err != nil || got != c.want {
			t.Errorf("%s: read %+v, %v\nwant %+v", c.name, got, err, c.want)
		}
	}
}

func withTries(t bootctl.Table, confirmed int) bootctl.Table {
	t.ConfirmedTries = confirmed
	return t
}

func TestEnvironmentsWithoutATable(t *testing.T) {
	for env, want := range map[string]string{
		"":                            "no BOOT_ORDER",
		"bootdelay=2":                 "no BOOT_ORDER",
		"BOOT_ORDER=A|BOOT_ORDER=":    "no BOOT_ORDER",
		"BOOT_ORDER=system0 system1":  `"system0 system1", which names neither`,
		"BOOT_ORDER=a b|BOOT_A_GOOD=": "names neither",
	} {
		_, err := dialectOf(true).Read(environment(strings.Split(env, "|")).get)
		if !errors.Is(err, bootctl.ErrNoTable) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want ErrNoTable with %q", env, err, want)
		}
	}
}

func TestOtherNamesInTheOrderStayBehindOurs(t *testing.T) {
	vars, err := dialectOf(false).Write(tableOf("B A", bootctl.State{}, bootctl.State{}), environment{"BOOT_ORDER=R A system0 B"}.get)
	if err != nil || vars[0] != (dialect.Variable{Name: "BOOT_ORDER", Value: "B A R system0"}) {
		t.Errorf("the order is %q, %v", vars[0], err)
	}
}

func TestTablesThatTheVariablesCannotHoldAreRefused(t *testing.T) {
	good := tableOf("A B", bootctl.State{Tries: 3}, bootctl.State{Tries: 3})
	for want, change := range map[string]func(*bootctl.Table){
		"without a bootable slot": func(t *bootctl.Table) { *t = t.WithOrder() },
		"-1 tries for slot B":     func(t *bootctl.Table) { t.Slots[bootctl.B].Tries = -1 },
		"-2 confirmed tries":      func(t *bootctl.Table) { t.ConfirmedTries = -2 },
		`"x=y" as what failed`:    func(t *bootctl.Table) { t.Slots[bootctl.A].Failed = "x=y" },
		"not a short digest":      func(t *bootctl.Table) { t.Slots[bootctl.A].Failed = strings.Repeat("0", 17) },
	} {
		bad := good
		change(&bad)
		if _, err := dialectOf(true).Write(bad, environment{}.get); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", bad, err, want)
		}
	}
	if _, err := dialectOf(true).Write(good, environment{}.get); err != nil {
		t.Error(err)
	}
}

// TestOurVariablesFitTheFirstSector takes the longest values there are.
func TestOurVariablesFitTheFirstSector(t *testing.T) {
	st := bootctl.State{Tries: math.MaxInt32, Good: true, Failed: "0123456789abcdef"}
	table := tableOf("A B", st, st)
	table.Generation, table.ConfirmedTries = math.MaxUint32, math.MaxInt32
	own, err := dialectOf(true).Write(table, environment{"BOOT_ORDER=rescue"}.get)
	if err != nil {
		t.Fatal(err)
	}
	// The trailing foreign variables do not move them.
	env := environment{"a=1", "BOOT_A_LEFT=1"}.with(own)
	if _, err := env[:len(own)].encode(sectorSize, 0); err != nil {
		t.Error(err)
	}
	if got, err := dialectOf(true).Read(env.get); err != nil || got != table {
		t.Errorf("read %+v, %v, want %+v", got, err, table)
	}
}

func dialectOf(contract bool) dialect.Dialect { return own{contract} }

// TestOtherUpdatersVariables: abota's own script begins where they are left over;
// without a contract nothing is made up beside them.
func TestOtherUpdatersVariables(t *testing.T) {
	env := environment{"mender_boot_part=2", "upgrade_available=0"}
	table := tableOf("A", bootctl.State{Tries: 3}, bootctl.State{})
	if _, err := dialectOf(true).Write(table, env.get); err != nil {
		t.Errorf("with a contract: %v", err)
	}
	if _, err := dialectOf(true).Read(env.get); !errors.Is(err, bootctl.ErrNoTable) {
		t.Errorf("with a contract: %v", err)
	}
	if _, err := dialectOf(false).Write(table, env.get); err == nil {
		t.Error("without a contract a table was made up beside Mender's variables")
	}
	if _, err := dialectOf(false).Read(env.get); err == nil || errors.Is(err, bootctl.ErrNoTable) {
		t.Errorf("without a contract: %v", err)
	}
}
