package updater

import (
	"errors"
	"fmt"
	"io"

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
	// when the payload was proven to its end and the slot reads back as it was
	// written.
	Fill(first release.Part, payload Payload) (slot.Proof, error)
	Close() error
}

func (e *Engine) openTarget(s bootctl.Slot) (target, error) {
	if e.Service != nil {
		return e.openFolder(s)
	}
	t, err := e.Host.OpenTarget(e.Paths[s], e.Paths[s.Other()])
	if err != nil {
		return nil, err
	}
	return &block{Target: t, name: fmt.Sprintf("slot %s (%s)", s, e.Paths[s])}, nil
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

func (f folder) Fill(first release.Part, payload Payload) (slot.Proof, error) {
	proof, err := f.Target.Fill(first, payload)
	return slot.Proof{SHA256: proof.SHA256, Size: proof.Size}, err
}

// block is a slot that is one partition or one file: it takes one image.
type block struct {
	*slot.Target
	name string
}

func (b *block) Accept(first release.Part) error {
	switch {
	case first.Size == 0:
		return fmt.Errorf("%w: %s is empty, but a block slot takes one image", ErrRefusedRelease, first.Name)
	case first.Size > b.Size():
		return fmt.Errorf("%w: %s has %d bytes, but %s has only %d: publish a smaller image", ErrRefusedRelease, first.Name, first.Size, b.name, b.Size())
	}
	return nil
}

func (b *block) Fill(_ release.Part, payload Payload) (slot.Proof, error) {
	w := b.Writer()
	if _, err := w.ReadFrom(payload); err != nil {
		return slot.Proof{}, err
	}
	if extra, err := payload.Next(); err == nil {
		return slot.Proof{}, fmt.Errorf("%w: the release holds %s beside the image, but a block slot takes one image", ErrRefusedRelease, extra.Name)
	} else if !errors.Is(err, io.EOF) {
		return slot.Proof{}, err
	}
	return w.Close()
}
