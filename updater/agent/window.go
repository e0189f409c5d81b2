package agent

import "time"

// Window is a time of the week, e.g. Monday to Friday from 02:00 to 04:30.
type Window struct {
	// Days are those on which it opens, by [time.Weekday].
	Days [7]bool
	// From and To are hours and minutes of the day. A window whose To is not
	// after From ends on the day after.
	From, To time.Duration
	// UTC says that they are not in the device's local time.
	UTC bool
}

// UntilOpen is how long it takes until one of the windows is open: no time
// where there are none, and none where none ever opens.
func UntilOpen(windows []Window, now time.Time) time.Duration {
	return place(windows, now, now, 0).Sub(now)
}

// span is one occasion of a window.
type span struct{ open, close time.Time }

func (s span) length() time.Duration { return s.close.Sub(s.open) }

// next is the first occasion that has not ended at t. Where the clocks change,
// times are what the wall clock shows.
func (w Window) next(t time.Time) (found span, ok bool) {
	if w.UTC {
		t = t.UTC()
	}
	year, month, day := t.Date()
	for d := day - 1; d <= day+8; d++ {
		open := clockTime(year, month, d, w.From, t.Location())
		if !w.Days[time.Date(year, month, d, 12, 0, 0, 0, t.Location()).Weekday()] {
			continue
		}
		last := d
		if w.To <= w.From {
			last++
		}
		end := clockTime(year, month, last, w.To, t.Location())
		if end.After(t) && end.After(open) {
			return span{open, end}, true
		}
	}
	return span{}, false
}

func clockTime(year int, month time.Month, day int, of time.Duration, in *time.Location) time.Time {
	return time.Date(year, month, day, int(of/time.Hour), int(of%time.Hour/time.Minute), 0, 0, in)
}

// nextOf is the occasion that is open at t, of several the one that ends last,
// or else the next one to open.
func nextOf(windows []Window, t time.Time) (best span, ok bool) {
	for _, w := range windows {
		s, found := w.next(t)
		if found && (!ok || s.before(best, t)) {
			best, ok = s, true
		}
	}
	return best, ok
}

func (s span) before(other span, t time.Time) bool {
	mine, its := !s.open.After(t), !other.open.After(t)
	if mine && its {
		return s.close.After(other.close)
	}
	return mine || !its && s.open.Before(other.open)
}

// place is when something may be done that became due at due and is still to
// be done at now. What waited for a window does not start with all the others
// as it opens, but at this share of its first half.
func place(windows []Window, due, now time.Time, share float64) time.Time {
	t := later(due, now)
	s, ok := nextOf(windows, t)
	if !ok || !s.open.After(due) {
		return t
	}
	return later(t, s.open.Add(part(share, s.length()/2)))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
