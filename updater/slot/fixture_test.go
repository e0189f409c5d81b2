package slot

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fixture is a made-up machine: folders that look like /proc, /sys and /dev.
type fixture struct {
	Host
	t      *testing.T
	minors int
	mounts []string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	root := t.TempDir()
	f := &fixture{t: t, Host: Host{Proc: root + "/proc", Sys: root + "/sys", Dev: root + "/dev"}}
	f.write(f.sys("class/block/.keep"), "")
	if err := os.Remove(f.sys("class/block/.keep")); err != nil {
		t.Fatal(err)
	}
	f.mount("0:21", "/proc", "proc", "proc")
	f.swaps()
	return f
}

func (f *fixture) write(path, text string) {
	f.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

// block adds a device below sys/devices and the link to it, and returns its
// folder. Sectors are of 512 bytes.
func (f *fixture) block(parent, name string, sectors int, uevent ...string) string {
	f.t.Helper()
	f.minors++
	dir := filepath.Join(f.sys("devices"), parent, name)
	uevent = append([]string{"MAJOR=254", fmt.Sprintf("MINOR=%d", f.minors), "DEVNAME=" + name}, uevent...)
	f.write(dir+"/uevent", strings.Join(uevent, "\n")+"\n")
	f.write(dir+"/dev", fmt.Sprintf("254:%d\n", f.minors))
	f.write(dir+"/size", fmt.Sprintln(sectors))
	if err := os.Symlink(dir, f.sys("class/block/"+name)); err != nil {
		f.t.Fatal(err)
	}
	return dir
}

func (f *fixture) part(disk string, number, start, sectors int, uevent ...string) {
	f.t.Helper()
	dir := f.block(disk, fmt.Sprint(disk, number), sectors, append(uevent, fmt.Sprintf("PARTN=%d", number))...)
	f.write(dir+"/partition", fmt.Sprintln(number))
	f.write(dir+"/start", fmt.Sprintln(start))
}

// stack adds a dm or md device on others.
func (f *fixture) stack(name string, sectors int, slaves ...string) {
	f.t.Helper()
	dir := f.block("", name, sectors)
	for _, s := range slaves {
		if err := os.MkdirAll(dir+"/slaves", 0o755); err != nil {
			f.t.Fatal(err)
		}
		if err := os.Symlink(f.sys("class/block/"+s), dir+"/slaves/"+s); err != nil {
			f.t.Fatal(err)
		}
	}
}

// loop adds a loop device on a file.
func (f *fixture) loop(name string, sectors int, backing string, offset int) {
	f.t.Helper()
	dir := f.block("", name, sectors)
	f.write(dir+"/loop/backing_file", backing+"\n")
	f.write(dir+"/loop/offset", fmt.Sprintln(offset))
}

// number is "major:minor" of a device.
func (f *fixture) number(name string) string {
	f.t.Helper()
	return readText(f.sys("class/block/"+name), "dev")
}

// volume is a device as if a path had led to it.
func (f *fixture) volume(name string) volume {
	f.t.Helper()
	n, err := number(f.number(name))
	if err != nil {
		f.t.Fatal(err)
	}
	return volume{storage{dev: n}, "/dev/" + name, false}
}

// mount adds a line to mountinfo.
func (f *fixture) mount(number, point, kind, source string, options ...string) {
	f.t.Helper()
	line := fmt.Sprintf("%d 1 %s / %s rw,relatime shared:1 - %s %s %s", 20+len(f.mounts), number, point, kind, source,
		strings.Join(append([]string{"rw"}, options...), ","))
	f.mounts = append(f.mounts, line)
	f.write(f.proc("self/mountinfo"), strings.Join(f.mounts, "\n")+"\n")
}

func (f *fixture) mountDevice(name, point string) {
	f.t.Helper()
	f.mount(f.number(name), point, "ext4", "/dev/root")
}

func (f *fixture) swaps(paths ...string) {
	f.t.Helper()
	text := "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
	for _, p := range paths {
		text += fmt.Sprintf("%-39s file\t\t1024\t\t0\t\t-2\n", p)
	}
	f.write(f.proc("swaps"), text)
}

// board is a disk vda with boot, two slots and data; slot A is mounted on /.
func board(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t)
	f.block("", "vda", 100000)
	f.part("vda", 1, 2048, 2048, "PARTNAME=boot")
	f.part("vda", 2, 4096, 20000, "PARTNAME=root-a")
	f.part("vda", 3, 24096, 20000, "PARTNAME=root-b")
	f.part("vda", 4, 44096, 20000, "PARTNAME=data")
	f.mountDevice("vda2", "/")
	f.mountDevice("vda4", "/data")
	return f
}
