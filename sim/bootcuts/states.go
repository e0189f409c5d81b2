package bootcuts

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"slices"

	"abota/sim/cutdisk"
	"abota/sim/powercut"
)

const sectorSize = powercut.SectorSize

// overlay is what differs from a base image: contents by sector.
type overlay map[int64]string

// state is one content that a cut can leave.
type state struct {
	overlay overlay
	// cut says which cut it is.
	cut string
}

// key names a state by its content.
func (o overlay) key() string {
	h := sha256.New()
	for _, s := range slices.Sorted(maps.Keys(o)) {
		_ = binary.Write(h, binary.LittleEndian, s)
		io.WriteString(h, o[s])
	}
	const shown = 12
	return hex.EncodeToString(h.Sum(nil)[:shown])
}

// image is a base image below overlays.
type image struct{ io.ReaderAt }

// sector is what lies there.
func (m image) sector(o overlay, n int64) (string, error) {
	if content, changed := o[n]; changed {
		return content, nil
	}
	b := make([]byte, sectorSize)
	_, err := m.ReadAt(b, n*sectorSize)
	return string(b), err
}

// with is the overlay and these contents; what equals the base is left out, so
// that equal disks have equal overlays.
func (m image) with(o overlay, contents overlay) (overlay, error) {
	next := maps.Clone(o)
	if next == nil {
		next = overlay{}
	}
	for n, content := range contents {
		base, err := m.sector(nil, n)
		if err != nil {
			return nil, err
		}
		if content == base {
			delete(next, n)
		} else {
			next[n] = content
		}
	}
	return next, nil
}

// written is what a log leaves of each sector that it writes.
func written(log []powercut.Entry) overlay {
	last := overlay{}
	for _, e := range log {
		for i := range e.Count {
			last[e.Sector+i] = e.Content(i)
		}
	}
	return last
}

// cutting says how a log is cut.
type cutting struct {
	// torn says which sectors may be torn; nil for none.
	torn func(sector int64) bool
	// unflushed ignores flushes.
	unflushed bool
	seed      uint64
}

var errThrough = errors.New("the log of writes has one with forced unit access, which this disk does not offer")

// states are the distinct ones that a cut of this log leaves of a disk.
func (m image) states(from overlay, log []powercut.Entry, c cutting) ([]state, error) {
	whole, err := m.cuts(from, log, c, nil)
	if err != nil || c.torn == nil {
		return whole, err
	}
	torn, err := m.cuts(from, log, c, c.torn)
	return append(whole, torn...), err
}

// cuts replays a log on a disk of those sectors alone that it touches. With torn
// only those sectors are there of which torn is true, and one may be torn.
func (m image) cuts(from overlay, log []powercut.Entry, c cutting, torn func(int64) bool) (all []state, err error) {
	sectors := slices.Sorted(maps.Keys(written(log)))
	if torn != nil {
		sectors = slices.DeleteFunc(sectors, func(n int64) bool { return !torn(n) })
	}
	d, err := m.compact(from, sectors)
	if err != nil {
		return nil, err
	}
	if err := replay(d, sectors, log, c.unflushed); err != nil {
		return nil, err
	}
	for cut := range d.Cuts(cutdisk.Options{Seed: c.seed, Torn: torn != nil, Samples: 4}) {
		contents := overlay{}
		for i, n := range sectors {
			contents[n] = string(cut.Image[i*sectorSize:][:sectorSize])
		}
		next, err := m.with(from, contents)
		if err != nil {
			return nil, err
		}
		all = append(all, state{next, cut.String()})
	}
	return all, nil
}

// compact is a disk with these sectors side by side.
func (m image) compact(from overlay, sectors []int64) (*cutdisk.Disk, error) {
	var content []byte
	for _, n := range sectors {
		s, err := m.sector(from, n)
		if err != nil {
			return nil, err
		}
		content = append(content, s...)
	}
	return cutdisk.Open(content), nil
}

// replay does a log. A sector that does not change is not written: a cut within
// it leaves nothing new.
func replay(d *cutdisk.Disk, sectors []int64, log []powercut.Entry, unflushed bool) error {
	now := make([]byte, sectorSize)
	for _, e := range log {
		if e.Through {
			return errThrough
		}
		if e.Flush && !unflushed {
			if err := d.Sync(); err != nil {
				return err
			}
		}
		for i := range e.Count {
			at, there := slices.BinarySearch(sectors, e.Sector+i)
			if !there {
				continue
			}
			off := int64(at) * sectorSize
			if _, err := d.ReadAt(now, off); err != nil {
				return err
			}
			content := e.Content(i)
			if string(now) == content {
				continue
			}
			if _, err := d.WriteAt([]byte(content), off); err != nil {
				return err
			}
		}
	}
	return nil
}
