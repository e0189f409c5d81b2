package updater

import "time"

// plausible is how far after abota's own build a time in the journal may lie.
// What lies beyond was noted under a broken clock, or made under one, and
// would make every certificate look expired.
const plausible = 10 * 365 * 24 * time.Hour

// NewestTime is the newest time that a journal's payload vouches for: when
// something was noted in it, and when an accepted release was made. It is for
// a device whose clock is not set, and never beyond ten years after built; the
// zero time when there is none.
func NewestTime(payload []byte, built time.Time) (newest time.Time) {
	r, err := decodeRecord(payload)
	if err != nil {
		return newest
	}
	for _, at := range r.times() {
		if at.After(newest) && at.Before(built.Add(plausible)) {
			newest = at
		}
	}
	return newest
}

// times are all times that a record holds. A release counts once it is
// confirmed, or while it is tried: what cannot update any more under its time
// must fail the trial, and then be forgotten.
func (r *Record) times() []time.Time {
	all := []time.Time{r.LastVerified}
	for _, v := range r.Condemned {
		all = append(all, v.At)
	}
	if r.Held != nil {
		all = append(all, r.Held.At)
	}
	if r.LastError != nil {
		all = append(all, r.LastError.At)
	}
	for s, holds := range r.Slots {
		if holds.Confirmed || r.Phase == Trying && int(r.Target) == s {
			all = append(all, time.Unix(holds.Release.Made, 0))
		}
	}
	return all
}
