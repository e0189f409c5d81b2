package sdboot

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"abota/bootctl"
)

// listed is an entry as `bootctl list --json` shows it.
type listed struct {
	ID, Path, Title, SortKey, Version, Linux, Options string
	TriesLeft                                         *int
}

// bootctlList asks systemd's bootctl for the entries on an ESP, the default
// one first, without those that start nothing: the loader skips them.
func bootctlList(t *testing.T, mount string) (entries []listed) {
	t.Helper()
	if _, err := exec.LookPath("bootctl"); err != nil {
		t.Skip("bootctl is not installed (Debian: systemd-boot)")
	}
	cmd := exec.Command("bootctl", "--no-pager", "--json=short", "list")
	cmd.Env = append(os.Environ(), "SYSTEMD_ESP_PATH="+mount, "SYSTEMD_RELAX_ESP_CHECKS=1", "SYSTEMD_RELAX_XBOOTLDR_CHECKS=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("bootctl list: %v: %s", err, out)
	}
	// Some versions write one array, some an object a line.
	if json.Unmarshal(out, &entries) != nil {
		entries = nil
		for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
			var e listed
			if err := dec.Decode(&e); err != nil {
				t.Fatalf("bootctl list: %v: %s", err, out)
			}
			entries = append(entries, e)
		}
	}
	var shown []listed
	for _, e := range entries {
		if e.Linux != "" {
			shown = append(shown, e)
		}
	}
	return shown
}

func TestBootctlReadsWhatIsStored(t *testing.T) {
	mount := t.TempDir()
	dir := filepath.Join(mount, "loader", "entries")
	for _, d := range []string{dir, filepath.Join(mount, "EFI")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	b, err := New(mount, bodies)
	if err != nil {
		t.Fatal(err)
	}
	won := bothGood().WithOrder(bootctl.B, bootctl.A)
	for _, row := range []struct {
		table bootctl.Table
		want  []string
		left  int
	}{
		{bothGood(), []string{"abota-a.conf", "abota-b.conf"}, 0},
		{bothGood().WithOrder(bootctl.A), []string{"abota-a.conf"}, 0},
		{armed(), []string{"abota-b+3.conf", "abota-a.conf"}, 3},
		{won, []string{"abota-b.conf", "abota-a.conf"}, 0},
	} {
		mustStore(t, b, row.table)
		entries := bootctlList(t, mount)
		var got []string
		for _, e := range entries {
			got = append(got, filepath.Base(e.Path))
		}
		if len(got) != len(row.want) || got[0] != row.want[0] || got[len(got)-1] != row.want[len(row.want)-1] {
			t.Errorf("bootctl lists %v, want %v", got, row.want)
			continue
		}
		left := 0
		if entries[0].TriesLeft != nil {
			left = *entries[0].TriesLeft
		}
		if left != row.left || entries[0].SortKey != sortKey {
			t.Errorf("bootctl reads %+v with %d tries, want %d", entries[0], left, row.left)
		}
	}
}
