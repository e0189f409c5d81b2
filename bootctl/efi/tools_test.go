package efi

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"abota/bootctl"
)

// onFiles is a firmware whose variables are ordinary files, which this package
// and efibootmgr (by its EFIVARFS_PATH) both use.
func onFiles(t *testing.T) (b *Backend, dir string) {
	t.Helper()
	dir = t.TempDir()
	vars := files{efivarfs{dir}}
	for name, v := range newFirmware(t, 1, 0).vars {
		if err := vars.write(name, v.attributes, []byte(v.data)); err != nil {
			t.Fatal(err)
		}
	}
	return &Backend{vars, DefaultLabels}, dir
}

// efibootmgr runs the tool on these files.
func efibootmgr(t *testing.T, dir string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("efibootmgr"); err != nil {
		t.Skip("efibootmgr is not installed (Debian: efibootmgr)")
	}
	cmd := exec.Command("efibootmgr", args...)
	cmd.Env = append(os.Environ(), "EFIVARFS_PATH="+dir+"/", "LIBEFIVAR_OPS=efivarfs")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("efibootmgr %q: %v: %s", args, err, out)
	}
	return string(out)
}

func wantLines(t *testing.T, out string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(out, line) {
			t.Errorf("efibootmgr does not say %q:\n%s", line, out)
		}
	}
}

func TestEfibootmgrReadsWhatIsStored(t *testing.T) {
	b, dir := onFiles(t)
	if err := b.Store(armed()); err != nil {
		t.Fatal(err)
	}
	out := efibootmgr(t, dir, "-v")
	wantLines(t, out, "BootNext: 0004", "BootOrder: 0003,0001,0000", "Boot0003* abota A", "Boot0004* abota B",
		"HD(1,GPT,"+somePartition+",0x800,0x40000)/File(\\slot-a\\vmlinuz.efi)")
}

func TestStoredTableFollowsEfibootmgr(t *testing.T) {
	b, dir := onFiles(t)
	if err := b.Store(bothGood()); err != nil {
		t.Fatal(err)
	}
	efibootmgr(t, dir, "-o", "4,1,3")
	got, err := b.Load()
	if want := b.Caps().Keep(bothGood().WithOrder(bootctl.B, bootctl.A)); err != nil || got != want {
		t.Errorf("after efibootmgr -o: %+v, %v, want %+v", got, err, want)
	}
	efibootmgr(t, dir, "-b", "4", "-A")
	if got, err = b.Load(); err != nil || got.Slots[bootctl.B].Bootable() {
		t.Errorf("after efibootmgr -A: %+v, %v", got, err)
	}
	if err := b.Store(bothGood()); err == nil || !strings.Contains(err.Error(), "efibootmgr -b 0004 -a") {
		t.Errorf("an inactive entry was put into the order: %v", err)
	}
	efibootmgr(t, dir, "-b", "4", "-a")
	if err := b.Store(bothGood()); err != nil {
		t.Error(err)
	}
}

func TestVariableFilesHoldAttributesAndData(t *testing.T) {
	b, dir := onFiles(t)
	if err := b.Store(armed()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "BootNext-8be4df61-93ca-11d2-aa0d-00e098032b8c"))
	if err != nil || string(text) != "\x07\x00\x00\x00\x04\x00" {
		t.Errorf("BootNext holds %q, %v", text, err)
	}
	vars := efivarfs{dir}
	if err := vars.remove("BootNext-" + vendorGlobal); err != nil {
		t.Error(err)
	}
	if err := vars.remove("BootNext-" + vendorGlobal); err != nil {
		t.Errorf("removing what is not there: %v", err)
	}
	// What an open leaves behind when the firmware refused the write.
	if err := os.WriteFile(filepath.Join(dir, "BootNext-"+vendorGlobal), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := b.Load(); err != nil || got != b.Caps().Keep(armed()) {
		t.Errorf("with an empty file: %+v, %v", got, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "BootNext-"+vendorGlobal), []byte{7, 0}, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Load(); err == nil || !strings.Contains(err.Error(), "only 2 bytes") {
		t.Errorf("half an attribute word: %v", err)
	}
}

// Where the test may set the flag that efivarfs sets, it does.
func TestImmutableVariablesAreWritten(t *testing.T) {
	b, dir := onFiles(t)
	if out, err := exec.Command("chattr", "+i", filepath.Join(dir, "BootOrder-"+vendorGlobal)).CombinedOutput(); err != nil {
		t.Skipf("no immutable files here: %v: %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("chattr", "-R", "-i", dir).Run() })
	if err := b.Store(armed()); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("lsattr", filepath.Join(dir, "BootOrder-"+vendorGlobal)).Output()
	if err != nil || !strings.Contains(strings.Fields(string(out))[0], "i") {
		t.Errorf("the flag was not set again: %s, %v", out, err)
	}
}
