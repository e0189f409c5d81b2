package ota

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ScheduleRequest says when. Start and End are a time (UTC, or with a zone),
// +DURATION from the moment that the job is made, "now" or "none"; empty for
// the default.
type ScheduleRequest struct {
	Start, End  string
	EndBehavior string // empty for CANCEL, as the sample has it
	Windows     []Window
}

// Window recurs, and a continuous job is rolled out only inside of it.
type Window struct {
	Cron   string
	Length time.Duration
	parsed cron
}

const now, none = "now", "none"

var endBehaviors = []string{"STOP_ROLLOUT", "CANCEL", "FORCE_CANCEL"}

var windowForm = regexp.MustCompile(`^(cron\([^()]*\))[ ,/=]\s*(\S+)$`)

// ParseWindow reads "cron(0 2 ? * SAT *) 2h". A number alone is minutes.
func ParseWindow(text string) (Window, error) {
	m := windowForm.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return Window{}, fmt.Errorf("%q is not a cron expression and a duration, as \"cron(0 2 ? * SAT *) 2h\"", text)
	}
	c, err := parseCron(m[1])
	if err != nil {
		return Window{}, err
	}
	length, err := ParseMinutes(m[2])
	if err != nil {
		return Window{}, err
	}
	if length < minWindow || length > maxWindow {
		return Window{}, fmt.Errorf("a window of %s is not %d minute to %d minutes (23h50m)", m[2], minWindow/time.Minute, maxWindow/time.Minute)
	}
	return Window{m[1], length, c}, nil
}

// ParseMinutes reads a number of minutes, or a duration of whole minutes.
func ParseMinutes(text string) (time.Duration, error) {
	if n, err := strconv.ParseInt(text, 10, 32); err == nil {
		return time.Duration(n) * time.Minute, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d%time.Minute != 0 {
		return 0, fmt.Errorf("%q is not whole minutes: write 90 or 1h30m", text)
	}
	return d, nil
}

// schedule is when, in the service's words: empty where nothing is said.
type schedule struct {
	start, end time.Time // zero for none
	behavior   string
	windows    []Window
}

// resolve makes a request's times absolute.
func (s ScheduleRequest) resolve(at time.Time, continuous bool) (schedule, error) {
	out := schedule{behavior: s.EndBehavior, windows: s.Windows}
	start, end := s.Start, s.End
	// A window is the start of a job that has some, and a job that goes on for
	// devices to come ends only when somebody says so.
	if start == "" {
		start = "+" + DefaultStart.String()
		if len(s.Windows) > 0 {
			start = now
		}
	}
	var err error
	if out.start, err = when(start, at); err != nil {
		return out, usage("--start %w", err)
	}
	if end == "" {
		if start == now || continuous {
			end = none
		} else if end = out.start.Add(DefaultLength).Format(scheduleFormat); s.Start == "" {
			end = "+" + (DefaultStart + DefaultLength).String()
		}
	}
	if end == now {
		return out, usage("--end now would end the job before it begins: give a time or +DURATION")
	}
	if out.end, err = when(end, at); err != nil {
		return out, usage("--end %w", err)
	}
	if out.behavior == "" && !out.end.IsZero() {
		out.behavior = "CANCEL"
	}
	return out, out.check(at, continuous)
}

// when reads a time. What is relative is rounded up to a minute: rounded down
// it could be less ahead than the service wants.
func when(text string, at time.Time) (time.Time, error) {
	if text == now || text == none {
		return time.Time{}, nil
	}
	if ahead, ok := strings.CutPrefix(text, "+"); ok {
		d, err := time.ParseDuration(ahead)
		if err != nil || d < 0 {
			return time.Time{}, fmt.Errorf("%q is no duration: write +1h30m", text)
		}
		return at.UTC().Add(d + time.Minute - time.Nanosecond).Truncate(time.Minute), nil
	}
	for _, form := range []string{scheduleFormat, "2006-01-02T15:04Z07:00", time.RFC3339} {
		if t, err := time.Parse(form, text); err == nil {
			if t.Second() != 0 || t.Nanosecond() != 0 {
				return time.Time{}, fmt.Errorf("%q has seconds, and the service knows minutes", text)
			}
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time: write 2006-01-02T15:04 (UTC), the same with a zone, +1h30m, %s or %s", text, now, none)
}

func (s schedule) check(at time.Time, continuous bool) error {
	format := func(t time.Time) string { return t.Format(scheduleFormat) }
	switch {
	case s.behavior != "" && !slices.Contains(endBehaviors, s.behavior):
		return usage("--end-behavior %q is not one of %s", s.behavior, strings.Join(endBehaviors, ", "))
	case s.behavior != "" && s.end.IsZero():
		return usage("--end-behavior %s needs an --end", s.behavior)
	case !s.start.IsZero() && s.start.Before(at.Add(minAhead)):
		return usage("the start %s UTC is less than 30 minutes ahead, which the service refuses: take a later one, or --start now", format(s.start))
	case s.start.After(at.AddDate(maxStartYears, 0, 0)):
		return usage("the start %s UTC is more than a year ahead, which the service refuses", format(s.start))
	case !s.end.IsZero() && s.end.Before(at.Add(minAhead)):
		return usage("the end %s UTC is less than 30 minutes ahead, which the service refuses", format(s.end))
	case s.end.After(at.AddDate(maxEndYears, 0, 0)):
		return usage("the end %s UTC is more than two years ahead, which the service refuses", format(s.end))
	case !s.start.IsZero() && !s.end.IsZero() && s.end.Sub(s.start) < minAhead:
		return usage("the end %s UTC is less than 30 minutes after the start %s, which the service refuses", format(s.end), format(s.start))
	case len(s.windows) > 0 && !continuous:
		return usage("maintenance windows are for continuous jobs only: add --continuous")
	}
	return s.checkWindows(at)
}

// lookAhead is how many times of each window are compared with the others'.
const lookAhead = 40

// checkWindows wants each window to come, before the end, and none to begin
// while another is open: that the service refuses the latter is not
// documented, but what would then hold is not either.
func (s schedule) checkWindows(at time.Time) error {
	if s.start.After(at) {
		at = s.start
	}
	var all []opening
	for _, w := range s.windows {
		first, ok := w.parsed.after(at)
		if !ok || !s.end.IsZero() && !first.Before(s.end) {
			return usage("the window %s never opens while the job lasts", w.Cron)
		}
		all = append(all, w.openings(first)...)
	}
	slices.SortFunc(all, func(a, b opening) int { return a.at.Compare(b.at) })
	for i := 1; i < len(all); i++ {
		if before := all[i-1]; all[i].at.Before(before.at.Add(before.w.Length)) {
			return usage("the windows overlap: %s opens at %s UTC for %s, and %s at %s", before.w.Cron, before.at.Format(scheduleFormat), before.w.Length, all[i].w.Cron, all[i].at.Format(scheduleFormat))
		}
	}
	return nil
}

// opening is one time of a window.
type opening struct {
	at time.Time
	w  Window
}

func (w Window) openings(first time.Time) (all []opening) {
	for next, ok := first, true; ok && len(all) < lookAhead; next, ok = w.parsed.after(next.Add(time.Minute)) {
		all = append(all, opening{next, w})
	}
	return all
}
