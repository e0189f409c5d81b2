package takeover

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"abota/bootctl"
	"abota/bootctl/dialect"
	"abota/bootctl/grub"
	"abota/sim/disk"
	"abota/sim/loaderscript"
	"abota/sim/parts"
)

// The disk of a board with GRUB: boot, slot A, slot B.
const (
	espSize    = 8 * mib
	grubSlotAt = mib + espSize
)

// block is an environment block as grub-editenv makes it.
func block(lines ...string) []byte {
	text := "# GRUB Environment Block\n" + strings.Join(append(lines, ""), "\n")
	return append([]byte(text), bytes.Repeat([]byte("#"), 1024-len(text))...)
}

const menderDir = "grub-mender-grubenv"

// inGRUB are boot scripts with the files that their updater leaves.
var inGRUB = map[string]struct {
	script string
	files  map[string][]byte
	// listed is the file whose variables count.
	listed string
	open   func(dir string) (bootctl.Backend, error)
	counts bool
}{
	"rauc": {
		script: "rauc.cfg", listed: "grub/grubenv", counts: true,
		files: map[string][]byte{"grub/grubenv": block("board_note=a b;c", "ORDER=A B", "A_OK=1", "B_OK=1", "A_TRY=0", "B_TRY=0")},
		open: func(dir string) (bootctl.Backend, error) {
			d, err := dialect.RAUC(dialect.GRUB, [2]string{"A", "B"})
			if err != nil {
				return nil, err
			}
			return grub.NewFile(filepath.Join(dir, "grub/grubenv"), d)
		},
	},
	"mender": {
		script: "mender.cfg", listed: menderDir + "/mender_grubenv1/env",
		files: menderFiles(),
		open: func(dir string) (bootctl.Backend, error) {
			d, err := dialect.Mender(dialect.GRUB, [2]string{"2", "3"})
			if err != nil {
				return nil, err
			}
			return grub.NewPair(filepath.Join(dir, menderDir), d)
		},
	},
}

func menderFiles() map[string][]byte {
	files := map[string][]byte{}
	lock := block("editing=0")
	for _, side := range []string{"mender_grubenv1", "mender_grubenv2"} {
		at := menderDir + "/" + side + "/"
		files[at+"env"] = block("bootcount=0", "mender_boot_part=2", "upgrade_available=0", "mender_systemd_machine_id=0123456789abcdef", "board_note=a b;c")
		files[at+"lock"] = lock
		files[at+"lock.sha256sum"] = fmt.Appendf(nil, "%x  lock\n", sha256.Sum256(lock))
	}
	return files
}

// grubBoard is a board with this updater's script in GRUB.
func grubBoard(t *testing.T, name string) *board {
	t.Helper()
	kind, err := parts.FindBoard("amd64-grub")
	if err != nil {
		t.Fatal(err)
	}
	m := loaderscript.Machine{
		QEMU: kind.QEMU, Disk: "virtio-blk-" + kind.Virtio, Kernel: kind.KernelFile, Payload: loaderscript.PC,
		Resets: "takeover: nothing starts: reset",
	}
	m.Need(t)
	if _, err := exec.LookPath("grub-editenv"); err != nil {
		t.Skip("skipped: no grub-editenv: run `make deps`")
	}
	cache, err := parts.DefaultCache()
	if err != nil {
		t.Fatal(err)
	}
	set, err := parts.Fetch(t.Context(), kind, cache, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	own := inGRUB[name]
	b := newBoard(t, m, grubSlotAt)
	b.counts = own.counts
	// A boot takes some seconds here.
	if os.Getenv("ABOTA_TAKEOVER") != "full" {
		b.quiet, b.brief = 1, true
	}
	esp, vars := filepath.Join(b.dir, "esp"), filepath.Join(b.dir, "vars")
	loaderscript.Write(t, vars, loaderscript.Read(t, set.Vars))
	loaderscript.Write(t, filepath.Join(esp, "EFI/BOOT", kind.Firmware.Removable), loaderscript.Read(t, set.Loader))
	loaderscript.Write(t, filepath.Join(esp, "grub/grub.cfg"), loaderscript.Read(t, filepath.Join("testdata", own.script)))
	for file, content := range own.files {
		loaderscript.Write(t, filepath.Join(esp, file), content)
	}
	b.makeGRUBDisk(t, esp)
	files := filesOn{b, esp, own.files}
	b.push, b.pull = files.push, files.pull
	b.power = func(t *testing.T) loaderscript.Outcome {
		drive := loaderscript.Fault{}.Drive(t, m, b.path)
		drive[len(drive)-1] += ",bootindex=0"
		return m.Boot(t, append([]string{
			"-drive", "if=pflash,unit=0,format=raw,readonly=on,file=" + set.Code,
			"-drive", "if=pflash,unit=1,format=raw,file=" + vars,
		}, drive...)...)
	}
	b.open = func() bootctl.Backend {
		backend, err := own.open(esp)
		if err != nil {
			t.Fatal(err)
		}
		return backend
	}
	b.variables = func(t *testing.T) string {
		return sorted(loaderscript.Tool(t, "grub-editenv", filepath.Join(esp, own.listed), "list"))
	}
	return b
}

func (b *board) makeGRUBDisk(t *testing.T, esp string) {
	t.Helper()
	image := loaderscript.Partitioned(t, b.path, grubSlotAt+2*loaderscript.SlotSize+mib,
		loaderscript.Partition{Name: "boot", At: mib, Size: espSize, Options: []string{"--typecode=N:ef00"}},
		loaderscript.Partition{Name: "root-a", At: grubSlotAt, Size: loaderscript.SlotSize},
		loaderscript.Partition{Name: "root-b", At: grubSlotAt + loaderscript.SlotSize, Size: loaderscript.SlotSize})
	path := filepath.Join(b.dir, "esp.img")
	if err := disk.FAT(t.Context(), path, esp, "BOOT", espSize); err != nil {
		t.Fatal(err)
	}
	copy(image[mib:], loaderscript.Read(t, path))
	loaderscript.Write(t, b.path, image)
}

// filesOn are files of the boot partition that the device has mounted.
type filesOn struct {
	b     *board
	dir   string
	files map[string][]byte
}

func (f filesOn) partition() string { return fmt.Sprintf("%s@@%d", f.b.path, mib) }

// push writes those that the device has changed. Their clusters stay the same.
func (f filesOn) push(t *testing.T) {
	t.Helper()
	for file := range f.files {
		was := filepath.Join(loaderscript.Scratch(t), "was")
		loaderscript.Tool(t, "mcopy", "-n", "-i", f.partition(), "::/"+file, was)
		if is := filepath.Join(f.dir, file); !bytes.Equal(loaderscript.Read(t, was), loaderscript.Read(t, is)) {
			loaderscript.Tool(t, "mcopy", "-o", "-i", f.partition(), is, "::/"+file)
		}
	}
}

// pull reads what GRUB has made of them.
func (f filesOn) pull(t *testing.T) {
	t.Helper()
	for file := range f.files {
		loaderscript.Tool(t, "mcopy", "-n", "-o", "-i", f.partition(), "::/"+file, filepath.Join(f.dir, file))
	}
}

func TestTakingOverInGRUB(t *testing.T) {
	for name, own := range inGRUB {
		t.Run(name, func(t *testing.T) {
			b := grubBoard(t, name)
			b.story(t)
			for file, content := range own.files {
				if strings.HasPrefix(filepath.Base(file), "lock") && !bytes.Equal(loaderscript.Read(t, filepath.Join(b.dir, "esp", file)), content) {
					t.Errorf("%s is not what it was", file)
				}
			}
		})
	}
}
