package fleet

import (
	"context"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"abota/bootctl"
	"abota/sim"
	"abota/sim/store"
)

// options are those of the smallest fleet, with a real MinIO.
func options(t *testing.T) Options {
	t.Helper()
	if err := store.Fetch(context.Background()); err != nil {
		if os.Getenv("CI") == "" {
			t.Skipf("needs a real MinIO: %v", err)
		}
		t.Fatal(err)
	}
	m, err := sim.FindModule(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	publisher, err := m.Build(t.Context(), "abota-publish", "", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return Options{Devices: MinDevices, Seed: 1, Dir: t.TempDir(), Publisher: publisher, Out: t.Output()}
}

// TestFleet plays the story with the fewest devices.
func TestFleet(t *testing.T) {
	if err := Run(t.Context(), options(t)); err != nil {
		t.Fatal(err)
	}
}

func ready(t *testing.T) *fleet {
	t.Helper()
	f, err := newFleet(t.Context(), options(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.close(); err != nil {
			t.Error(err)
		}
	})
	if err := f.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestOtherDeviceIsSeen: what is otherwise than the service says.
func TestOtherDeviceIsSeen(t *testing.T) {
	f := ready(t)
	r, err := f.goWrong(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f.eachAtOnce(f.devices, (*device).shutOff)
	all, err := r.executions()
	if err != nil {
		t.Fatal(err)
	}
	of := func(status string) *device {
		return f.pick(func(d *device) bool { return all[d] == status && !d.has })[0]
	}
	write := func(s bootctl.Slot, at int64, text string) func(*device) {
		return func(d *device) {
			if _, err := d.slots[s].WriteAt([]byte(text), at); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, row := range []struct {
		name   string
		status string
		change func(*device)
	}{
		{"it runs something else", canceled, write(bootctl.A, int64(len(imageMagic)), "7\n")},
		{"it was written", "", write(bootctl.B, 0, imageMagic+badVersion+"\n")},
		{"it fetched something", "", func(d *device) { d.fetched++ }},
		{"it started once more", "", func(d *device) { d.boots++ }},
		{"it believes that it succeeded", "", func(d *device) { d.ended[r.job] = succeeded }},
		{"nothing is confirmed", "", func(d *device) { d.table.Slots[bootctl.A].Good = false }},
		{"the new slot would start", failed, func(d *device) {
			d.table = d.table.WithOrder(bootctl.A, bootctl.B)
			d.table.Slots[bootctl.B].Tries = 1
		}},
		{"its journal is lost", failed, func(d *device) { d.journal = nil }},
		{"its image is damaged", succeeded, write(bootctl.B, imageSize-1, "?")},
		{"it has not heard", succeeded, func(d *device) { delete(d.ended, r.job) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := of(row.status)
			was := d.boots
			bad, factory := f.firmware(badVersion), f.factory()
			if err := r.judgeOne(t.Context(), d, row.status, bad, factory); err != nil {
				t.Fatalf("before anything was changed: %v", err)
			}
			d.boots = was
			row.change(d)
			if err := r.judgeOne(t.Context(), d, row.status, bad, factory); err == nil {
				t.Errorf("nobody saw it")
			} else {
				t.Log(err)
			}
			all[d] = "changed" // another device for the next
		})
	}
}

// TestOtherServiceIsSeen: one that rolls out, or aborts, otherwise than it was
// told.
func TestOtherServiceIsSeen(t *testing.T) {
	for name, change := range map[string]func(*plan){
		"were told": func(p *plan) { p.every++ },
		"has to be": func(p *plan) { p.percent += 4 },
	} {
		t.Run(name, func(t *testing.T) {
			f := ready(t)
			r, err := f.newRollout(t.Context(), f.firmware(badVersion), badCriteria(f.Devices))
			if err != nil {
				t.Fatal(err)
			}
			change(&r.plan)
			if err := r.run(t.Context()); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("the story goes on: %v", err)
			} else {
				t.Log(err)
			}
		})
	}
}

// TestSeedsDiffer: the same seed is the same fleet, another one is not.
func TestSeedsDiffer(t *testing.T) {
	draw := func(seed uint64) []nature {
		return natures(MinDevices, badVersion, rand.New(rand.NewPCG(seed, seed)))
	}
	if !slices.Equal(draw(1), draw(1)) || slices.Equal(draw(1), draw(2)) {
		t.Error("the seed does not decide")
	}
	for seed := range uint64(100) {
		for i, n := range draw(seed) {
			if n.fault != sound && i < MinDevices*secondRevision/100 || n.has && (n.fault != sound || n.offline || n.dark || n.slow) {
				t.Errorf("seed %d: device %d is %+v", seed, i, n)
			}
		}
	}
}

func TestOptions(t *testing.T) {
	for _, n := range []int{-1, 0, MinDevices - 1, MaxDevices + 1} {
		if err := Run(t.Context(), Options{Devices: n}); err == nil || !strings.Contains(err.Error(), "devices") {
			t.Errorf("%d devices: %v", n, err)
		}
	}
}
