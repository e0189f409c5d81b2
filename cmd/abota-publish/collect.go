package main

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"abota/cmd/internal/cli"
)

// packFile is one file or folder that goes into the archive.
type packFile struct {
	path, name string
	size       int64
	mode       fs.FileMode
	// target is where a symbolic link leads.
	target string
}

// collect lists what is to be packed, in a fixed order: an image by its own
// name, and of a folder what is inside it.
func collect(paths []string) ([]packFile, error) {
	var files []packFile
	from := map[string]string{}
	for _, path := range paths {
		found, err := collectOne(path)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			name := strings.TrimSuffix(f.name, "/")
			if other, twice := from[name]; twice {
				return nil, cli.Usage("both %s and %s would be %s in the archive", other, f.path, name)
			}
			from[name] = f.path
		}
		files = append(files, found...)
	}
	if len(files) == 0 {
		return nil, cli.Usage("there is nothing to pack in %s", strings.Join(paths, ", "))
	}
	return files, nil
}

// slotsFor says which slots take several entries: folders, or those of the parts
// that the names say up to the first dot.
func slotsFor(files []packFile) string {
	names := make([]string, len(files))
	for i, f := range files {
		if strings.Contains(f.name, "/") {
			return "directory slots"
		}
		names[i], _, _ = strings.Cut(f.name, ".")
	}
	slices.Sort(names)
	return "directory slots, or slots of the parts " + strings.Join(names, ", ")
}

// cutPart splits PART=FILE, which packs a file as a slot's part whatever the
// build called it.
func cutPart(arg string) (part, path string, ok bool) {
	part, path, ok = strings.Cut(arg, "=")
	isOther := func(r rune) bool { return r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') }
	if _, err := os.Lstat(arg); err == nil || !ok || part == "" || strings.ContainsFunc(part, isOther) {
		return "", "", false
	}
	return part, path, true
}

func collectOne(path string) ([]packFile, error) {
	name := filepath.Base(path)
	part, file, ok := cutPart(path)
	if ok {
		name, path = part, file
	}
	info, err := os.Stat(path) // an image may be named by a symbolic link
	if err != nil {
		return nil, fmt.Errorf("read image: %w", err)
	}
	if ok && !info.Mode().IsRegular() {
		return nil, refused("cannot pack %s as part %s because it is no file: name an image", path, part)
	}
	if !info.IsDir() {
		f, err := toPack(path, name, info)
		return []packFile{f}, err
	}
	var files []packFile
	err = filepath.WalkDir(path, func(at string, d fs.DirEntry, err error) error {
		if err != nil || at == path {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(path, at)
		if err != nil {
			return err
		}
		f, err := toPack(at, filepath.ToSlash(name), info)
		files = append(files, f)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read folder %s: %w", path, err)
	}
	return files, nil
}

// toPack refuses what a device would refuse.
func toPack(path, name string, info fs.FileInfo) (packFile, error) {
	const maxName = 4096
	switch {
	case !utf8.ValidString(name) || strings.ContainsAny(name, "\\\x00"):
		return packFile{}, refused("cannot pack %q because its name is not UTF-8 or has a backslash: rename it", path)
	case len(name) >= maxName:
		return packFile{}, refused("cannot pack %.100s… because its name is longer than %d bytes", path, maxName)
	case info.Mode().Type() == fs.ModeSymlink:
		return toLink(path, name)
	case !info.Mode().IsRegular() && !info.IsDir():
		return packFile{}, refused("cannot pack %s because it is neither a file nor a folder nor a link (%s): put it into an image", path, info.Mode().Type())
	}
	f := packFile{path: path, name: name, size: info.Size(), mode: publicFile}
	if info.IsDir() {
		f.name, f.size, f.mode = name+"/", 0, fs.ModeDir|publicDir
	} else if info.Mode()&0o111 != 0 {
		f.mode = publicDir
	}
	return f, nil
}

// toLink packs a symbolic link inside a folder, if it stays inside: a device
// unpacks no other.
func toLink(file, name string) (packFile, error) {
	target, err := os.Readlink(file)
	if err != nil {
		return packFile{}, fmt.Errorf("read link: %w", err)
	}
	to := path.Join(path.Dir(name), target)
	if path.IsAbs(target) || to == ".." || strings.HasPrefix(to, "../") {
		return packFile{}, refused("cannot pack the link %s because it leads to %s, out of the folder: make it relative, or put all into an image", file, target)
	}
	f := packFile{path: file, name: name, size: int64(len(target)), mode: fs.ModeSymlink | 0o777, target: target}
	return f, nil
}
