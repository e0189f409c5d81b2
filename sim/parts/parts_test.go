package parts

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func write(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMissingToolsAreNamedByTheirPackageOnce(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "absent")
	missing := missingPackages([]need{{"no-such-tool", "one"}, {"sh", "dash"}, {absent, "two"}, {"no-such-tool-either", "one"}})
	if want := []string{"one", "two"}; !slices.Equal(missing, want) {
		t.Errorf("got %q, want %q", missing, want)
	}
}

func TestUnpackedPartsAreFoundWhateverTheKernelsABI(t *testing.T) {
	dir := t.TempDir()
	if _, err := unpacked(ARM64(), dir); !errors.Is(err, errAbsent) {
		t.Fatalf("an empty cache: %v, want errAbsent", err)
	}
	kernel := write(t, filepath.Join(dir, "boot", "vmlinuz-9.9.9-1-arm64"), "kernel")
	write(t, filepath.Join(dir, "lib", "modules", "9.9.9-1-arm64", "modules.order"), "")
	write(t, filepath.Join(dir, "bin", "busybox"), "busybox")
	set, err := unpacked(ARM64(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if set.Kernel != kernel {
		t.Errorf("kernel %s, want %s", set.Kernel, kernel)
	}
	write(t, filepath.Join(dir, "boot", "vmlinuz-9.9.9-2-arm64"), "another")
	if _, err := unpacked(ARM64(), dir); err == nil || !strings.Contains(err.Error(), "cannot choose") {
		t.Errorf("two kernels: %v, want a refusal", err)
	}
}

func TestQuickUBootDiffersOnlyInItsDelay(t *testing.T) {
	dir := t.TempDir()
	stock := "code\x00arch=arm\x00bootdelay=2\x00board=x\x00code"
	arch := ARM64()
	arch.UBoot = write(t, filepath.Join(dir, "stock"), stock)
	for range 2 { // the second time from the cache
		path, err := UBoot(t.Context(), arch, dir, t.Output())
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if want := []byte(strings.Replace(stock, "delay=2", "delay=0", 1)); !bytes.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		arch.UBoot = "/no/such/file"
	}
	left, err := filepath.Glob(filepath.Join(dir, ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

func TestForeignUBootIsRefused(t *testing.T) {
	dir := t.TempDir()
	arch := ARM64()
	for _, content := range []string{"", "bootdelay=2\x00 bootdelay=2\x00"} {
		arch.UBoot = write(t, filepath.Join(dir, "stock"), content)
		if _, err := UBoot(t.Context(), arch, dir, t.Output()); err == nil || !strings.Contains(err.Error(), "cannot remove the boot delay") {
			t.Errorf("U-Boot %q: %v, want a refusal", content, err)
		}
	}
}

func TestAptsReasonIsItsLastLine(t *testing.T) {
	if got := lastLine([]byte("Reading…\nE: no such package\n\n")); got != "E: no such package" {
		t.Errorf("got %q", got)
	}
}

func TestEveryBoardIsFoundByItsName(t *testing.T) {
	for _, want := range Boards() {
		got, err := FindBoard(want.Name)
		if err != nil || got.Go != want.Go || got.Loader != want.Loader {
			t.Errorf("%s: got %q with %s, %v", want.Name, got.Go, got.Loader, err)
		}
		if (want.UBoot == "") != (want.Build != nil) {
			t.Errorf("%s: U-Boot is packaged at %q and built as %v, want one of both", want.Name, want.UBoot, want.Build)
		}
		if (want.Loader == LoaderUBoot) != (want.Firmware == nil) {
			t.Errorf("%s: the loader is %s and the firmware %v, want U-Boot or a UEFI", want.Name, want.Loader, want.Firmware)
		}
	}
	if _, err := FindBoard("vax"); err == nil || !strings.Contains(err.Error(), "use one of arm64, amd64") {
		t.Errorf("an unknown board: %v, want a refusal that names the known ones", err)
	}
}

func TestBuiltUBootIsKept(t *testing.T) {
	dir := t.TempDir()
	arch := AMD64()
	want := write(t, filepath.Join(dir, "u-boot-amd64.bin"), "built before")
	arch.Build = &Build{Config: "none", Cross: "no-such-compiler-"}
	if got, err := UBoot(t.Context(), arch, dir, t.Output()); err != nil || got != want {
		t.Errorf("got %q, %v, want %q from the cache", got, err, want)
	}
}

func TestToolsToBuildAreAskedForOnlyByBoardsThatAreBuilt(t *testing.T) {
	const compiler = "no-such-compiler-"
	arch := Board{Arch: AMD64()}
	arch.Build = &Build{Cross: compiler, CrossPackage: "the-package"}
	if got := missingPackages(arch.Build.needs()); !slices.Contains(got, "the-package") {
		t.Errorf("missing are %v, want the compiler's package among them", got)
	}
	if got := missingPackages(hostNeeds(arch)); slices.Contains(got, "the-package") {
		t.Errorf("%v are needed to run a board, among them what only builds it", got)
	}
}

func TestFailedBuildSaysWhatIsWrong(t *testing.T) {
	for out, want := range map[string]string{
		"  CC a.o\na.c:1: warning: x\na.c:2:1: error: no y\nmake: *** [a.o] Error 1\n": "a.c:2:1: error: no y",
		"/bin/sh: 1: bison: not found\nmake: *** Error 127\n":                          "/bin/sh: 1: bison: not found",
		"make: *** Error 2\n": "make: *** Error 2",
	} {
		if got := complaint([]byte(out)); got != want {
			t.Errorf("%q: got %q, want %q", out, got, want)
		}
	}
}

func TestOriginOfAPackageIsNoted(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "tree", "DEBIAN", "control"), `Package: tool
Version: 1.2-3+b1
Source: tools (1.2-3)
Architecture: all
Maintainer: Nobody <nobody@example.com>
Description: a tool
`)
	deb := filepath.Join(dir, "tool.deb")
	if out, err := exec.Command("dpkg-deb", "--build", filepath.Join(dir, "tree"), deb).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	list := filepath.Join(dir, "packages.txt")
	for range 2 {
		if err := noteOrigin(t.Context(), deb, list); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(list)
	const line = "tool 1.2-3+b1 for all, source tools 1.2-3\n"
	if err != nil || string(got) != line+line {
		t.Errorf("got %q, %v, want %q twice", got, err, line)
	}
}

func TestOnlyWhatIsStartedIsKeptOfAPackage(t *testing.T) {
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	for _, name := range []string{origins, "usr/share/f/code.fd", "usr/share/f/other.fd"} {
		write(t, filepath.Join(root, name), name)
	}
	o := order{arch: "all", names: []string{"firmware"}, only: []string{"usr/share/f/code.fd"}}
	kept, err := o.pick(root, filepath.Join(dir, "kept"))
	if err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(kept, "usr/share/f/*"))
	if err != nil || len(found) != 1 {
		t.Errorf("kept are %q, %v, want code.fd alone", found, err)
	}
	if _, err := os.Stat(filepath.Join(kept, origins)); err != nil {
		t.Errorf("where it came from is lost: %v", err)
	}
	o.only = []string{"usr/share/f/none"}
	if _, err := o.pick(kept, filepath.Join(dir, "again")); err == nil || !strings.Contains(err.Error(), "cannot use Debian's package firmware") {
		t.Errorf("a package without the file: %v, want a refusal", err)
	}
	o.only = nil
	if all, err := o.pick(root, filepath.Join(dir, "never")); err != nil || all != root {
		t.Errorf("all of it: %q, %v", all, err)
	}
}
