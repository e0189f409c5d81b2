package grubscript

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"abota/bootctl"
	"abota/bootctl/grub"
	"abota/sim/loaderscript"
)

// full says that every row is to be booted.
func full() bool { return os.Getenv("ABOTA_GRUB") == "full" }

var groups = []struct {
	name string
	rows []scenario
}{
	{"counting", counting},
	{"counts that cannot be written", unwritable},
	{"tables", tables},
	{"slots", loads},
}

func TestScriptDecides(t *testing.T) {
	w := newWorkshop(t)
	played, all := 0, 0
	for _, group := range groups {
		for _, s := range group.rows {
			all++
			if !s.sample && !full() {
				continue
			}
			played++
			t.Run(group.name+"/"+s.name, func(t *testing.T) { w.run(t, s) })
		}
	}
	if played == 0 {
		t.Fatal("no row was played")
	}
	t.Logf("%d of %d rows", played, all)
}

func TestScriptReadsAndCountsOnExt4(t *testing.T) {
	w := newWorkshop(t)
	w.ext4 = true
	rows := []scenario{counting[0]}
	if full() {
		rows = append(rows, counting[2:4]...)
		rows = append(rows, unwritable[0])
	}
	for _, s := range rows {
		t.Run(s.name, func(t *testing.T) { w.run(t, s) })
	}
}

// bootAgain boots n times from one disk and returns what each boot started, with
// the counts after it.
func (w *workshop) bootAgain(t *testing.T, path string, n int) (starts []string) {
	t.Helper()
	for range n {
		o := w.boot(t, path, loaderscript.Fault{})
		starts = append(starts, o.Started+" "+countsOf(t, w.counts(t, path)))
	}
	return starts
}

func TestBootsInARow(t *testing.T) {
	if !full() {
		t.Skip("skipped: many boots; set ABOTA_GRUB=full")
	}
	w := newWorkshop(t)
	path := filepath.Join(loaderscript.Scratch(t), "disk.img")
	loaderscript.Write(t, path, w.disk(t, w.Healthy("A"), w.Healthy("B"), onTrial(uncounted())))
	got := w.bootAgain(t, path, 5)
	want := []string{"B 1000000007 10 2", "B 1000000007 10 1", "B 1000000007 10 0", "A 1000000007 9 0", "A 1000000007 8 0"}
	if !slices.Equal(got, want) {
		t.Errorf("boots (slot, counts)\n got %q\nwant %q", got, want)
	}
}

// TestScriptAndBackendTakeTurns stores by the product's backend into what the disk
// holds, boots, and lets the backend read what GRUB counted.
func TestScriptAndBackendTakeTurns(t *testing.T) {
	if !full() {
		t.Skip("skipped: several boots; set ABOTA_GRUB=full")
	}
	w := newWorkshop(t)
	both := bootctl.Table{ConfirmedTries: 20, Generation: 41}.WithOrder(bootctl.A, bootctl.B)
	both.Slots[bootctl.A].Good, both.Slots[bootctl.A].Tries = true, 16
	both.Slots[bootctl.B].Good, both.Slots[bootctl.B].Tries = true, 20
	trial := both.WithOrder(bootctl.B, bootctl.A)
	trial.Slots[bootctl.B].Good, trial.Slots[bootctl.B].Tries = false, 3
	trial.Slots[bootctl.A].Failed = "0123456789abcdef"
	alone := both.WithOrder(bootctl.B)
	alone.Slots[bootctl.A] = bootctl.State{}
	dir := t.TempDir()
	for _, name := range places {
		loaderscript.Write(t, filepath.Join(dir, name), []byte(uncounted()))
	}
	backend := backendOn(t, dir)
	for i, step := range []struct {
		store  bootctl.Table
		starts bootctl.Slot
	}{{both, bootctl.A}, {trial, bootctl.B}, {alone, bootctl.B}} {
		if err := backend.Store(step.store); err != nil {
			t.Fatal(err)
		}
		var files [3]string
		for k, name := range places {
			files[k] = string(loaderscript.Read(t, filepath.Join(dir, name)))
		}
		path := filepath.Join(loaderscript.Scratch(t), "disk.img")
		loaderscript.Write(t, path, w.disk(t, w.Healthy("A"), w.Healthy("B"), files))
		o := w.boot(t, path, loaderscript.Fault{})
		loaderscript.Write(t, filepath.Join(dir, places[2]), w.counts(t, path))
		want := step.store
		want.Slots[step.starts].Tries--
		got, err := backend.Load()
		if err != nil {
			t.Fatalf("step %d: %v\n%s", i, err, o.Console)
		}
		if o.Started != step.starts.String() || got != want {
			t.Errorf("step %d: started %s, table %+v, want %s and %+v", i, o.Started, got, step.starts, want)
		}
	}
}

func backendOn(t *testing.T, dir string) *grub.Backend {
	t.Helper()
	at := func(i int) grub.Place { return grub.Place{Path: filepath.Join(dir, places[i])} }
	b, err := grub.New([2]grub.Place{at(0), at(1)}, at(2))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestTornTableLeavesOneOfTheTwo cuts a store within the block's first sector, from
// the front and from the back.
func TestTornTableLeavesOneOfTheTwo(t *testing.T) {
	if !full() {
		t.Skip("skipped: many boots; set ABOTA_GRUB=full")
	}
	w := newWorkshop(t)
	was, is := []byte(twice("1000000005 order=AB a=good,10 b=good,10 confirmed=10")), []byte(trial)
	for _, cut := range []int{1, 30, 40, 100, 256, 480, 500, 511} {
		for name, torn := range map[string][]byte{
			"front": slices.Concat(is[:cut], was[cut:]), "back": slices.Concat(was[:cut], is[cut:]),
			"noise": slices.Concat(is[:cut], bytes.Repeat([]byte{0xa5}, loaderscript.Sector-cut), is[loaderscript.Sector:]),
		} {
			t.Run(fmt.Sprint(name, " ", cut), func(t *testing.T) {
				path := filepath.Join(loaderscript.Scratch(t), "disk.img")
				loaderscript.Write(t, path, w.disk(t, w.Healthy("A"), w.Healthy("B"), [3]string{older, string(torn), uncounted()}))
				want := "A 1000000006 9 10"
				if bytes.Equal(torn, is) {
					want = "B 1000000007 10 2"
				}
				if got := w.bootAgain(t, path, 1)[0]; got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			})
		}
	}
}
