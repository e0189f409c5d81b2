package uboot

import (
	"bytes"
	"slices"
	"testing"

	"abota/bootctl"
	"abota/sim/cutdisk"
)

// norFlash is a disk that behaves as NOR flash does: an erase sets all bits of
// whole blocks, a write only clears some, and both are there when they return. What is erased
// when the power goes may be erased in part, in any order.
type norFlash struct {
	*cutdisk.Disk
	block int64
}

func (f *norFlash) Erase(offset, size int64) error {
	if offset%f.block != 0 {
		panic("an erase that does not begin at a block")
	}
	for at := offset; at < offset+size; at += f.block {
		if _, err := f.Disk.WriteAt(bytes.Repeat([]byte{0xff}, int(f.block)), at); err != nil {
			return err
		}
		if err := f.Disk.Sync(); err != nil {
			return err
		}
	}
	return nil
}

func (f *norFlash) WriteAt(p []byte, offset int64) (int, error) {
	was := f.Image()[offset:]
	cleared := make([]byte, len(p))
	for i := range p {
		cleared[i] = p[i] & was[i]
	}
	n, err := f.Disk.WriteAt(cleared, offset)
	if err != nil {
		return n, err
	}
	return n, f.Disk.Sync()
}

// watched notes what is done to flash.
type watched struct {
	*norFlash
	t    *testing.T
	done []string
}

func (w *watched) Erase(offset, size int64) error {
	w.done = append(w.done, "erase")
	return w.norFlash.Erase(offset, size)
}

func (w *watched) WriteAt(p []byte, offset int64) (int, error) {
	w.done = append(w.done, map[bool]string{true: "mark", false: "write"}[len(p) == 1])
	was := w.Image()[offset:]
	for i := range p {
		if p[i]&^was[i] != 0 {
			w.t.Fatalf("byte %#x: %#x was written over %#x without erasing", offset+int64(i), p[i], was[i])
		}
	}
	return w.norFlash.WriteAt(p, offset)
}

// TestFlagsOnFlashAreThoseOfUBoot: the newer copy is marked 1 and then the older
// one 0, by clearing bits.
func TestFlagsOnFlashAreThoseOfUBoot(t *testing.T) {
	const size = 4 * sectorSize
	disk := cutdisk.Open(bytes.Repeat([]byte{0xff}, 2*size))
	flash := &watched{norFlash: &norFlash{disk, size / 2}, t: t}
	b := On(flash, [2]Copy{{Path: "flash", Size: size}, {Path: "flash", Offset: size, Size: size}}, true)
	table := sample()
	for i, want := range []struct {
		flags [2]byte
		done  int
	}{{[2]byte{1, 0xff}, 2}, {[2]byte{0, 1}, 3}, {[2]byte{1, 0}, 3}, {[2]byte{0, 1}, 3}} {
		table.Generation, flash.done = uint32(i), nil
		if err := b.Store(table); err != nil {
			t.Fatal(err)
		}
		image := disk.Image()
		if got := [2]byte{image[4], image[size+4]}; got != want.flags {
			t.Errorf("store %d: flags %v, want %v", i, got, want.flags)
		}
		if order := []string{"erase", "write", "mark"}[:want.done]; !slices.Equal(flash.done, order) {
			t.Errorf("store %d: %v, want %v", i, flash.done, order)
		}
		if got, err := b.Load(); err != nil || got != table {
			t.Errorf("store %d: loaded %+v, %v", i, got, err)
		}
	}
}

// TestSerialNumbersOnFlashAreTakenOver: who counted up there before is understood,
// and marked as U-Boot does from then on.
func TestSerialNumbersOnFlashAreTakenOver(t *testing.T) {
	const size = sectorSize
	for _, flags := range [][2]byte{{7, 8}, {8, 7}, {255, 1}, {1, 255}, {255, 0}, {0, 255}, {1, 1}, {0, 0}, {255, 255}} {
		first, second := bootctl.Table{}.WithOrder(bootctl.A), bootctl.Table{}.WithOrder(bootctl.B)
		var image []byte
		for i, table := range []bootctl.Table{first, second} {
			vars, err := dialectOf(true).Write(table, environment{}.get)
			if err != nil {
				t.Fatal(err)
			}
			image = append(image, mustEncode(t, environment{}.with(vars), size, flags[i])...)
		}
		flash := &watched{norFlash: &norFlash{cutdisk.Open(image), size}, t: t}
		b := On(flash, [2]Copy{{Path: "flash", Size: size}, {Path: "flash", Offset: size, Size: size}}, true)
		want := first
		if secondIsNewer(flags[0], flags[1]) {
			want = second
		}
		if got, err := b.Load(); err != nil || got != want {
			t.Errorf("flags %v: loaded %+v, %v, want %+v", flags, got, err, want)
		}
		for range 3 {
			want.Generation++
			if err := b.Store(want); err != nil {
				t.Errorf("flags %v: %v", flags, err)
			}
			if got, err := b.Load(); err != nil || got != want {
				t.Errorf("flags %v: loaded %+v, %v, want %+v", flags, got, err, want)
			}
		}
		now := flash.Image()
		if now[4]+now[size+4] != 1 {
			t.Errorf("flags %v became %d and %d", flags, now[4], now[size+4])
		}
	}
}
