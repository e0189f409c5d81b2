package gpt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"

	"abota/bootctl"
	"abota/sim/cutdisk"
)

var standard = layout{sector: 512, entries: 16}

// trial is an update that waits for its first boot.
func trial() bootctl.Table {
	t := bootctl.Table{}.WithOrder(bootctl.B, bootctl.A)
	t.Slots[bootctl.A].Good = true
	t.Slots[bootctl.B].Tries = 3
	return t
}

// committed is the same update, confirmed.
func committed() bootctl.Table {
	t := trial()
	t.Slots[bootctl.B].Good, t.Slots[bootctl.B].Tries = true, 0
	return t
}

// stored is a disk with these tables stored one after the other.
func stored(t *testing.T, image []byte, tables ...bootctl.Table) []byte {
	t.Helper()
	d := cutdisk.Open(image)
	for _, table := range tables {
		if err := On(d, standard.geometry(), testNames).Store(table); err != nil {
			t.Fatal(err)
		}
	}
	return d.Image()
}

func load(image []byte) (bootctl.Table, error) {
	return On(cutdisk.Open(image), standard.geometry(), testNames).Load()
}

func TestAttributesAreThoseOfTheLoaders(t *testing.T) {
	for _, c := range []struct {
		state bootctl.State
		bits  uint64
	}{
		{bootctl.State{}, 0},
		{bootctl.State{Priority: 1}, 0x0001 << 48},
		{bootctl.State{Priority: 15, Tries: 15}, 0x00ff << 48},
		{bootctl.State{Priority: 2, Tries: 3}, 0x0032 << 48},
		{bootctl.State{Priority: 1, Good: true}, 0x0101 << 48},
	} {
		const foreign = 0xfe00ffffffffffff
		for _, others := range []uint64{0, foreign} {
			got, err := withState(others|ownBits, c.state)
			if err != nil || got != c.bits|others {
				t.Errorf("%+v over 0x%x: 0x%016x, %v, want 0x%016x", c.state, others, got, err, c.bits|others)
			}
			if back := stateIn(c.bits | others); back != c.state {
				t.Errorf("0x%016x is %+v, want %+v", c.bits|others, back, c.state)
			}
		}
	}
	for _, tries := range []int{-1, 16} {
		if _, err := withState(0, bootctl.State{Tries: tries}); err == nil || !strings.Contains(err.Error(), "up to 15") {
			t.Errorf("%d tries: %v", tries, err)
		}
	}
}

// TestTriesOfConfirmedSlotsAreLeftAlone: other tools mark a slot successful
// and leave tries behind; that is no reason to write.
func TestTriesOfConfirmedSlotsAreLeftAlone(t *testing.T) {
	p := ordinary()
	p[1].attributes |= 9<<48 | 15<<52 | 1<<56
	p[3].attributes |= 4<<48 | 1<<56
	d := cutdisk.Open(standard.disk(p))
	b := On(d, standard.geometry(), testNames)
	table, err := b.Load()
	want := bootctl.Table{}.WithOrder(bootctl.A, bootctl.B)
	want.Slots[bootctl.A].Good, want.Slots[bootctl.B].Good = true, true
	if err != nil || table != want {
		t.Fatalf("loaded %+v, %v, want %+v", table, err, want)
	}
	table.Slots[bootctl.A].Tries = 3
	if err := b.Store(table); err != nil {
		t.Fatal(err)
	}
	if n := d.Count(cutdisk.Write); n != 0 {
		t.Errorf("%d writes, want none", n)
	}
}

// TestOnlyTheBootBitsChange compares every byte of the disk.
func TestOnlyTheBootBitsChange(t *testing.T) {
	before := standard.disk(ordinary())
	after := stored(t, before, trial())
	want := bytes.Clone(before)
	for i := range 2 {
		offset, _ := standard.region(i)
		array, sector := offset, offset+int64(standard.arraySectors())*512
		if i == primary {
			array, sector = offset+512, offset
		}
		a := want[array:][:standard.entries*entrySize]
		entry(a[1*entrySize:]).setAttributes(1<<60 | 1<<57 | 5 | 0x101<<48)
		entry(a[6*entrySize:]).setAttributes(1<<2 | 0x32<<48)
		h := want[sector:][:512]
		binary.LittleEndian.PutUint32(h[88:], crc32.ChecksumIEEE(a))
		clear(h[16:20])
		binary.LittleEndian.PutUint32(h[16:], crc32.ChecksumIEEE(h[:92]))
	}
	for i := range want {
		if want[i] != after[i] {
			t.Fatalf("byte %d of sector %d is 0x%02x, want 0x%02x (before 0x%02x)", i%512, i/512, after[i], want[i], before[i])
		}
	}
}

// TestTheTailIsWrittenFirst: the order of writes and syncs is what the
// guarantee rests on.
func TestTheTailIsWrittenFirst(t *testing.T) {
	d := &recorder{Disk: cutdisk.Open(stored(t, standard.disk(ordinary()), trial()))}
	if err := On(d, standard.geometry(), testNames).Store(committed()); err != nil {
		t.Fatal(err)
	}
	// KERN-B is entry 7, in the second sector of the array.
	want := "sync 15 18 sync 3 1 sync"
	if got := strings.Join(d.did, " "); got != want {
		t.Errorf("sectors written: %s, want %s", got, want)
	}
}

type recorder struct {
	*cutdisk.Disk
	did []string
}

func (r *recorder) WriteAt(p []byte, off int64) (int, error) {
	r.did = append(r.did, fmt.Sprint(off/512))
	return r.Disk.WriteAt(p, off)
}

func (r *recorder) Sync() error {
	r.did = append(r.did, "sync")
	return r.Disk.Sync()
}

// TestWhichCopyCounts has a table of its own in each copy.
func TestWhichCopyCounts(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(image []byte)
		want  bootctl.Table
	}{
		{"both valid: the primary", func([]byte) {}, trial()},
		{"backup lost", func(b []byte) { clear(b[18*512:]) }, trial()},
		{"backup's entries damaged", func(b []byte) { b[14*512+200] ^= 1 }, trial()},
		{"primary header lost", func(b []byte) { clear(b[512:1024]) }, committed()},
		{"primary entries damaged", func(b []byte) { b[2*512+200] ^= 1 }, committed()},
		{"primary header belongs elsewhere", func(b []byte) { copy(b[512:], b[18*512:]) }, committed()},
	} {
		image := stored(t, standard.disk(ordinary()), trial())
		newer := stored(t, image, committed())
		copy(image[14*512:], newer[14*512:]) // as a cut between the copies leaves it
		c.spoil(image)
		if got, err := load(image); err != nil || got != c.want {
			t.Errorf("%s: loaded %+v, %v, want %+v", c.name, got, err, c.want)
			continue
		}
		for _, next := range []bootctl.Table{trial(), committed()} {
			after := stored(t, image, next)
			for i := range 2 {
				offset, size := standard.region(i)
				alone := bytes.Clone(after)
				clear(alone[offset:][:size])
				if got, err := load(alone); err != nil || got != next {
					t.Errorf("%s, then stored: without the %s %+v, %v, want %+v", c.name, copyNames[i], got, err, next)
				}
			}
		}
	}
}

// reseal makes the checksums of a changed copy right again.
func reseal(image []byte, i int) {
	header, array := image[512:1024], image[2*512:][:2048]
	if i == backup {
		header, array = image[18*512:], image[14*512:][:2048]
	}
	binary.LittleEndian.PutUint32(header[88:], crc32.ChecksumIEEE(array))
	binary.LittleEndian.PutUint32(header[16:], headerCRC(header, 92))
}

// TestRefusals: the disk is not what it ought to be, and nothing is written.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(image []byte)
		want  string
	}{
		{"another partition differs", func(b []byte) { b[14*512+32]++; reseal(b, backup) }, "entry 1 differs in more than its boot attributes"},
		{"a slot's name differs", func(b []byte) { b[3*512+2*128+56]++; reseal(b, primary) }, "entry 7 differs"},
		{"another attribute differs", func(b []byte) { b[14*512+48] ^= 1; reseal(b, backup) }, "entry 1 differs"},
		{"another disk's backup", func(b []byte) { b[18*512+56]++; reseal(b, backup) }, "disk GUIDs"},
		{"other usable sectors", func(b []byte) { b[18*512+48]--; reseal(b, backup) }, "usable sectors"},
		{"backup not at the end", func(b []byte) { b[512+32]--; reseal(b, primary) }, "sgdisk -e"},
		{"entries among the partitions", func(b []byte) { b[512+72] = 5; copy(b[5*512:], b[2*512:][:2048]); reseal(b, primary) }, "reach into the usable sectors"},
		{"primary to be ignored", func(b []byte) { copy(b[512:], "IGNOREME") }, "IGNOREME"},
		{"primary lost where a loader may be", func(b []byte) {
			clear(b[512:1024])
			b[18*512+40]++
			reseal(b, backup)
		}, "may have been anywhere"},
		{"no slot", func(b []byte) { b[2*512+128+56] = 'X'; b[14*512+128+56] = 'X'; reseal(b, 0); reseal(b, 1) }, "no partition PARTLABEL=KERN-A"},
		{"slot there twice", func(b []byte) {
			for i, at := range []int{2 * 512, 14 * 512} {
				copy(b[at+7*128+56:][:72], b[at+6*128+56:])
				reseal(b, i)
			}
		}, "partitions 7 and 8 are both PARTLABEL=KERN-B"},
		{"slots of different types", func(b []byte) {
			for i, at := range []int{2 * 512, 14 * 512} {
				b[at+6*128]++
				reseal(b, i)
			}
		}, "different types"},
		{"a third slot", func(b []byte) {
			for i, at := range []int{2 * 512, 14 * 512} {
				b[at+7*128+48+7] = 1 // successful
				reseal(b, i)
			}
		}, "partition 8 (KERN-C)"},
	} {
		image := stored(t, standard.disk(ordinary()), committed())
		c.spoil(image)
		d := cutdisk.Open(image)
		err := On(d, standard.geometry(), testNames).Store(trial())
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if n := d.Count(cutdisk.Write); n != 0 {
			t.Errorf("%s: %d writes, want none", c.name, n)
		}
	}
}

func TestADiskWithoutATableIsNotGivenOne(t *testing.T) {
	image := make([]byte, 19*512)
	if _, err := load(image); !errors.Is(err, bootctl.ErrNoTable) || !strings.Contains(err.Error(), "restore it with `sgdisk`") {
		t.Errorf("empty disk: %v", err)
	}
	if _, err := load(standard.disk(ordinary())); !errors.Is(err, bootctl.ErrNoTable) || !strings.Contains(err.Error(), "abota provision") {
		t.Errorf("no priorities: %v", err)
	}
}

func TestNamesOfSlots(t *testing.T) {
	image := stored(t, standard.disk(ordinary()), trial())
	for name, want := range map[string]string{
		"PARTUUID=00000002-0000-0000-0000-000000000022": "",
		"PARTUUID=00000002-0000-0000-0000-000000000023": "no partition PARTUUID=00000002",
		"PARTLABEL=KERN": "no partition PARTLABEL=KERN:",
		testNames[1]:     "are the same partition",
	} {
		_, err := On(cutdisk.Open(image), standard.geometry(), [2]string{name, testNames[1]}).Load()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	for _, name := range []string{"", "KERN-A", "/dev/sda2", "PARTLABEL=", "PARTUUID=", "LABEL=x"} {
		if err := checkName(name); err == nil || !strings.Contains(err.Error(), "use PARTLABEL=") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func FuzzCopies(f *testing.F) {
	image := standard.disk(ordinary())
	f.Add(image[512:1024], image[2*512:][:2048])
	f.Add(image[18*512:], image[14*512:][:2048])
	f.Fuzz(func(t *testing.T, header, array []byte) {
		image := standard.disk(ordinary())
		copy(image[512:1024], header)
		copy(image[2*512:][:2048], array)
		clear(image[18*512:])
		d := cutdisk.Open(image)
		b := On(d, standard.geometry(), testNames)
		if _, err := b.Load(); err == nil && b.Store(trial()) == nil {
			if got, err := b.Load(); err != nil || got != trial() {
				t.Errorf("stored, then loaded %+v, %v", got, err)
			}
		}
	})
}
