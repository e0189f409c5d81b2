package guest

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestGuestScriptsAreValidShell(t *testing.T) {
	seen := 0
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := files.ReadFile(path)
		if err != nil {
			return err
		}
		if !bytes.HasPrefix(text, []byte("#!")) {
			return nil
		}
		seen++
		cmd := exec.Command("sh", "-n")
		cmd.Stdin = bytes.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", path, err, out)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 4 {
		t.Fatalf("only %d scripts were found", seen)
	}
}

func TestEveryBehaviourButHealthyIsObeyedByAGuestScript(t *testing.T) {
	var scripts []byte
	for _, name := range []string{"root/rcS", "root/selftest"} {
		text, err := files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		scripts = append(scripts, text...)
	}
	for _, b := range behaviours {
		if b != Healthy && !bytes.Contains(scripts, []byte(`"$behaviour" = `+string(b)+` ]`)) {
			t.Errorf("no script obeys %q", b)
		}
	}
}

// entries reads a newc archive back.
func entries(t *testing.T, archive []byte) map[string]string {
	t.Helper()
	found := map[string]string{}
	for at := 0; ; {
		var size, nameSize int
		header := archive[at : at+110]
		if string(header[:6]) != "070701" {
			t.Fatalf("no entry at %d: %q", at, header[:6])
		}
		if _, err := fmt.Sscanf(string(header[54:62]), "%x", &size); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscanf(string(header[94:102]), "%x", &nameSize); err != nil {
			t.Fatal(err)
		}
		name := string(archive[at+110 : at+110+nameSize-1])
		at = (at + 110 + nameSize + 3) &^ 3
		if name == "TRAILER!!!" {
			return found
		}
		found[name] = string(archive[at : at+size])
		at = (at + size + 3) &^ 3
	}
}

func TestArchiveReadsBackAsWritten(t *testing.T) {
	var out bytes.Buffer
	c := &cpio{w: &out}
	c.dir("d")
	want := map[string]string{"d": "", "d/a": "1", "d/four": "four", "e": "fiver", "none": ""}
	for _, name := range []string{"d/a", "d/four", "e", "none"} {
		c.file(name, 0o644, []byte(want[name]))
	}
	c.end()
	if c.err != nil {
		t.Fatal(c.err)
	}
	got := entries(t, out.Bytes())
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestUnknownKernelModuleIsAnError(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "no-elf.ko"), []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := loadOrder(dir, []string{"virtio_blk"}); err == nil || !strings.Contains(err.Error(), "cannot find the kernel module virtio_blk") {
		t.Errorf("got %v", err)
	}
	if _, err := loadOrder(dir, []string{"no_elf"}); err == nil || !strings.Contains(err.Error(), "read kernel module") {
		t.Errorf("got %v", err)
	}
}

func TestSenselessFirmwareIsRefused(t *testing.T) {
	m := &Maker{dir: t.TempDir()}
	for _, fw := range []Firmware{{}, {Version: "../1", Behaviour: Healthy}, {Version: "1", Behaviour: "sleepy"}, {Version: "1 2", Behaviour: Healthy}} {
		if _, err := m.Image(t.Context(), fw); err == nil || !strings.Contains(err.Error(), "cannot make firmware") {
			t.Errorf("%+v: got %v, want a refusal", fw, err)
		}
	}
	left, err := os.ReadDir(m.dir)
	if err != nil || len(left) > 0 {
		t.Errorf("refused firmware left %v, %v", left, err)
	}
}
