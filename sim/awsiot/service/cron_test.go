package service

import (
	"strings"
	"testing"
	"time"
)

// TestCron has the first starts after Sunday 2026-11-22 12:00.
func TestCron(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		// The documentation's examples.
		{"cron(0 10 * * ? *)", "11-23T10:00 11-24T10:00"},
		{"cron(0 18 ? * MON-FRI *)", "11-23T18:00 11-24T18:00"},
		{"cron(0 8 1 * ? *)", "12-01T08:00 01-01T08:00"},
		// Days of the week go from 1, Sunday, to 7, Saturday.
		{"cron(0 0 ? * 1 *)", "11-29T00:00 12-06T00:00"},
		{"cron(0 0 ? * SUN *)", "11-29T00:00 12-06T00:00"},
		{"cron(0 0 ? * 2 *)", "11-23T00:00 11-30T00:00"},
		{"cron(0 0 ? * 7 *)", "11-28T00:00 12-05T00:00"},
		{"cron(0 0 ? * sat *)", "11-28T00:00 12-05T00:00"},
		{"cron(0 0 ? * 2-6 *)", "11-23T00:00 11-24T00:00"},
		{"cron(0 0 ? * 2/2 *)", "11-23T00:00 11-25T00:00"},
		{"cron(0 0 ? * L *)", "11-28T00:00 12-05T00:00"},
		{"cron(0 0 ? * 5L *)", "11-26T00:00 12-31T00:00"},
		{"cron(0 0 ? * THUL *)", "11-26T00:00 12-31T00:00"},
		{"cron(0 0 ? * 6#3 *)", "12-18T00:00 01-15T00:00"},
		{"cron(0 0 ? * MON#1 *)", "12-07T00:00 01-04T00:00"},
		{"cron(0 0 ? * 1#5 *)", "11-29T00:00 01-31T00:00"},
		// Days of the month.
		{"cron(0 0 L * ? *)", "11-30T00:00 12-31T00:00"},
		{"cron(0 0 28W * ? *)", "11-27T00:00 12-28T00:00"},
		{"cron(0 0 1W * ? *)", "12-01T00:00 01-01T00:00"},
		{"cron(0 0 31 * ? *)", "12-31T00:00 01-31T00:00"},
		{"cron(0 0 1,15 * ? *)", "12-01T00:00 12-15T00:00"},
		// Steps, lists and ranges.
		{"cron(0/20 12 * * ? *)", "11-22T12:20 11-22T12:40"},
		{"cron(*/20 12 * * ? *)", "11-22T12:20 11-22T12:40"},
		{"cron(5-10/5 13 * * ? *)", "11-22T13:05 11-22T13:10"},
		{"cron(0 0/6 * * ? *)", "11-22T18:00 11-23T00:00"},
		{"cron(30 9,17 * * ? *)", "11-22T17:30 11-23T09:30"},
		{"cron(0 0 1 JAN ? *)", "01-01T00:00 01-01T00:00"},
		{"cron(0 0 1 dec-dec ? *)", "12-01T00:00 12-01T00:00"},
		{"cron(0 0 29 2 ? 2028)", "02-29T00:00 never"},
		{"cron(0 0 1 1 ? 2027-2028)", "01-01T00:00 01-01T00:00"},
		{"cron(* * * * ? *)", "11-22T12:01 11-22T12:02"},
	} {
		c, err := parseCron(test.text)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		var got []string
		at := began
		for range 2 {
			if at = c.next(at); at.IsZero() {
				got = append(got, "never")
				break
			}
			got = append(got, at.Format("01-02T15:04"))
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: got %s, want %s", test.text, strings.Join(got, " "), test.want)
		}
	}
}

func TestCronRefused(t *testing.T) {
	for _, text := range []string{
		"", "0 10 * * ? *", "cron()", "cron(0 10 * * ?)", "cron(0 10 * * ? * *)", "cron(0 10 * * ? *", "rate(1 day)", "CRON(0 10 * * ? *)", "@daily",
		"2026/11/22 10:00",
		"cron(0 10 * * * *)", "cron(0 10 ? * ? *)", "cron(? 10 * * ? *)", "cron(0 ? * * ? *)", "cron(0 10 * ? ? *)", "cron(0 10 * * ? ?)",
		"cron(60 10 * * ? *)", "cron(-1 10 * * ? *)", "cron(0 24 * * ? *)", "cron(0 0 0 * ? *)", "cron(0 0 32 * ? *)", "cron(0 0 * 0 ? *)", "cron(0 0 * 13 ? *)",
		"cron(0 0 ? * 0 *)", "cron(0 0 ? * 8 *)", "cron(0 0 ? * MOO *)", "cron(0 0 * MON ? *)", "cron(0 0 ? * JAN *)", "cron(0 0 * * ? 1969)", "cron(0 0 * * ? 2100)",
		"cron(0 0 ? * 3#6 *)", "cron(0 0 ? * 3#0 *)", "cron(0 0 ? * 8#1 *)", "cron(0 0 ? * MOO#1 *)", "cron(0 0 ? * #1 *)", "cron(0 0 ? * 3W *)", "cron(0 0 3# * ? *)", "cron(0 0 32W * ? *)", "cron(0 0 W * ? *)",
		"cron(0 0 LW * ? *)", "cron(0 0 L,1 * ? *)", "cron(0 0 3L * ? *)", "cron(L 0 * * ? *)", "cron(0 0 * L ? *)", "cron(0 0 * * ? L)",
		"cron(5-1 0 * * ? *)", "cron(0 0 ? * FRI-MON *)", "cron(0/0 0 * * ? *)", "cron(0/ 0 * * ? *)", "cron(/5 0 * * ? *)", "cron(0/61 0 * * ? *)", "cron(1, 0 * * ? *)", "cron(,1 0 * * ? *)",
		"cron(+1 0 * * ? *)", "cron(1-2-3 0 * * ? *)", "cron(1/2/3 0 * * ? *)", "cron(*-3 0 * * ? *)", "cron(0x1 0 * * ? *)", "cron(00000 0 * * ? *)", "cron(\u0661 0 * * ? *)",
	} {
		if _, err := parseCron(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

// TestCronNeverFires: the thirtieth of February ends the search.
func TestCronNeverFires(t *testing.T) {
	c, err := parseCron("cron(0 0 30 2 ? *)")
	if err != nil {
		t.Fatal(err)
	}
	if at := c.next(began); !at.IsZero() {
		t.Errorf("it fires at %s", at)
	}
}

// TestCronAgainstEveryMinute compares a year of minutes with what the fields
// say, read by hand.
func TestCronAgainstEveryMinute(t *testing.T) {
	c, err := parseCron("cron(10,50 3-5 ? 2-4 TUE,SAT *)")
	if err != nil {
		t.Fatal(err)
	}
	at := c.next(began)
	for minute := began.Add(time.Minute); minute.Before(began.AddDate(1, 0, 0)); minute = minute.Add(time.Minute) {
		fires := (minute.Minute() == 10 || minute.Minute() == 50) && minute.Hour() >= 3 && minute.Hour() <= 5 &&
			minute.Month() >= 2 && minute.Month() <= 4 && (minute.Weekday() == time.Tuesday || minute.Weekday() == time.Saturday)
		if fires != at.Equal(minute) {
			t.Fatalf("at %s: fires %v, next is %s", minute, fires, at)
		}
		if fires {
			at = c.next(at)
		}
	}
}
