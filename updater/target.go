package updater

import (
	"fmt"

	"abota/bootctl"
	"abota/updater/release"
	"abota/updater/slot"
	"abota/updater/tree"
)

// target is a slot that is going to be written, held exclusively.
type target interface {
	// Accept refuses what cannot fit, by the release's first part alone. It
	// writes nothing.
	Accept(first release.Part) error
	// Fill writes the release, whose first part was begun. It returns only
	// when the payload was proven to its end and all of the slot reads back as
	// it was written, and says what its parts hold.
	Fill(first release.Part, payload Payload) ([]slot.Held, error)
	Close() error
}

func (e *Engine) openTarget(s bootctl.Slot) (target, error) {
	if e.Service != nil {
		return e.openFolder(s)
	}
	open, err := e.Host.OpenGroup(e.group(s), e.group(s.Other()))
	if err != nil {
		return nil, err
	}
	return &group{members: e.group(s), open: open, name: fmt.Sprintf("slot %s", s)}, nil
}

func (e *Engine) openFolder(s bootctl.Slot) (target, error) {
	if err := tree.RemoveUnfinished(e.Paths[s.Other()]); err != nil {
		e.Log.Warn("it takes space, but does no harm", "error", err)
	}
	t, err := tree.Open(e.Paths[s], e.Tree)
	if err != nil {
		return nil, err
	}
	return folder{t}, nil
}

// folder is a slot that is a folder: it takes whatever files there are.
type folder struct{ *tree.Target }

func (f folder) Fill(first release.Part, payload Payload) ([]slot.Held, error) {
	proof, err := f.Target.Fill(first, payload)
	return []slot.Held{{SHA256: proof.SHA256, Size: proof.Size}}, err
}
