package updater

import (
	"slices"
	"strings"
	"testing"

	"abota/bootctl"
	"abota/updater/release"
)

// TestFate has what every decision means for the release that it is about,
// and for another one.
func TestFate(t *testing.T) {
	const a, b = bootctl.A, bootctl.B
	asked, other := release.ID{Checksum: "c", SHA256: "cafe"}, release.ID{Checksum: "o", SHA256: "0000"}
	armed := tableAt(gen+1, goodSecond, trialLeft(3))
	cleared := tableAt(gen, goodFirst, absent)
	of := func(phase Phase, change ...func(*Record)) *Record {
		r := recordAt(phase)
		r.Release = asked
		r.Slots[a].Release, r.Slots[b].Release = other, asked
		for _, c := range change {
			c(r)
		}
		return r
	}
	condemned := func(r *Record) { r.Condemned = []Verdict{{Release: asked, Reason: "selftest failed"}} }
	held := func(r *Record) { r.Held = &Verdict{Release: asked, Reason: "ignored"} }
	failed := func(r *Record) { r.LastError = &Problem{Reason: "selftest failed"} }
	rejected := func(r *Record) { r.Target, r.Release, r.BootID = a, other, "boot-2" }
	remembered := tableAt(gen, goodFirst, bootctl.State{Failed: bootctl.ShortDigest(asked.SHA256)})
	for _, row := range []struct {
		name   string
		record *Record
		table  bootctl.Table
		caps   bootctl.Caps
		booted bootctl.Slot
		want   Standing
		why    string
	}{
		{"nothing is known", nil, cleared, counting, a, Unfamiliar, ""},
		{"its write was interrupted", of(Writing), cleared, counting, a, Unfamiliar, ""},
		{"it was not written yet", of(Idle), cleared, counting, a, Unfamiliar, ""},
		{"armed, and not restarted", of(Armed, func(r *Record) { r.BootID = "boot-2" }), armed, counting, a, Waits, ""},
		{"armed, though condemned: the operator wants it", of(Armed, condemned, func(r *Record) { r.BootID = "boot-2" }), armed, counting, a, Waits, ""},
		{"armed, and the loader ignored it", of(Armed), armed, counting, a, Withheld, "ignored the boot pointer"},
		{"armed, and it never came to user space", of(Armed), tableAt(gen+1, goodSecond, trialLeft(0)), counting, a, Condemned, "failed before user space"},
		{"armed, but never in the order", of(Armed), cleared, counting, a, Unfamiliar, ""},
		{"first boot", of(Armed), armed, counting, b, OnTrial, ""},
		{"one attempt of several with a loader that tries once", of(Armed), armed, oneShot, a, OnTrial, ""},
		{"all attempts with a loader that tries once", of(Armed, func(r *Record) { r.Attempts = 3 }), armed, oneShot, a, Withheld, "3 attempts"},
		{"all attempts with a loader that tells of them", of(Armed, func(r *Record) { r.Attempts = 3 }), tableAt(gen+1, goodSecond, trialLeft(0)), bootNext, a, Condemned, "3 attempts"},
		{"armed again after a trial", of(Trying, func(r *Record) { r.BootID = "boot-2" }), armed, oneShot, a, Waits, ""},
		{"back from a trial of what nothing proves", of(Trying, func(r *Record) { r.Slots[b].Proven = false }), armed, oneShot, a, Withheld, "nothing proves"},
		{"trying", of(Trying), armed, counting, b, OnTrial, ""},
		{"trying, though condemned", of(Trying, condemned), armed, counting, b, OnTrial, ""},
		{"trying, and out of attempts", of(Trying), tableAt(gen, goodSecond, trialLeft(0)), counting, a, Withheld, "without a verdict"},
		{"trying, but the table says good", of(Trying, condemned), tableAt(gen+1, goodSecond, goodFirst), counting, b, Confirmed, ""},
		{"good by the table, and the origin runs", of(Trying), tableAt(gen+1, goodSecond, goodFirst), counting, a, Unfamiliar, ""},
		{"armed, and marked good by the operator", of(Armed), tableAt(gen+1, goodSecond, goodFirst), counting, a, Waits, ""},
		{"good before, and marked active by the operator", of(Committed, func(r *Record) { r.BootID = "boot-2" }), tableAt(gen+1, goodSecond, goodFirst), counting, a, Waits, ""},
		{"withdrawn, but still running", of(Committed, rejected), tableAt(gen+1, goodFirst, absent), counting, b, OnTrial, ""},
		{"failed, the pointer has to follow", of(Failed, condemned, failed), armed, counting, b, Condemned, "selftest failed"},
		{"failed, the reboot is missing", of(Failed, condemned, failed, func(r *Record) { r.BootID = "boot-2" }), tableAt(gen+1, goodFirst, absent), counting, b, Condemned, "selftest failed"},
		{"failed, and rolled back", of(Failed, condemned, failed), tableAt(gen+1, goodFirst, absent), counting, a, Condemned, "selftest failed"},
		{"failed, and started all the same", of(Failed, condemned, failed), tableAt(gen+1, goodFirst, absent), counting, b, Condemned, "selftest failed"},
		{"committed", of(Committed), tableAt(gen, goodSecond, goodFirst), counting, b, Confirmed, ""},
		{"committed, and the device fell back", of(Committed), tableAt(gen, goodSecond, goodFirst), counting, a, Withheld, "is committed, but slot A booted"},
		{"committed, fallen back from, and noted", of(Committed, held), tableAt(gen, goodSecond, goodFirst), counting, a, Withheld, "is committed"},
		{"condemned here before", of(Idle, condemned), cleared, counting, a, Condemned, "selftest failed"},
		{"held here before", of(Idle, held), cleared, counting, a, Withheld, "ignored"},
		{"rolled back by the operator, but still running", of(Committed, condemned, rejected), tableAt(gen, goodFirst, goodSecond), counting, b, Condemned, "selftest failed"},
		{"the journal is lost, the table knows the digest", nil, remembered, counting, a, Condemned, "failed in slot B"},
		{"the journal is lost in the trial", nil, armed, counting, b, Unfamiliar, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			seen := Seen{Table: row.table, Caps: row.caps, Booted: row.booted, BootID: "boot-2"}
			d := Decide(row.record, seen)
			r := row.record
			if r == nil {
				r = &Record{Phase: Idle, Target: row.booted.Other()}
			}
			got := fateOf(asked, r, row.table, row.booted, d)
			if got.Standing != row.want || !strings.Contains(got.Reason, row.why) {
				t.Errorf("%s (%s), want %s (%s); %s", got.Standing, got.Reason, row.want, row.why, d.Action)
			}
			if got.Release.SHA256 != asked.SHA256 {
				t.Errorf("tells of release %+v", got.Release)
			}
			if f := fateOf(release.ID{Checksum: "n", SHA256: "beef"}, r, row.table, row.booted, d); f.Standing != Unfamiliar {
				t.Errorf("a release that was never here is %s", f.Standing)
			}
		})
	}
}

// The words of the journal and those of the device agree all the way.
func TestFateOnTheWay(t *testing.T) {
	w := newWorld(t)
	fate := func(want Standing) {
		t.Helper()
		f, err := w.engine().Fate(w.offer.id())
		if err != nil || f.Standing != want {
			t.Errorf("%s is %s (%v), want %s", w.offer.content, f.Standing, err, want)
		}
	}
	w.offer = &image{content: "v2 healthy"}
	fate(Unfamiliar)
	w.mustInstall()
	fate(Waits)
	w.powerOn()
	fate(OnTrial)
	if _, err := w.boot(); err != nil {
		t.Fatal(err)
	}
	fate(Confirmed)
	w.offer = &image{content: "v3 unhealthy"}
	w.mustInstall()
	w.settle()
	fate(Condemned)
	w.offer = &image{content: "v4 panics"}
	w.mustInstall()
	w.powerOn()
	fate(Condemned) // before `abota boot` says so
	if _, err := w.boot(); err != nil {
		t.Fatal(err)
	}
	fate(Condemned)
	if f, err := w.engine().Latest(); err != nil || f.Standing != Condemned || !f.Release.Same(w.offer.id()) {
		t.Errorf("the latest is %+v, %v", f, err)
	}
}

// A release that is only signed is found by its digest among these.
func TestKnownReleases(t *testing.T) {
	w := newWorld(t)
	w.update("v2 healthy")
	w.update("v3 unhealthy")
	w.offer = &image{content: "v4 healthy"}
	w.mustInstall()
	known, err := w.engine().Known()
	if err != nil {
		t.Fatal(err)
	}
	for _, content := range []string{"v2 healthy", "v3 unhealthy", "v4 healthy"} {
		if !slices.ContainsFunc(known, release.ID{SHA256: digestOf(content)}.Same) {
			t.Errorf("%s is not among %+v", content, known)
		}
	}
	if len(known) != 3 {
		t.Errorf("knows %+v", known)
	}
}
