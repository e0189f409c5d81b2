package powercut

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"abota/bootctl"
	"abota/sim/disk"
	"abota/updater/slot"
)

// slots tells what lies in a slot: one of the whole releases, or none. Each
// distinct content is hashed once.
type slots struct {
	known []Release
	// files are where a slot's further parts lie on the boot partition, by the
	// part's name; nil where it has none.
	files func(bootctl.Slot) map[string]string
	// seen are digests of contents, and sizes of what was digested.
	seen map[content]string
	// parts are the sums of further parts, by the sum of the boot partition.
	parts map[partOf]Sum
}

// content is what was digested: its sum, and how much of it.
type content struct {
	sum  Sum
	size int64
}

// partOf is a part of a slot on a boot partition.
type partOf struct {
	boot Sum
	path string
}

func newSlots(files func(bootctl.Slot) map[string]string) *slots {
	return &slots{files: files, seen: map[content]string{}, parts: map[partOf]Sum{}}
}

// asMade is what the factory put into slot A, with the parts on the boot
// partition.
func (s *slots) asMade(d *Disk, r Release) (Release, error) {
	files := s.files(bootctl.A)
	if len(files) == 0 {
		return r, nil
	}
	r.Parts = []slot.Held{{SHA256: r.SHA256, Size: r.Size}}
	esp, err := openFAT(d, d.partition(disk.Boot))
	if err != nil {
		return r, fmt.Errorf("read the boot partition: %w", err)
	}
	for name, path := range files {
		e, err := esp.find(path)
		if err != nil {
			return r, fmt.Errorf("find the %s of slot A: %w", name, err)
		}
		sum, err := s.fileDigest(d, path, e.size)
		if err != nil {
			return r, err
		}
		r.Parts = append(r.Parts, slot.Held{Name: name, SHA256: sum, Size: e.size})
	}
	return r, nil
}

// sum stands for all that lies in a slot.
func (s *slots) sum(d *Disk, which bootctl.Slot) Sum {
	sum := d.Sum(disk.Root(which.String()))
	for name, path := range s.files(which) {
		part := s.partSum(d, path)
		for k := range sum {
			sum[k] += mix(int64(len(name)), uint32(part[k]), k) + mix(int64(len(name))<<8, uint32(part[k]>>32), k)
		}
	}
	return sum
}

// partSum is the sum of a file on the boot partition; zero when it cannot be read.
func (s *slots) partSum(d *Disk, path string) Sum {
	key := partOf{d.Sum(disk.Boot), path}
	sum, known := s.parts[key]
	if known {
		return sum
	}
	if esp, err := openFAT(d, d.partition(disk.Boot)); err == nil {
		if e, err := esp.find(path); err == nil {
			sum, _ = esp.sum(e)
		}
	}
	s.parts[key] = sum
	return sum
}

// of is the whole release in a slot.
func (s *slots) of(d *Disk, which bootctl.Slot) (Release, bool, error) {
	for _, r := range s.known {
		whole, err := s.holds(d, which, r)
		if whole || err != nil {
			return r, whole, err
		}
	}
	return Release{}, false, nil
}

// holds reports whether a slot has every part of a release.
func (s *slots) holds(d *Disk, which bootctl.Slot, r Release) (bool, error) {
	files := s.files(which)
	for _, part := range r.parts() {
		read := s.rootDigest
		if path, onBoot := files[part.Name]; onBoot {
			read = func(d *Disk, _ bootctl.Slot, size int64) (string, error) { return s.fileDigest(d, path, size) }
		}
		got, err := read(d, which, part.Size)
		if err != nil {
			return false, fmt.Errorf("digest slot %s: %w", which, err)
		}
		if got != part.SHA256 {
			return false, nil
		}
	}
	return true, nil
}

// parts are what a slot has of a release; one without a name is its file system.
func (r Release) parts() []slot.Held {
	if len(r.Parts) > 0 {
		return r.Parts
	}
	return []slot.Held{{SHA256: r.SHA256, Size: r.Size}}
}

// rootDigest is that of the start of a slot's partition.
func (s *slots) rootDigest(d *Disk, which bootctl.Slot, size int64) (string, error) {
	name := disk.Root(which.String())
	// The slots have one size, so that equal sums are equal content.
	return s.digest(content{d.Sum(name), size}, io.NewSectionReader(d, d.partition(name).Offset, size))
}

// fileDigest is that of the start of a file on the boot partition; empty when that
// cannot be read.
func (s *slots) fileDigest(d *Disk, path string, size int64) (string, error) {
	esp, err := openFAT(d, d.partition(disk.Boot))
	if err != nil {
		return "", nil
	}
	e, err := esp.find(path)
	if err != nil || e.size < size {
		return "", nil
	}
	e.size = size
	sum, err := esp.sum(e)
	if err != nil {
		return "", nil
	}
	r, err := esp.reader(e)
	if err != nil {
		return "", nil
	}
	return s.digest(content{sum, size}, r)
}

func (s *slots) digest(c content, r io.Reader) (string, error) {
	sum, known := s.seen[c]
	if known {
		return sum, nil
	}
	h := sha256.New()
	if _, err := io.CopyBuffer(h, r, make([]byte, 1<<20)); err != nil {
		return "", err
	}
	sum = hex.EncodeToString(h.Sum(nil))
	s.seen[c] = sum
	return sum, nil
}

// partition finds a partition of the layout.
func (d *Disk) partition(name string) disk.Partition {
	p, err := d.parts.Find(name)
	if err != nil {
		panic(err)
	}
	return p
}
