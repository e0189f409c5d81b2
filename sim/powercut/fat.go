package powercut

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"unicode/utf16"

	"abota/sim/disk"
)

// fat is a FAT file system in a partition of a disk, to be read as firmware and
// Linux do: by its first allocation table. A cut may have left anything there;
// what makes no sense is an error or an absence, never a panic.
//
// Source: Microsoft's fatgen103 (FAT12, FAT16, FAT32, long names).
type fat struct {
	disk  *Disk
	start int64 // of the partition, in bytes
	// cluster is the size of one in bytes, data where the first one lies.
	cluster, data int64
	table         []byte
	bits          int   // of an entry of the table
	clusters      int64 // how many there are
	root          fatEntry
	rootAt        int64 // of FAT12 and FAT16; bytes from start
}

// fatEntry is a file or a folder.
type fatEntry struct {
	name  string
	dir   bool
	first int64 // cluster; 0 for none, and for the root of FAT12 and FAT16
	size  int64
}

var errNoFAT = errors.New("no FAT file system")

// openFAT reads the head and the first table of a file system.
func openFAT(d *Disk, p disk.Partition) (*fat, error) {
	head := make([]byte, SectorSize)
	if _, err := d.ReadAt(head, p.Offset); err != nil {
		return nil, err
	}
	le16 := func(at int) int64 { return int64(binary.LittleEndian.Uint16(head[at:])) }
	le32 := func(at int) int64 { return int64(binary.LittleEndian.Uint32(head[at:])) }
	sector, perCluster, reserved, tables, rootEntries := le16(11), int64(head[13]), le16(14), int64(head[16]), le16(17)
	total, tableSectors := le16(19), le16(22)
	if total == 0 {
		total = le32(32)
	}
	if tableSectors == 0 {
		tableSectors = le32(36)
	}
	rootSectors := (rootEntries*32 + SectorSize - 1) / SectorSize
	before := reserved + tables*tableSectors + rootSectors
	switch {
	case head[510] != 0x55 || head[511] != 0xaa || sector != SectorSize || perCluster == 0 || tables == 0:
		return nil, errNoFAT
	case total*sector > p.Size || before >= total:
		return nil, errNoFAT
	}
	f := &fat{disk: d, start: p.Offset, cluster: perCluster * sector, data: before * sector, clusters: (total - before) / perCluster}
	f.rootAt = (reserved + tables*tableSectors) * sector
	f.root = fatEntry{dir: true, size: rootSectors * sector}
	switch {
	case f.clusters < 4085:
		f.bits = 12
	case f.clusters < 65525:
		f.bits = 16
	default:
		f.bits, f.root.first = 32, le32(44)
	}
	if tableSectors*sector*8/int64(f.bits) < f.clusters+2 {
		return nil, errNoFAT
	}
	f.table = make([]byte, (f.clusters+2)*int64(f.bits)/8+2)
	_, err := d.ReadAt(f.table, p.Offset+reserved*sector)
	return f, err
}

// next is the cluster behind another one, and false at a chain's end.
func (f *fat) next(c int64) (int64, bool) {
	var n int64
	switch f.bits {
	case 12:
		n = int64(binary.LittleEndian.Uint16(f.table[c*3/2:])) >> (c % 2 * 4) & 0xfff
	case 16:
		n = int64(binary.LittleEndian.Uint16(f.table[c*2:]))
	default:
		n = int64(binary.LittleEndian.Uint32(f.table[c*4:]) & 0x0fffffff)
	}
	return n, f.holds(n)
}

func (f *fat) holds(c int64) bool { return c >= 2 && c < f.clusters+2 }

// extents are where the first bytes of a chain lie: the start of each cluster,
// in bytes of the disk.
func (f *fat) extents(first, size int64) (at []int64, err error) {
	ok := f.holds(first)
	for c := first; size > 0; size -= f.cluster {
		if !ok {
			return nil, fmt.Errorf("a chain of clusters ends early or leads nowhere (cluster %d)", c)
		}
		at = append(at, f.start+f.data+(c-2)*f.cluster)
		c, ok = f.next(c)
	}
	return at, nil
}

// reader reads a file.
func (f *fat) reader(e fatEntry) (io.Reader, error) {
	at, err := f.extents(e.first, e.size)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", e.name, err)
	}
	clusters := make([]io.Reader, len(at))
	for i, start := range at {
		clusters[i] = io.NewSectionReader(f.disk, start, min(f.cluster, e.size-int64(i)*f.cluster))
	}
	return io.MultiReader(clusters...), nil
}

// content is what is in a file.
func (f *fat) content(e fatEntry) ([]byte, error) {
	r, err := f.reader(e)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// sum stands for a file's content in whole sectors, in any clusters.
func (f *fat) sum(e fatEntry) (s Sum, err error) {
	at, err := f.extents(e.first, e.size)
	if err != nil {
		return s, fmt.Errorf("read %s: %w", e.name, err)
	}
	left, place := (e.size+SectorSize-1)/SectorSize, int64(0)
	for _, start := range at {
		for k := int64(0); k < f.cluster/SectorSize && left > 0; k++ {
			number := f.disk.sectors[start/SectorSize+k]
			for i := range s {
				s[i] += mix(place, number, i)
			}
			place, left = place+1, left-1
		}
	}
	return s, nil
}

// find leads to a file or folder by its path, "/loader/entries".
func (f *fat) find(path string) (fatEntry, error) {
	at := f.root
	for _, word := range strings.FieldsFunc(path, func(r rune) bool { return r == '/' }) {
		entries, err := f.list(at)
		if err != nil {
			return fatEntry{}, err
		}
		i := slices.IndexFunc(entries, func(e fatEntry) bool { return strings.EqualFold(e.name, word) })
		if i < 0 {
			return fatEntry{}, fmt.Errorf("there is no %s in %s", word, path)
		}
		at = entries[i]
	}
	return at, nil
}

// filled are the clusters that hold files, by where they start, in bytes of the
// disk. Folders that cannot be read have none.
func (f *fat) filled() map[int64]bool {
	all, seen := map[int64]bool{}, map[int64]bool{}
	for todo := []fatEntry{f.root}; len(todo) > 0; todo = todo[1:] {
		entries, err := f.list(todo[0])
		if err != nil {
			continue
		}
		for _, e := range entries {
			if e.dir {
				if !seen[e.first] && strings.Trim(e.name, ".") != "" {
					todo = append(todo, e)
				}
				seen[e.first] = true
				continue
			}
			at, _ := f.extents(e.first, e.size)
			for _, start := range at {
				all[start] = true
			}
		}
	}
	return all
}

// own are the sectors of a write that hold what the file system needs for
// itself: its head, its tables, its folders.
func (f *fat) own(w write) map[int64]bool {
	filled, own := f.filled(), map[int64]bool{}
	for k := range int64(len(w.numbers)) {
		at := (w.Sector+k)*SectorSize - f.start - f.data
		if at < 0 || !filled[f.start+f.data+at/f.cluster*f.cluster] {
			own[w.Sector+k] = true
		}
	}
	return own
}

// list reads a folder.
func (f *fat) list(e fatEntry) ([]fatEntry, error) {
	if !e.dir {
		return nil, fmt.Errorf("%s is no folder", e.name)
	}
	raw, err := f.folder(e)
	if err != nil {
		return nil, err
	}
	return parseFolder(raw, f.bits == 32), nil
}

// folder is the content of one: all clusters of its chain.
func (f *fat) folder(e fatEntry) ([]byte, error) {
	if e.first == 0 {
		b := make([]byte, f.root.size)
		_, err := f.disk.ReadAt(b, f.start+f.rootAt)
		return b, err
	}
	size := int64(0)
	for c, ok := e.first, f.holds(e.first); ok && size < f.clusters*f.cluster; c, ok = f.next(c) {
		size += f.cluster
	}
	e.size = size
	return f.content(e)
}

const (
	fatSlot      = 32 // size of an entry of a folder
	fatLong      = 0x0f
	fatVolume    = 0x08
	fatDir       = 0x10
	fatDeleted   = 0xe5
	fatLongLast  = 0x40
	fatLongUnits = 13
)

// parseFolder reads names, long ones too. A long name that is not whole counts
// for nothing: the short one behind it is then the file's name.
func parseFolder(raw []byte, wide bool) (entries []fatEntry) {
	var long []uint16
	var want, sum byte
	for ; len(raw) >= fatSlot && raw[0] != 0; raw = raw[fatSlot:] {
		s := raw[:fatSlot]
		switch {
		case s[0] == fatDeleted:
			want = 0
		case s[11] == fatLong:
			n := s[0] &^ fatLongLast
			switch {
			case s[0]&fatLongLast != 0 && n > 0:
				long, sum = nil, s[13]
			case n != want-1 || n == 0 || s[13] != sum:
				want = 0
				continue
			}
			want, long = n, append(longPart(s), long...)
		case s[11]&fatVolume != 0:
			want = 0
		default:
			e := fatEntry{name: shortName(s), dir: s[11]&fatDir != 0, first: int64(binary.LittleEndian.Uint16(s[26:])), size: int64(binary.LittleEndian.Uint32(s[28:]))}
			if wide {
				e.first |= int64(binary.LittleEndian.Uint16(s[20:])) << 16
			}
			if want == 1 && sum == shortSum(s) {
				e.name = string(utf16.Decode(long))
			}
			want = 0
			entries = append(entries, e)
		}
	}
	return entries
}

// longPart is the piece of a long name in one slot, without what follows its end.
func longPart(s []byte) (units []uint16) {
	for i := range fatLongUnits {
		at := 1 + 2*i
		switch {
		case i >= 11:
			at = 28 + 2*(i-11)
		case i >= 5:
			at = 14 + 2*(i-5)
		}
		u := binary.LittleEndian.Uint16(s[at:])
		if u == 0 {
			break
		}
		units = append(units, u)
	}
	if i := slices.Index(units, 0xffff); i >= 0 {
		units = units[:i]
	}
	return units
}

// shortName is a name of 8 and 3 characters, with the case that Linux and
// Windows note for each.
func shortName(s []byte) string {
	base, ext := strings.TrimRight(string(s[:8]), " "), strings.TrimRight(string(s[8:11]), " ")
	const lowerBase, lowerExt = 0x08, 0x10
	if s[12]&lowerBase != 0 {
		base = strings.ToLower(base)
	}
	if s[12]&lowerExt != 0 {
		ext = strings.ToLower(ext)
	}
	if ext != "" {
		base += "." + ext
	}
	return base
}

// shortSum ties a long name to the short one behind it.
func shortSum(s []byte) (sum byte) {
	for _, c := range s[:11] {
		sum = sum>>1 | sum<<7
		sum += c
	}
	return sum
}

// fatSlotAt is where a folder has a file's short name.
type fatSlotAt struct {
	entry  fatEntry
	sector int64
	offset int
}

// slotOf finds a file's place in its folder.
func (f *fat) slotOf(file string) (at fatSlotAt, err error) {
	if at.entry, err = f.find(file); err != nil {
		return at, err
	}
	folder, err := f.find(path.Dir(file))
	if err != nil {
		return at, err
	}
	raw, err := f.folder(folder)
	if err != nil {
		return at, err
	}
	clusters, err := f.extents(folder.first, int64(len(raw)))
	if err != nil {
		return at, err
	}
	for i := 0; i+fatSlot <= len(raw); i += fatSlot {
		s := raw[i : i+fatSlot]
		if s[11]&fatVolume == 0 && s[0] != fatDeleted && int64(binary.LittleEndian.Uint16(s[26:])) == at.entry.first&0xffff {
			place := clusters[int64(i)/f.cluster] + int64(i)%f.cluster
			at.sector, at.offset = place/SectorSize, int(place%SectorSize)
			return at, nil
		}
	}
	return at, fmt.Errorf("cannot find %s in its folder", file)
}

// leadingTo is the content of the folder's sector with the file beginning at
// another cluster.
func (s fatSlotAt) leadingTo(d *Disk, number uint32, cluster int64) uint32 {
	content := slices.Clone(d.pool.contents[number])
	binary.LittleEndian.PutUint16(content[s.offset+20:], uint16(cluster>>16))
	binary.LittleEndian.PutUint16(content[s.offset+26:], uint16(cluster))
	return d.pool.number(content)
}
