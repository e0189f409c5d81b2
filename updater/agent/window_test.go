package agent

import (
	"testing"
	"time"
	_ "time/tzdata"
)

func at(t *testing.T, text string, in *time.Location) time.Time {
	t.Helper()
	when, err := time.ParseInLocation("2006-01-02 15:04", text, in)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

func hm(h, m int) time.Duration { return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute }

func days(all ...time.Weekday) (set [7]bool) {
	for _, d := range all {
		set[d] = true
	}
	return set
}

var (
	everyDay = days(0, 1, 2, 3, 4, 5, 6)
	weekdays = Window{Days: days(1, 2, 3, 4, 5), From: hm(2, 0), To: hm(4, 30)}
	nights   = Window{Days: days(time.Saturday), From: hm(22, 0), To: hm(6, 0)}
)

// 2026-11-28 is a Saturday.
func TestNextOccasionOfAWindow(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name            string
		windows         []Window
		in              *time.Location
		now, open, ends string
	}{
		{"later today", []Window{weekdays}, time.UTC, "2026-11-27 01:00", "2026-11-27 02:00", "2026-11-27 04:30"},
		{"open", []Window{weekdays}, time.UTC, "2026-11-27 02:00", "2026-11-27 02:00", "2026-11-27 04:30"},
		{"just over, and then the week-end", []Window{weekdays}, time.UTC, "2026-11-27 04:30", "2026-11-30 02:00", "2026-11-30 04:30"},
		{"over midnight, before", []Window{nights}, time.UTC, "2026-11-28 23:00", "2026-11-28 22:00", "2026-11-29 06:00"},
		{"over midnight, after", []Window{nights}, time.UTC, "2026-11-29 05:59", "2026-11-28 22:00", "2026-11-29 06:00"},
		{"only just missed, a week", []Window{nights}, time.UTC, "2026-11-29 06:00", "2026-12-05 22:00", "2026-12-06 06:00"},
		{"of two the next", []Window{weekdays, nights}, time.UTC, "2026-11-28 12:00", "2026-11-28 22:00", "2026-11-29 06:00"},
		{"of two that are open the longer", []Window{{Days: everyDay, From: hm(1, 0), To: hm(3, 0)}, weekdays}, time.UTC, "2026-11-27 02:30", "2026-11-27 02:00", "2026-11-27 04:30"},
		{"the whole day", []Window{{Days: days(time.Sunday), From: 0, To: hm(24, 0)}}, time.UTC, "2026-11-29 23:59", "2026-11-29 00:00", "2026-11-30 00:00"},
		{"in local time", []Window{weekdays}, berlin, "2026-11-27 02:30", "2026-11-27 02:00", "2026-11-27 04:30"},
		{"an hour that does not exist is over at once", []Window{{Days: everyDay, From: hm(2, 0), To: hm(2, 30)}}, berlin, "2026-03-29 01:30", "2026-03-29 03:00", "2026-03-29 03:30"},
		{"the longer night", []Window{{Days: everyDay, From: hm(1, 0), To: hm(4, 0)}}, berlin, "2026-10-25 03:30", "2026-10-25 01:00", "2026-10-25 04:00"},
	} {
		got, ok := nextOf(row.windows, at(t, row.now, row.in))
		if !ok || !got.open.Equal(at(t, row.open, row.in)) || !got.close.Equal(at(t, row.ends, row.in)) {
			t.Errorf("%s: %v to %v (%v)", row.name, got.open, got.close, ok)
		}
	}
}

func TestWindowsMayBeInUTC(t *testing.T) {
	tokyo := time.FixedZone("JST", 9*60*60)
	got, ok := nextOf([]Window{{Days: days(time.Friday), From: hm(20, 0), To: hm(21, 0), UTC: true}}, at(t, "2026-11-28 05:30", tokyo))
	if want := at(t, "2026-11-27 20:00", time.UTC); !ok || !got.open.Equal(want) {
		t.Errorf("%v, want %v", got.open, want)
	}
}

// What waited for a window is spread over its first half; what became due in
// it is not.
func TestPlace(t *testing.T) {
	day := func(clock string) time.Time { return at(t, "2026-11-27 "+clock, time.UTC) }
	half := hm(1, 15)
	for _, row := range []struct {
		name           string
		due, now, want time.Time
	}{
		{"before the window", day("00:00"), day("00:30"), day("02:00").Add(half / 2)},
		{"in the window, not spread out yet", day("00:00"), day("02:10"), day("02:00").Add(half / 2)},
		{"in the window, spread out", day("00:00"), day("04:00"), day("04:00")},
		{"due in the window", day("03:00"), day("02:10"), day("03:00")},
		{"due in the window and late", day("03:00"), day("03:10"), day("03:10")},
		{"after the window", day("03:00"), day("05:00"), at(t, "2026-11-30 02:00", time.UTC).Add(half / 2)},
	} {
		if got := place([]Window{weekdays}, row.due, row.now, 0.5); !got.Equal(row.want) {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
	if got := place(nil, day("00:00"), day("05:00"), 0.5); !got.Equal(day("05:00")) {
		t.Errorf("without windows: %v", got)
	}
}

func TestUntilOpen(t *testing.T) {
	for _, row := range []struct {
		now     string
		windows []Window
		want    time.Duration
	}{
		{"2026-11-27 01:00", []Window{weekdays}, time.Hour},
		{"2026-11-27 02:00", []Window{weekdays}, 0},
		{"2026-11-27 04:29", []Window{weekdays}, 0},
		{"2026-11-27 04:30", []Window{weekdays, nights}, 41*time.Hour + 30*time.Minute},
		{"2026-11-27 04:30", nil, 0},
		{"2026-11-27 04:30", []Window{{}}, 0},
	} {
		if got := UntilOpen(row.windows, at(t, row.now, time.UTC)); got != row.want {
			t.Errorf("%v at %s: %s, want %s", row.windows, row.now, got, row.want)
		}
	}
}
