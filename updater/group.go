package updater

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"abota/bootctl"
	"abota/updater/release"
	"abota/updater/slot"
)

// group is what a slot on block storage is made of, mostly one partition: each
// of its parts takes one image.
type group struct {
	members slot.Group
	open    []*slot.Target // in the order of members
	name    string
	// taken are the entries that the parts came from, and held what they were
	// proven to hold; both in the order of members.
	taken []string
	held  []slot.Held
}

// group is what the slot is made of.
func (e *Engine) group(s bootctl.Slot) slot.Group {
	if len(e.Groups[s]) == 0 {
		return slot.Alone(e.Paths[s])
	}
	return e.Groups[s]
}

// PartOf is the part that an entry of a release is named for: its name up to
// the first dot, so that root.ext4 is root.
func PartOf(entry string) string {
	name, _, _ := strings.Cut(entry, ".")
	return name
}

// find is the part that takes an entry: the only one takes any.
func (g *group) find(entry string) (int, error) {
	if len(g.members) == 1 {
		return 0, nil
	}
	part := PartOf(entry)
	names := make([]string, len(g.members))
	for i, m := range g.members {
		if m.Name == part {
			return i, nil
		}
		names[i] = m.Name
	}
	return 0, fmt.Errorf("%w: the release holds %q, which is no part of %s: pack one entry for each of %s, named for it as %s.img", ErrRefusedRelease, entry, g.name, strings.Join(names, ", "), names[0])
}

func (g *group) Accept(first release.Part) error {
	i, err := g.find(first.Name)
	if err != nil {
		return err
	}
	return g.fits(i, first)
}

// fits judges by what an entry's header says, or a hint of it: -1 is unknown.
func (g *group) fits(i int, part release.Part) error {
	switch room := g.open[i].Size(); {
	case part.Size == 0:
		return fmt.Errorf("%w: %s is empty, but a block slot takes one image", ErrRefusedRelease, part.Name)
	case part.Size > room:
		return fmt.Errorf("%w: %s has %d bytes, but %s (%s) has only %d: publish a smaller image", ErrRefusedRelease, part.Name, part.Size, g.name, g.members[i].Path, room)
	}
	return nil
}

func (g *group) Fill(first release.Part, payload Payload) ([]slot.Held, error) {
	g.taken, g.held = make([]string, len(g.members)), make([]slot.Held, len(g.members))
	part, err := first, error(nil)
	for err == nil {
		part, err = g.take(part, payload)
	}
	if !errors.Is(err, io.EOF) {
		return nil, err
	}
	return g.held, g.complete()
}

// take writes one part, and proves it once the payload's next one was begun, or
// the payload was proven to its end. It returns that next one.
func (g *group) take(part release.Part, payload Payload) (next release.Part, err error) {
	i, err := g.find(part.Name)
	if err != nil {
		return next, err
	}
	name := g.members[i].Name
	if other := g.taken[i]; other != "" {
		if len(g.members) == 1 {
			return next, fmt.Errorf("%w: the release holds %s beside the image, but a block slot takes one image", ErrRefusedRelease, part.Name)
		}
		return next, fmt.Errorf("%w: the release holds both %q and %q for part %s of %s: pack one of them", ErrRefusedRelease, other, part.Name, name, g.name)
	}
	g.taken[i] = part.Name
	if err := g.fits(i, part); err != nil {
		return next, err
	}
	w := g.open[i].Writer()
	n, err := w.ReadFrom(payload)
	if err != nil {
		return next, err
	}
	next, end := payload.Next()
	if end != nil && !errors.Is(end, io.EOF) {
		return next, end
	}
	if n == 0 {
		return next, g.fits(i, release.Part{Name: part.Name})
	}
	proof, err := w.Close()
	if err != nil {
		return next, err
	}
	g.held[i] = slot.Held{Name: name, SHA256: proof.SHA256, Size: proof.Size}
	return next, end
}

// complete: every part of the slot was written and proven.
func (g *group) complete() error {
	for i, m := range g.members {
		if g.held[i].SHA256 == "" {
			return fmt.Errorf("%w: the release holds no %s, which is a part of %s: pack all parts into one release", ErrRefusedRelease, m.Name, g.name)
		}
	}
	return nil
}

func (g *group) Close() error { return slot.CloseAll(g.open) }
