package uboot

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"abota/bootctl"
)

// environmentFile is a file of 1 MiB with copies at these offsets.
func environmentFile(t *testing.T, copies map[int64][]byte) string {
	t.Helper()
	all := make([]byte, 1<<20)
	for at, image := range copies {
		copy(all[at:], image)
	}
	path := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(path, all, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func encoded(t *testing.T, serial byte, entries ...string) []byte {
	t.Helper()
	image, err := environment(entries).encode(0x4000, serial)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func TestInspect(t *testing.T) {
	old, current := encoded(t, 255, "BOOT_ORDER=A", "old=1"), encoded(t, 0, "BOOT_ORDER=B A", "#x=1", "BOOT_ODER=A", "gone=1", "gone=", "BOOT_ORDER=A B")
	for name, row := range map[string]struct {
		lie       map[int64][]byte
		valid     [2]bool
		elsewhere [2][]int64
		order     string
		names     []string
	}{
		"both":                                {map[int64][]byte{0: old, 0x8000: current}, [2]bool{true, true}, [2][]int64{}, "A B", []string{"BOOT_ORDER", "BOOT_ODER"}},
		"swapped":                             {map[int64][]byte{0: current, 0x8000: old}, [2]bool{true, true}, [2][]int64{}, "A B", []string{"BOOT_ORDER", "BOOT_ODER"}},
		"one":                                 {map[int64][]byte{0x8000: old}, [2]bool{false, true}, [2][]int64{}, "A", []string{"BOOT_ORDER", "old"}},
		"none":                                {nil, [2]bool{}, [2][]int64{}, "", nil},
		"one elsewhere":                       {map[int64][]byte{0: old, 0xa200: current}, [2]bool{true, false}, [2][]int64{nil, {0xa200}}, "A", []string{"BOOT_ORDER", "old"}},
		"both elsewhere, the last at the end": {map[int64][]byte{0x200: old, 1<<20 - 0x4000: current}, [2]bool{}, [2][]int64{{0x200, 1<<20 - 0x4000}, {0x200, 1<<20 - 0x4000}}, "", nil},
		"not at a sector":                     {map[int64][]byte{0x201: old}, [2]bool{}, [2][]int64{}, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			path := environmentFile(t, row.lie)
			got := Inspect([]Copy{{path, 0, 0x4000}, {path, 0x8000, 0x4000}})
			for i, c := range got.Copies {
				if c.Err != nil || c.Writable != nil || c.Valid != row.valid[i] || !slices.Equal(c.Elsewhere, row.elsewhere[i]) {
					t.Errorf("copy %d: %+v, want valid %v, elsewhere %v", i, c, row.valid[i], row.elsewhere[i])
				}
			}
			if got.Order != row.order || !slices.Equal(got.Names, row.names) {
				t.Errorf("order %q, names %q; want %q, %q", got.Order, got.Names, row.order, row.names)
			}
			if got.Copies[0].Storage == "" || got.Copies[0].Storage != got.Copies[1].Storage {
				t.Errorf("storages %q and %q of one file", got.Copies[0].Storage, got.Copies[1].Storage)
			}
		})
	}
}

func TestInspectWhatIsNotThere(t *testing.T) {
	path := environmentFile(t, map[int64][]byte{0: encoded(t, 1, "BOOT_ORDER=A")})
	got := Inspect([]Copy{{path, 0, 0x4000}, {path + "-none", 0, 0x4000}, {path, 1 << 20, 0x4000}})
	if c := got.Copies[0]; c.Err != nil || !c.Valid {
		t.Errorf("the copy that is there: %+v", c)
	}
	for _, c := range got.Copies[1:] {
		if c.Err == nil || c.Valid {
			t.Errorf("%s: no error", c.Copy)
		}
	}
}

// TestVariablesAreThoseThatAreWritten keeps the list and what Store writes the same.
func TestVariablesAreThoseThatAreWritten(t *testing.T) {
	table := tableOf("A B", bootctl.State{Failed: "aa"}, bootctl.State{Failed: "bb"})
	written, err := dialectOf(true).Write(table, environment{}.get)
	if err != nil {
		t.Fatal(err)
	}
	known := Variables()
	for _, v := range written {
		if !slices.Contains(known, v.Name) {
			t.Errorf("%s is written but not known", v.Name)
		}
	}
	if len(known) != len(written) {
		t.Errorf("%d variables are known, %d written", len(known), len(written))
	}
}
