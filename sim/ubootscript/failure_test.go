package ubootscript

var uncounted = vars("A B", "a", "1", "a", "1", "BOOT_CONFIRMED_TRIES=0")

var loadFailures = []scenario{
	{
		name:   "a trial without a file system falls through to the confirmed slot, counted once",
		copies: one(env{serial: 4, vars: vars("B A", "a", "1", "3", "0")}),
		b:      "blank", starts: "A", into: "1", changes: []string{"BOOT_B_LEFT=3", "BOOT_B_LEFT=2"},
		says: []string{"slot B: cannot be loaded", "slot A: confirmed, not counted this time"},
	},
	{
		name:   "a trial without a kernel falls through",
		copies: one(env{serial: 4, vars: vars("B A", "a", "1", "3", "0")}),
		b:      "no kernel", starts: "A", into: "1", changes: []string{"BOOT_B_LEFT=3", "BOOT_B_LEFT=2"},
	},
	{
		name:   "a trial whose kernel is garbage falls through",
		copies: one(env{serial: 4, vars: vars("B A", "a", "1", "3", "0")}),
		b:      "garbage", starts: "A", into: "1", changes: []string{"BOOT_B_LEFT=3", "BOOT_B_LEFT=2"},
		says: []string{"slot B: U-Boot refuses its kernel"},
	},
	{
		name:   "a confirmed slot without a kernel falls through to the other",
		copies: one(env{serial: 4, vars: uncounted}),
		a:      "no kernel", starts: "B",
	},
	{
		name:   "a confirmed slot with an empty kernel falls through",
		copies: one(env{serial: 4, vars: uncounted}),
		a:      "empty kernel", starts: "B",
	},
	{
		name:   "a confirmed slot with a garbage device tree falls through",
		copies: one(env{serial: 4, vars: uncounted}),
		a:      "garbage tree", starts: "B",
	},
	{
		name:   "arguments of 2 KiB are refused, not cut",
		copies: one(env{serial: 4, vars: uncounted}),
		a:      "long arguments", starts: "B",
	},
	{
		name:   "a device tree of 512 KiB is refused, not cut",
		copies: one(env{serial: 4, vars: uncounted}),
		a:      "long tree", starts: "B",
	},
	{
		name:   "the good slot does not load, the used up one is still attempted",
		copies: one(env{serial: 4, vars: vars("A B", "a", "1", "0", "1")}),
		a:      "blank", starts: "B", into: "1", changes: []string{"BOOT_A_LEFT=a", "BOOT_A_LEFT=9"},
	},
	{
		name:   "an uncounted slot does not load: the trial behind it is counted and started",
		copies: one(env{serial: 4, vars: vars("A B", "a", "1", "3", "0", "BOOT_CONFIRMED_TRIES=0")}),
		a:      "garbage", starts: "B", into: "1", changes: []string{"BOOT_B_LEFT=3", "BOOT_B_LEFT=2"},
	},
	{
		name:   "a counted slot does not load: the trial behind it cannot be counted in this boot",
		copies: one(env{serial: 4, vars: vars("A B", "a", "1", "3", "0")}),
		a:      "garbage", into: "1", changes: []string{"BOOT_A_LEFT=a", "BOOT_A_LEFT=9"},
		says: []string{"slot B: trial, not started"},
	},
	{
		name:   "no slot loads: reset",
		copies: one(env{serial: 4, vars: uncounted}),
		a:      "garbage", b: "no kernel", says: []string{"no slot could be started: reset"},
	},
}

var writeFailures = []scenario{
	{
		name:   "read-only disk: the confirmed slot instead of the trial",
		copies: one(env{serial: 4, vars: vars("B A", "a", "1", "3", "0")}),
		fault:  fault{readOnly: true}, starts: "A",
		says: []string{"environment: copy 1 cannot be written", "slot B: trial, not started because the attempt cannot be recorded"},
	},
	{
		name:   "failing sectors: the confirmed slot instead of the trial",
		copies: [2]*env{{serial: 4, vars: startsB}, {serial: 5, vars: vars("A B", "3", "0", "a", "1")}},
		fault:  fault{inject: "write", copy: 0}, starts: "B",
	},
	{
		name:   "a copy that cannot be read back does not count as written",
		copies: one(env{serial: 4, vars: vars("B A", "a", "1", "3", "0")}),
		fault:  fault{inject: "read", copy: 1}, starts: "A",
		into: "1", changes: []string{"BOOT_B_LEFT=3", "BOOT_B_LEFT=2"},
		says: []string{"slot B: trial, not started because the attempt cannot be recorded"},
	},
	{
		name:   "read-only disk: a confirmed slot starts all the same",
		copies: one(env{serial: 4, vars: vars("A B", "a", "1", "a", "1")}),
		fault:  fault{readOnly: true}, starts: "A",
	},
	{
		name:   "read-only disk, all used up: the first confirmed slot",
		copies: one(env{serial: 4, vars: vars("B A", "0", "1", "0", "1")}),
		fault:  fault{readOnly: true}, starts: "B",
	},
	{
		name:   "read-only disk: a used up confirmed slot rather than an unrecorded trial",
		copies: one(env{serial: 4, vars: vars("B A", "0", "1", "3", "0")}),
		fault:  fault{readOnly: true}, starts: "A",
	},
	{
		name:   "read-only disk and nothing confirmed: the last of the order",
		copies: one(env{serial: 4, vars: vars("B A", "3", "0", "3", "0")}),
		fault:  fault{readOnly: true}, starts: "A", note: "exhausted",
	},
	{
		name:   "read-only disk and no environment",
		fault:  fault{readOnly: true},
		starts: "A", note: "lost",
	},
}

// foreign is about everything in the environment that is not the script's.
var foreign = []scenario{
	{
		name: "others' variables stay, byte for byte and in their order",
		copies: one(env{serial: 4, vars: append([]string{
			"zeta=1", "bootcmd=echo hijacked; poweroff", "bootargs=console=null", "devtype=nosuch", "devnum=7",
			"ethaddr=52:54:00:12:34:56", "serial#=0001", "stdout=nulldev", "baudrate=9600", "loadaddr=0",
			"kernel_addr_r=0", "ab_label_A=nosuch", "ab_default=B", "BOOT_B_LEFTOVER=3", "XBOOT_B_LEFT=3",
			"quotes=a'b\"c;d&e$f\\g", "BOOT_A_FAILED=0123456789abcdef", "BOOT_GENERATION=2a",
		}, vars("B A", "a", "1", "3", "0", "later=x")...)}),
		starts: "B", into: "1", changes: []string{"BOOT_B_LEFT=3", "BOOT_B_LEFT=2"},
	},
	{
		name: "of duplicates the last counts, and all stay",
		copies: one(env{serial: 4, vars: append([]string{
			"BOOT_ORDER=A B", "BOOT_B_LEFT=7", "foo=1", "foo=2",
		}, vars("B A", "a", "1", "3", "0", "foo=3")...)}),
		starts: "B", into: "1", changes: []string{"BOOT_B_LEFT=3", "BOOT_B_LEFT=2"},
	},
	{
		name: "blanks before a name do not count, and stay",
		copies: one(env{serial: 4, vars: append(
			vars("B A", "a", "1", "7", "0"), " \tBOOT_B_LEFT=3")}),
		starts: "B", into: "1", changes: []string{" \tBOOT_B_LEFT=3", " \tBOOT_B_LEFT=2"},
	},
	{
		name: "counters behind fifteen kilobytes of others' variables",
		copies: one(env{serial: 4, vars: append(bulk(150),
			vars("B A", "a", "1", "3", "0")...)}),
		starts: "B", into: "1", changes: []string{"BOOT_B_LEFT=3", "BOOT_B_LEFT=2"},
	},
	{
		name: "nothing to change: others' variables and both copies stay",
		copies: [2]*env{
			{serial: 4, vars: append(bulk(20), uncounted...)},
			{serial: 3, vars: append(bulk(30), uncounted...)},
		},
		starts: "A",
	},
}

// bulk is n variables of about 100 bytes.
func bulk(n int) []string {
	var vars []string
	for i := range n {
		name := string(rune('a'+i%26)) + string(rune('a'+i/26))
		vars = append(vars, name+"=BOOT_A_LEFT=5 BOOT_B_LEFT=5 ..........................................................")
	}
	return vars
}
