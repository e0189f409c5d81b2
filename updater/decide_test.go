package updater

import (
	"strings"
	"testing"

	"abota/bootctl"
	"abota/updater/release"
)

// counting is what U-Boot with abota's boot script can do.
var counting = bootctl.Caps{Tries: true, Good: true, Generation: true}

// rauc is what the same environment can do under a boot script made for RAUC.
var rauc = bootctl.Caps{Tries: true}

// pointer is what Mender's variables can do, and raucOnce RAUC's in GRUB.
var (
	pointer  = bootctl.Caps{Tries: true, ConfirmedUncounted: true, OneShot: true, Good: true, Pointer: true}
	raucOnce = bootctl.Caps{Tries: true, OneShot: true}
)

// oneShot is what a Raspberry Pi's firmware can do, and bootNext what UEFI can.
var (
	oneShot  = bootctl.Caps{OneShot: true, Good: true, Generation: true}
	bootNext = bootctl.Caps{OneShot: true, TellsStart: true, Good: true, Generation: true}
)

const gen = 7

// tables as they stand at the moments of an update from A to B.
func tableAt(generation uint32, a, b bootctl.State) bootctl.Table {
	return bootctl.Table{Slots: [2]bootctl.State{a, b}, Generation: generation, ConfirmedTries: 10}
}

var (
	goodFirst  = bootctl.State{Priority: 2, Tries: 10, Good: true}
	goodSecond = bootctl.State{Priority: 1, Tries: 10, Good: true}
	absent     = bootctl.State{}
)

func trialLeft(tries int) bootctl.State { return bootctl.State{Priority: 2, Tries: tries} }

func recordAt(phase Phase) *Record {
	r := &Record{Phase: phase, Generation: gen, Target: bootctl.B, BootID: "boot-1", Attempts: 1, Release: release.ID{Checksum: "c", Version: "2"}}
	r.Slots[bootctl.B].Proven = true
	return r
}

// TestDecide has every row of the contract, and the rows that power cuts
// between journal and table add to them.
func TestDecide(t *testing.T) {
	const a, b = bootctl.A, bootctl.B
	armed := tableAt(gen+1, goodSecond, trialLeft(3))
	used := tableAt(gen+1, goodSecond, trialLeft(0))
	cleared := tableAt(gen, bootctl.State{Priority: 1, Tries: 10, Good: true}, absent)
	rows := []struct {
		name   string
		record *Record
		table  bootctl.Table
		caps   bootctl.Caps
		booted bootctl.Slot
		bootID string
		want   Action
		why    string
	}{
		{"writing: start over", recordAt(Writing), cleared, counting, a, "boot-2", StartOver, "interrupted"},
		{"writing, and the half-written slot booted", recordAt(Writing), cleared, counting, b, "boot-2", Stranded, "being written"},
		{"going to write, and the armed slot booted", recordAt(Writing), tableAt(gen, goodSecond, trialLeft(2)), counting, b, "boot-2", Trial, "before a write to it began"},
		{"going to write, and the good slot booted", recordAt(Writing), tableAt(gen, goodSecond, goodFirst), counting, b, "boot-2", DoNothing, "before a write to it began"},

		{"armed, origin, same boot: reboot required", recordAt(Armed), armed, counting, a, "boot-1", RebootRequired, "waits for a reboot"},
		{"armed, origin, new boot, tries untouched: the loader ignored the pointer", recordAt(Armed), armed, counting, a, "boot-2", Disarm, "ignored the boot pointer"},
		{"armed, origin, tries used: failed before user space", recordAt(Armed), tableAt(gen+1, goodSecond, trialLeft(0)), counting, a, "boot-2", Condemn, "before user space (3 of 3"},
		{"armed, origin, one try used: its kernel did not load", recordAt(Armed), tableAt(gen+1, goodSecond, trialLeft(2)), counting, a, "boot-2", Condemn, "before user space (1 of 3"},
		{"armed, target booted: trial", recordAt(Armed), tableAt(gen+1, goodSecond, trialLeft(2)), counting, b, "boot-2", Trial, "first boot"},
		{"armed, but the pointer was not moved", recordAt(Armed), cleared, counting, a, "boot-2", StartOver, "never reached"},
		{"armed, and the table says good", recordAt(Armed), tableAt(gen+1, goodSecond, goodFirst), counting, b, "boot-2", FinishCommit, "is good"},

		{"trying, target, new boot: next attempt", recordAt(Trying), tableAt(gen, goodSecond, trialLeft(1)), counting, b, "boot-2", Trial, "attempt 2"},
		{"trying, target, same boot: the trial goes on", recordAt(Trying), tableAt(gen, goodSecond, trialLeft(2)), counting, b, "boot-1", Trial, "attempt 1"},
		{"trying, table says good: finish the commit", recordAt(Trying), tableAt(gen+1, goodSecond, goodFirst), counting, b, "boot-2", FinishCommit, "is good"},
		{"trying, origin booted: attempts used up without a verdict", recordAt(Trying), tableAt(gen, goodSecond, trialLeft(0)), counting, a, "boot-2", Disarm, "without a verdict"},
		{"trying, out of the order, same boot: the reboot is missing", recordAt(Trying), tableAt(gen+1, goodSecond, absent), counting, b, "boot-1", FinishRollback, "left the boot order"},
		{"trying, out of the order, and started again", recordAt(Trying), tableAt(gen+1, goodSecond, absent), counting, b, "boot-2", Stranded, "all the same"},

		{"failed, table still points at the target: finish the rollback", recordAt(Failed), tableAt(gen, goodSecond, trialLeft(1)), counting, b, "boot-2", FinishRollback, "failed in slot B"},
		{"failed, pointer moved, before the reboot", recordAt(Failed), tableAt(gen+1, goodSecond, absent), counting, b, "boot-1", Leave, "failed in slot B"},
		{"failed, but the table says good", recordAt(Failed), tableAt(gen+1, goodSecond, goodFirst), counting, b, "boot-2", FinishCommit, "is good"},
		{"failed, pointer moved, started all the same: no reboot loop", recordAt(Failed), tableAt(gen+1, goodSecond, absent), counting, b, "boot-2", Stranded, "all the same"},
		{"failed, origin booted: rolled back", recordAt(Failed), tableAt(gen+1, goodFirst, absent), counting, a, "boot-2", DoNothing, "was rolled back"},
		{"failed, origin booted by falling through: finish the rollback", recordAt(Failed), tableAt(gen, goodSecond, trialLeft(0)), counting, a, "boot-2", FinishRollback, "failed in slot B"},

		{"lost, booted unconfirmed: ordinary trial", nil, tableAt(gen, goodSecond, trialLeft(2)), counting, b, "boot-2", Trial, "journal is lost"},
		{"lost, all good: idle", nil, tableAt(gen, goodSecond, goodFirst), counting, b, "boot-2", DoNothing, "journal is lost"},
		{"lost, the other slot armed: nothing proves it", nil, armed, counting, a, "boot-2", Disarm, "nothing proves"},

		{"committed B, B booted", recordAt(Committed), tableAt(gen, goodSecond, goodFirst), counting, b, "boot-2", DoNothing, "is confirmed"},
		{"committed B, A booted: fell back", recordAt(Committed), tableAt(gen, goodSecond, goodFirst), counting, a, "boot-2", FellBack, "slot A booted"},
		{"committed A by the operator, B still runs: reboot required", committedTo(a), tableAt(gen+1, goodFirst, goodSecond), counting, b, "boot-1", RebootRequired, "as the operator said"},
		{"B marked bad by the operator, B still runs: reboot required", committedTo(a), tableAt(gen+1, goodFirst, absent), counting, b, "boot-1", RebootRequired, "as the operator said"},
		{"committed A by the operator, but A is no longer there", committedTo(a), tableAt(gen+1, absent, goodFirst), counting, b, "boot-1", FellBack, "slot B booted"},
		{"committed A by the operator, then B again, which was not noted", committedTo(a), tableAt(gen+1, goodSecond, goodFirst), counting, b, "boot-1", FellBack, "slot B booted"},
		{"B marked bad by the operator, and started again", committedTo(a), tableAt(gen+1, goodFirst, absent), counting, b, "boot-2", Stranded, "not in the boot order"},
		{"idle, and somebody else armed a slot", recordAt(Idle), armed, counting, a, "boot-2", Disarm, "not by this journal"},
		{"a phase of a newer abota, all good: idle", recordAt("polishing"), tableAt(gen, goodSecond, goodFirst), counting, b, "boot-2", DoNothing, "newer abota"},
		{"lost, and the booted slot is out of the order", nil, tableAt(gen, goodFirst, absent), counting, b, "boot-2", Stranded, "not in the boot order"},
		{"idle", recordAt(Idle), tableAt(gen, goodFirst, absent), counting, a, "boot-2", DoNothing, "is confirmed"},

		{"committed, but the table is older: the table decides", recordAt(Committed), tableAt(gen-2, goodSecond, trialLeft(2)), counting, b, "boot-2", Trial, "generation 7, the table of 5"},
		{"trying, the table is older and good: nothing is committed", recordAt(Trying), tableAt(gen-3, goodSecond, goodFirst), counting, b, "boot-2", DoNothing, "generation 7, the table of 4"},
		{"failed, the table is of another update", recordAt(Failed), tableAt(gen+2, goodSecond, trialLeft(2)), counting, b, "boot-2", Trial, "generation 7, the table of 9"},
		{"armed, the journal is older: an armed slot nothing proves", recordAt(Idle), tableAt(gen+4, goodSecond, trialLeft(3)), counting, a, "boot-2", Disarm, "nothing proves"},

		{"one-shot, back without a verdict: arm again", recordAt(Armed), armed, oneShot, a, "boot-2", ArmAgain, "attempt 1 of 3"},
		{"one-shot, armed, same boot", recordAt(Armed), armed, oneShot, a, "boot-1", RebootRequired, "waits for a reboot"},
		{"one-shot, three times back: nobody knows whether it was ever started", withAttempts(recordAt(Armed), 3), armed, oneShot, a, "boot-2", Disarm, "was never started, or ended early"},
		{"one-shot, back from a trial without a verdict: arm again", recordAt(Trying), armed, oneShot, a, "boot-2", ArmAgain, "attempt 1 of 3"},
		{"one-shot, armed again after a trial", withAttempts(recordAt(Trying), 2), armed, oneShot, a, "boot-1", RebootRequired, "waits for a reboot"},
		{"one-shot, the second attempt of a trial", withAttempts(recordAt(Trying), 2), armed, oneShot, b, "boot-2", Trial, "attempt 2"},
		{"one-shot, three trials without a verdict", withAttempts(recordAt(Trying), 3), armed, oneShot, a, "boot-2", Disarm, "3 attempts without a verdict"},
		{"one-shot, back from a trial of what nothing proves", unproven(recordAt(Trying)), armed, oneShot, a, "boot-2", Disarm, "nothing proves its content"},

		{"BootNext, armed, same boot", recordAt(Armed), armed, bootNext, a, "boot-1", RebootRequired, "waits for a reboot"},
		{"BootNext still there: the firmware ignored it", recordAt(Armed), armed, bootNext, a, "boot-2", Disarm, "ignored the boot pointer"},
		{"BootNext still there after a trial", withAttempts(recordAt(Trying), 2), armed, bootNext, a, "boot-2", Disarm, "ignored the boot pointer"},
		{"BootNext used: arm again", recordAt(Armed), used, bootNext, a, "boot-2", ArmAgain, "attempt 1 of 3"},
		{"BootNext used three times, never in user space", withAttempts(recordAt(Armed), 3), used, bootNext, a, "boot-2", Condemn, "before user space in 3 attempts"},
		{"BootNext used three times, in user space once", withAttempts(recordAt(Trying), 3), used, bootNext, a, "boot-2", Disarm, "3 attempts without a verdict"},
		{"BootNext used, armed, but the pointer was not moved", recordAt(Armed), cleared, bootNext, a, "boot-2", StartOver, "never reached"},

		{"RAUC's environment: the trial is known by the record alone", recordAt(Armed), tableAt(0, goodSecond, bootctl.State{Priority: 2, Tries: 2, Good: true}), rauc, b, "boot-2", Trial, "first boot"},
		{"RAUC's environment: what is not confirmed is a trial in any phase", recordAt(Idle), tableAt(0, goodSecond, bootctl.State{Priority: 2, Tries: 2, Good: true}), rauc, b, "boot-2", Trial, "unconfirmed"},
		{"RAUC's environment: tries used", recordAt(Armed), tableAt(0, goodSecond, bootctl.State{Priority: 2, Tries: 0, Good: true}), rauc, a, "boot-2", Condemn, "3 of 3"},
		{"RAUC's environment: committed", recordAt(Committed), tableAt(0, goodSecond, goodFirst), rauc, b, "boot-2", DoNothing, "is confirmed"},

		{"RAUC's in GRUB: started once and back, arm again", recordAt(Armed), tableAt(0, goodSecond, bootctl.State{Priority: 2, Good: true}), raucOnce, a, "boot-2", ArmAgain, "attempt 1 of 3"},
		{"RAUC's in GRUB: never started, the loader ignored it", recordAt(Armed), tableAt(0, goodSecond, bootctl.State{Priority: 2, Tries: 3, Good: true}), raucOnce, a, "boot-2", Disarm, "ignored the boot pointer"},
		{"RAUC's in GRUB: the trial", recordAt(Armed), tableAt(0, goodSecond, bootctl.State{Priority: 2, Good: true}), raucOnce, b, "boot-2", Trial, "first boot"},
		{"RAUC's in GRUB: three times back", withAttempts(recordAt(Armed), 3), tableAt(0, goodSecond, bootctl.State{Priority: 2, Good: true}), raucOnce, a, "boot-2", Condemn, "before user space in 3 attempts"},
		{"RAUC's in GRUB: three trials without a verdict", withAttempts(recordAt(Trying), 3), tableAt(0, goodSecond, bootctl.State{Priority: 2, Good: true}), raucOnce, a, "boot-2", Disarm, "3 attempts without a verdict"},
		{"RAUC's in GRUB: back from a trial of what nothing proves", unproven(recordAt(Trying)), tableAt(0, goodSecond, bootctl.State{Priority: 2, Good: true}), raucOnce, a, "boot-2", Disarm, "nothing proves its content"},

		{"a pointer, armed, same boot", recordAt(Armed), tableAt(0, goodSecond, trialLeft(3)), pointer, a, "boot-1", RebootRequired, "waits for a reboot"},
		{"a pointer, the trial", recordAt(Armed), tableAt(0, goodSecond, trialLeft(0)), pointer, b, "boot-2", Trial, "first boot"},
		{"a pointer that the loader took away: arm again", recordAt(Armed), cleared, pointer, a, "boot-2", ArmAgain, "attempt 1 of 3"},
		{"a pointer that the loader took away from a trial: arm again", recordAt(Trying), cleared, pointer, a, "boot-2", ArmAgain, "attempt 1 of 3"},
		{"a pointer that the loader took away three times", withAttempts(recordAt(Armed), 3), cleared, pointer, a, "boot-2", Condemn, "before user space in 3 attempts"},
		{"a pointer that the loader took away from three trials", withAttempts(recordAt(Trying), 3), cleared, pointer, a, "boot-2", Disarm, "3 attempts without a verdict"},
		{"a pointer that the loader took away from a trial of what nothing proves", unproven(recordAt(Trying)), cleared, pointer, a, "boot-2", Disarm, "nothing proves its content"},
		{"a pointer, armed again after a trial", withAttempts(recordAt(Trying), 2), tableAt(0, goodSecond, trialLeft(3)), pointer, a, "boot-1", RebootRequired, "waits for a reboot"},
		{"a pointer that was not moved", recordAt(Armed), cleared, pointer, a, "boot-1", StartOver, "never reached"},
		{"a pointer that the loader ignored", recordAt(Armed), tableAt(0, goodSecond, trialLeft(3)), pointer, a, "boot-2", Disarm, "ignored the boot pointer"},
		{"a pointer, committed", recordAt(Trying), tableAt(0, absent, goodFirst), pointer, b, "boot-2", FinishCommit, "is good"},
		{"a pointer, committed, nothing to do", recordAt(Committed), tableAt(0, absent, goodFirst), pointer, b, "boot-2", DoNothing, "is confirmed"},
		{"a pointer, rolled back before the reboot", recordAt(Failed), cleared, pointer, b, "boot-1", Leave, "failed in slot B"},
		{"a pointer, lost, on trial", nil, tableAt(0, goodSecond, trialLeft(0)), pointer, b, "boot-2", Trial, "journal is lost"},
		{"a pointer, lost, nothing under way", nil, cleared, pointer, a, "boot-2", DoNothing, "journal is lost"},
		{"a pointer, lost, not where it points", nil, cleared, pointer, b, "boot-2", Stranded, "not in the boot order"},
		{"a pointer to the other, confirmed slot by the operator: reboot required", confirming(committedTo(a), b), cleared, pointer, b, "boot-1", RebootRequired, "as the operator said"},
	}
	for i := range rows {
		// In RAUC's environment the journal alone knows what is confirmed.
		if rows[i].caps == rauc || rows[i].caps == raucOnce {
			rows[i].record.Slots[a].Confirmed = true
			rows[i].record.Slots[b].Confirmed = rows[i].record.Phase == Committed
		}
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got := Decide(row.record, Seen{Table: row.table, Caps: row.caps, Booted: row.booted, BootID: row.bootID})
			if got.Action != row.want || !strings.Contains(got.Why, row.why) {
				t.Errorf("got %q because %q, want %q because %q", got.Action, got.Why, row.want, row.why)
			}
		})
	}
}

func confirming(r *Record, s bootctl.Slot) *Record {
	r.Slots[s].Confirmed = true
	return r
}

// TestAPointersFormerSlotIsKnownByTheRecord: where the table names one slot
// alone, the other one is good as long as the journal says so and no longer.
func TestAPointersFormerSlotIsKnownByTheRecord(t *testing.T) {
	alone := tableAt(0, absent, bootctl.State{Priority: 1, Good: true})
	both := alone.WithOrder(bootctl.B, bootctl.A)
	both.Slots[bootctl.A].Good = true
	trial := tableAt(0, bootctl.State{Priority: 1, Good: true}, trialLeft(0))
	for name, c := range map[string]struct {
		record *Record
		table  bootctl.Table
		caps   bootctl.Caps
		want   bootctl.Table
	}{
		"confirmed":       {confirming(recordAt(Committed), bootctl.A), alone, pointer, both},
		"not confirmed":   {recordAt(Committed), alone, pointer, alone},
		"lost":            {nil, alone, pointer, alone},
		"on trial":        {confirming(recordAt(Trying), bootctl.A), trial, pointer, trial},
		"another backend": {confirming(recordAt(Committed), bootctl.A), alone, counting, alone},
	} {
		if got := confirmedByRecord(c.record, Seen{Table: c.table, Caps: c.caps}); got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

func committedTo(s bootctl.Slot) *Record {
	r := recordAt(Committed)
	r.Target = s
	return r
}

func unproven(r *Record) *Record {
	r.Slots[r.Target].Proven = false
	return r
}

func withAttempts(r *Record, n int) *Record {
	r.Attempts = n
	return r
}

// TestDecideNeverTrustsTheRecordAlone walks every phase against every table.
func TestDecideNeverTrustsTheRecordAlone(t *testing.T) {
	n := 0
	for _, record := range everyRecord() {
		for _, table := range everyTable() {
			for _, caps := range []bootctl.Caps{counting, rauc, oneShot, bootNext, raucOnce, pointer} {
				for _, booted := range bootctl.Slots {
					for _, id := range []string{"boot-1", "boot-2"} {
						n++
						checkDecision(t, record, Seen{Table: table, Caps: caps, Booted: booted, BootID: id})
					}
				}
			}
		}
	}
	t.Logf("%d combinations", n)
	if n < 10000 {
		t.Errorf("only %d combinations: the test walks nothing", n)
	}
}

func checkDecision(t *testing.T, r *Record, seen Seen) {
	t.Helper()
	d := Decide(r, seen)
	booted := seen.Table.Slots[seen.Booted]
	fail := func(rule string) {
		t.Errorf("%s: %v because %q, record %+v, seen %+v", rule, d.Action, d.Why, r, seen)
	}
	if d.Why == "" || d.Action.String() == "" {
		fail("every decision has words")
	}
	if d.Action == FinishCommit && !seen.Table.Slots[r.Target].Good && seen.Caps.Good {
		fail("only the table can say that a slot is committed")
	}
	if d.Action == Trial && (booted.Good && seen.Caps.Good || !booted.Bootable()) {
		fail("neither a confirmed slot nor one out of the order is ever on trial")
	}
	if (d.Action == Condemn || d.Action == ArmAgain) && seen.Booted == r.Target {
		fail("the booted slot is not what is armed")
	}
	if d.Action == Condemn && seen.Caps == oneShot {
		fail("a loader that does not tell what it started accuses nobody")
	}
	if d.Action == ArmAgain && !r.Slots[r.Target].Proven {
		fail("what nothing proves cannot be armed")
	}
	if r == nil && (d.Action == Condemn || d.Action == FellBack || d.Action == FinishRollback) {
		fail("a lost journal accuses nobody")
	}
	if r != nil && !inStep(r, seen) && d.Action != Trial && d.Action != Disarm && d.Action != DoNothing && d.Action != Stranded {
		fail("a record out of step decides nothing")
	}
}

func everyRecord() []*Record {
	records := []*Record{nil}
	for _, phase := range []Phase{Idle, Writing, Armed, Trying, Failed, Committed} {
		for _, target := range bootctl.Slots {
			r := recordAt(phase)
			r.Target = target
			records = append(records, r, withAttempts(unproven(copied(*r)), oneShotTries), withAttempts(copied(*r), oneShotTries))
		}
	}
	return records
}

func copied(r Record) *Record { return &r }

func everyTable() []bootctl.Table {
	var states []bootctl.State
	for _, good := range []bool{false, true} {
		for _, tries := range []int{0, 2, 3} {
			states = append(states, bootctl.State{Tries: tries, Good: good})
		}
	}
	var tables []bootctl.Table
	for _, order := range [][]bootctl.Slot{{}, {bootctl.A}, {bootctl.B}, {bootctl.A, bootctl.B}, {bootctl.B, bootctl.A}} {
		for _, generation := range []uint32{gen - 1, gen, gen + 1, gen + 2} {
			for _, a := range states {
				for _, b := range states {
					t := bootctl.Table{Slots: [2]bootctl.State{a, b}, Generation: generation}.WithOrder(order...)
					for _, s := range bootctl.Slots {
						t.Slots[s].Good = t.Slots[s].Good && t.Slots[s].Bootable()
					}
					tables = append(tables, t)
				}
			}
		}
	}
	return tables
}
