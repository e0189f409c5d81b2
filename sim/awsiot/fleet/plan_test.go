package fleet

import (
	"slices"
	"testing"
)

// The numbers are of AWS IoT's developer guide where it has some: base 50,
// factor 2 and 1,000 things, so 50 a minute up to 1,000 things, 100 up to 2,000,
// 200 up to 3,000.
func TestPlanRolloutRate(t *testing.T) {
	guide := criteria{base: 50, tenths: 20, every: 1000, most: 1000}
	slow := criteria{base: 10, tenths: 11, every: 10, most: 13}
	bySuccess := criteria{base: 1, tenths: 50, every: 3, most: 1000, success: true}
	for _, row := range []struct {
		c                         criteria
		notified, succeeded, rate int
	}{
		{guide, 0, 0, 50},
		{guide, 999, 999, 50},
		{guide, 1000, 0, 100},
		{guide, 1999, 0, 100},
		{guide, 2000, 0, 200},
		{guide, 3000, 0, 400},
		{guide, 4999, 0, 800},
		{guide, 5000, 0, 1000},
		{guide, 100_000, 0, 1000},
		{slow, 9, 0, 10},
		{slow, 10, 0, 11},
		{slow, 20, 0, 12}, // 12.1
		{slow, 30, 0, 13}, // 13.31
		{slow, 500, 0, 13},
		{bySuccess, 100, 2, 1},
		{bySuccess, 100, 3, 5},
		{bySuccess, 100, 8, 25},
	} {
		p := plan{criteria: row.c, devices: 1_000_000, notified: row.notified, succeeded: row.succeeded}
		if got := p.rate(); got != row.rate {
			t.Errorf("%+v: %d a minute, want %d", row, got, row.rate)
		}
	}
}

func TestPlanMinutes(t *testing.T) {
	p := plan{criteria: criteria{base: 10, tenths: 20, every: 20, most: 60}, devices: 200}
	var told []int
	for p.notified < p.devices {
		told = append(told, p.minute())
	}
	if want := []int{10, 10, 20, 40, 60, 60}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
	if p.minute() != 0 {
		t.Error("somebody is told after the last")
	}
}

func TestPlanAbort(t *testing.T) {
	c := criteria{base: 1, tenths: 20, every: 1, most: 100, percent: 25, least: 4}
	for _, row := range []struct {
		outcomes string // s or f, in their order
		at       int    // which of them aborts, 0 for none
	}{
		{"fff", 0},      // too few have ended
		{"ffff", 4},     // 100 %
		{"sssf", 4},     // exactly 25 %
		{"fsss", 4},     // by a success, since now enough have ended
		{"ssssf", 0},    // 20 %
		{"ssssfsf", 7},  // 2 of 7
		{"ssssssf", 0},  // 1 of 7
		{"ssssssff", 8}, // 2 of 8, exactly
	} {
		t.Run(row.outcomes, func(t *testing.T) {
			p, at := plan{criteria: c, devices: 100}, 0
			for i, o := range row.outcomes {
				if p.ends(o == 'f') {
					at = i + 1
				}
			}
			if at != row.at || p.aborted != (row.at > 0) {
				t.Errorf("aborted by %d (%t), want %d", at, p.aborted, row.at)
			}
			if p.aborted && p.minute() != 0 {
				t.Error("somebody is told after the abort")
			}
		})
	}
}

// TestPlanOrderMatters compares with every order there is.
func TestPlanOrderMatters(t *testing.T) {
	for _, c := range []criteria{{percent: 25, least: 4}, {percent: 50, least: 1}, {percent: 34, least: 6}} {
		for state := range 6 * 6 {
			p := plan{criteria: c, failed: state / 6, succeeded: state % 6}
			p.aborted = p.failed+p.succeeded > 0 && p.met(p.failed, p.succeeded)
			for more := range 5 * 5 {
				failures, successes := more/5, more%5
				if want := !p.aborted && someOrderAborts(p, failures, successes); p.orderMatters(failures, successes) != want {
					t.Errorf("%+v and %d failures, %d successes: want %t", p, failures, successes, want)
				}
			}
		}
	}
}

func someOrderAborts(p plan, failures, successes int) bool {
	for _, failed := range []bool{true, false} {
		left := [2]int{failures, successes}
		if failed {
			left[0]--
		} else {
			left[1]--
		}
		if left[0] < 0 || left[1] < 0 {
			continue
		}
		next := p
		if next.ends(failed) || someOrderAborts(next, left[0], left[1]) {
			return true
		}
	}
	return false
}
