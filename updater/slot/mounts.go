package slot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// mount is one line of mountinfo.
type mount struct {
	number  uint64
	point   string
	kind    string // file system type
	source  string
	options []string // of the super block
}

// mounts reads what this process's mount namespace shows, oldest first. Mounts
// of other namespaces are found by O_EXCL.
func (h Host) mounts() ([]mount, error) {
	text, err := os.ReadFile(h.proc("self/mountinfo"))
	if err != nil {
		return nil, fmt.Errorf("read mounts: %w", err)
	}
	var all []mount
	for line := range strings.Lines(string(text)) {
		m, err := parseMount(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, fmt.Errorf("read mounts: %w", err)
		}
		all = append(all, m)
	}
	return all, nil
}

// parseMount reads "id parent major:minor root point options [tag…] - type
// source options".
func parseMount(line string) (mount, error) {
	left, right, _ := strings.Cut(line, " - ")
	fields, super := strings.Split(left, " "), strings.Split(right, " ")
	if len(fields) < 6 || len(super) < 3 {
		return mount{}, fmt.Errorf("line %q of mountinfo is incomplete", line)
	}
	n, err := number(fields[2])
	return mount{
		number:  n,
		point:   unescape(fields[4]),
		kind:    super[0],
		source:  unescape(super[1]),
		options: strings.Split(unescape(super[2]), ","),
	}, err
}

// unescape undoes the kernel's \ooo for blanks in paths.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// storages are what the mount stands on. A file system with a made-up number
// (btrfs, erofs from a file) names its device or file as the source.
func (m mount) storages() []storage {
	if unix.Major(m.number) != 0 {
		return []storage{{dev: m.number}}
	}
	if !filepath.IsAbs(m.source) {
		return nil
	}
	if s, err := identify(m.source); err == nil {
		return []storage{s}
	}
	return nil
}

// layers are the folders that an overlay shows, under the names that they had
// when it was mounted.
func (m mount) layers() []string {
	var dirs []string
	for _, option := range m.options {
		for _, key := range []string{"upperdir=", "lowerdir=", "lowerdir+="} {
			if list, ok := strings.CutPrefix(option, key); ok {
				dirs = append(dirs, strings.Split(list, ":")...)
			}
		}
	}
	return dirs
}

// use is one reason why storage must not be written.
type use struct {
	of     storage
	reason string
	remedy string
}

// mounted lists what is in use because it is mounted.
func mounted(mounts []mount) []use {
	var all []use
	for _, m := range mounts {
		remedy := "unmount it"
		if m.point == "/" {
			remedy = "that is the running system, so name the other slot"
		}
		for _, s := range m.storages() {
			all = append(all, use{s, "mounted at " + m.point, remedy})
		}
	}
	return all
}

// swaps reads what is swapped on. A kernel without swap has no list.
func (h Host) swaps() ([]use, error) {
	text, err := os.ReadFile(h.proc("swaps"))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, fmt.Errorf("read swaps: %w", err)
	}
	var all []use
	for line := range strings.Lines(string(text)) {
		path, _, _ := strings.Cut(line, " ")
		if path = unescape(path); !filepath.IsAbs(path) {
			continue // the heading
		}
		s, err := identify(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a deleted file: no slot names it; a device is held with O_EXCL
		}
		if err != nil {
			return nil, fmt.Errorf("read swaps: %w", err)
		}
		all = append(all, use{s, "used as swap", "run swapoff"})
	}
	return all, nil
}
