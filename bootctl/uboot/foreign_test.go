package uboot

import (
	"bytes"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"

	"abota/bootctl"
	"abota/bootctl/bootctltest"
	"abota/bootctl/dialect"
	"abota/sim/cutdisk"
)

// script is another updater's boot script: it returns the environment, changed
// where the script saves it, and the slot that it starts.
type script func(env environment) (next environment, started bootctl.Slot)

// foreign are the dialects in U-Boot with an environment as their updater leaves
// it, and what their boot scripts do by their documentation.
func foreign(t *testing.T) map[string]struct {
	dialect dialect.Dialect
	left    environment
	boot    script
} {
	t.Helper()
	ok := func(d dialect.Dialect, err error) dialect.Dialect {
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	counted := dialect.Names{Slot: "rootpart", Trial: "upgrade_available", Count: "bootcount", State: "ustate"}
	return map[string]struct {
		dialect dialect.Dialect
		left    environment
		boot    script
	}{
		"rauc": {
			ok(dialect.RAUC(dialect.UBoot, [2]string{"system0", "system1"})),
			environment{"arch=arm", "BOOT_ORDER=system0 system1", "BOOT_system0_LEFT=3", "BOOT_system1_LEFT=3", "ethaddr=02:00:00:00:00:01"},
			raucScript,
		},
		"mender": {
			ok(dialect.Mender(dialect.UBoot, [2]string{"2", "3"})),
			environment{"altbootcmd=run mender_altbootcmd; run bootcmd", "bootcount=1", "bootlimit=1", "mender_boot_part=2", "mender_boot_part_hex=2", "mender_saveenv_canary=1", "upgrade_available=0", "mender_check_saveenv_canary=1"},
			counting("mender_boot_part", [2]string{"2", "3"}),
		},
		"swupdate": {
			ok(dialect.SWUpdate(dialect.UBoot, counted, [2]string{"2", "3"})),
			environment{"altbootcmd=run back", "bootlimit=1", "rootpart=2", "ustate=0", "upgrade_available=0", "x=1"},
			counting("rootpart", [2]string{"2", "3"}),
		},
		"ustate": {
			ok(dialect.SWUpdate(dialect.UBoot, dialect.Names{Slot: "bootslot", Trial: "ustate"}, [2]string{"a", "b"})),
			environment{"bootslot=a", "ustate=0", "x=1"},
			ustateScript,
		},
	}
}

func set(env environment, name, value string) environment {
	next := slices.DeleteFunc(slices.Clone(env), func(entry string) bool { return strings.HasPrefix(entry, name+"=") })
	return append(next, name+"="+value)
}

func raucScript(env environment) (environment, bootctl.Slot) {
	for {
		for _, name := range strings.Fields(env.get("BOOT_ORDER")) {
			left, _ := strconv.ParseUint(env.get("BOOT_"+name+"_LEFT"), 16, 32)
			if left > 0 {
				return set(env, "BOOT_"+name+"_LEFT", strconv.FormatUint(left-1, 16)), bootctl.Slot(name[len(name)-1] - '0')
			}
		}
		// All tries are set anew, and the board is reset.
		env = set(set(env, "BOOT_system0_LEFT", "3"), "BOOT_system1_LEFT", "3")
	}
}

// counting is U-Boot's own counter of boots, with an altbootcmd that names the
// other slot and ends the trial.
func counting(slot string, names [2]string) script {
	return func(env environment) (environment, bootctl.Slot) {
		count := 1
		if env.get("upgrade_available") == "1" {
			n, _ := strconv.Atoi(env.get("bootcount"))
			count = n + 1
			env = set(env, "bootcount", strconv.Itoa(count))
		}
		started := bootctl.Slot(slices.Index(names[:], env.get(slot)))
		if limit, _ := strconv.Atoi(env.get("bootlimit")); limit > 0 && count > limit && env.get("altbootcmd") != "" {
			started = started.Other()
			env = set(set(env, slot, names[started]), "upgrade_available", "0")
			if env.get(slot+"_hex") != "" {
				env = set(env, slot+"_hex", names[started])
			}
		}
		return env, started
	}
}

// ustateScript is a boot script that goes by SWUpdate's ustate.
func ustateScript(env environment) (environment, bootctl.Slot) {
	started := bootctl.Slot(strings.Index("ab", env.get("bootslot")))
	switch env.get("ustate") {
	case "1":
		env = set(env, "ustate", "2")
	case "2":
		started = started.Other()
		env = set(set(env, "ustate", "3"), "bootslot", string("ab"[started]))
	}
	return env, started
}

// environmentsOn are both copies of an environment.
func environmentsOn(t *testing.T, env environment, size int) []byte {
	t.Helper()
	return slices.Concat(mustEncode(t, env, size, 7), mustEncode(t, env, size, 6))
}

func TestConformanceInForeignVariables(t *testing.T) {
	const size = sectorSize
	for name, f := range foreign(t) {
		t.Run(name, func(t *testing.T) {
			bootctltest.Run(t, bootctltest.Factory{
				Given: name != "rauc", // which starts without any variable
				Blank: map[bool][]byte{true: environmentsOn(t, f.left, size), false: make([]byte, 2*size)}[name != "rauc"],
				Open: func(d *cutdisk.Disk) bootctl.Backend {
					return onDisk(d, size, false).Speaking(f.dialect)
				},
				Copies: [2]bootctltest.Region{{Offset: 0, Size: size}, {Offset: size, Size: size}},
			})
		})
	}
}

// board is U-Boot with a boot script, on a storage that changes in whole steps.
type board struct {
	image   []byte
	dialect dialect.Dialect
	script  script
	steps   *bootctltest.Steps
}

const boardSize = sectorSize

func (b *board) Given() bool { return true }

func (b *board) Clone() bootctltest.Storage {
	next := *b
	next.image = bytes.Clone(b.image)
	return &next
}

func (b *board) Open(s *bootctltest.Steps) bootctl.Backend {
	b.steps = s
	return On(b, [2]Copy{{Path: "disk", Size: boardSize}, {Path: "disk", Offset: boardSize, Size: boardSize}}, false).Speaking(b.dialect)
}

func (b *board) ReadAt(p []byte, off int64) (int, error) {
	if b.steps.Lost() {
		return 0, cutdisk.ErrPowerLost
	}
	if n := copy(p, b.image[off:]); n < len(p) {
		return n, io.ErrUnexpectedEOF
	}
	return len(p), nil
}

func (b *board) WriteAt(p []byte, off int64) (int, error) {
	if err := b.steps.Write(func() { copy(b.image[off:], p) }); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (b *board) Sync() error { return nil }

// current is what U-Boot would read, and the copy that it would write.
func (b *board) current() (env environment, serial byte, older []byte) {
	first, second := b.image[:boardSize], b.image[boardSize:]
	env, serial, ok := decode(first)
	env2, serial2, ok2 := decode(second)
	if ok2 && (!ok || secondIsNewer(serial, serial2)) {
		return env2, serial2, first
	}
	return env, serial, second
}

func (b *board) Boot() (bootctl.Slot, bool) {
	env, serial, older := b.current()
	next, started := b.script(env)
	if !slices.Equal(next, env) {
		image, err := next.encode(boardSize, serial+1)
		if err != nil {
			return 0, false
		}
		copy(older, image)
	}
	return started, true
}

func TestForeignBootScriptsDoWhatTheTableSays(t *testing.T) {
	for name, f := range foreign(t) {
		t.Run(name, func(t *testing.T) {
			bootctltest.RunSteps(t, &board{image: environmentsOn(t, f.left, boardSize), dialect: f.dialect, script: f.boot})
		})
	}
}

// TestTenQuietReboots: a device that was taken over and is left alone keeps its
// environment as it was, but for what its own boot script counts.
func TestTenQuietReboots(t *testing.T) {
	for name, f := range foreign(t) {
		t.Run(name, func(t *testing.T) {
			b := &board{image: environmentsOn(t, f.left, boardSize), dialect: f.dialect, script: f.boot}
			before := bytes.Clone(b.image)
			for n := range 10 {
				if slot, _ := b.Boot(); slot != bootctl.A {
					t.Fatalf("reboot %d: slot %s starts", n+1, slot)
				}
				answerBoot(t, b.Open(new(bootctltest.Steps)))
				env, _, _ := b.current()
				if !sameVariables(env, f.left) {
					t.Fatalf("reboot %d: the environment is %q, was %q", n+1, env, f.left)
				}
			}
			if name != "rauc" && !bytes.Equal(b.image, before) {
				t.Error("something was written, although the boot script counts nothing")
			}
		})
	}
}

// answerBoot is what `abota boot` stores in a confirmed slot A.
func answerBoot(t *testing.T, backend bootctl.Backend) {
	t.Helper()
	table, err := backend.Load()
	if err != nil {
		t.Fatal(err)
	}
	if err := backend.Store(bootctl.Situation{Table: table, Booted: bootctl.A}.Refill()); err != nil {
		t.Fatal(err)
	}
}

func sameVariables(a, b environment) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}

// TestOnlyKnownVariablesAreSet: an update, its commit and a rollback add no name
// to the environment, and leave those of others alone.
func TestOnlyKnownVariablesAreSet(t *testing.T) {
	for name, f := range foreign(t) {
		b := &board{image: environmentsOn(t, f.left, boardSize), dialect: f.dialect, script: f.boot}
		backend := b.Open(new(bootctltest.Steps))
		names := f.left.names()
		for range 2 {
			table, err := backend.Load()
			if err != nil {
				t.Fatal(err)
			}
			booted, _ := table.Primary()
			s := bootctl.Situation{Table: table, Booted: booted, Proven: [2]bool{true, true}}
			for _, step := range []func() (bootctl.Table, error){s.Clear, s.Arm} {
				next, err := step()
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if err := backend.Store(next); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				s.Table = next
			}
			b.Boot()
			env, _, _ := b.current()
			for _, known := range env.names() {
				// U-Boot counts in a variable that may not have been there.
				if !slices.Contains(names, known) && known != "bootcount" {
					t.Errorf("%s: %s was added", name, known)
				}
			}
			table, err = backend.Load()
			if err != nil {
				t.Fatal(err)
			}
			good, err := bootctl.Situation{Table: table, Booted: booted.Other()}.MarkGood(booted.Other())
			if err != nil {
				t.Fatal(err)
			}
			if err := backend.Store(good); err != nil {
				t.Fatal(err)
			}
		}
		for _, entry := range []string{"x=1", "ethaddr=02:00:00:00:00:01", "bootlimit=1"} {
			env, _, _ := b.current()
			if slices.Contains(f.left, entry) && !slices.Contains(env, entry) {
				t.Errorf("%s: %s is gone", name, entry)
			}
		}
	}
}
