package updater

import (
	"errors"
	"io/fs"

	"abota/updater/release"
)

// note is what the booted slot says of itself. One that is missing or wrong
// says nothing.
func (e *Engine) note() release.Note {
	if e.Note == nil {
		return release.Note{}
	}
	n, err := e.Note(e.Booted)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		e.Log.Warn("the image does not say what it is", "file", "/"+release.NotePath, "error", err)
	}
	return n
}

// learnVersion names the release in the booted slot, where nobody did before,
// and reports whether the record changed.
func (e *Engine) learnVersion(r *Record, n release.Note) bool {
	held := &r.Slots[e.Booted].Release
	if n.Version == "" || held.Version != "" {
		return false
	}
	if r.Target == e.Booted {
		r.Release.Version = n.Version
	}
	held.Version = n.Version
	return true
}

// raiseFloor takes over the floor of an image that was confirmed. It never
// sinks.
func (r *Record) raiseFloor(n release.Note) {
	if release.Below(r.Floor, n.Floor) {
		r.Floor = n.Floor
	}
}
