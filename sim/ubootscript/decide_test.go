package ubootscript

import "testing"

// What each copy holds in the tests that are about choosing between them.
var (
	startsA = vars("A B", "a", "1", "a", "1", "BOOT_CONFIRMED_TRIES=0", "which=one that starts A")
	startsB = vars("B A", "a", "1", "a", "1", "BOOT_CONFIRMED_TRIES=0", "which=one that starts B")
)

func one(e env) [2]*env { return [2]*env{&e, nil} }

var lostEnvironment = []scenario{
	{
		name:   "two copies of zeros: factory default, nothing written",
		starts: "A", note: "lost", says: []string{"environment: lost"},
	},
	{
		name:   "both copies damaged: factory default, nothing written",
		copies: [2]*env{{serial: 1, vars: startsB, bad: true}, {serial: 2, vars: startsB, bad: true}},
		starts: "A", note: "lost",
	},
	{
		name: "lost and the factory default does not load: the other slot",
		a:    "blank", starts: "B", note: "lost", says: []string{"slot A: cannot be loaded"},
	},
	{
		name: "lost and U-Boot refuses the factory default's kernel: the other slot",
		a:    "garbage", starts: "B", note: "lost", says: []string{"slot A: U-Boot refuses its kernel"},
	},
	{
		name: "lost and no slot loads: reset",
		a:    "blank", b: "blank", says: []string{"no slot could be started: reset"},
	},
	{
		name:   "a valid environment that was never abota's: as if lost",
		copies: one(env{serial: 1, vars: []string{"bootcmd=run distro_bootcmd", "foo=bar"}}),
		starts: "A", note: "lost",
	},
	{
		name:   "an order that names neither slot: as if lost",
		copies: one(env{serial: 1, vars: vars("C rescue", "a", "1", "a", "1")}),
		starts: "A", note: "lost",
	},
	{
		name:   "both copies unreadable: as if lost",
		copies: [2]*env{{serial: 1, vars: startsB}, nil},
		fault:  fault{inject: "read", copy: 0},
		starts: "A", note: "lost", says: []string{"environment: copy 0 cannot be read"},
	},
}

var whichCopy = []scenario{
	{
		name:   "first copy newer",
		copies: [2]*env{{serial: 8, vars: startsA}, {serial: 7, vars: startsB}},
		starts: "A", says: []string{"environment: copy 0 is current, serial 8"},
	},
	{
		name:   "second copy newer",
		copies: [2]*env{{serial: 7, vars: startsA}, {serial: 8, vars: startsB}},
		starts: "B", says: []string{"environment: copy 1 is current, serial 8"},
	},
	{
		name:   "equal serials: the first",
		copies: [2]*env{{serial: 1, vars: startsB}, {serial: 1, vars: startsA}},
		starts: "B",
	},
	{
		name:   "0 follows 255, second copy newer",
		copies: [2]*env{{serial: 255, vars: startsA}, {serial: 0, vars: startsB}},
		starts: "B",
	},
	{
		name:   "0 follows 255, first copy newer",
		copies: [2]*env{{serial: 0, vars: startsB}, {serial: 255, vars: startsA}},
		starts: "B",
	},
	{
		name:   "newer copy damaged: the older one",
		copies: [2]*env{{serial: 7, vars: startsB}, {serial: 8, vars: startsA, bad: true}},
		starts: "B", says: []string{"environment: copy 0 is current, serial 7 (valid: copy 0 1, copy 1 0)"},
	},
	{
		name:   "first copy damaged and newer: the second",
		copies: [2]*env{{serial: 8, vars: startsA, bad: true}, {serial: 7, vars: startsB}},
		starts: "B",
	},
	{
		name:   "only the second copy was ever written",
		copies: [2]*env{nil, {serial: 1, vars: startsB}},
		starts: "B",
	},
	{
		name:   "newer copy unreadable: the older one",
		copies: [2]*env{{serial: 7, vars: startsB}, {serial: 8, vars: startsA}},
		fault:  fault{inject: "read", copy: 1},
		starts: "B", says: []string{"environment: copy 1 cannot be read"},
	},
}

var trials = []scenario{
	{
		name:   "a trial is counted into the other copy",
		copies: one(env{serial: 4, vars: vars("B A", "a", "1", "3", "0")}),
		starts: "B", into: "1", changes: []string{"BOOT_B_LEFT=3", "BOOT_B_LEFT=2"},
		says: []string{"slot B: trial, attempt recorded, 2 left"},
	},
	{
		name:   "a trial is counted into the older of two copies",
		copies: [2]*env{{serial: 6, vars: vars("B A", "a", "1", "3", "0")}, {serial: 7, vars: vars("B A", "a", "1", "2", "0")}},
		starts: "B", into: "0", changes: []string{"BOOT_B_LEFT=2", "BOOT_B_LEFT=1"},
	},
	{
		name:   "the serial wraps",
		copies: [2]*env{{serial: 254, vars: startsA}, {serial: 255, vars: vars("A B", "2", "0", "a", "1")}},
		starts: "A", into: "0", changes: []string{"BOOT_A_LEFT=2", "BOOT_A_LEFT=1"},
		says: []string{"environment: copy 0 written and read back, serial 0"},
	},
	{
		name:   "last attempt",
		copies: one(env{serial: 4, vars: vars("A B", "1", "0", "a", "1")}),
		starts: "A", into: "1", changes: []string{"BOOT_A_LEFT=1", "BOOT_A_LEFT=0"},
	},
	{
		name:   "no attempt left: the confirmed slot, which is counted",
		copies: one(env{serial: 4, vars: vars("B A", "a", "1", "0", "0")}),
		starts: "A", into: "1", changes: []string{"BOOT_A_LEFT=a", "BOOT_A_LEFT=9"},
		says: []string{"slot B: trial without attempts left"},
	},
	{
		name:   "good is 1 and nothing else",
		copies: one(env{serial: 4, vars: vars("B A", "a", "1", "0", "yes", "BOOT_CONFIRMED_TRIES=0")}),
		starts: "A",
	},
	{
		name:        "a trial whose counter is missing is not started",
		copies:      one(env{serial: 4, vars: []string{"BOOT_ORDER=B A", "BOOT_A_LEFT=a", "BOOT_A_GOOD=1", "BOOT_B_GOOD=0", "BOOT_CONFIRMED_TRIES=0"}}),
		beyondTable: true,
		starts:      "A",
	},
	{
		name:   "a trial whose counter is no number is not started",
		copies: one(env{serial: 4, vars: vars("B A", "a", "1", "*0", "0", "BOOT_CONFIRMED_TRIES=0")}),
		starts: "A",
	},
	{
		name:   "a slot that left the order is not started",
		copies: one(env{serial: 4, vars: vars("A", "a", "1", "3", "1", "BOOT_CONFIRMED_TRIES=0")}),
		a:      "blank", says: []string{"slot A: cannot be loaded", "no slot could be started: reset"},
	},
	{
		name:   "names in the order that are not ours are passed over",
		copies: one(env{serial: 4, vars: vars("rescue B B A", "a", "1", "3", "0")}),
		starts: "B", into: "1", changes: []string{"BOOT_B_LEFT=3", "BOOT_B_LEFT=2"},
	},
}

var confirmed = []scenario{
	{
		name:   "a confirmed slot is counted, ten tries when nothing is said",
		copies: one(env{serial: 4, vars: vars("A B", "a", "1", "a", "1")}),
		starts: "A", into: "1", changes: []string{"BOOT_A_LEFT=a", "BOOT_A_LEFT=9"},
		says: []string{"slot A: confirmed, attempt recorded, 9 left"},
	},
	{
		name:   "two digits stay two",
		copies: one(env{serial: 4, vars: vars("A B", "10", "1", "a", "1", "BOOT_CONFIRMED_TRIES=14")}),
		starts: "A", into: "1", changes: []string{"BOOT_A_LEFT=10", "BOOT_A_LEFT=0f"},
	},
	{
		name:   "counting is off: nothing is written",
		copies: one(env{serial: 4, vars: vars("A B", "0", "1", "0", "1", "BOOT_CONFIRMED_TRIES=0")}),
		starts: "A", says: []string{"slot A: confirmed, not counted"},
	},
	{
		name:        "a confirmed slot without a counter starts uncounted",
		copies:      one(env{serial: 4, vars: []string{"BOOT_ORDER=A B", "BOOT_A_GOOD=1", "BOOT_B_GOOD=1", "BOOT_B_LEFT=a"}}),
		beyondTable: true,
		starts:      "A",
	},
	{
		name:   "used up: the other confirmed slot",
		copies: one(env{serial: 4, vars: vars("A B", "0", "1", "a", "1")}),
		starts: "B", into: "1", changes: []string{"BOOT_B_LEFT=a", "BOOT_B_LEFT=9"},
		says: []string{"slot A: confirmed, but its tries are used up"},
	},
	{
		name:   "all used up: confirmed slots are refilled, the first one starts",
		copies: one(env{serial: 4, vars: vars("B A", "0", "1", "0", "1", "BOOT_CONFIRMED_TRIES=5")}),
		starts: "B", into: "1",
		changes: []string{"BOOT_A_LEFT=0", "BOOT_A_LEFT=5", "BOOT_B_LEFT=0", "BOOT_B_LEFT=4"},
	},
	{
		name:   "a trial is never refilled",
		copies: one(env{serial: 4, vars: vars("B A", "0", "1", "0", "0")}),
		starts: "A", into: "1", changes: []string{"BOOT_A_LEFT=0", "BOOT_A_LEFT=9"},
	},
	{
		name:   "a slot that left the order is never refilled",
		copies: one(env{serial: 4, vars: vars("A", "0", "1", "0", "1")}),
		starts: "A", into: "1", changes: []string{"BOOT_A_LEFT=0", "BOOT_A_LEFT=9"},
	},
	{
		name:   "a refill fills what the digits hold",
		copies: one(env{serial: 4, vars: vars("A B", "0", "1", "00", "1", "BOOT_CONFIRMED_TRIES=14")}),
		starts: "A", into: "1",
		changes: []string{"BOOT_A_LEFT=0", "BOOT_A_LEFT=f", "BOOT_B_LEFT=00", "BOOT_B_LEFT=14"},
	},
	{
		name:   "RAUC's environment: tries left means confirmed, and is counted",
		copies: one(env{serial: 4, vars: []string{"BOOT_ORDER=B A", "BOOT_A_LEFT=3", "BOOT_B_LEFT=3"}}),
		starts: "B", into: "1", changes: []string{"BOOT_B_LEFT=3", "BOOT_B_LEFT=2"},
		says: []string{"slot B: confirmed, attempt recorded, 2 left"},
	},
	{
		name:   "RAUC's environment: a slot without tries is passed over",
		copies: one(env{serial: 4, vars: []string{"BOOT_ORDER=B A", "BOOT_A_LEFT=3", "BOOT_B_LEFT=0"}}),
		starts: "A", into: "1", changes: []string{"BOOT_A_LEFT=3", "BOOT_A_LEFT=2"},
	},
	{
		name:        "RAUC's environment without counters",
		copies:      one(env{serial: 4, vars: []string{"BOOT_ORDER=B A"}}),
		beyondTable: true,
		starts:      "B",
	},
}

var lastResort = []scenario{
	{
		name:   "nothing confirmed, attempts left: counted as any trial",
		copies: one(env{serial: 4, vars: vars("B A", "3", "0", "3", "0")}),
		starts: "B", into: "1", changes: []string{"BOOT_B_LEFT=3", "BOOT_B_LEFT=2"},
	},
	{
		name:   "nothing confirmed, nothing left: the last of the order, uncounted",
		copies: one(env{serial: 4, vars: vars("B A", "0", "0", "0", "0")}),
		starts: "A", note: "exhausted",
	},
	{
		name:   "nothing confirmed, nothing left, the last does not load: the first",
		copies: one(env{serial: 4, vars: vars("B A", "0", "0", "0", "0")}),
		a:      "no kernel", starts: "B", note: "exhausted",
	},
	{
		name:   "only a used up trial in the order: it starts, the absent slot does not",
		copies: one(env{serial: 4, vars: vars("B", "3", "1", "0", "0")}),
		starts: "B", note: "exhausted",
	},
	{
		name:   "nothing confirmed and a recorded trial does not load: reset, the next boot counts on",
		copies: one(env{serial: 4, vars: vars("B A", "3", "0", "3", "0")}),
		b:      "blank", into: "1", changes: []string{"BOOT_B_LEFT=3", "BOOT_B_LEFT=2"},
		says: []string{"slot A: trial, not started because the attempt cannot be recorded", "no slot could be started: reset"},
	},
	{
		name:   "RAUC's environment with nothing left: uncounted, not refilled",
		copies: one(env{serial: 4, vars: []string{"BOOT_ORDER=B A", "BOOT_A_LEFT=0", "BOOT_B_LEFT=0"}}),
		starts: "A", note: "exhausted",
	},
}

func TestScriptDecides(t *testing.T) {
	w := newWorkshop(t, arm64, script)
	for _, group := range []struct {
		name string
		rows []scenario
	}{
		{"lost environment", lostEnvironment},
		{"which copy", whichCopy},
		{"trials", trials},
		{"confirmed", confirmed},
		{"last resort", lastResort},
		{"load failures", loadFailures},
		{"write failures", writeFailures},
		{"foreign variables", foreign},
	} {
		if len(group.rows) == 0 {
			t.Fatalf("no rows in %s", group.name)
		}
		for _, s := range group.rows {
			t.Run(group.name+"/"+s.name, func(t *testing.T) { w.run(t, s) })
		}
	}
}
