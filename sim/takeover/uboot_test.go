package takeover

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"abota/bootctl"
	"abota/bootctl/dialect"
	"abota/bootctl/uboot"
	"abota/sim/disk"
	"abota/sim/loaderscript"
)

// The disk of a board with U-Boot: boot, environment, slot A, slot B.
const (
	mib     = 1 << 20
	envAt   = 2 * mib
	envSize = 0x4000
	copyGap = 0x400000
	slotAt  = 8 * mib
)

var machine = loaderscript.Machine{
	QEMU:   []string{"qemu-system-aarch64", "-accel", "tcg", "-machine", "virt", "-cpu", "cortex-a57"},
	Kernel: "Image", Disk: "virtio-blk-device", Payload: loaderscript.ARM64, Resets: "\nresetting ...",
}

const firmwarePath = "/usr/lib/u-boot/qemu_arm64/u-boot.bin"

// inUBoot are boot scripts with the environment that their updater leaves.
var inUBoot = map[string]struct {
	parts []string // of the script
	// vars are saved by the script, and left is what they are.
	vars string
	left []string
	// prelude is what U-Boot runs by default, as a script's first lines.
	prelude string
	dialect func() (dialect.Dialect, error)
	counts  bool // the script saves the environment at each boot
}{
	"rauc": {
		parts: []string{"rauc.cmd"}, counts: true,
		vars:    "BOOT_ORDER BOOT_A_LEFT BOOT_B_LEFT board_note",
		left:    []string{"BOOT_ORDER=A B", "BOOT_A_LEFT=3", "BOOT_B_LEFT=3", "board_note=a b;c"},
		dialect: func() (dialect.Dialect, error) { return dialect.RAUC(dialect.UBoot, [2]string{"A", "B"}) },
	},
	"mender": {
		parts: []string{"bootcount.cmd"},
		vars:  "mender_boot_part mender_boot_part_hex upgrade_available bootcount bootlimit altbootcmd mender_saveenv_canary mender_check_saveenv_canary board_note",
		left: []string{
			"mender_boot_part=3", "mender_boot_part_hex=3", "upgrade_available=0", "bootcount=0", "bootlimit=1",
			"altbootcmd=if test ${mender_boot_part} = 3; then setenv mender_boot_part 4; setenv mender_boot_part_hex 4; else setenv mender_boot_part 3; setenv mender_boot_part_hex 3; fi; setenv upgrade_available 0; run th_save; run th_bootcmd",
			"mender_saveenv_canary=1", "mender_check_saveenv_canary=1", "board_note=a b;c",
		},
		prelude: "setenv th_bootcmd 'setenv th_part ${mender_boot_part_hex}; run th_boot'",
		dialect: func() (dialect.Dialect, error) { return dialect.Mender(dialect.UBoot, [2]string{"3", "4"}) },
	},
	"swupdate": {
		parts: []string{"bootcount.cmd"},
		vars:  "rootpart upgrade_available bootcount bootlimit altbootcmd ustate board_note",
		left: []string{
			"rootpart=3", "upgrade_available=0", "bootcount=0", "bootlimit=2", "ustate=0",
			"altbootcmd=if test ${rootpart} = 3; then setenv rootpart 4; else setenv rootpart 3; fi; setenv upgrade_available 0; setenv ustate 3; run th_save; run th_bootcmd",
			"board_note=a b;c",
		},
		prelude: "setenv th_bootcmd 'setenv th_part ${rootpart}; run th_boot'",
		dialect: func() (dialect.Dialect, error) {
			return dialect.SWUpdate(dialect.UBoot, dialect.Names{Slot: "rootpart", Trial: "upgrade_available", Count: "bootcount", State: "ustate"}, [2]string{"3", "4"})
		},
	},
}

// ubootBoard is a board with this updater's script in U-Boot.
func ubootBoard(t *testing.T, name string) *board {
	t.Helper()
	machine.Need(t)
	if _, err := os.Stat(firmwarePath); err != nil {
		t.Skipf("skipped: no %s: run `make deps`", firmwarePath)
	}
	kind := inUBoot[name]
	d, err := kind.dialect()
	if err != nil {
		t.Fatal(err)
	}
	dir := loaderscript.Scratch(t)
	b := newBoard(t, machine, slotAt)
	b.counts = kind.counts
	firmware := filepath.Join(dir, "u-boot.bin")
	loaderscript.Write(t, firmware, bytes.Replace(loaderscript.Read(t, firmwarePath), []byte("bootdelay=2\x00"), []byte("bootdelay=0\x00"), 1))
	b.power = func(t *testing.T) loaderscript.Outcome {
		return machine.Boot(t, append([]string{"-bios", firmware}, loaderscript.Fault{}.Drive(t, machine, b.path)...)...)
	}
	image := loaderscript.Partitioned(t, b.path, slotAt+2*loaderscript.SlotSize+mib,
		loaderscript.Partition{Name: "boot", At: mib, Size: mib, Options: []string{"--attributes=N:set:2"}},
		loaderscript.Partition{Name: "uboot-env", At: envAt, Size: envSize + copyGap},
		loaderscript.Partition{Name: "root-a", At: slotAt, Size: loaderscript.SlotSize},
		loaderscript.Partition{Name: "root-b", At: slotAt + loaderscript.SlotSize, Size: loaderscript.SlotSize})
	copy(image[mib:], bootScript(t, dir, "setenv th_vars "+kind.vars, append([]string{"environment.cmd"}, kind.parts...), kind.prelude))
	copy(image[envAt:], envCopy(t, dir, 255, kind.left))
	copy(image[envAt+copyGap:], envCopy(t, dir, 254, kind.left))
	loaderscript.Write(t, b.path, image)
	b.open = func() bootctl.Backend {
		backend, err := uboot.New([]uboot.Copy{
			{Path: b.path, Offset: envAt, Size: envSize}, {Path: b.path, Offset: envAt + copyGap, Size: envSize},
		}, false)
		if err != nil {
			t.Fatal(err)
		}
		return backend.Speaking(d)
	}
	config := filepath.Join(dir, "fw_env.config")
	loaderscript.Write(t, config, []byte(strings.NewReplacer("DISK", b.path).Replace("DISK 0x200000 0x4000\nDISK 0x600000 0x4000\n")))
	b.variables = func(t *testing.T) string { return sorted(loaderscript.Tool(t, "fw_printenv", "-c", config)) }
	return b
}

// bootScript is the file system with the script of these parts.
func bootScript(t *testing.T, dir, vars string, parts []string, prelude string) []byte {
	t.Helper()
	text := vars + "\n" + string(loaderscript.Read(t, filepath.Join("testdata", parts[0]))) + prelude + "\n"
	for _, p := range parts[1:] {
		text += string(loaderscript.Read(t, filepath.Join("testdata", p)))
	}
	script, folder, image := filepath.Join(dir, "boot.cmd"), filepath.Join(dir, "boot"), filepath.Join(dir, "boot.fat")
	loaderscript.Write(t, script, []byte(text))
	loaderscript.Write(t, filepath.Join(folder, "boot.scr"), nil)
	loaderscript.Tool(t, "mkimage", "-A", "arm", "-T", "script", "-C", "none", "-n", "boot", "-d", script, filepath.Join(folder, "boot.scr"))
	if err := disk.FAT(t.Context(), image, folder, "BOOT", mib); err != nil {
		t.Fatal(err)
	}
	return loaderscript.Read(t, image)
}

// envCopy is one copy of the environment as mkenvimage makes it.
func envCopy(t *testing.T, dir string, serial byte, vars []string) []byte {
	t.Helper()
	text, image := filepath.Join(dir, "env.txt"), filepath.Join(dir, "env.bin")
	loaderscript.Write(t, text, []byte(strings.Join(vars, "\n")+"\n"))
	loaderscript.Tool(t, "mkenvimage", "-r", "-s", "0x4000", "-o", image, text)
	data := loaderscript.Read(t, image)
	data[4] = serial // not under the checksum
	return data
}

func TestTakingOverInUBoot(t *testing.T) {
	for name := range inUBoot {
		t.Run(name, func(t *testing.T) { ubootBoard(t, name).story(t) })
	}
}
