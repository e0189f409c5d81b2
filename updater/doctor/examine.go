package doctor

import "fmt"

// checks in the order in which they are shown.
var checks = []struct {
	name string
	look func(f *Facts, say say)
}{
	{"slots", slots},
	{"running-slot", running},
	{"boot-table", table},
	{"bootloader", loader},
	{"redundancy", redundancy},
	{"environment", environment},
	{"variables", variables},
	{"foreign", foreign},
	{"canary", canary},
	{"fallback", fallback},
	{"data", data},
	{"keys", keys},
	{"clock", clock},
	{"watchdog", watchdog},
	{"rivals", rivals},
}

// say adds a finding of one check.
type say func(level Level, do, format string, args ...any)

// Examine is everything that is not as it should be.
func Examine(f Facts) []Finding {
	all := []Finding{}
	for _, c := range checks {
		c.look(&f, func(level Level, do, format string, args ...any) {
			all = append(all, Finding{Check: c.name, Level: level, What: fmt.Sprintf(format, args...), Do: do})
		})
	}
	return all
}

// slots: both are there, are two, and the other one can be written and has room.
func slots(f *Facts, say say) {
	there := true
	for _, s := range f.Slots {
		if s.Err != nil {
			say(Error, "", "slot %s: %v", s.Name, s.Err)
			there = false
		}
	}
	switch {
	case !there:
		return
	case f.Unseen != nil:
		say(Error, "mount /proc and /sys", "cannot tell who uses the slots: %v", f.Unseen)
		return
	case f.Same != nil:
		say(Error, "", "%v", f.Same)
		return
	}
	if f.BootedErr != nil {
		return // which one is going to be written is not known
	}
	booted, other := f.Slots[f.Booted], f.Slots[1-f.Booted]
	if other.InUse != nil {
		say(Error, "", "slot %s: %v", other.Name, other.InUse)
	}
	room(booted, other, say)
}

// room: what runs would fit the other slot, so that its successor may.
func room(booted, other Slot, say say) {
	const enlarge = "make both the same size"
	for i, to := range other.Parts {
		from := booted.Parts[i]
		switch {
		case to.Size == 0:
			say(Error, enlarge, "slot %s (%s) has no room at all", other.Name, to.Spec)
		case !booted.Whole && from.Image > to.Size:
			say(Error, enlarge, "slot %s (%s) has %d bytes, but the release that runs in slot %s takes %d", other.Name, to.Spec, to.Size, booted.Name, from.Image)
		case from.Size > to.Size:
			say(Warning, enlarge, "slot %s (%s) has %d bytes and slot %s has %d: a release that fits the larger one need not fit both", other.Name, to.Spec, to.Size, booted.Name, from.Size)
		}
	}
}

func running(f *Facts, say say) {
	if f.BootedErr != nil {
		say(Error, "", "%v", f.BootedErr)
	}
}

func table(f *Facts, say say) {
	switch {
	case f.Table.Err == nil:
	case f.Env.astray():
		say(Error, "correct bootloader.env or fw_env.config first, as the check of the environment says: what makes a new table overwrites the one that is there", "the boot table is not where it is looked for")
	default:
		say(levelOf(!f.Table.Unmade), "", "%v", f.Table.Err)
	}
}

// fallback: there is something to go back to.
func fallback(f *Facts, say say) {
	if f.BootedErr != nil || f.Table.Err != nil {
		return
	}
	booted, other := f.Slots[f.Booted], f.Slots[1-f.Booted]
	switch {
	case !booted.Good && !f.Table.Settled:
		say(Warning, "wait until it is committed or has gone back", "slot %s is an unconfirmed trial, in which nothing is installed", booted.Name)
	case !booted.Good:
		say(Error, "`abota mark good` once the device works", "slot %s runs but is not confirmed, so an update would have nothing to go back to", booted.Name)
	}
	// What a slot holds only the journal knows.
	known := f.State.Err == nil && f.State.Journal == nil && !f.State.Missing
	switch {
	case !f.Table.Settled:
	case !other.Listed && other.Image == 0 && known:
		say(Warning, "install a release, or provision with --both where the factory wrote it", "slot %s was never written, so nothing starts when slot %s does not", other.Name, booted.Name)
	case !other.Listed:
		say(Warning, "install a release that proves healthy", "slot %s holds nothing that may start, so nothing does when slot %s does not", other.Name, booted.Name)
	case !other.Good || known && !other.Proven:
		say(Warning, "install a release, which writes and proves it", "slot %s is in the boot order, but nobody has proven what it holds", other.Name)
	}
}

// smallest is the free space in bytes below which the event log and the
// agent's record may not find room.
const smallest = 1 << 20

func data(f *Facts, say say) {
	s := f.State
	switch {
	case s.Err != nil:
		say(Error, "mount the data partition, or repair it; a rollback goes on without it, an install does not", "cannot write to state_dir %s: %v", s.Dir, s.Err)
		return
	case s.OnSlot != "":
		say(Error, "mount the data partition there, or set state_dir to a folder on it", "state_dir %s lies in slot %s, which an update replaces", s.Dir, s.OnSlot)
	case s.Volatile:
		say(Error, "mount the data partition there", "state_dir %s is in memory, so a reboot forgets what was installed and why it failed", s.Dir)
	}
	switch {
	case s.Needed > 0 && s.Free < s.Needed:
		say(Error, "free some space on the data partition", "state_dir %s has %d bytes free, but the records still need %d", s.Dir, s.Free, s.Needed)
	case s.Free < smallest:
		say(Warning, "free some space on the data partition", "state_dir %s has only %d bytes free: the log of events may stop", s.Dir, s.Free)
	}
	switch {
	case s.Missing:
		say(Warning, "run `abota provision`, or let the first update make it", "there is no journal in state_dir %s", s.Dir)
	case s.Journal != nil:
		say(Warning, "the next update writes it anew; `abota report` keeps what is left of it", "the journal cannot be read: %v", s.Journal)
	}
}

func keys(f *Facts, say say) {
	if f.Private != nil {
		say(Error, "", "%v", f.Private)
	}
	for _, t := range f.Trust {
		switch {
		case t.Err != nil:
			say(Error, "", "%s: %v", t.Name, t.Err)
		case t.Note != "":
			say(Warning, "", "%s: %s", t.Name, t.Note)
		}
	}
}

// clock: what abota does about a wrong one is safe, but others believe it.
func clock(f *Facts, say say) {
	if f.Clock.Now.Before(f.Clock.Built) {
		const stamp = "2006-01-02T15:04:05Z"
		say(Warning, "set it from the network or a battery-backed clock; until then certificates are checked at the newest time that is known, and window and wave do not count",
			"the clock shows %s, which is before this program was made (%s)", f.Clock.Now.UTC().Format(stamp), f.Clock.Built.UTC().Format(stamp))
	}
}

func watchdog(f *Facts, say say) {
	w := f.Dog
	switch {
	case !f.Loaded: // no reboot, no kernel that could hang in a trial
	case w.Configured != "" && w.Init != "":
		say(Warning, "leave watchdog.device out: who holds it already resets a device that hangs", "watchdog.device is %s, but %s", w.Configured, w.Init)
	case w.Err != nil:
		say(Error, "", "watchdog.device: %v", w.Err)
	case w.NoWayOut:
		say(Warning, "leave `abota boot` running after a trial, which feeds it until the device restarts, or have the init system hold it all the time", "the driver of %s never disarms it (nowayout)", w.Configured)
	case w.Configured == "" && w.Init == "":
		say(Warning, "set watchdog.device, or RuntimeWatchdogSec in systemd's system.conf", "no watchdog is held, so a release that hangs stays until somebody cuts the power")
	}
}

func rivals(f *Facts, say say) {
	for _, r := range f.Rivals {
		if r.Confirms {
			say(Error, "disable it: `abota boot` alone decides when a release is kept", "%s (%s) marks a slot good whatever the health checks say", r.Name, r.Where)
			continue
		}
		say(Warning, "disable it, or it may write a slot or the boot order in the middle of an update", "%s (%s) updates this device too", r.Name, r.Where)
	}
}
