package slot

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// Find resolves how the configuration names a slot: PARTUUID=…, PARTLABEL=…,
// or an absolute path, whose symbolic links are followed. Partitions are found
// with or without the links of udev. A name that two partitions have is an
// error.
func (h Host) Find(spec string) (string, error) {
	if filepath.IsAbs(spec) {
		return h.follow(spec)
	}
	key, value, _ := strings.Cut(spec, "=")
	if value == "" || key != "PARTUUID" && key != "PARTLABEL" {
		return "", fmt.Errorf("cannot find slot %q: name it PARTUUID=…, PARTLABEL=… or by an absolute path", spec)
	}
	all, err := h.devices()
	if err != nil {
		return "", fmt.Errorf("find slot %s: %w", spec, err)
	}
	h.fillNames(all)
	return h.choose(spec, all)
}

// follow resolves an absolute path. For a missing device it says which exist.
func (h Host) follow(path string) (string, error) {
	resolved, err := filepath.EvalSymlinks(path)
	if err == nil {
		_, err = identify(resolved)
		return resolved, err
	}
	if errors.Is(err, fs.ErrNotExist) && strings.HasPrefix(path, h.dev("")+"/") {
		all, _ := h.devices()
		have := make([]string, len(all))
		for i, d := range all {
			have[i] = d.name
		}
		return "", fmt.Errorf("find slot: %w: there is %s", err, strings.Join(have, ", "))
	}
	return "", fmt.Errorf("find slot: %w", err)
}

func (h Host) choose(spec string, all []*device) (string, error) {
	key, value, _ := strings.Cut(spec, "=")
	var found, have []string
	for _, d := range all {
		name, match := d.label, d.label == value
		if key == "PARTUUID" {
			name, match = d.uuid, strings.EqualFold(d.uuid, value)
		}
		if match {
			found = append(found, h.dev(d.name))
		}
		if name != "" {
			have = append(have, fmt.Sprintf("%s (%s)", d.name, name))
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return h.link(spec, have)
	}
	return "", fmt.Errorf("cannot find slot %s because several partitions have this name: %s: rename all but one", spec, strings.Join(found, ", "))
}

// link follows udev's link, which also exists for partitions that dm makes and
// that the kernel has no names for.
func (h Host) link(spec string, have []string) (string, error) {
	key, value, _ := strings.Cut(spec, "=")
	if key == "PARTUUID" {
		value = strings.ToLower(value)
	}
	if strings.Trim(value, ".") != "" && !strings.Contains(value, "/") {
		path, err := filepath.EvalSymlinks(h.dev("disk/by-" + strings.ToLower(key) + "/" + value))
		if err == nil {
			return path, nil
		}
	}
	if len(have) == 0 {
		have = []string{"no partition with a name at all"}
	}
	return "", fmt.Errorf("cannot find slot %s: there is %s", spec, strings.Join(have, ", "))
}

// fillNames reads from the partition tables what the kernel does not tell:
// PARTUUID in older kernels, and both where a tool made the partitions. A disk
// that cannot be read (no medium, no permission) keeps the names that it has.
func (h Host) fillNames(all []*device) {
	tables := map[uint64]map[int]names{}
	for _, disk := range all {
		for _, part := range all {
			if part.disk != disk.number || part.label != "" && part.uuid != "" {
				continue
			}
			if tables[disk.number] == nil {
				tables[disk.number], _ = h.readTable(disk)
			}
			found := tables[disk.number][part.index]
			part.label, part.uuid = or(part.label, found.label), or(part.uuid, found.uuid)
		}
	}
}
