package service

import (
	"fmt"
	"testing"
	"time"
)

func exponential(base int, factor float64, notified, succeeded *int) *RolloutConfig {
	return &RolloutConfig{ExponentialRate: &ExponentialRate{base, factor, &RateIncreaseCriteria{notified, succeeded}}}
}

func TestRate(t *testing.T) {
	capped := exponential(50, 2, ptr(1000), nil)
	capped.MaximumPerMinute = ptr(150)
	for _, test := range []struct {
		config              *RolloutConfig
		notified, succeeded int
		want                int
	}{
		{nil, 0, 0, 1000},
		{&RolloutConfig{}, 0, 0, 1000},
		{&RolloutConfig{MaximumPerMinute: ptr(7)}, 5000, 0, 7},
		// As documented: base 50, factor 2, a step every 1,000 things.
		{exponential(50, 2, ptr(1000), nil), 0, 0, 50},
		{exponential(50, 2, ptr(1000), nil), 999, 0, 50},
		{exponential(50, 2, ptr(1000), nil), 1000, 0, 100},
		{exponential(50, 2, ptr(1000), nil), 1999, 0, 100},
		{exponential(50, 2, ptr(1000), nil), 2000, 0, 200},
		{exponential(50, 2, ptr(1000), nil), 3000, 0, 400},
		{exponential(50, 2, ptr(1000), nil), 4000, 0, 800},
		{exponential(50, 2, ptr(1000), nil), 5000, 0, 1000},
		{exponential(50, 2, ptr(1000), nil), 1 << 40, 0, 1000},
		{capped, 1000, 0, 100},
		{capped, 2000, 0, 150},
		{exponential(10, 1.1, ptr(10), nil), 10, 0, 11},
		{exponential(10, 1.1, ptr(10), nil), 20, 0, 12},
		{exponential(10, 1.5, nil, ptr(10)), 1000, 9, 10},
		{exponential(10, 1.5, nil, ptr(10)), 0, 10, 15},
		{exponential(10, 2, ptr(100), ptr(10)), 99, 20, 40}, // either is enough
		{exponential(10, 2, ptr(100), ptr(10)), 100, 9, 20},
	} {
		if got := test.config.rate(test.notified, test.succeeded); got != test.want {
			t.Errorf("%s after %d notified, %d succeeded: got %d, want %d", jsonOf(&world{T: t}, test.config), test.notified, test.succeeded, got, test.want)
		}
	}
}

func queuedThings(w *world, job string) int {
	w.Helper()
	return must[DescribeJobOutput](w)(w.DescribeJob(job)).Job.JobProcessDetails.NumberOfQueuedThings
}

func TestConstantRollout(t *testing.T) {
	w := newWorld(t)
	group := w.fleet("f", 25)
	w.make("j", []string{group}, func(in *CreateJobInput) {
		in.JobExecutionsRolloutConfig = &RolloutConfig{MaximumPerMinute: ptr(10)}
	})
	for _, want := range []int{10, 20, 25, 25} {
		same(w, "queued", queuedThings(w, "j"), want)
		d := must[DescribeJobOutput](w)(w.DescribeJob("j")).Job
		same(w, "isConcurrent", d.IsConcurrent, want < 25)
		same(w, "processingTargets", len(d.JobProcessDetails.ProcessingTargets), map[bool]int{true: 1, false: 0}[want < 25])
		w.pass(59 * time.Second)
		same(w, "queued a second before", queuedThings(w, "j"), want)
		w.pass(time.Second)
	}
}

// TestExponentialRollout: the minutes of the documented example, scaled by ten.
func TestExponentialRollout(t *testing.T) {
	w := newWorld(t)
	group := w.fleet("f", 500)
	w.make("j", []string{group}, func(in *CreateJobInput) { in.JobExecutionsRolloutConfig = exponential(50, 2, ptr(100), nil) })
	for _, want := range []int{50, 100, 200, 400, 500} { // 50, 50, 100, 200, then what is left
		same(w, "queued", queuedThings(w, "j"), want)
		w.minutes(1)
	}
}

func TestUpdateJobChangesTheRate(t *testing.T) {
	w := newWorld(t)
	group := w.fleet("f", 100)
	w.make("j", []string{group}, func(in *CreateJobInput) {
		in.JobExecutionsRolloutConfig = &RolloutConfig{MaximumPerMinute: ptr(1)}
	})
	w.minutes(1)
	same(w, "queued", queuedThings(w, "j"), 2)
	w.ok(w.UpdateJob(UpdateJobInput{JobID: "j", JobExecutionsRolloutConfig: &RolloutConfig{MaximumPerMinute: ptr(50)}}))
	same(w, "not before the next minute", queuedThings(w, "j"), 2)
	w.minutes(1)
	same(w, "queued", queuedThings(w, "j"), 52)
}

func TestConcurrentJobs(t *testing.T) {
	w := newWorldWith(t, Config{ConcurrentJobs: 2})
	slow := func(in *CreateJobInput) {
		in.JobExecutionsRolloutConfig = &RolloutConfig{MaximumPerMinute: ptr(1)}
	}
	group := w.fleet("f", 3)
	w.make("late", []string{group}, func(in *CreateJobInput) {
		in.SchedulingConfig = &SchedulingConfig{StartTime: "2026-11-22T12:30"}
	})
	w.minutes(29)
	w.make("one", []string{group}, slow)
	w.make("two", []string{group}, slow)
	_, err := w.tryMake("three", []string{group}, slow)
	w.refused(err, "LimitExceeded", 410)
	w.minutes(1)
	same(w, "a scheduled one at the limit", w.status("late"), canceled)
	w.minutes(1) // both have rolled out
	w.make("three", []string{group}, slow)
}

// TestThousandThings is a job on a thousand things, from rollout to the end.
func TestThousandThings(t *testing.T) {
	w := newWorld(t)
	group := w.fleet("f", 1000)
	w.make("j", []string{group}, func(in *CreateJobInput) { in.TimeoutConfig = within(60) })
	same(w, "queued", queuedThings(w, "j"), 1000)
	for i := range 1000 {
		name := fmt.Sprintf("f%04d", i)
		w.start(name)
		for range 5 {
			w.report(name, "j", inProgress)
		}
		w.report(name, "j", succeeded)
	}
	same(w, "counts", w.counts("j"), "SUCCEEDED 1000")
	same(w, "status", w.status("j"), completed)
	same(w, "announced", len(w.heard), 4000)
}
