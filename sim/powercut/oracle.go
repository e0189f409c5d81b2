package powercut

import (
	"fmt"
	"slices"
	"strings"

	"abota/bootctl"
)

// Kind is what sort of failure a state is.
type Kind string

// The kinds. There is no other way to fail.
const (
	// Brick: nothing that starts is a whole good system.
	Brick Kind = "brick"
	// WrongSlot: something starts that must not: an image that is not whole,
	// one that nobody armed, or one whose trial had a verdict.
	WrongSlot Kind = "wrong slot"
	// UpdateLost: what was acknowledged is not what the device ends in, or
	// the journal does not say it.
	UpdateLost Kind = "update lost"
)

// Place is a slot with what must lie in it.
type Place struct {
	Slot    bootctl.Slot
	Version string
}

func (p Place) String() string { return fmt.Sprintf("version %s in slot %s", p.Version, p.Slot) }

// Era is a part of a story in which the same things may happen after a power
// cut. It says nothing of how: an oracle for it knows only what was begun and
// what was acknowledged.
type Era struct {
	// Name says where in the story this is.
	Name string
	// Starts may start first after the cut, Ends may be what the device ends
	// in, confirmed.
	Starts, Ends []Place
	// Before is what ran before an update that is acknowledged: when it starts
	// in place of it, the update is lost.
	Before Place
	// Trial says that the loader may be at an attempt. Where it gives just one what
	// ran before may start, and where its own record is torn stay, too.
	Trial bool
	// Confirmed must be so in the journal, and Rejected must have a verdict,
	// in the journal or in the table; empty for nothing.
	Confirmed Place
	Rejected  string
}

// era is the era of a cut after n entries of the log.
func (r *Recording) era(n int) Era {
	origin := Place{bootctl.A, r.Factory.Version}
	now := settled("as it left the factory", origin, "")
	for _, c := range r.Chapters {
		if n < c.Begin {
			return now
		}
		now = c.era(n, origin)
		if c.Healthy() {
			origin = Place{c.Target, c.Version}
		}
	}
	return now
}

// settled is an era in which nothing is under way.
func settled(name string, p Place, rejected string) Era {
	return Era{Name: name, Starts: []Place{p}, Ends: []Place{p}, Confirmed: p, Rejected: rejected}
}

// era is the era within an update, or after it.
func (c Chapter) era(n int, origin Place) Era {
	target := Place{c.Target, c.Version}
	in := func(what string) string { return what + " version " + c.Version }
	switch {
	case n < c.Armed:
		e := Era{Name: in("while installing"), Starts: []Place{origin, target}, Ends: []Place{origin}}
		if c.Healthy() {
			e.Ends = append(e.Ends, target)
		}
		return e
	case n < c.Reboot:
		return Era{Name: in("installed is"), Starts: []Place{target}, Ends: []Place{c.end(origin)}, Before: origin}
	case n < c.Verdict && c.Healthy():
		return Era{Name: in("in the trial of"), Starts: []Place{target}, Ends: []Place{target}, Before: origin, Trial: true}
	case n < c.Verdict:
		return Era{Name: in("in the trial of"), Starts: []Place{target, origin}, Ends: []Place{origin}}
	case c.Healthy():
		e := settled(in("kept is"), target, "")
		e.Before = origin
		return e
	}
	return settled(in("left was"), origin, c.Version)
}

// end is what a device ends in that tries this release.
func (c Chapter) end(origin Place) Place {
	if c.Healthy() {
		return Place{c.Target, c.Version}
	}
	return origin
}

// Failure is a state that must not be.
type Failure struct {
	Kind Kind
	// State says which state, so that it can be made again.
	State string
	// Era is where in the story, Why what is wrong.
	Era, Why string
	// Image is where the disk was kept, empty when it was not.
	Image string

	at State
}

func (f Failure) String() string {
	text := fmt.Sprintf("%s: the disk %s (%s): %s", strings.ToUpper(string(f.Kind)), f.State, f.Era, f.Why)
	if f.Image != "" {
		text += "; kept as " + f.Image
	}
	return text
}

// judge holds what would happen against an era. It is pure.
func (e Era) judge(o outcome) (Kind, string) {
	if e.Trial && (o.uncounted || o.once) {
		e.Starts = append(e.Starts, e.Before)
	}
	// What arms a slot again is the journal.
	if e.Trial && (o.uncounted || o.once && o.record.damaged) {
		e.Ends = append(e.Ends, e.Before)
	}
	if len(o.starts) == 0 {
		return Brick, "no slot starts"
	}
	if !o.runs.whole {
		return Brick, fmt.Sprintf("no whole system ever runs; what starts is %s", o.starts)
	}
	first := o.starts[0]
	switch {
	case !first.whole:
		return WrongSlot, fmt.Sprintf("slot %s starts, whose image is not whole", first.slot)
	case !slices.Contains(e.Starts, first.place()):
		return e.missed(first), fmt.Sprintf("%s starts, not %v", first.place(), e.Starts)
	}
	for _, s := range o.starts[1:] {
		if p := s.place(); !s.whole || !slices.Contains(e.Starts, p) && !slices.Contains(e.Ends, p) {
			return WrongSlot, fmt.Sprintf("after the first boot %s starts: %s", p, o.starts)
		}
	}
	if o.stranded != "" {
		return WrongSlot, o.stranded
	}
	if end := o.runs.place(); !slices.Contains(e.Ends, end) || !o.confirmed {
		return UpdateLost, fmt.Sprintf("the device ends in %s (confirmed: %v), not %v", end, o.confirmed, e.Ends)
	}
	if kind, why := e.judgeDead(o.dead); kind != "" {
		return kind, why
	}
	return e.judgeRecord(o)
}

// judgeDead holds what would happen if what is on trial never reached user space:
// only the loader can bring such a device back.
func (e Era) judgeDead(o *outcome) (Kind, string) {
	switch {
	case o == nil:
		return "", ""
	case !o.runs.whole:
		return Brick, fmt.Sprintf("if what is on trial does not reach user space, nothing ever does: %s", o.starts)
	case o.stranded != "" || !o.confirmed:
		return WrongSlot, fmt.Sprintf("if what is on trial does not reach user space, the device ends in %s (confirmed: %v; %s): %s", o.runs, o.confirmed, o.stranded, o.starts)
	}
	return "", ""
}

// missed is how bad it is that something whole starts in place of another.
func (e Era) missed(s started) Kind {
	if s.place() == e.Before {
		return UpdateLost
	}
	return WrongSlot
}

// judgeRecord asks for the journal's word. A file system that cannot be
// mounted is not abota's fault, and takes none of the above away.
func (e Era) judgeRecord(o outcome) (Kind, string) {
	switch {
	case o.record.damaged:
		return "", ""
	case o.record.record == nil:
		return UpdateLost, "the journal says nothing: " + o.record.why
	case e.Confirmed != Place{}:
		c := o.record.record.Slots[e.Confirmed.Slot]
		if !c.Confirmed || c.Release.Version != e.Confirmed.Version {
			return UpdateLost, fmt.Sprintf("the journal does not say that %s is confirmed, but %q, confirmed: %v", e.Confirmed, c.Release.Version, c.Confirmed)
		}
	}
	if e.Rejected != "" && !o.rejects(e.Rejected) {
		return UpdateLost, fmt.Sprintf("neither journal nor table remembers that version %s failed", e.Rejected)
	}
	return "", ""
}
