package guest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// applets are the BusyBox commands that the guest's scripts, abota's init
// script and a person who looks around need. BusyBox could link all of its own,
// but only on the architecture that it is built for.
const applets = `ash awk base64 basename cat chmod cp cut date dd df dirname dmesg du echo egrep env expr
false fgrep find flock free fuser getty grep gunzip gzip halt head hexdump hostname id ifconfig insmod
ip kill killall less ln logger login ls lsmod md5sum mkdir mknod mktemp mount mountpoint mv nc netstat nohup
od pgrep pidof ping poweroff ps pwd readlink realpath reboot renice rm rmdir rmmod route sed seq setsid sh
sha256sum sleep sort start-stop-daemon stat stty switch_root sync sysctl syslogd tail tar tee test time timeout
top touch tr true umount uname uniq uptime usleep vi watch watchdog wc wget which xargs yes`

// system fills root with one firmware's files.
func (m *Maker) system(root string, fw Firmware) error {
	t := tree{root: root}
	for _, dir := range []string{"dev", "proc", "sys", "run", "tmp", "mnt", "root", "var/lib/abota"} {
		t.dir(dir)
	}
	m.boot(&t)
	t.copy("bin/busybox", 0o755, m.parts.BusyBox)
	for _, name := range strings.Fields(applets) {
		t.link("bin/"+name, "busybox")
	}
	t.link("sbin", "bin")
	t.link("bin/init", "busybox")
	t.link("var/run", "../run")
	t.copy("usr/bin/abota", 0o755, m.abota)
	t.embedded("etc/inittab", 0o644, "root/inittab")
	t.embedded("etc/init.d/rcS", 0o755, "root/rcS")
	t.embedded("etc/init.d/rcK", 0o755, "root/rcK")
	t.embedded("usr/sbin/sim-agent", 0o755, "root/sim-agent")
	t.embedded("usr/bin/selftest", 0o755, "root/selftest")
	t.embedded("usr/sbin/hook", 0o755, "root/hook")
	t.text("etc/init.d/S99abota", 0o755, string(m.init))
	t.text("etc/firmware.conf", 0o644, fmt.Sprintf("version=%s\nbehaviour=%s\n", fw.Version, fw.Behaviour))
	t.text("etc/abota/release", 0o644, fw.Version+"\n")
	if m.parts.Board.Verity {
		t.text(sealed, 0o644, "sealed by the root hash\n")
	}
	// The configuration holds the keys of the object store.
	t.text("etc/abota/config.yaml", 0o600, fw.Config)
	if fw.Authority != "" {
		t.text("etc/abota/ca.pem", 0o644, fw.Authority)
	}
	for name, content := range fw.Files {
		t.text(filepath.Join("etc/abota", name), 0o600, content)
	}
	if fw.Agent != "" {
		t.text("etc/init.d/S99abota-agent", 0o755, fw.Agent)
	}
	t.text("etc/passwd", 0o644, "root::0:0:root:/root:/bin/sh\n")
	t.text("etc/group", 0o644, "root:x:0:\n")
	t.text("etc/hosts", 0o644, "127.0.0.1 localhost\n")
	return t.err
}

// boot is what the loader needs of the slot. It may find nothing but its own there.
func (m *Maker) boot(t *tree) {
	if mount := m.loader.Mount(); mount != "" {
		t.dir(mount)
	}
	if m.loader.KernelInSlot() {
		m.kernel(t, "")
	}
}

// kernel is what the boot script loads, with the kernel arguments that travel
// with the slot.
func (m *Maker) kernel(t *tree, arguments string) {
	t.copy("boot/"+m.parts.Board.KernelFile, 0o644, m.parts.Kernel)
	t.copy("boot/initrd", 0o644, m.initrd)
	// The last of several panic= counts: a crashed board shall not wait.
	t.text("boot/abota.args", 0o644, "# GRUB Environment Block\nabota_args=ro quiet panic=1"+arguments+"\n")
}

// tree writes files below a folder. The first error sticks.
type tree struct {
	root string
	err  error
}

func (t *tree) parent(path string) string {
	full := filepath.Join(t.root, path)
	if t.err == nil {
		t.err = os.MkdirAll(filepath.Dir(full), 0o755)
	}
	return full
}

func (t *tree) dir(path string) {
	if full := t.parent(path); t.err == nil {
		t.err = os.MkdirAll(full, 0o755)
	}
}

func (t *tree) link(path, target string) {
	if full := t.parent(path); t.err == nil {
		t.err = os.Symlink(target, full)
	}
}

func (t *tree) text(path string, mode os.FileMode, content string) {
	if full := t.parent(path); t.err == nil {
		t.err = os.WriteFile(full, []byte(content), mode)
	}
	t.chmod(path, mode)
}

func (t *tree) embedded(path string, mode os.FileMode, name string) {
	content, err := files.ReadFile(name)
	if t.err == nil {
		t.err = err
	}
	t.text(path, mode, string(content))
}

func (t *tree) copy(path string, mode os.FileMode, source string) {
	if full := t.parent(path); t.err == nil {
		t.err = copyFile(full, source)
	}
	t.chmod(path, mode)
}

// chmod undoes the caller's umask: modes in an image are exact.
func (t *tree) chmod(path string, mode os.FileMode) {
	if t.err == nil {
		t.err = os.Chmod(filepath.Join(t.root, path), mode)
	}
}

func copyFile(dst, src string) error {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(dst)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
