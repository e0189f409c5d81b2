package ubootscript

import (
	"bytes"
	"encoding/binary"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"abota/sim/loaderscript"
)

// bootDisk boots a disk that holds these bytes and returns what it holds then.
func (w *workshop) bootDisk(t *testing.T, image []byte, f fault) (loaderscript.Outcome, []byte) {
	t.Helper()
	path := filepath.Join(loaderscript.Scratch(t), "disk.img")
	loaderscript.Write(t, path, image)
	o := w.boot(t, f.drive(t, w.board, path)...)
	return o, loaderscript.Read(t, path)
}

func (w *workshop) startsA(t *testing.T, content loaderscript.Files) loaderscript.Outcome {
	t.Helper()
	copies := [2][]byte{envCopy(t, 1, uncounted...), nil}
	o, _ := w.bootDisk(t, w.disk(t, content, w.slots.Healthy("B"), copies), fault{})
	if o.Started != "A" {
		t.Fatalf("started %q, want A:\n%s", o.Started, o.Console)
	}
	return o
}

var guidLine = regexp.MustCompile(`Partition unique GUID: (\S+)`)

func TestKernelArgumentsTravelWithTheSlot(t *testing.T) {
	w := newWorkshop(t, arm64, script)
	path := filepath.Join(loaderscript.Scratch(t), "disk.img")
	loaderscript.Write(t, path, w.empty)
	uuid := strings.ToLower(guidLine.FindStringSubmatch(loaderscript.Tool(t, "sgdisk", "--info=3", path))[1])
	const ours = "abota.slot=A abota.contract=1"
	for _, row := range []struct{ name, file, want string }{
		{"no file", "", "ro"},
		{"one line", "abota_args=rw quiet panic=1\n", "rw quiet panic=1"},
		{"no line end", "abota_args=quiet", "quiet"},
		{"empty", "abota_args=\n", ""},
		{"other lines are not taken over", "bootcmd=poweroff\nab_label_B=x\nabota_args=quiet\nBOOT_ORDER=B\n", "quiet"},
		{
			"characters that mean something to the shell", `abota_args=dyndbg="file a.c +p;func b & c" x=$y,${z} * # end` + "\n",
			`dyndbg="file a.c +p;func b & c" x=$y,${z} * # end`,
		},
		{"1900 bytes", "abota_args=" + strings.Repeat("a=b ", 475) + "z\n", strings.Repeat("a=b ", 475) + "z"},
	} {
		t.Run(row.name, func(t *testing.T) {
			content := w.slots.Healthy("A")
			if row.file != "" {
				content["boot/abota.args"] = row.file
			}
			o := w.startsA(t, content)
			want := "console=ttyAMA0,115200 rootwait panic=5 root=PARTUUID=" + uuid + " " + row.want + " " + ours
			if got := strings.TrimSpace(o.Cmdline); got != want {
				t.Errorf("the kernel got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// treeOf is the board's own device tree with a name in it changed, so that it
// can be told from the one that U-Boot has.
func treeOf(t *testing.T, b board) string {
	t.Helper()
	path := filepath.Join(loaderscript.Scratch(t), "tree.dtb")
	args := append([]string{}, b.QEMU[1:]...)
	for i, arg := range args {
		if arg == "virt" {
			args[i] = "virt,dumpdtb=" + path
		}
	}
	loaderscript.Tool(t, b.QEMU[0], append(args, "-m", "256", "-nographic", "-nic", "none")...)
	tree := loaderscript.Read(t, path)
	const was, is = "linux,dummy-virt\x00", "abota,test-tree\x00\x00"
	if !bytes.Contains(tree, []byte(was)) {
		t.Fatalf("the device tree of QEMU does not hold %q", was)
	}
	tree = bytes.ReplaceAll(tree, []byte(was), []byte(is))
	// QEMU pads it to 1 MiB. Its header says where the blocks lie: structure,
	// then strings, and their sizes at the end.
	field := func(i int) uint32 { return binary.BigEndian.Uint32(tree[4*i:]) }
	size := max(field(2)+field(9), field(3)+field(8))
	binary.BigEndian.PutUint32(tree[4:], size)
	return string(tree[:size])
}

func TestInitrdAndDeviceTreeOfTheSlotAreUsed(t *testing.T) {
	w := newWorkshop(t, arm64, script)
	plain := w.startsA(t, w.slots.Healthy("A"))
	for _, name := range loaderscript.Sought[1:] {
		if strings.Contains(plain.Console, "\n"+name+"\n") {
			t.Fatalf("a slot with a kernel only shows %q: the rest of this test proves nothing", name)
		}
	}
	content := w.slots.Healthy("A")
	content["boot/initrd"] = strings.Repeat("initrd", 100)
	content["boot/dtb"] = treeOf(t, w.board)
	o := w.startsA(t, content)
	for _, name := range loaderscript.Sought[1:] {
		if !strings.Contains(o.Console, "\n"+name+"\n") {
			t.Errorf("the guest does not see %q:\n%s", name, o.Console)
		}
	}
	if !strings.Contains(o.Cmdline, "abota.slot=A") {
		t.Errorf("the command line %q is not the script's", o.Cmdline)
	}
}

func TestScriptReadsAndWritesOtherDisksToo(t *testing.T) {
	w := newWorkshop(t, arm64, script)
	for _, row := range []struct {
		name   string
		device []string
	}{
		{"nvme", []string{"-device", "nvme,drive=d,serial=1"}},
		{"scsi", []string{"-device", "ich9-ahci", "-device", "ide-hd,drive=d"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			w.run(t, scenario{
				copies: one(env{serial: 4, vars: vars("B A", "a", "1", "3", "0")}),
				fault:  fault{device: row.device},
				starts: "B", into: "1", changes: []string{"BOOT_B_LEFT=3", "BOOT_B_LEFT=2"},
			})
		})
	}
}

func TestEnvironmentPartitionMissingOrTooSmall(t *testing.T) {
	w := newWorkshop(t, arm64, script)
	good := envCopy(t, 4, vars("B A", "a", "1", "3", "0")...)
	for _, row := range []struct {
		name, label  string
		length       int
		starts, note string
		says         string
	}{
		{"missing", "something-else", envSize + copyGap, "A", "lost", "no partition uboot-env"},
		{"no room for the first copy", "uboot-env", envSize / 2, "A", "lost", "too small for copy 0"},
		{"no room for the second copy", "uboot-env", copyGap, "A", "", "no room for copy 1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			image := w.disk(t, w.slots.Healthy("A"), w.slots.Healthy("B"), [2][]byte{good, good})
			table := partitioned(t, filepath.Join(loaderscript.Scratch(t), "disk.img"), row.label, row.length)
			copy(image, table[:34*sector])
			copy(image[diskSize-33*sector:], table[diskSize-33*sector:])
			o, after := w.bootDisk(t, image, fault{})
			scenario{starts: row.starts, note: row.note}.check(t, o)
			if !strings.Contains(o.Console, row.says) {
				t.Errorf("the console does not say %q:\n%s", row.says, o.Console)
			}
			loaderscript.CompareDisks(t, after, image)
		})
	}
}
