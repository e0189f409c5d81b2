package journal

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"

	"abota/sim/cutdisk"
)

const testSize = 2 * blockSize

// squeezed is a power-cut disk without the hole between the copies, so that
// thousands of its images stay small.
type squeezed struct{ *cutdisk.Disk }

func (s squeezed) ReadAt(p []byte, off int64) (int, error) { return s.Disk.ReadAt(p, squeeze(off)) }

func (s squeezed) WriteAt(p []byte, off int64) (int, error) { return s.Disk.WriteAt(p, squeeze(off)) }

func squeeze(off int64) int64 {
	if off >= distance {
		return off - distance + testSize
	}
	return off
}

func onDisk(t *testing.T, d *cutdisk.Disk) *File {
	t.Helper()
	f, err := On(squeezed{d}, testSize)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func save(t *testing.T, f *File, payload []byte) {
	t.Helper()
	if err := f.Save(payload); err != nil {
		t.Fatal(err)
	}
}

// payload number i: of another length and content than the one before.
func payload(i int) []byte {
	return bytes.Repeat([]byte(fmt.Sprintf("payload %d,", i)), 1+(i*211)%600)
}

func wantLoad(t *testing.T, f *File, want []byte) {
	t.Helper()
	got, err := f.Load()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("loaded %.20q, want %.20q", got, want)
	}
}

// cutOptions explores all subsets where that is feasible, and torn sectors.
var cutOptions = cutdisk.Options{Torn: true, Exhaustive: 6, Samples: 40}

func TestEveryCutLeavesTheOldOrTheNewPayload(t *testing.T) {
	cuts := 0
	for from := range 6 {
		d := cutdisk.New(2 * testSize)
		f := onDisk(t, d)
		for i := range from + 1 {
			save(t, f, payload(i))
		}
		d = cutdisk.Open(d.Image())
		save(t, onDisk(t, d), payload(from+1))
		var sawOld, sawNew bool
		for cut := range d.Cuts(cutOptions) {
			cuts++
			after := cutdisk.Open(cut.Image)
			got, err := onDisk(t, after).Load()
			isOld, isNew := bytes.Equal(got, payload(from)), bytes.Equal(got, payload(from+1))
			if err != nil || !isOld && !isNew {
				t.Fatalf("%v: loaded %.20q, %v", cut, got, err)
			}
			sawOld, sawNew = sawOld || isOld, sawNew || isNew
			// The journal must also go on from there.
			save(t, onDisk(t, after), []byte("next"))
			wantLoad(t, onDisk(t, after), []byte("next"))
		}
		if !sawOld || !sawNew {
			t.Fatalf("save %d: no cut showed the old (%t) or the new (%t) payload", from+1, sawOld, sawNew)
		}
	}
	t.Logf("%d cuts", cuts)
}

func TestPowerGoesWhileSaving(t *testing.T) {
	for n := 0; ; n++ {
		d := cutdisk.New(2 * testSize)
		f := onDisk(t, d)
		save(t, f, payload(3))
		d.CutAfter(n)
		err := f.Save(payload(4))
		if err == nil {
			if n < 3 {
				t.Fatalf("saved although the power went after %d events", n)
			}
			return
		}
		if !errors.Is(err, cutdisk.ErrPowerLost) {
			t.Fatalf("cut after %d events: %v", n, err)
		}
		for cut := range d.CutNow(cutOptions) {
			got, err := onDisk(t, cutdisk.Open(cut.Image)).Load()
			if err != nil || !bytes.Equal(got, payload(3)) && !bytes.Equal(got, payload(4)) {
				t.Fatalf("cut after %d events, %v: loaded %.20q, %v", n, cut, got, err)
			}
		}
	}
}

func TestFirstSaveIsLostOrWholeAtEveryCut(t *testing.T) {
	garbage := bytes.Repeat([]byte{0xa5}, 2*testSize)
	for name, start := range map[string][]byte{"zeroes": make([]byte, 2*testSize), "foreign": garbage} {
		d := cutdisk.Open(start)
		save(t, onDisk(t, d), payload(1))
		for cut := range d.Cuts(cutOptions) {
			got, err := onDisk(t, cutdisk.Open(cut.Image)).Load()
			if !errors.Is(err, ErrLost) && !bytes.Equal(got, payload(1)) {
				t.Fatalf("%s, %v: loaded %.20q, %v", name, cut, got, err)
			}
		}
	}
}

func TestFlippedBitGivesTheOtherCopy(t *testing.T) {
	d := cutdisk.New(2 * testSize)
	f := onDisk(t, d)
	save(t, f, payload(1))
	save(t, f, payload(2))
	image := d.Image()
	newest := bytes.Index(image, payload(2)) - headerSize
	used := headerSize + len(payload(2))
	for bit := range used * 8 {
		flipped := slices.Clone(image)
		flipped[newest+bit/8] ^= 1 << (bit % 8)
		damaged := cutdisk.Open(flipped)
		wantLoad(t, onDisk(t, damaged), payload(1))
		// The damaged copy is the next to be overwritten.
		save(t, onDisk(t, damaged), payload(3))
		wantLoad(t, onDisk(t, damaged), payload(3))
		if !bytes.Contains(damaged.Image(), payload(1)) {
			t.Fatalf("bit %d: the valid copy was overwritten", bit)
		}
	}
	t.Logf("%d bits", used*8)
}

func TestFlippedFillingIsHarmless(t *testing.T) {
	d := cutdisk.New(2 * testSize)
	save(t, onDisk(t, d), []byte("short"))
	image := d.Image()
	for at := headerSize + len("short"); at < testSize; at++ {
		image[at] ^= 0xff
	}
	wantLoad(t, onDisk(t, cutdisk.Open(image)), []byte("short"))
}

func TestBothCopiesDamagedIsLostAndSaysWhy(t *testing.T) {
	d := cutdisk.New(2 * testSize)
	save(t, onDisk(t, d), payload(1))
	image := d.Image()
	image[headerSize] ^= 1
	image[testSize] ^= 1
	_, err := onDisk(t, cutdisk.Open(image)).Load()
	if !errors.Is(err, ErrLost) || !errors.Is(err, errCRC) || !errors.Is(err, errForeign) {
		t.Fatalf("Load = %v", err)
	}
	t.Log(err)
}

func TestSequenceNumbersWrap(t *testing.T) {
	d := cutdisk.New(2 * testSize)
	start := encode(record{seq: ^uint32(0) - 2, payload: []byte("start")})
	if _, err := d.WriteAt(start, 0); err != nil {
		t.Fatal(err)
	}
	f := onDisk(t, d)
	wantLoad(t, f, []byte("start"))
	for i := range 8 {
		save(t, f, payload(i))
		wantLoad(t, onDisk(t, d), payload(i))
	}
	if newest, _, err := f.scan(); err != nil || newest.seq != 5 {
		t.Fatalf("sequence %d, %v; it did not wrap", newest.seq, err)
	}
}

func TestFailedWriteOrFlushIsFinal(t *testing.T) {
	for _, fault := range []cutdisk.Fault{
		{Op: cutdisk.Write, N: 1, Err: syscall.EIO},
		cutdisk.ShortWrite(1, 700),
		{Op: cutdisk.Sync, N: 1, Err: syscall.EIO},
	} {
		d := cutdisk.New(2 * testSize)
		f := onDisk(t, d)
		save(t, f, payload(1))
		d.Fail(fault)
		first := f.Save(payload(2))
		if !errors.Is(first, fault.Err) {
			t.Errorf("%v: Save = %v", fault.Op, first)
		}
		writes := d.Count(cutdisk.Write)
		if again := f.Save(payload(3)); again != first || d.Count(cutdisk.Write) != writes {
			t.Errorf("%v: a second Save gave %v after %d writes", fault.Op, again, d.Count(cutdisk.Write)-writes)
		}
		if got, err := f.Load(); err != nil || !bytes.Equal(got, payload(1)) && !bytes.Equal(got, payload(2)) {
			t.Errorf("%v: Load = %.20q, %v", fault.Op, got, err)
		}
	}
}

func TestLyingMediumIsFound(t *testing.T) {
	d := cutdisk.New(2 * testSize)
	f := onDisk(t, d)
	save(t, f, payload(1))
	d.Fail(cutdisk.Fault{Op: cutdisk.Write})
	if err := f.Save(payload(2)); err == nil {
		t.Fatal("saved although the medium dropped the write")
	}
	wantLoad(t, f, payload(1))
}

func TestUnreadableCopyIsOverwritten(t *testing.T) {
	d := cutdisk.New(2 * testSize)
	f := onDisk(t, d)
	save(t, f, payload(1))
	save(t, f, payload(2))
	for i, reads := range [][]int{{1}, {2}, {1, 2}, {1}, {1, 2}, {2}, {1, 2}} {
		for _, n := range reads {
			d.Fail(cutdisk.Fault{Op: cutdisk.Read, N: n, Err: syscall.EIO})
		}
		save(t, f, payload(10+i))
		wantLoad(t, onDisk(t, d), payload(10+i))
	}
	d.Fail(cutdisk.Fault{Op: cutdisk.Read, Err: syscall.EIO})
	if _, err := f.Load(); !errors.Is(err, ErrLost) || !errors.Is(err, syscall.EIO) {
		t.Fatalf("Load = %v", err)
	}
}

func TestTooLargePayloadWritesNothing(t *testing.T) {
	d := cutdisk.New(2 * testSize)
	f := onDisk(t, d)
	largest := bytes.Repeat([]byte("x"), testSize-headerSize)
	save(t, f, largest)
	wantLoad(t, f, largest)
	events := d.Events()
	if err := f.Save(append(largest, 'x')); err == nil || d.Events() != events {
		t.Fatalf("Save = %v after %d events", err, d.Events()-events)
	}
	save(t, f, nil) // the refusal is not sticky
	wantLoad(t, f, nil)
}

func TestSaveIsOneWriteOneSync(t *testing.T) {
	d := cutdisk.New(2 * testSize)
	f := onDisk(t, d)
	save(t, f, payload(1))
	writes, syncs := d.Count(cutdisk.Write), d.Count(cutdisk.Sync)
	save(t, f, payload(2))
	if w, s := d.Count(cutdisk.Write)-writes, d.Count(cutdisk.Sync)-syncs; w != 1 || s != 1 {
		t.Fatalf("%d writes and %d syncs", w, s)
	}
}

// TestSecondCutNeverCompletesTheFirstSave: a Save is cut, and the one after
// it too. The second may share all but a few sectors with the first.
func TestSecondCutNeverCompletesTheFirstSave(t *testing.T) {
	alike := func(i int) []byte { return append(fmt.Appendf(nil, "%d", i), bytes.Repeat([]byte("alike "), 300)...) }
	first := cutdisk.New(2 * testSize)
	f := onDisk(t, first)
	save(t, f, payload(1))
	save(t, f, payload(2))
	first = cutdisk.Open(first.Image())
	save(t, onDisk(t, first), alike(3))
	cuts := 0
	for torn := range first.Cuts(cutdisk.Options{Exhaustive: 8}) {
		second := cutdisk.Open(torn.Image)
		f := onDisk(t, second)
		loaded, err := f.Load()
		if err != nil {
			t.Fatal(err)
		}
		save(t, f, alike(4))
		for cut := range second.Cuts(cutdisk.Options{Exhaustive: 8}) {
			cuts++
			got, err := onDisk(t, cutdisk.Open(cut.Image)).Load()
			if err != nil || !bytes.Equal(got, loaded) && !bytes.Equal(got, alike(4)) {
				t.Fatalf("a cut after %v, then after %v: loaded %.10q, %v; before it was %.10q", torn.Event, cut.Event, got, err, loaded)
			}
		}
	}
	t.Logf("%d pairs of cuts", cuts)
	if cuts < 1000 {
		t.Errorf("only %d pairs of cuts", cuts)
	}
}
