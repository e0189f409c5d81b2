package report

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	maxText   = 64 << 10  // of one text about the system, in bytes
	maxPstore = 256 << 10 // of one record of a crashed kernel, in bytes
	pstores   = 16        // how many of them
	maxKernel = 128 << 10 // of the kernel's log, in bytes
)

// texts are what the kernel and the image say of themselves.
var texts = []struct{ name, path string }{
	{"system/cmdline.txt", "proc/cmdline"},
	{"system/kernel.txt", "proc/version"},
	{"system/uptime.txt", "proc/uptime"},
	{"system/boot_id.txt", "proc/sys/kernel/random/boot_id"},
	{"system/memory.txt", "proc/meminfo"},
	{"system/mounts.txt", "proc/self/mountinfo"},
	{"system/partitions.txt", "proc/partitions"},
	{"system/os-release.txt", "etc/os-release"},
	{"system/release.txt", "etc/abota/release"},
}

// AddSystem adds what the system below root says of itself: kernel, command
// line, mounts, partitions, and what a crashed kernel left behind.
func (r *Report) AddSystem(root string) {
	for _, t := range texts {
		r.AddFile(t.name, filepath.Join(root, t.path), maxText)
	}
	r.addPartitionNames(filepath.Join(root, "sys/class/block"))
	r.addPstore(filepath.Join(root, "sys/fs/pstore"))
}

// addPartitionNames adds the kernel's own list, which needs no udev.
func (r *Report) addPartitionNames(dir string) {
	const name = "system/partition-names.txt"
	found, err := filepath.Glob(filepath.Join(dir, "*", "uevent"))
	if err != nil || len(found) == 0 {
		r.Missing(name, fmt.Errorf("%s holds nothing", dir))
		return
	}
	var list bytes.Buffer
	for _, path := range found {
		text, err := readEnd(path, maxText)
		if err != nil {
			r.Missing(name, err)
			continue
		}
		fmt.Fprintln(&list, strings.Join(strings.Fields(string(text)), " "))
	}
	r.Add(name, list.Bytes())
}

func (r *Report) addPstore(dir string) {
	found, err := os.ReadDir(dir)
	if err != nil {
		r.Missing("pstore", err)
		return
	}
	for i, f := range found {
		name := "pstore/" + f.Name()
		if i == pstores {
			r.Missing(name, fmt.Errorf("only the first %d of %d records are kept", pstores, len(found)))
			return
		}
		r.AddFile(name, filepath.Join(dir, f.Name()), maxPstore)
	}
}

// AddKernelLog adds the last of what the kernel logged in this boot.
func (r *Report) AddKernelLog() {
	const name = "system/dmesg.txt"
	text := make([]byte, maxKernel)
	n, err := unix.Klogctl(unix.SYSLOG_ACTION_READ_ALL, text)
	if err != nil {
		r.Missing(name, fmt.Errorf("read the kernel's log: %w", err))
		return
	}
	r.Add(name, text[:n])
}

// AddFolder adds the names, sizes and times in a folder, but not the content.
func (r *Report) AddFolder(name, dir string) {
	found, err := os.ReadDir(dir)
	if err != nil {
		r.Missing(name, err)
		return
	}
	var list bytes.Buffer
	for _, f := range found {
		info, err := f.Info()
		if err != nil {
			continue // gone meanwhile
		}
		fmt.Fprintln(&list, fs.FormatFileInfo(info))
	}
	var free unix.Statfs_t
	if err := unix.Statfs(dir, &free); err == nil {
		fmt.Fprintf(&list, "free: %d of %d blocks of %d bytes, %d of %d files\n", free.Bavail, free.Blocks, free.Bsize, free.Ffree, free.Files)
	}
	r.Add(name, list.Bytes())
}
