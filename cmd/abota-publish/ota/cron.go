package ota

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/adhocore/gronx"
)

// cron is an expression as the service takes it: six fields, in UTC, the days
// of the week from 1 for Sunday, and exactly one of the two days a "?".
type cron struct {
	text string
	gron string // the same in the library's words: seconds first, Sunday 0
}

// field is one of the six.
type field struct {
	name     string
	min, max int
	names    []string // of min, min+1, …
}

var fields = []field{
	{"minutes", 0, 59, nil},
	{"hours", 0, 23, nil},
	{"day of month", 1, 31, nil},
	{"month", 1, 12, []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}},
	{"day of week", 1, 7, []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}},
	{"year", 1970, 2199, nil},
}

const dayOfMonth, dayOfWeek = 2, 4

var cronForm = regexp.MustCompile(`^cron\((.*)\)$`)

func parseCron(text string) (cron, error) {
	m := cronForm.FindStringSubmatch(text)
	if m == nil {
		return cron{}, fmt.Errorf("%q is not cron(MINUTES HOURS DAY-OF-MONTH MONTH DAY-OF-WEEK YEAR), as cron(0 2 ? * SAT *)", text)
	}
	words := strings.Fields(m[1])
	if len(words) != len(fields) {
		return cron{}, fmt.Errorf("%q has %d fields and needs six: minutes, hours, day of month, month, day of week, year", text, len(words))
	}
	if (words[dayOfMonth] == "?") == (words[dayOfWeek] == "?") {
		return cron{}, fmt.Errorf("%q must have a ? as day of month or as day of week, and not as both", text)
	}
	gron := []string{"0"}
	for i, f := range fields {
		word, err := f.translate(i, words[i])
		if err != nil {
			return cron{}, fmt.Errorf("%q: %s: %w", text, f.name, err)
		}
		gron = append(gron, word)
	}
	return cron{text, strings.Join(gron, " ")}, nil
}

// translate gives a field in the library's words: all values, one by one.
func (f field) translate(i int, word string) (string, error) {
	if word == "?" && (i == dayOfMonth || i == dayOfWeek) || word == "*" {
		return word, nil
	}
	if special, ok, err := f.special(i, word); ok {
		return special, err
	}
	var out []string
	for _, item := range strings.Split(word, ",") {
		values, err := f.values(item)
		if err != nil {
			return "", err
		}
		for _, v := range values {
			if i == dayOfWeek {
				v--
			}
			if text := strconv.Itoa(v); !slices.Contains(out, text) {
				out = append(out, text)
			}
		}
	}
	return strings.Join(out, ","), nil
}

// special are L and W for the day of a month, L and # for that of a week, each
// alone in its field: that a list may have them is not documented.
func (f field) special(i int, item string) (string, bool, error) {
	switch {
	case item == "L" && i == dayOfMonth:
		return "L", true, nil
	case item == "L" && i == dayOfWeek:
		return "6", true, nil // the week's last day is Saturday
	case i == dayOfMonth && strings.HasSuffix(item, "W"):
		day, err := f.value(strings.TrimSuffix(item, "W"))
		return strconv.Itoa(day) + "W", true, err
	case i == dayOfWeek && strings.HasSuffix(item, "L"):
		day, err := f.value(strings.TrimSuffix(item, "L"))
		return strconv.Itoa(day-1) + "L", true, err
	case i == dayOfWeek && strings.Contains(item, "#"):
		name, which, _ := strings.Cut(item, "#")
		n, err := strconv.Atoi(which)
		if err != nil || n < 1 || n > 5 {
			return "", true, fmt.Errorf("%q is not DAY#1 to DAY#5", item)
		}
		day, err := f.value(name)
		return fmt.Sprintf("%d#%d", day-1, n), true, err
	}
	return "", false, nil
}

// values of "5", "2-4", "*", and each with "/STEP".
func (f field) values(item string) (all []int, err error) {
	span, every, stepped := strings.Cut(item, "/")
	step := 1
	if stepped {
		if step, err = strconv.Atoi(every); err != nil || step < 1 || step > f.max {
			return nil, fmt.Errorf("%q has no step of 1 to %d", item, f.max)
		}
	}
	from, to := f.min, f.max
	if low, high, ranged := strings.Cut(span, "-"); span != "*" {
		if from, err = f.value(low); err != nil {
			return nil, err
		}
		if ranged {
			if to, err = f.value(high); err != nil {
				return nil, err
			}
		} else if !stepped {
			to = from
		}
	}
	if to < from {
		return nil, fmt.Errorf("%q ends before it begins", item)
	}
	for v := from; v <= to; v += step {
		all = append(all, v)
	}
	return all, nil
}

func (f field) value(text string) (int, error) {
	if i := slices.Index(f.names, strings.ToUpper(text)); i >= 0 {
		return f.min + i, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < f.min || n > f.max || text[0] == '+' {
		return 0, fmt.Errorf("%q is not %d to %d", text, f.min, f.max)
	}
	return n, nil
}

// after is the next time at or after t; false when there is none.
func (c cron) after(t time.Time) (time.Time, bool) {
	next, err := gronx.NextTickAfter(c.gron, t.UTC().Add(time.Minute-time.Nanosecond).Truncate(time.Minute), true)
	return next, err == nil
}
