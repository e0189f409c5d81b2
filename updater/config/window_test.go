package config

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestWindow(t *testing.T) {
	at := func(h, m int) time.Duration { return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute }
	days := func(all ...time.Weekday) (set [7]bool) {
		for _, d := range all {
			set[d] = true
		}
		return set
	}
	every := days(0, 1, 2, 3, 4, 5, 6)
	for _, row := range []struct {
		text string
		want Window
	}{
		{"Mon-Fri 02:00-04:30", Window{Days: days(1, 2, 3, 4, 5), From: at(2, 0), To: at(4, 30)}},
		{"Sat,Sun 22:00-06:00", Window{Days: days(6, 0), From: at(22, 0), To: at(6, 0)}},
		{"Fri-Mon 00:00-24:00", Window{Days: days(5, 6, 0, 1), From: 0, To: at(24, 0)}},
		{"Mon,Wed-Thu 23:59-00:00", Window{Days: days(1, 3, 4), From: at(23, 59), To: 0}},
		{"03:00-04:00 UTC", Window{Days: every, From: at(3, 0), To: at(4, 0), UTC: true}},
		{"  Sun   03:00-04:00  UTC ", Window{Days: days(0), From: at(3, 0), To: at(4, 0), UTC: true}},
	} {
		got, err := window(row.text)
		if err != nil || got != row.want {
			t.Errorf("%q: %+v, %v", row.text, got, err)
		}
	}
	for text, reason := range map[string]string{
		"":                      "is not a time of the week: write it as",
		"always":                "it has no end",
		"mon 02:00-03:00":       `"mon" is no day`,
		"Mon- 02:00-03:00":      `"" is no day`,
		"Mon 2:00-03:00":        `"2:00" is no time of day`,
		"Mon 02:00-24:01":       `"24:01" is no time of day`,
		"Mon 02:00-02:00":       "it ends when it starts",
		"Mon 24:00-02:00":       "it starts at 24:00",
		"Mon 02:00 - 03:00":     "is not a time of the week",
		"Mon 02:00-03:00 CET":   "is not a time of the week",
		"UTC":                   "it has no end",
		"Mon 02:00-03:00 UTC X": "is not a time of the week",
	} {
		if _, err := window(text); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%q: %v, want %q", text, err, reason)
		}
	}
}

func TestWindowsAreListed(t *testing.T) {
	c, err := loadText(t, slotLines+"poll: {window: [\"Mon 02:00-03:00\", \"Sun 00:00-06:00 UTC\"]}\n")
	if err != nil || len(c.Poll.Window) != 2 || !slices.Equal([]bool{c.Poll.Window[0].UTC, c.Poll.Window[1].UTC}, []bool{false, true}) {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := loadText(t, slotLines+"poll:\n  window:\n    - \"Mon 02:00-03:00\"\n    - never\n"); err == nil || !strings.Contains(err.Error(), "poll.window") || !strings.Contains(err.Error(), `"never" is not a time of the week`) {
		t.Errorf("%v", err)
	}
}
