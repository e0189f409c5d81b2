package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// writeFolder makes path a folder with what fill puts into it, or leaves it
// as it was. An older release there is replaced only with force, and nothing
// but a release is ever replaced.
func writeFolder(path string, force bool, fill func(dir string) error) error {
	path = filepath.Clean(path)
	there, err := replaceable(path, force)
	if err != nil {
		return err
	}
	parent := filepath.Dir(path)
	dir, err := os.MkdirTemp(parent, "."+filepath.Base(path)+"-")
	if err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	defer os.RemoveAll(dir) // gone already when all went well
	if err := os.Chmod(dir, publicDir); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	if err := fill(dir); err != nil {
		return err
	}
	if err := moveInto(dir, path, there); err != nil {
		return fmt.Errorf("put folder in its place: %w", err)
	}
	return syncDir(parent)
}

// replaceable reports whether there is a folder at path to be replaced, and
// refuses what must not be.
func replaceable(path string, force bool) (bool, error) {
	entries, err := os.ReadDir(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("look into output folder: %w", err)
	case len(entries) == 0:
		return true, nil
	case !force:
		return false, refused("cannot write %s because it is not empty: name another folder with -o, or add --force", path)
	}
	for _, e := range entries {
		if !slices.Contains([]string{tokenName, checksumName, keyName, versionName}, e.Name()) {
			return false, refused("cannot replace %s because it holds %s, which is no part of a release: name another folder with -o", path, e.Name())
		}
	}
	return true, nil
}

// moveInto renames dir to path. What is there goes aside first, and comes
// back if the second rename fails.
func moveInto(dir, path string, there bool) error {
	if !there {
		return os.Rename(dir, path)
	}
	aside := dir + ".old"
	if err := os.Rename(path, aside); err != nil {
		return err
	}
	if err := os.Rename(dir, path); err != nil {
		return errors.Join(err, os.Rename(aside, path))
	}
	return os.RemoveAll(aside)
}
