package slot

import (
	"fmt"
	"math"
	"os"
	"slices"
	"syscall"
)

// storage identifies what holds bytes: a block device by its number, or a
// regular file by its file system's number and its inode.
type storage struct {
	dev uint64
	ino uint64 // 0 for a block device
}

// volume is storage and the name by which the configuration knows it.
type volume struct {
	storage
	path string
	// inPlace: see Member.
	inPlace bool
}

// identify says what a path names, symbolic links followed.
func identify(path string) (storage, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return storage{}, err
	}
	return identifyInfo(path, fi)
}

func identifyInfo(path string, fi os.FileInfo) (storage, error) {
	st := fi.Sys().(*syscall.Stat_t)
	switch mode := fi.Mode(); {
	case mode.IsRegular():
		return storage{dev: st.Dev, ino: st.Ino}, nil
	case mode&os.ModeDevice != 0 && mode&os.ModeCharDevice == 0:
		return storage{dev: st.Rdev}, nil
	}
	return storage{}, unfit(fmt.Sprintf("cannot use %s because it is a %s: name a block device or a regular file", path, kind(fi.Mode())))
}

// unfit is why a path names nothing that keeps bytes.
type unfit string

func (u unfit) Error() string { return string(u) }

func kind(mode os.FileMode) string {
	switch {
	case mode.IsDir():
		return "directory"
	case mode&os.ModeCharDevice != 0:
		return "character device"
	case mode&os.ModeNamedPipe != 0:
		return "FIFO"
	case mode&os.ModeSocket != 0:
		return "socket"
	}
	return "special file"
}

// region is a range of bytes on a storage.
type region struct {
	on         storage
	start, end int64
	// somewhere: which of these bytes are meant is only known to dm or md.
	somewhere bool
}

// overlaps reports whether writing one changes the other. Two volumes that lie
// somewhere on the same device are neighbours.
func (r region) overlaps(o region) bool {
	return r.on == o.on && !(r.somewhere && o.somewhere) && r.start < o.end && o.start < r.end
}

// tree is how the block devices are stacked.
type tree map[uint64]*device

// maxDepth is beyond what anybody stacks, and ends a loop in broken input.
const maxDepth = 32

// regions are all the places where the bytes of s lie: on s itself, and on
// everything below it.
func (t tree) regions(s storage) []region {
	return t.descend(nil, t.whole(s), maxDepth)
}

// whole is all of a storage. Where no size is known it has no end, so that
// nothing is overlooked.
func (t tree) whole(s storage) region {
	r := region{on: s, end: math.MaxInt64}
	if d := t[s.dev]; d != nil && s.ino == 0 && d.size > 0 {
		r.end = d.size
	}
	return r
}

func (t tree) descend(found []region, r region, depth int) []region {
	found = append(found, r)
	d := t[r.on.dev]
	if r.on.ino != 0 || d == nil || depth == 0 {
		return found
	}
	if d.disk != 0 {
		found = t.descend(found, r.below(storage{dev: d.disk}, d.start), depth-1)
	}
	for _, b := range d.backing {
		found = t.descend(found, r.below(b, d.offset), depth-1)
	}
	for _, s := range d.slaves {
		slave := t.whole(storage{dev: s})
		slave.somewhere = true
		found = t.descend(found, slave, depth-1)
	}
	return found
}

// below is the same range on the storage on which it starts at offset.
func (r region) below(s storage, offset int64) region {
	r.on = s
	r.start += offset
	if r.end < math.MaxInt64-offset {
		r.end += offset
	}
	return r
}

// share reports whether writing one storage changes the other.
func (t tree) share(a, b storage) bool {
	return overlap(t.regions(a), t.regions(b))
}

func overlap(some, others []region) bool {
	return slices.ContainsFunc(some, func(r region) bool { return slices.ContainsFunc(others, r.overlaps) })
}
