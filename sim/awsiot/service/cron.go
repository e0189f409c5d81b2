package service

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/cronexpr"
)

// cron is an expression of AWS, cron(minutes hours day-of-month month
// day-of-week year) in UTC: six fields, days of the week from 1, SUN, to 7,
// SAT, and a question mark in exactly one of the two fields for days. What
// cronexpr reads is a wider and a different language, so every field is checked
// and written anew.
type cron struct{ expression *cronexpr.Expression }

// field is one of an expression's.
type field struct {
	name     string
	min, max int
	names    []string // from min up
	// special matches what only this field knows.
	special *regexp.Regexp
}

var (
	months   = []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}
	weekdays = []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}

	// LW, the last working day, is not in AWS's list and refused [not established].
	lastOrWorkday = regexp.MustCompile(`^(?:L|([1-9]|[12][0-9]|3[01])W)$`)
	lastOrNth     = regexp.MustCompile(`^(?:L|([1-7]|[A-Z]{3})(L|#[1-5]))$`)

	fields = []field{
		{name: "minutes", min: 0, max: 59},
		{name: "hours", min: 0, max: 23},
		{name: "day-of-month", min: 1, max: 31, special: lastOrWorkday},
		{name: "month", min: 1, max: 12, names: months},
		{name: "day-of-week", min: 1, max: 7, names: weekdays, special: lastOrNth},
		// AWS goes to 2199, cronexpr to 2099.
		{name: "year", min: 1970, max: 2099},
	}
)

const (
	monthDayField = 2
	weekDayField  = 4
)

// parseCron reads an expression.
func parseCron(text string) (cron, error) {
	inside, ok := strings.CutPrefix(text, "cron(")
	inside, closed := strings.CutSuffix(inside, ")")
	parts := strings.Fields(inside)
	if !ok || !closed || len(parts) != len(fields) {
		return cron{}, fmt.Errorf("it is not cron(minutes hours day-of-month month day-of-week year)")
	}
	if (parts[monthDayField] == "?") == (parts[weekDayField] == "?") {
		return cron{}, fmt.Errorf("exactly one of day-of-month and day-of-week has to be a question mark")
	}
	for i, f := range fields {
		written, err := f.rewrite(strings.ToUpper(parts[i]))
		if err != nil {
			return cron{}, fmt.Errorf("its %s %w", f.name, err)
		}
		parts[i] = written
	}
	expression, err := cronexpr.Parse("0 " + strings.Join(parts, " "))
	if err != nil {
		return cron{}, err
	}
	return cron{expression}, nil
}

// next is the first time after t that the expression matches, zero if none.
func (c cron) next(t time.Time) time.Time { return c.expression.Next(t.UTC()) }

// rewrite is a field in cronexpr's language: every list, range and step as
// single values, days of the week from 0.
func (f field) rewrite(text string) (string, error) {
	if text == "*" || text == "?" && f.special != nil {
		return "*", nil
	}
	if f.special != nil && f.special.MatchString(text) {
		return f.rewriteSpecial(text)
	}
	var values []int
	for item := range strings.SplitSeq(text, ",") {
		more, err := f.values(item)
		if err != nil {
			return "", err
		}
		values = append(values, more...)
	}
	slices.Sort(values)
	var written []string
	for _, v := range slices.Compact(values) {
		written = append(written, strconv.Itoa(v-f.shift()))
	}
	return strings.Join(written, ","), nil
}

// shift is what AWS's values are above cronexpr's.
func (f field) shift() int {
	if f.name == fields[weekDayField].name {
		return 1
	}
	return 0
}

func (f field) rewriteSpecial(text string) (string, error) {
	if f.shift() == 0 {
		return text, nil
	}
	if text == "L" {
		return "6", nil // the last day of the week
	}
	at := strings.IndexAny(text, "L#")
	day, err := f.value(text[:at])
	if err != nil {
		return "", err
	}
	return strconv.Itoa(day-f.shift()) + text[at:], nil
}

// values are those of one item: *, n, n-m, and any of them with /step.
func (f field) values(item string) ([]int, error) {
	span, stepText, stepped := strings.Cut(item, "/")
	step := 1
	if stepped {
		n, err := strconv.Atoi(stepText)
		if err != nil || n < 1 || n > f.max {
			return nil, fmt.Errorf("has the step %s", show(item))
		}
		step = n
	}
	from, to, err := f.span(span, stepped)
	if err != nil {
		return nil, err
	}
	var values []int
	for v := from; v <= to; v += step {
		values = append(values, v)
	}
	return values, nil
}

func (f field) span(text string, open bool) (from, to int, err error) {
	if text == "*" {
		return f.min, f.max, nil
	}
	first, last, ranged := strings.Cut(text, "-")
	if from, err = f.value(first); err != nil {
		return 0, 0, err
	}
	switch {
	case ranged:
		if to, err = f.value(last); err == nil && to < from {
			err = fmt.Errorf("has the range %s, which goes backwards", show(text))
		}
	case open:
		to = f.max
	default:
		to = from
	}
	return from, to, err
}

var digits = regexp.MustCompile(`^[0-9]{1,4}$`)

func (f field) value(text string) (int, error) {
	if i := slices.Index(f.names, text); i >= 0 {
		return f.min + i, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || !digits.MatchString(text) || n < f.min || n > f.max {
		return 0, fmt.Errorf("is %s, not %d to %d", show(text), f.min, f.max)
	}
	return n, nil
}
