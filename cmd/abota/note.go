package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"abota/bootctl"
	"abota/updater/release"
)

// note reads what the image in a slot says of itself: from the slot's folder,
// or, for the slot that this machine was started from, from its own root.
func (d *device) note(startedFromSlots bool) func(bootctl.Slot) (release.Note, error) {
	return func(s bootctl.Slot) (release.Note, error) {
		if dir := d.cfg.Slots[s].Dir; dir != "" {
			return readNote(dir)
		}
		if s != d.Booted || !startedFromSlots {
			return release.Note{}, fs.ErrNotExist
		}
		return readNote("/")
	}
}

// readNote reads a note below a root, which no link in there leads out of.
func readNote(dir string) (release.Note, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return release.Note{}, err
	}
	defer root.Close()
	st, err := root.Stat(release.NotePath)
	if err != nil {
		return release.Note{}, err
	}
	if !st.Mode().IsRegular() {
		return release.Note{}, errors.New("it is not a regular file")
	}
	f, err := root.Open(release.NotePath)
	if err != nil {
		return release.Note{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, release.MaxNote+1))
	if err != nil {
		return release.Note{}, fmt.Errorf("read /%s: %w", release.NotePath, err)
	}
	return release.ParseNote(text)
}
