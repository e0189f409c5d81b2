package config

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Window is a time of the week. Days are those on which it opens, by
// time.Weekday; From and To are hours and minutes of the day, and one whose To
// is not after From ends on the day after. UTC: not in local time.
type Window struct {
	Days     [7]bool
	From, To time.Duration
	UTC      bool
}

const windowAdvice = `write it as "Mon-Fri 02:00-04:30", "Sat,Sun 22:00-06:00", "03:00-04:00" or "03:00-04:00 UTC"`

// window reads [DAYS ]HH:MM-HH:MM[ UTC].
func window(s string) (w Window, err error) {
	words := strings.Fields(s)
	if n := len(words); n > 1 && words[n-1] == "UTC" {
		w.UTC, words = true, words[:n-1]
	}
	days := "Sun-Sat"
	if len(words) == 2 {
		days, words = words[0], words[1:]
	}
	if len(words) != 1 {
		return Window{}, fmt.Errorf("%q is not a time of the week: %s", s, windowAdvice)
	}
	if w.Days, err = weekdays(days); err == nil {
		w.From, w.To, err = hours(words[0])
	}
	if err != nil {
		return Window{}, fmt.Errorf("%q is not a time of the week because %w: %s", s, err, windowAdvice)
	}
	return w, nil
}

// weekdays reads "Mon", "Mon-Fri" or several with commas.
func weekdays(s string) (days [7]bool, err error) {
	for item := range strings.SplitSeq(s, ",") {
		first, last, isRange := strings.Cut(item, "-")
		from, err := weekday(first)
		if err != nil {
			return days, err
		}
		to := from
		if isRange {
			if to, err = weekday(last); err != nil {
				return days, err
			}
		}
		for d := from; ; d = (d + 1) % 7 {
			days[d] = true
			if d == to {
				break
			}
		}
	}
	return days, nil
}

func weekday(s string) (time.Weekday, error) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if s == d.String()[:3] {
			return d, nil
		}
	}
	return 0, fmt.Errorf("%q is no day", s)
}

// hours reads "02:00-04:30".
func hours(s string) (from, to time.Duration, err error) {
	first, last, ok := strings.Cut(s, "-")
	if !ok {
		return 0, 0, errors.New("it has no end")
	}
	if from, err = clock(first); err == nil {
		to, err = clock(last)
	}
	switch {
	case err != nil:
		return 0, 0, err
	case from == 24*time.Hour:
		return 0, 0, errors.New("it starts at 24:00")
	case from == to:
		return 0, 0, errors.New("it ends when it starts")
	}
	return from, to, nil
}

func clock(s string) (time.Duration, error) {
	if s == "24:00" {
		return 24 * time.Hour, nil
	}
	t, err := time.Parse("15:04", s)
	if err != nil || len(s) != len("15:04") {
		return 0, fmt.Errorf("%q is no time of day", s)
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, nil
}
