package gpt

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"abota/bootctl"
)

// sgdisk runs it on a disk image.
func sgdisk(t *testing.T, image string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("sgdisk"); err != nil {
		t.Skip("sgdisk is not installed (Debian: gdisk)")
	}
	out, err := exec.Command("sgdisk", append(args, image)...).CombinedOutput()
	if err != nil {
		t.Fatalf("sgdisk %q: %v: %s", args, err, out)
	}
	return string(out)
}

// newImage is a disk image that sgdisk made, with partitions around the slots.
func newImage(t *testing.T) string {
	t.Helper()
	image := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, 16<<20); err != nil {
		t.Fatal(err)
	}
	sgdisk(
		t, image, "-o",
		"-n1:0:+1M", "-c1:STATE", "-t1:8300", "-A1:set:60",
		"-n2:0:+1M", "-c2:KERN-A", "-t2:7f00",
		"-n3:0:+1M", "-c3:ROOT-A", "-t3:7f01",
		"-n9:0:+1M", "-c9:KERN-B", "-t9:7f00", "-A9:set:2",
	)
	return image
}

func open(t *testing.T, image string) *Backend {
	t.Helper()
	b, err := New(image, testNames)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// attributes is what sgdisk shows of a partition's attributes.
func attributes(t *testing.T, image string, partition int) string {
	t.Helper()
	found := regexp.MustCompile(`Attribute flags: ([0-9A-F]+)`).FindStringSubmatch(sgdisk(t, image, fmt.Sprintf("-i%d", partition)))
	if found == nil {
		t.Fatalf("sgdisk shows no attributes of partition %d", partition)
	}
	return found[1]
}

func TestSgdiskReadsWhatWasStored(t *testing.T) {
	image := newImage(t)
	before := sgdisk(t, image, "-p")
	if err := open(t, image).Store(trial()); err != nil {
		t.Fatal(err)
	}
	for partition, want := range map[int]string{
		1: "1000000000000000",
		2: "0101000000000000",
		3: "0000000000000000",
		9: "0032000000000004",
	} {
		if got := attributes(t, image, partition); got != want {
			t.Errorf("partition %d: %s, want %s", partition, got, want)
		}
	}
	if out := sgdisk(t, image, "-v"); !strings.Contains(out, "No problems found") {
		t.Errorf("sgdisk -v: %s", out)
	}
	if after := sgdisk(t, image, "-p"); after != before {
		t.Errorf("sgdisk -p:\n%s\nbefore:\n%s", after, before)
	}
}

func TestStoreReadsWhatSgdiskWrote(t *testing.T) {
	image := newImage(t)
	b := open(t, image)
	// A good with priority 5 and tries of another tool; B a trial of
	// priority 6 with one try left.
	sgdisk(t, image, "-A2:set:56", "-A2:set:48", "-A2:set:50", "-A2:set:53", "-A9:set:50", "-A9:set:49", "-A9:set:52")
	want := trial()
	want.Slots[bootctl.B].Tries = 1
	if got, err := b.Load(); err != nil || got != want {
		t.Fatalf("loaded %+v, %v, want %+v", got, err, want)
	}
	sgdisk(t, image, "-A9:clear:52", "-A9:set:56")
	if got, err := b.Load(); err != nil || got != committed() {
		t.Fatalf("loaded %+v, %v, want %+v", got, err, committed())
	}
}

// TestSgdiskSeesWhatACutLeaves: either copy lost, sgdisk finds the other one,
// and what it then repairs is what Store repairs.
func TestSgdiskSeesWhatACutLeaves(t *testing.T) {
	image := newImage(t)
	if err := open(t, image).Store(trial()); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	last := len(whole) - 512
	for name, at := range map[string][2]int{
		"primary header": {512, 1024}, "backup header": {last, len(whole)},
		"primary entries": {2 * 512, 3 * 512}, "backup entries": {last - 32*512, last - 31*512},
	} {
		damaged := bytes.Clone(whole)
		clear(damaged[at[0]:at[1]])
		if err := os.WriteFile(image, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := open(t, image).Load(); err != nil || got != trial() {
			t.Errorf("%s lost: loaded %+v, %v", name, got, err)
		}
		if err := open(t, image).Store(trial()); err != nil {
			t.Errorf("%s lost, then stored: %v", name, err)
			continue
		}
		repaired, err := os.ReadFile(image)
		if err != nil || !bytes.Equal(repaired, whole) {
			t.Errorf("%s lost: the repaired disk is not what it was before (%v)", name, err)
		}
		if out := sgdisk(t, image, "-v"); !strings.Contains(out, "No problems found") {
			t.Errorf("%s lost, then stored: sgdisk -v: %s", name, out)
		}
	}
}

func TestSectorSizeOfAnImage(t *testing.T) {
	dir := t.TempDir()
	for _, size := range []int{512, 4096} {
		l := layout{sector: size, entries: 16}
		for i, name := range []string{"whole", "without its primary", "without its backup"} {
			image := l.disk(ordinary())
			if i > 0 {
				offset, n := l.region(i - 1)
				clear(image[offset:][:n])
			}
			path := filepath.Join(dir, fmt.Sprint(size, i))
			if err := os.WriteFile(path, image, 0o600); err != nil {
				t.Fatal(err)
			}
			geo, err := measure(path)
			if err != nil || geo != l.geometry() {
				t.Errorf("%d-byte sectors, %s: %+v, %v, want %+v", size, name, geo, err, l.geometry())
			}
			if err := open(t, path).Store(trial()); err != nil {
				t.Errorf("%d-byte sectors, %s: %v", size, name, err)
			}
			if got, err := open(t, path).Load(); err != nil || got != trial() {
				t.Errorf("%d-byte sectors, %s: loaded %+v, %v", size, name, got, err)
			}
		}
	}
}

func TestWhatIsNoDiskIsRefused(t *testing.T) {
	dir := t.TempDir()
	small := filepath.Join(dir, "small")
	if err := os.WriteFile(small, make([]byte, 1024), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "absent"): "no such file",
		dir:                          "neither a block device nor a disk image",
		"/dev/null":                  "neither a block device nor a disk image",
		small:                        "no disk",
	} {
		if _, err := New(path, testNames); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}
