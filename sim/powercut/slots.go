package powercut

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"abota/bootctl"
	"abota/sim/disk"
)

// slots tells what lies in a slot: one of the whole releases, or none. Each
// distinct content is hashed once.
type slots struct {
	known []Release
	seen  map[Sum]int // index in known; negative: none of them
}

func newSlots(known []Release) *slots { return &slots{known: known, seen: map[Sum]int{}} }

// of is the whole release in a slot.
func (s *slots) of(d *Disk, slot bootctl.Slot) (Release, bool, error) {
	name := disk.Root(slot.String())
	// The slots have one size, so that equal sums are equal content.
	sum := d.Sum(name)
	i, known := s.seen[sum]
	if !known {
		var err error
		if i, err = s.find(d, name); err != nil {
			return Release{}, false, err
		}
		s.seen[sum] = i
	}
	if i < 0 {
		return Release{}, false, nil
	}
	return s.known[i], true, nil
}

func (s *slots) find(d *Disk, name string) (int, error) {
	digests := map[int64]string{}
	for i, r := range s.known {
		if _, done := digests[r.Size]; !done {
			sum, err := digest(d, d.partition(name).Offset, r.Size)
			if err != nil {
				return -1, fmt.Errorf("digest slot %s: %w", name, err)
			}
			digests[r.Size] = sum
		}
		if digests[r.Size] == r.SHA256 {
			return i, nil
		}
	}
	return -1, nil
}

// digest is the SHA-256 of a part of a disk.
func digest(d *Disk, offset, size int64) (string, error) {
	h := sha256.New()
	if _, err := io.CopyBuffer(h, io.NewSectionReader(d, offset, size), make([]byte, 1<<20)); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// partition finds a partition of the layout.
func (d *Disk) partition(name string) disk.Partition {
	for _, p := range d.parts {
		if p.Name == name {
			return p
		}
	}
	panic("no partition " + name + " in the layout")
}
