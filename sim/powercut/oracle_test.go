package powercut

import (
	"encoding/json"
	"testing"

	"abota/bootctl"
	"abota/sim/guest"
	"abota/updater"
	"abota/updater/release"
)

var (
	v1 = Release{Version: "1", Behaviour: guest.Healthy}
	v2 = Release{Version: "2", Behaviour: guest.Healthy}
	v3 = Release{Version: "3", Behaviour: guest.Unhealthy}
)

// told is a story of an update that is kept and one that is left.
var told = &Recording{
	Factory: v1,
	Chapters: []Chapter{
		{Release: v2, Target: bootctl.B, Begin: 10, Armed: 20, Reboot: 22, Verdict: 30, Done: 32},
		{Release: v3, Target: bootctl.A, Begin: 40, Armed: 50, Reboot: 50, Verdict: 60, Done: 62},
	},
}

// left is a device as a cut leaves it.
type left struct {
	order       []bootctl.Slot
	good        [2]bool
	holds       [2]Release // without a version: not whole
	phase       updater.Phase
	target      bootctl.Slot
	confirmed   [2]bool
	rejected    string
	lost        bool // the table
	noRecord    bool
	unmountable bool
	fixed       bool // the loader cannot record its attempts
	stuck       bool // the loader starts the target for ever
}

// stuck is a loader that starts one slot whatever the table says.
type stuck struct {
	*scriptPointer
	slot bootctl.Slot
}

func (s stuck) start() (begun, error) { return begun{starts: true, slot: s.slot, whole: true}, nil }

// settles lets it boot and judges what comes of it.
func (l left) settles(t *testing.T, entries int) (Kind, string) {
	t.Helper()
	table := bootctl.Table{Generation: 5, ConfirmedTries: 10}.WithOrder(l.order...)
	r := updater.Record{Phase: l.phase, Generation: 5, Target: l.target, BootID: "an earlier boot"}
	for _, s := range bootctl.Slots {
		table.Slots[s].Good = l.good[s]
		table.Slots[s].Tries = bootctl.DefaultTrialTries
		if l.good[s] {
			table.Slots[s].Tries = 10
		}
		id := release.ID{Version: l.holds[s].Version, SHA256: "abcdef0123456789" + l.holds[s].Version}
		r.Slots[s] = updater.Content{Release: id, Proven: true, Confirmed: l.confirmed[s]}
	}
	r.Release = r.Slots[l.target].Release
	if l.rejected != "" {
		r.Condemned = []updater.Verdict{{Release: release.ID{Version: l.rejected, SHA256: "abcdef0123456789" + l.rejected}}}
	}
	record := seenRecord{record: &r, damaged: l.unmountable}
	var err error
	if record.payload, err = json.Marshal(r); err != nil {
		t.Fatal(err)
	}
	if l.noRecord || l.unmountable {
		record.record, record.payload = nil, nil
	}
	caps := bootctl.Caps{Tries: true, Good: true, Generation: true}
	d := device{
		left: snapshot{table: table, lost: l.lost, uncounted: l.fixed, open: func() (pointer, error) {
			p := &scriptPointer{caps: caps, table: table, lost: l.lost, fixed: l.fixed}
			if l.stuck {
				return stuck{p, l.target}, nil
			}
			return p, nil
		}},
		payload: record.payload, mounted: !l.unmountable,
		slot: func(s bootctl.Slot) (Release, bool, error) { return l.holds[s], l.holds[s].Version != "", nil },
	}
	o, err := d.becomes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	o.record = record
	return told.era(entries).judge(o)
}

func TestOracleJudges(t *testing.T) {
	ab, ba, a, b := []bootctl.Slot{bootctl.A, bootctl.B}, []bootctl.Slot{bootctl.B, bootctl.A}, []bootctl.Slot{bootctl.A}, []bootctl.Slot{bootctl.B}
	factory := left{order: a, good: [2]bool{true, false}, holds: [2]Release{v1, {}}, phase: updater.Idle, target: bootctl.B, confirmed: [2]bool{true, false}}
	writing := factory
	writing.phase = updater.Writing
	armed := left{order: ba, good: [2]bool{true, false}, holds: [2]Release{v1, v2}, phase: updater.Armed, target: bootctl.B, confirmed: [2]bool{true, false}}
	kept := left{order: ba, good: [2]bool{true, true}, holds: [2]Release{v1, v2}, phase: updater.Committed, target: bootctl.B, confirmed: [2]bool{true, true}}
	sick := left{order: ab, good: [2]bool{false, true}, holds: [2]Release{v3, v2}, phase: updater.Armed, target: bootctl.A, confirmed: [2]bool{false, true}}
	gone := left{order: b, good: [2]bool{false, true}, holds: [2]Release{v3, v2}, phase: updater.Failed, target: bootctl.A, confirmed: [2]bool{false, true}, rejected: "3"}
	with := func(l left, change func(*left)) left { change(&l); return l }
	for _, c := range []struct {
		name    string
		left    left
		entries int
		want    Kind
	}{
		{"factory", factory, 0, ""},
		{"half written", writing, 15, ""},
		{"armed, not acknowledged", armed, 15, ""},
		{"armed, acknowledged", armed, 21, ""},
		{"in the trial", armed, 25, ""},
		{"kept", kept, 31, ""},
		{"kept, the table was lost, and A is the factory default", with(kept, func(l *left) { l.lost = true }), 31, UpdateLost},
		{"sick in the trial", sick, 55, ""},
		{"sick and left", gone, 61, ""},
		{"the data partition cannot be mounted", with(kept, func(l *left) { l.unmountable = true }), 31, ""},

		{"in the trial, whose attempt cannot be recorded", with(armed, func(l *left) { l.fixed = true }), 25, ""},

		{"installed, and its attempt cannot be recorded", with(armed, func(l *left) { l.fixed = true }), 21, UpdateLost},
		{"in a trial that nothing but user space would end", with(armed, func(l *left) { l.stuck = true }), 25, Brick},
		{"armed with half an image", with(armed, func(l *left) { l.holds[bootctl.B] = Release{} }), 15, WrongSlot},
		{"armed before anybody asked", armed, 5, WrongSlot},
		{"nothing whole is left", with(factory, func(l *left) { l.holds[bootctl.A] = Release{} }), 15, Brick},
		{"acknowledged, and the old one starts", writing, 21, UpdateLost},
		{"kept, and the old one starts", with(kept, func(l *left) { l.order = ab }), 31, UpdateLost},
		{"kept, and the old one is all that starts", with(kept, func(l *left) { l.order, l.good = a, [2]bool{true, false} }), 31, UpdateLost},
		{"kept, and the journal is gone", with(kept, func(l *left) { l.noRecord = true }), 31, UpdateLost},
		{"kept, and the journal knows nothing of it", with(kept, func(l *left) { l.confirmed[bootctl.B] = false }), 31, UpdateLost},
		{"left, and started again", sick, 61, WrongSlot},
		{"left, and nobody remembers why", with(gone, func(l *left) { l.rejected, l.phase = "", updater.Idle }), 61, UpdateLost},
	} {
		kind, why := c.left.settles(t, c.entries)
		if kind != c.want {
			t.Errorf("%s: got %q (%s), want %q", c.name, kind, why, c.want)
		}
	}
}

func TestErasFollowTheStory(t *testing.T) {
	last := ""
	var names []string
	for n := range 70 {
		if name := told.era(n).Name; name != last {
			names, last = append(names, name), name
		}
	}
	want := []string{
		"as it left the factory", "while installing version 2", "installed is version 2", "in the trial of version 2", "kept is version 2",
		"while installing version 3", "in the trial of version 3", "left was version 3",
	}
	if len(names) != len(want) {
		t.Fatalf("got %q, want %q", names, want)
	}
	for i := range want {
		if names[i] != want[i] {
			t.Errorf("era %d is %q, want %q", i, names[i], want[i])
		}
	}
}
