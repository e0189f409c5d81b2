package slot

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	uuid2 = "9f5a3c1e-0a0b-4c0d-8e0f-000000000002"
	uuid3 = "9f5a3c1e-0a0b-4c0d-8e0f-000000000003"
)

func TestFindByWhatTheKernelTells(t *testing.T) {
	f := newFixture(t)
	f.block("", "vda", 100000)
	f.part("vda", 1, 34, 100, "PARTNAME=boot")
	f.part("vda", 2, 2048, 100, "PARTNAME=root a", "PARTUUID="+uuid2)
	f.part("vda", 3, 4096, 100, "PARTNAME=root-b", "PARTUUID="+uuid3)
	for spec, want := range map[string]string{
		"PARTLABEL=root a":                   "vda2",
		"PARTLABEL=root-b":                   "vda3",
		"PARTUUID=" + uuid2:                  "vda2",
		"PARTUUID=" + strings.ToUpper(uuid3): "vda3",
	} {
		if got, err := f.Find(spec); err != nil || got != f.dev(want) {
			t.Errorf("Find(%q) = %q, %v", spec, got, err)
		}
	}
}

func TestFindListsWhatThereIs(t *testing.T) {
	f := newFixture(t)
	f.block("", "vda", 100000)
	if _, err := f.Find("PARTLABEL=x"); err == nil || !strings.Contains(err.Error(), "no partition") {
		t.Errorf("Find without partitions: %v", err)
	}
	f.part("vda", 1, 34, 100, "PARTNAME=boot", "PARTUUID="+uuid2)
	f.part("vda", 2, 2048, 100, "PARTNAME=root-a")
	for spec, want := range map[string]string{
		"PARTLABEL=root-c":       "vda1 (boot), vda2 (root-a)",
		"PARTLABEL=Boot":         "vda1 (boot), vda2 (root-a)", // labels differ by case
		"PARTLABEL=../../../etc": "vda1 (boot), vda2 (root-a)",
		"PARTUUID=" + uuid3:      "vda1 (" + uuid2 + ")",
		"PARTUUID=":              "absolute path",
		"UUID=" + uuid2:          "absolute path",
		"dev/vda1":               "absolute path",
		"":                       "absolute path",
		f.dev("nothing"):         "no such file or directory: there is vda, vda1, vda2",
		"/not/there":             "no such file",
	} {
		got, err := f.Find(spec)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("Find(%q) = %q, %v; want an error with %q", spec, got, err, want)
		}
	}
}

func TestFindRefusesANameThatTwoPartitionsHave(t *testing.T) {
	f := newFixture(t)
	f.block("", "vda", 100000)
	f.block("", "vdb", 100000)
	f.part("vda", 1, 34, 100, "PARTNAME=root-b")
	f.part("vdb", 7, 34, 100, "PARTNAME=root-b")
	// The link of udev leads to any one of them.
	f.write(f.dev("vdb7"), "")
	f.linkTo("disk/by-partlabel/root-b", "vdb7")
	_, err := f.Find("PARTLABEL=root-b")
	if err == nil || !strings.Contains(err.Error(), "vda1") || !strings.Contains(err.Error(), "vdb7") {
		t.Errorf("Find = %v", err)
	}
	t.Log(err)
}

func (f *fixture) linkTo(name, target string) {
	f.t.Helper()
	if err := os.MkdirAll(filepath.Dir(f.dev(name)), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Symlink(f.dev(target), f.dev(name)); err != nil {
		f.t.Fatal(err)
	}
}

func TestFindFollowsLinks(t *testing.T) {
	f := newFixture(t)
	f.write(f.dev("dm-3"), "")
	f.linkTo("disk/by-partlabel/root.a", "dm-3")
	f.linkTo("disk/by-partuuid/"+uuid2, "dm-3")
	f.linkTo("mapper/slot", "dm-3")
	for _, spec := range []string{"PARTLABEL=root.a", "PARTUUID=" + strings.ToUpper(uuid2), f.dev("mapper/slot")} {
		if got, err := f.Find(spec); err != nil || got != f.dev("dm-3") {
			t.Errorf("Find(%q) = %q, %v", spec, got, err)
		}
	}
}

func TestFindReadsTheTableOfTheDisk(t *testing.T) {
	f := newFixture(t)
	image := testGPT(512)
	dir := f.block("", "vda", len(image)/512)
	f.write(f.dev("vda"), string(image))
	f.part("vda", 2, 2048, 100, "PARTNAME=root-a")
	f.part("vda", 3, 4096, 100)
	wantFound := func(spec, want string) {
		t.Helper()
		if got, err := f.Find(spec); err != nil || got != f.dev(want) {
			t.Errorf("Find(%q) = %q, %v", spec, got, err)
		}
	}
	wantFound("PARTUUID="+uuid2, "vda2")
	wantFound("PARTUUID="+uuid3, "vda3")
	wantFound("PARTLABEL=rööt-b", "vda3")
	clear(image[512:2048]) // the first copy is gone
	f.write(f.dev("vda"), string(image))
	wantFound("PARTUUID="+uuid3, "vda3")

	image = testGPT(4096)
	f.write(f.dev("vda"), string(image))
	f.write(dir+"/size", "4096") // 16 blocks of 4 KiB are 128 sectors
	f.write(dir+"/queue/logical_block_size", "4096\n")
	wantFound("PARTUUID="+uuid3, "vda3")
}

func TestFindNamesPartitionsOfAnMBR(t *testing.T) {
	f := newFixture(t)
	image := make([]byte, 4096)
	copy(image[440:], "\xd4\xc3\xb2\xa1")
	copy(image[510:], "\x55\xaa")
	f.block("", "mmcblk0", len(image)/512)
	f.write(f.dev("mmcblk0"), string(image))
	f.part("mmcblk0", 2, 2, 2)
	if got, err := f.Find("PARTUUID=a1b2c3d4-02"); err != nil || got != f.dev("mmcblk02") {
		t.Errorf("Find = %q, %v", got, err)
	}
}

func TestFindGoesOnWithoutATable(t *testing.T) {
	f := newFixture(t)
	f.block("", "sr0", 100) // no medium: no node to read
	f.part("sr0", 1, 1, 1)
	f.block("", "vda", 8)
	f.write(f.dev("vda"), "short")
	f.part("vda", 1, 1, 1, "PARTNAME=boot")
	if got, err := f.Find("PARTLABEL=boot"); err != nil || got != f.dev("vda1") {
		t.Errorf("Find = %q, %v", got, err)
	}
}

func TestPartitionAsFirmwareNamesIt(t *testing.T) {
	f := newFixture(t)
	dir := f.block("", "vda", 100000)
	f.part("vda", 2, 2048, 800, "PARTNAME=esp", "PARTUUID="+uuid2)
	got, err := f.Partition("PARTLABEL=esp")
	if want := (Partition{2, 2048, 800, uuid2}); err != nil || got != want {
		t.Errorf("sectors of 512 bytes: %+v, %v", got, err)
	}
	f.write(dir+"/queue/logical_block_size", "4096\n")
	got, err = f.Partition("PARTUUID=" + uuid2)
	if want := (Partition{2, 256, 100, uuid2}); err != nil || got != want {
		t.Errorf("sectors of 4096 bytes: %+v, %v", got, err)
	}
	if _, err := f.Partition("PARTLABEL=none"); err == nil || !strings.Contains(err.Error(), "vda2 (esp)") {
		t.Errorf("no such partition: %v", err)
	}
}
