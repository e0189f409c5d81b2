package report

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func files(t *testing.T, r *Report) map[string]string {
	t.Helper()
	var out bytes.Buffer
	n, err := r.WriteTo(&out)
	if err != nil || n != int64(out.Len()) {
		t.Fatalf("%d of %d bytes, %v", n, out.Len(), err)
	}
	plain, err := gzip.NewReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for archive := tar.NewReader(plain); ; {
		head, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		name, ok := strings.CutPrefix(head.Name, "abota-report/")
		if !ok || head.Typeflag != tar.TypeReg || head.Mode != 0o600 || !head.ModTime.Equal(r.at) {
			t.Errorf("%s has kind %c, mode %o and is of %s, want a file of %s", head.Name, head.Typeflag, head.Mode, head.ModTime, r.at)
		}
		all[name] = string(text)
	}
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSecretsAreTakenOutInEveryForm(t *testing.T) {
	const secret = "hush/+\"&hush"
	r := New(time.Now(), []string{secret, "hush", "abc", ""})
	path := write(t, filepath.Join(t.TempDir(), "log"), "a "+secret+" b hush%2F+%22&hush c hush%2F%2B%22%26hush d abc")
	r.AddFile("log", path, 1000)
	r.AddJSON("value.json", map[string]string{"key": secret})
	r.AddRange("range", path, -20, 20)
	r.Missing("gone", errors.New("cannot open http://x/?"+secret))
	for name, text := range files(t, r) {
		if strings.Contains(text, "hush") {
			t.Errorf("%s: %s", name, text)
		}
		if name == "log" && text != "a *** b *** c *** d abc" {
			t.Errorf("got %q", text)
		}
	}
}

func TestAnySizeAndNameIsATar(t *testing.T) {
	r := New(time.Unix(1_700_000_000, 0), nil)
	want := map[string]string{}
	for _, n := range []int{0, 1, 86, 87, 88, 511, 512, 513, 70_000} {
		name := strings.Repeat("n", min(n+1, 600)) // the 87th fills a header
		want[name] = strings.Repeat("x", n)
		r.Add(name, []byte(want[name]))
	}
	if got := files(t, r); !maps.Equal(got, want) {
		t.Errorf("got %d files, want %d", len(got), len(want))
	}
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	r := New(time.Now(), nil)
	r.AddFile("file", filepath.Join(dir, "none"), 10)
	r.AddFile("pipe", pipe, 10)
	r.AddRange("range", filepath.Join(dir, "none"), 0, 10)
	r.AddRange("outside", write(t, filepath.Join(dir, "small"), "x"), 5, 10)
	r.AddRange("before", filepath.Join(dir, "small"), -5, 10)
	r.AddFolder("folder", filepath.Join(dir, "none"))
	r.AddJSON("value", func() {})
	r.AddSystem(dir)
	r.Missing("lines", errors.New("two\nlines"))
	all := files(t, r)
	for _, want := range []string{"file: open ", "pipe: ", "range: open ", "outside: EOF", "before: ", "folder: open ", "value: json", "system/cmdline.txt: ", "pstore: ", "lines: two lines"} {
		if !strings.Contains("\n"+all["missing.txt"], "\n"+want) {
			t.Errorf("%q is not in\n%s", want, all["missing.txt"])
		}
	}
	if len(all) != 1 {
		t.Errorf("got %v", all)
	}
}

func TestTheSystemIsCollected(t *testing.T) {
	root := t.TempDir()
	for _, x := range texts {
		write(t, filepath.Join(root, x.path), "text of "+x.path)
	}
	write(t, filepath.Join(root, "sys/class/block/vda1/uevent"), "MAJOR=254\nDEVNAME=vda1\nPARTNAME=root-a\n")
	write(t, filepath.Join(root, "sys/fs/pstore/dmesg-ramoops-0"), strings.Repeat("x", maxPstore)+"panic")
	for _, n := range "abcdefghijklmnopqrst" {
		write(t, filepath.Join(root, "sys/fs/pstore/more-"+string(n)), "more")
	}
	r := New(time.Now(), nil)
	r.AddSystem(root)
	all := files(t, r)
	if all["system/cmdline.txt"] != "text of proc/cmdline" || all["system/partition-names.txt"] != "MAJOR=254 DEVNAME=vda1 PARTNAME=root-a\n" {
		t.Errorf("got %v", all)
	}
	crash := all["pstore/dmesg-ramoops-0"]
	if len(crash) != maxPstore || !strings.HasSuffix(crash, "panic") {
		t.Errorf("%d bytes of the crash", len(crash))
	}
	if kept := strings.Count(strings.Join(keys(all), "\n"), "pstore/"); kept != pstores || !strings.Contains(all["missing.txt"], "only the first 16 of 21") {
		t.Errorf("%d records are kept, %q", kept, all["missing.txt"])
	}
}

func keys(m map[string]string) (all []string) {
	for k := range m {
		all = append(all, k)
	}
	return all
}

// The real kernel's files have no size, which a reader may rely on.
func TestTheRunningSystemIsCollected(t *testing.T) {
	r := New(time.Now(), nil)
	r.AddSystem("/")
	r.AddKernelLog()
	all := files(t, r)
	for _, name := range []string{"system/cmdline.txt", "system/kernel.txt", "system/mounts.txt"} {
		if all[name] == "" {
			t.Errorf("%s is empty: %s", name, all["missing.txt"])
		}
	}
}

func TestTheArchiveIsBounded(t *testing.T) {
	r := New(time.Now(), nil)
	path := write(t, filepath.Join(t.TempDir(), "much"), strings.Repeat("x", MaxSize/2))
	for range 5 {
		r.AddFile("much", path, MaxSize)
	}
	r.Add("little", []byte("y"))
	if all := files(t, r); r.size > MaxSize || strings.Count(all["missing.txt"], "much: the report would be larger than 8 MiB") != 3 {
		t.Errorf("%d bytes, missing %q", r.size, all["missing.txt"])
	}
}

func TestAFolderIsListedWithoutItsContent(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "device.yaml"), "secretkey:hush")
	r := New(time.Now(), nil)
	r.AddFolder("state.txt", dir)
	if text := files(t, r)["state.txt"]; !strings.Contains(text, "-rw------- 14 ") || !strings.Contains(text, "device.yaml") || !strings.Contains(text, "free: ") {
		t.Errorf("got %q", text)
	}
}
