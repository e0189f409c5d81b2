package updater

import (
	"errors"
	"time"

	"abota/bootctl"
	"abota/updater/release"
)

// SlotStatus is one slot in a Status.
type SlotStatus struct {
	Name   bootctl.Slot `json:"name"`
	Device string       `json:"device"`
	// State is "booted" or "inactive".
	State string `json:"state"`
	// BootStatus is "good", "trial" (in the boot order, not confirmed) or
	// "bad" (never booted).
	BootStatus string `json:"boot_status"`
	Priority   int    `json:"priority"`
	Tries      int    `json:"tries"`
	Version    string `json:"version"`
	SHA256     string `json:"sha256"`
	// Failed is the short digest of the release that failed in this slot.
	Failed string `json:"failed,omitempty"`
	// Parts are what the slot is made of, where that is more than a device.
	Parts []PartStatus `json:"parts,omitempty"`
}

// PartStatus is one part of a slot in a Status. SHA256 and Size are of what was
// written to it, or of all that it held when the device was provisioned.
type PartStatus struct {
	Name string `json:"name"`
	// Device is a path, and File says that it is of a file written in place.
	Device string `json:"device"`
	File   bool   `json:"file,omitempty"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
}

// Status is the device's state in the form that `abota status --json` prints.
type Status struct {
	Schema int          `json:"schema"`
	Booted bootctl.Slot `json:"booted"`
	// Primary is the loader's first choice, empty when the order is empty.
	Primary        string     `json:"primary"`
	Phase          Phase      `json:"phase"`
	RebootRequired bool       `json:"reboot_required"`
	Release        release.ID `json:"release"`
	Condemned      []Verdict  `json:"condemned"`
	Held           *Verdict   `json:"held,omitempty"`
	LastError      *Problem   `json:"last_error"`
	LastVerified   *time.Time `json:"last_verified"`
	// Floor is the lowest version that may be installed, for release formats
	// that are protected against downgrades.
	Floor string       `json:"floor,omitempty"`
	Slots []SlotStatus `json:"slots"`
	// Decision is what a boot would do now, and why.
	Decision string `json:"decision"`
	Why      string `json:"why"`
	// TableLost and JournalLost say what could not be read.
	TableLost   bool `json:"table_lost,omitempty"`
	JournalLost bool `json:"journal_lost,omitempty"`
}

// Status reads everything and changes nothing.
func (e *Engine) Status() (Status, error) {
	st, err := e.observe()
	lost := errors.Is(err, bootctl.ErrNoTable)
	if err != nil && !lost {
		return Status{}, err
	}
	if lost {
		st.record = e.loadRecord()
		st.decision = Decision{DoNothing, "the boot table is lost; `abota boot` makes it anew, `abota provision` makes the first one"}
	}
	r := st.recordOrNew(e.Booted)
	s := Status{
		Schema: 1, Booted: e.Booted, Phase: r.Phase, Release: r.Slots[e.Booted].Release,
		Condemned: r.Condemned, Held: r.Held, LastError: r.LastError, Floor: r.Floor,
		Decision: st.decision.Action.String(), Why: st.decision.Why,
		TableLost: lost, JournalLost: st.record == nil,
	}
	if s.Condemned == nil {
		s.Condemned = []Verdict{}
	}
	if !r.LastVerified.IsZero() {
		s.LastVerified = &r.LastVerified
	}
	if primary, ok := st.table.Primary(); ok {
		s.Primary = primary.String()
		s.RebootRequired = primary != e.Booted && st.decision.Action != FellBack && st.decision.Action != Disarm
	}
	for _, name := range bootctl.Slots {
		s.Slots = append(s.Slots, e.slotStatus(name, st.table.Slots[name], r.Slots[name]))
		s.Slots[name].Parts = e.partsStatus(name, r)
	}
	return s, nil
}

func (e *Engine) partsStatus(s bootctl.Slot, r *Record) []PartStatus {
	var all []PartStatus
	for i, m := range e.Groups[s] {
		p := PartStatus{Name: m.Name, Device: m.Path, File: m.InPlace}
		if held := r.PartsOf(s); i < len(held) && held[i].Name == m.Name {
			p.SHA256, p.Size = held[i].SHA256, held[i].Size
		} else if len(e.Groups[s]) == 1 {
			p.SHA256, p.Size = r.Slots[s].SHA256, r.Slots[s].Size
		}
		all = append(all, p)
	}
	return all
}

// UnderWay is what a boot would do now, and the release that this is about.
func (e *Engine) UnderWay() (Decision, release.ID, error) {
	st, err := e.observe()
	if err != nil {
		return Decision{}, release.ID{}, err
	}
	return st.decision, st.recordOrNew(e.Booted).Release, nil
}

func (e *Engine) slotStatus(name bootctl.Slot, in bootctl.State, holds Content) SlotStatus {
	s := SlotStatus{
		Name: name, Device: e.Paths[name], State: "inactive", BootStatus: "bad", Priority: in.Priority, Tries: in.Tries,
		Version: holds.Release.Version, SHA256: holds.SHA256, Failed: in.Failed,
	}
	if name == e.Booted {
		s.State = "booted"
	}
	switch {
	case in.Good:
		s.BootStatus = "good"
	case in.Bootable():
		s.BootStatus = "trial"
	}
	return s
}
