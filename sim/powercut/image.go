package powercut

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"slices"

	"abota/sim/disk"
)

// pool holds the contents of sectors, each once: two sectors with one number
// have the same bytes. Number 0 is a sector of zeros.
type pool struct {
	numbers  map[[2]uint64]uint32
	contents [][]byte
	seeds    [2]maphash.Seed
}

func newPool() *pool {
	p := &pool{numbers: map[[2]uint64]uint32{}, seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
	p.number(make([]byte, SectorSize))
	return p
}

// number finds or adds a content, which must not change afterwards. Contents
// are told apart by 128 bits of hash.
func (p *pool) number(content []byte) uint32 {
	key := [2]uint64{maphash.Bytes(p.seeds[0], content), maphash.Bytes(p.seeds[1], content)}
	n, known := p.numbers[key]
	if !known {
		n = uint32(len(p.contents))
		p.numbers[key] = n
		p.contents = append(p.contents, content)
	}
	return n
}

// Sum stands for the content of a partition: equal content has equal sums. It
// is the sum over the sectors of a hash of place and content, so that it
// follows a change at the cost of the change.
type Sum [2]uint64

// Disk is a disk's content as it could be after a power cut. It is cheap to
// change and to change back: what a sector holds is a number of the pool.
type Disk struct {
	pool    *pool
	sectors []uint32
	parts   disk.Layout
	sums    []Sum
	undo    []change
}

type change struct {
	sector int64
	was    uint32
}

// OpenDisk reads an image with these partitions.
func OpenDisk(path string, layout disk.Layout) (*Disk, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read a disk: %w", err)
	}
	defer f.Close()
	d := &Disk{pool: newPool(), parts: layout}
	d.sums = make([]Sum, len(d.parts))
	for {
		buf := make([]byte, 64<<10)
		n, err := io.ReadFull(f, buf)
		for at := 0; at+SectorSize <= n; at += SectorSize {
			d.sectors = append(d.sectors, 0)
			d.set(int64(len(d.sectors)-1), d.pool.number(buf[at:at+SectorSize]))
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			d.undo = nil
			return d, nil
		case err != nil:
			return nil, fmt.Errorf("read a disk: %w", err)
		}
	}
}

// Clone is a disk of its own with the same content. It shares what contents
// there are: two clones must not learn new ones at the same time.
func (d *Disk) Clone() *Disk {
	return &Disk{
		pool: d.pool, parts: d.parts,
		sectors: append([]uint32{}, d.sectors...), sums: append([]Sum{}, d.sums...),
	}
}

// set changes one sector and remembers what it was.
func (d *Disk) set(sector int64, number uint32) {
	was := d.sectors[sector]
	if was == number {
		return
	}
	d.undo = append(d.undo, change{sector, was})
	d.put(sector, number)
}

func (d *Disk) put(sector int64, number uint32) {
	if i := d.partOf(sector); i >= 0 {
		place := sector - d.parts[i].Offset/SectorSize
		for k := range 2 {
			d.sums[i][k] += mix(place, number, k) - mix(place, d.sectors[sector], k)
		}
	}
	d.sectors[sector] = number
}

// mix spreads a place and a content over 64 bits (the finish of SplitMix64).
// A sector of zeros adds nothing, so that the sum of an empty disk is zero.
func mix(place int64, number uint32, k int) uint64 {
	if number == 0 {
		return 0
	}
	x := uint64(place)<<32 | uint64(number)
	x = (x + uint64(k+1)*0x9e3779b97f4a7c15)
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (d *Disk) partOf(sector int64) int {
	at := sector * SectorSize
	for i, p := range d.parts {
		if at >= p.Offset && at < p.Offset+p.Size {
			return i
		}
	}
	return -1
}

// mark is a place in the list of changes, to come back to.
func (d *Disk) mark() int { return len(d.undo) }

// back undoes all changes since the mark.
func (d *Disk) back(mark int) {
	for i := len(d.undo) - 1; i >= mark; i-- {
		d.put(d.undo[i].sector, d.undo[i].was)
	}
	d.undo = d.undo[:mark]
}

// keep makes all changes so far final.
func (d *Disk) keep() { d.undo = d.undo[:0] }

// Sum is the sum of a partition, by its name.
func (d *Disk) Sum(name string) Sum {
	if i := d.index(name); i >= 0 {
		return d.sums[i]
	}
	return Sum{}
}

// index is a partition's, -1 when there is none of that name.
func (d *Disk) index(name string) int {
	return slices.IndexFunc(d.parts, func(p disk.Partition) bool { return p.Name == name })
}

// ReadAt reads the disk as it is now.
func (d *Disk) ReadAt(p []byte, off int64) (int, error) {
	size := int64(len(d.sectors)) * SectorSize
	done := 0
	for done < len(p) {
		at := off + int64(done)
		if at >= size {
			return done, io.EOF
		}
		content := d.pool.contents[d.sectors[at/SectorSize]]
		done += copy(p[done:], content[at%SectorSize:])
	}
	return done, nil
}

// Write saves the disk, or a part of it, as a file with holes for zeros.
func (d *Disk) Write(path string, offset, size int64) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("save a disk: %w", err)
	}
	err = copyHoles(f, io.NewSectionReader(d, offset, size))
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("save a disk: %w", err)
	}
	return nil
}

// Size is the disk's size in bytes.
func (d *Disk) Size() int64 { return int64(len(d.sectors)) * SectorSize }

// write is an entry of a log by the numbers of its sectors' contents.
type write struct {
	Entry
	numbers []uint32
	// whole says that a cut leaves it done or not: a byte of flash.
	whole bool
}

// learn takes the log's contents into the pool.
func (p *pool) learn(entries []Entry) []write {
	writes := make([]write, len(entries))
	for i, e := range entries {
		writes[i] = write{Entry: e}
		if e.Discard {
			writes[i].numbers = make([]uint32, e.Count)
		}
		for at := 0; at < len(e.Data); at += SectorSize {
			writes[i].numbers = append(writes[i].numbers, p.number(e.Data[at:at+SectorSize]))
		}
		writes[i].Data = nil
	}
	return writes
}

// apply does a write, or its first sectors. What lies beyond the end is an
// error of the log.
func (d *Disk) apply(w write, sectors int) {
	for i, n := range w.numbers[:sectors] {
		d.set(w.Sector+int64(i), n)
	}
}

// noise is a sector of garbage, the same for the same seed.
func noise(seed uint64) []byte {
	b := make([]byte, SectorSize)
	x := seed
	for at := 0; at < len(b); at += 8 {
		x += 0x9e3779b97f4a7c15
		z := (x ^ x>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		binary.LittleEndian.PutUint64(b[at:], z^z>>31)
	}
	return b
}
