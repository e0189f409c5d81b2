package powercut

import (
	"os"
	"path/filepath"
	"testing"

	"abota/bootctl"
)

var testBodies = map[string]string{
	"entry-a.conf": "title A\nlinux /abota/a/vmlinuz\ninitrd /abota/a/initrd\noptions abota.slot=A\n",
	"entry-b.conf": "title B\nlinux /abota/b/vmlinuz\ninitrd /abota/b/initrd\noptions abota.slot=B\n",
}

func entry(name, sortKey, version string) string {
	return "sort-key " + sortKey + "\nversion " + version + "\n" + testBodies["entry-"+name+".conf"]
}

// The order is that of systemd-boot 252, see bootEntry.order.
func TestLoaderChoosesTheEntry(t *testing.T) {
	for _, c := range []struct {
		name    string
		entries map[string]string
		want    begun
		left    []string
	}{
		{"the newer version", map[string]string{"abota-a.conf": entry("a", "abota", "9"), "abota-b.conf": entry("b", "abota", "10")}, begun{true, bootctl.B, true}, nil},
		{
			"a counted one by its version, and it is renamed",
			map[string]string{"abota-a.conf": entry("a", "abota", "9"), "abota-b+3.conf": entry("b", "abota", "10")},
			begun{true, bootctl.B, true},
			[]string{"abota-a.conf", "abota-b+2-1.conf"},
		},
		{
			"one without tries comes last, and is counted all the same",
			map[string]string{"abota-b+0-3.conf": entry("b", "abota", "10")},
			begun{true, bootctl.B, true},
			[]string{"abota-b+0-4.conf"},
		},
		{
			"without tries it is passed by",
			map[string]string{"abota-a.conf": entry("a", "abota", "9"), "abota-b+0-3.conf": entry("b", "abota", "10")},
			begun{true, bootctl.A, true},
			[]string{"abota-a.conf", "abota-b+0-3.conf"},
		},
		{"without a sort key comes last", map[string]string{"abota-a.conf": testBodies["entry-a.conf"], "abota-b.conf": entry("b", "abota", "1")}, begun{true, bootctl.B, true}, nil},
		{"without a kernel is none", map[string]string{"abota-a.conf": entry("a", "abota", "1"), "abota-b.conf": "sort-key abota\nversion 7\n"}, begun{true, bootctl.A, true}, nil},
		{
			"a kernel that is not there is none",
			map[string]string{"abota-a.conf": entry("a", "abota", "1"), "abota-b.conf": "sort-key abota\nversion 7\nlinux /abota/b/vml\n"},
			begun{true, bootctl.A, true},
			nil,
		},
		{
			"a folder in place of the kernel starts nothing",
			map[string]string{"abota-a.conf": entry("a", "abota", "1"), "abota-b.conf": "sort-key abota\nversion 7\nlinux /abota/b\n"},
			begun{starts: true},
			nil,
		},
		{"a piece of the arguments", map[string]string{"abota-b.conf": "sort-key abota\nversion 7\noptions abota.sl\nlinux /abota/b/vmlinuz\n"}, begun{starts: true}, nil},
		{"nothing", map[string]string{"readme": entry("a", "abota", "1")}, begun{}, nil},
	} {
		l, err := newSdbootLoader(t.TempDir(), testBodies)
		if err != nil {
			t.Fatal(err)
		}
		entries := map[string]espEntry{}
		for name, content := range c.entries {
			entries[name] = espEntry{content: content, cluster: int64(len(entries) + 2)}
		}
		p, err := l.open(entries)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := p.start(); err != nil || got != c.want {
			t.Errorf("%s: got %+v, %v, want %+v", c.name, got, err, c.want)
		}
		for _, name := range c.left {
			if _, err := os.Stat(filepath.Join(p.folder, name)); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		}
	}
}

func TestTwoNamesOfOneChainAreOneFile(t *testing.T) {
	l, err := newSdbootLoader(t.TempDir(), testBodies)
	if err != nil {
		t.Fatal(err)
	}
	p, err := l.open(map[string]espEntry{"abota-b+3.conf": {"x", 7}, "abota-b+2-1.conf": {"x", 7}, "empty": {}, "empty-too": {}})
	if err != nil {
		t.Fatal(err)
	}
	stat := func(name string) os.FileInfo {
		info, err := os.Stat(filepath.Join(p.folder, name))
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	if !os.SameFile(stat("abota-b+3.conf"), stat("abota-b+2-1.conf")) || os.SameFile(stat("empty"), stat("empty-too")) {
		t.Error("files are not told apart by their clusters")
	}
}
