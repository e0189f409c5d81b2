package service

import (
	"fmt"
	"testing"
	"time"
)

func TestScheduleBounds(t *testing.T) {
	at := func(d time.Duration) string { return began.Add(d).Format(wireTime) }
	const minute, day = time.Minute, 24 * time.Hour
	window := []MaintenanceWindow{{"cron(0 10 * * ? *)", 60}}
	for _, test := range []struct {
		name string
		c    SchedulingConfig
		ok   bool
	}{
		{"nothing", SchedulingConfig{}, true},
		{"start in 30 minutes", SchedulingConfig{StartTime: at(30 * minute)}, true},
		{"start in 29 minutes", SchedulingConfig{StartTime: at(29 * minute)}, false},
		{"start in the past", SchedulingConfig{StartTime: at(-day)}, false},
		{"start in a year", SchedulingConfig{StartTime: at(365 * day)}, true},
		{"start in a year and a minute", SchedulingConfig{StartTime: at(365*day + minute)}, false},
		{"end in 30 minutes", SchedulingConfig{EndTime: at(30 * minute)}, true},
		{"end in 29 minutes", SchedulingConfig{EndTime: at(29 * minute)}, false},
		{"end in two years", SchedulingConfig{EndTime: "2028-11-22T12:00"}, true},
		{"end in two years and a minute", SchedulingConfig{EndTime: "2028-11-22T12:01"}, false},
		{"30 minutes long", SchedulingConfig{StartTime: at(60 * minute), EndTime: at(90 * minute)}, true},
		{"29 minutes long", SchedulingConfig{StartTime: at(60 * minute), EndTime: at(89 * minute)}, false},
		{"end before start", SchedulingConfig{StartTime: at(2 * day), EndTime: at(day)}, false},
		{"seconds", SchedulingConfig{StartTime: at(day) + ":00"}, false},
		{"zone", SchedulingConfig{StartTime: at(day) + "Z"}, false},
		{"space", SchedulingConfig{StartTime: "2026-11-23 12:00"}, false},
		{"no such day", SchedulingConfig{StartTime: "2027-02-30T12:00"}, false},
		{"behavior without end", SchedulingConfig{StartTime: at(day), EndBehavior: cancelQueue}, false},
		{"STOP_ROLLOUT", SchedulingConfig{EndTime: at(day), EndBehavior: stopRollout}, true},
		{"CANCEL", SchedulingConfig{EndTime: at(day), EndBehavior: cancelQueue}, true},
		{"FORCE_CANCEL", SchedulingConfig{EndTime: at(day), EndBehavior: forceCancel}, true},
		{"other behavior", SchedulingConfig{EndTime: at(day), EndBehavior: "cancel"}, false},
		{"windows of a snapshot", SchedulingConfig{MaintenanceWindows: window}, false},
	} {
		w := newWorld(t)
		_, err := w.tryMake("j", []string{w.thingNamed("cam")}, func(in *CreateJobInput) { in.SchedulingConfig = &test.c })
		if (err == nil) != test.ok {
			t.Errorf("%s: %v", test.name, err)
		}
		if err != nil {
			w.invalid(err)
		}
	}
}

func TestWindowBounds(t *testing.T) {
	for _, test := range []struct {
		window MaintenanceWindow
		ok     bool
	}{
		{MaintenanceWindow{"cron(0 10 * * ? *)", 1}, true},
		{MaintenanceWindow{"cron(0 10 * * ? *)", 1430}, true},
		{MaintenanceWindow{"cron(0 10 * * ? *)", 0}, false},
		{MaintenanceWindow{"cron(0 10 * * ? *)", 1431}, false},
		{MaintenanceWindow{"2026/11/23 10:00", 10}, false},
		{MaintenanceWindow{"", 10}, false},
		{MaintenanceWindow{"cron(0 0 30 2 ? *)", 10}, false},
		{MaintenanceWindow{"cron(0 0 1 1 ? 2025)", 10}, false},
	} {
		w := newWorld(t)
		_, err := w.tryMake("j", []string{w.thingNamed("cam")}, func(in *CreateJobInput) {
			in.TargetSelection = continuous
			in.SchedulingConfig = &SchedulingConfig{MaintenanceWindows: []MaintenanceWindow{test.window}}
		})
		if (err == nil) != test.ok {
			t.Errorf("%v: %v", test.window, err)
		}
	}
}

func TestStartTime(t *testing.T) {
	w := newWorld(t)
	group := w.groupOf("group", "cam")
	w.make("j", []string{group}, func(in *CreateJobInput) {
		in.SchedulingConfig = &SchedulingConfig{StartTime: "2026-11-22T13:00"}
	})
	same(w, "before", w.status("j"), scheduled)
	same(w, "starts", jsonOf(w, must[DescribeJobOutput](w)(w.DescribeJob("j")).Job.ScheduledJobRollouts), `[{"startTime":"2026-11-22T13:00"}]`)
	due, ok := w.Next()
	same(w, "due", due.Format(wireTime), "2026-11-22T13:00")
	same(w, "something is due", ok, true)
	w.minutes(59)
	w.hears()
	w.thingNamed("dog")
	w.join("group", "dog") // before the rollout, so it is in the snapshot
	w.minutes(1)
	same(w, "begun", w.status("j"), inProgress)
	same(w, "counts", w.counts("j"), "QUEUED 2")
	w.hears("cam notify j:QUEUED", "cam notify-next j QUEUED", "dog notify j:QUEUED", "dog notify-next j QUEUED")
	same(w, "starts", len(must[DescribeJobOutput](w)(w.DescribeJob("j")).Job.ScheduledJobRollouts), 0)
}

// TestEndTime has a job of three things, one queued, one in progress, one
// waiting for its turn, at its end.
func TestEndTime(t *testing.T) {
	for _, test := range []struct {
		behavior string
		counts   string
		status   string
	}{
		{"", "QUEUED 1, IN_PROGRESS 1", inProgress},
		{stopRollout, "QUEUED 1, IN_PROGRESS 1", inProgress},
		{cancelQueue, "IN_PROGRESS 1, CANCELED 1", inProgress},
		{forceCancel, "CANCELED 2", completed},
	} {
		for _, selection := range []string{snapshot, continuous} {
			t.Run(test.behavior+selection, func(t *testing.T) {
				w := newWorld(t)
				group := w.fleet("f", 40)
				w.make("j", []string{group}, func(in *CreateJobInput) {
					in.TargetSelection = selection
					in.SchedulingConfig = &SchedulingConfig{EndTime: "2026-11-22T12:30", EndBehavior: test.behavior}
					in.JobExecutionsRolloutConfig = &RolloutConfig{MaximumPerMinute: ptr(1)}
					in.JobExecutionsRetryConfig = &RetryConfig{[]RetryCriterion{retries(failed, 3)}}
				})
				w.minutes(29)
				for i := range 28 {
					w.ok(w.CancelJobExecution(CancelExecutionInput{ThingName: fmt.Sprintf("f%04d", i), JobID: "j"}))
					w.ok(w.DeleteJobExecution(DeleteExecutionInput{ThingName: fmt.Sprintf("f%04d", i), JobID: "j", ExecutionNumber: 1}))
				}
				w.start("f0028")
				same(w, "before", w.counts("j"), "QUEUED 1, IN_PROGRESS 1")
				w.minutes(1)
				same(w, "at the end", w.counts("j"), test.counts)
				same(w, "job", w.status("j"), test.status)
				w.minutes(600)
				same(w, "no rollout any more", w.counts("j"), test.counts)
				if test.status == completed {
					return
				}
				w.report("f0028", "j", failed) // and no retry
				if test.behavior != cancelQueue {
					same(w, "one is left", w.status("j"), inProgress)
					w.report("f0029", "j", succeeded)
				}
				same(w, "all ended", w.status("j"), completed)
			})
		}
	}
}

func windowed(windows ...MaintenanceWindow) func(*CreateJobInput) {
	return func(in *CreateJobInput) {
		in.TargetSelection = continuous
		in.SchedulingConfig = &SchedulingConfig{MaintenanceWindows: windows}
	}
}

func TestMaintenanceWindow(t *testing.T) {
	w := newWorld(t)
	group := w.groupOf("group", "ant", "bee", "cat", "dog")
	w.make("j", []string{group}, func(in *CreateJobInput) {
		windowed(MaintenanceWindow{"cron(0 18 * * ? *)", 60})(in)
		in.JobExecutionsRolloutConfig = &RolloutConfig{MaximumPerMinute: ptr(2)}
		in.JobExecutionsRetryConfig = &RetryConfig{[]RetryCriterion{retries(failed, 1)}}
	})
	same(w, "before", w.status("j"), scheduled)
	starts := must[DescribeJobOutput](w)(w.DescribeJob("j")).Job.ScheduledJobRollouts
	same(w, "starts", len(starts), 7)
	same(w, "first", starts[0].StartTime, "2026-11-22T18:00")
	same(w, "last", starts[6].StartTime, "2026-11-28T18:00")
	w.hears()

	w.minutes(6 * 60) // 18:00
	same(w, "open", w.status("j"), inProgress)
	same(w, "open", w.counts("j"), "QUEUED 2")
	w.hears("ant notify j:QUEUED", "ant notify-next j QUEUED", "bee notify j:QUEUED", "bee notify-next j QUEUED")
	w.minutes(1)
	w.news()
	w.start("bee")
	w.start("cat")
	w.report("cat", "j", failed) // its retry is queued at once while the window is open
	w.hears("cat notify j:QUEUED", "cat notify-next j QUEUED")

	w.minutes(58) // 18:59
	same(w, "open", w.status("j"), inProgress)
	w.hears()
	w.minutes(1) // 19:00
	same(w, "closed", w.status("j"), scheduled)
	same(w, "what is queued stays so", w.counts("j"), "QUEUED 3, IN_PROGRESS 1")
	w.hears("ant notify", "ant notify-next", "cat notify", "cat notify-next", "dog notify", "dog notify-next")
	if e := w.start("ant"); e != nil {
		t.Fatal("what is hidden was started")
	}
	same(w, "pending", len(must[GetPendingOutput](w)(w.GetPendingJobExecutions(GetPendingInput{ThingName: "ant"})).QueuedJobs), 0)

	w.report("bee", "j", failed) // in progress it goes on; its retry waits for the next window
	w.hears("bee notify", "bee notify-next")
	same(w, "retry", w.latestOn("bee", "j").Status, queued)
	w.thingNamed("emu")
	w.join("group", "emu")
	w.hears()

	w.minutes(23 * 60) // 18:00 the next day
	same(w, "open again", w.status("j"), inProgress)
	w.hears(
		"ant notify j:QUEUED", "ant notify-next j QUEUED", "bee notify j:QUEUED", "bee notify-next j QUEUED",
		"cat notify j:QUEUED", "cat notify-next j QUEUED", "dog notify j:QUEUED", "dog notify-next j QUEUED",
		"emu notify j:QUEUED", "emu notify-next j QUEUED",
	)
	for _, name := range []string{"ant", "bee", "cat", "dog", "emu"} {
		w.report(name, "j", succeeded)
	}
	w.pass(100 * 24 * time.Hour)
	same(w, "a continuous job goes on", w.status("j") != completed, true)
}

// TestMadeWithinAWindow: a window that is open already is used.
func TestMadeWithinAWindow(t *testing.T) {
	for minute, want := range map[int]string{0: inProgress, 59: inProgress, 60: scheduled} {
		w := newWorld(t)
		w.minutes(minute)
		w.make("j", []string{w.thingNamed("cam")}, windowed(MaintenanceWindow{"cron(0 12 * * ? *)", 60}))
		same(w, fmt.Sprint(minute), w.status("j"), want)
	}
}

// TestWindowsThatOverlap leave no gap.
func TestWindowsThatOverlap(t *testing.T) {
	w := newWorld(t)
	w.make("j", []string{w.thingNamed("cam")}, windowed(MaintenanceWindow{"cron(0 13 * * ? *)", 60}, MaintenanceWindow{"cron(30 13 * * ? *)", 60}, MaintenanceWindow{"cron(30 14 * * ? *)", 1}))
	for _, step := range []struct {
		minutes int
		want    string
	}{
		{59, scheduled},
		{1, inProgress},
		{60, inProgress},
		{30, inProgress},
		{1, scheduled},
	} {
		w.minutes(step.minutes)
		same(w, w.Now().Format(wireTime), w.status("j"), step.want)
	}
}

// TestEndBetweenWindows: what was hidden comes back when no window will open.
func TestEndBetweenWindows(t *testing.T) {
	w := newWorld(t)
	w.make("j", []string{w.thingNamed("cam")}, func(in *CreateJobInput) {
		windowed(MaintenanceWindow{"cron(0 13 * * ? *)", 60})(in)
		in.SchedulingConfig.EndTime = "2026-11-22T15:00"
	})
	starts := must[DescribeJobOutput](w)(w.DescribeJob("j")).Job.ScheduledJobRollouts
	same(w, "starts", jsonOf(w, starts), `[{"startTime":"2026-11-22T13:00"}]`)
	w.minutes(125)
	same(w, "between", w.status("j"), scheduled)
	w.news()
	w.minutes(55)
	same(w, "ended", w.status("j"), inProgress)
	w.hears("cam notify j:QUEUED", "cam notify-next j QUEUED")
	w.report("cam", "j", succeeded)
	same(w, "done", w.status("j"), completed)
}

// TestRolloutStopsWithItsWindow and goes on in the next, at its rate.
func TestRolloutStopsWithItsWindow(t *testing.T) {
	w := newWorld(t)
	group := w.fleet("f", 10)
	w.make("j", []string{group}, func(in *CreateJobInput) {
		windowed(MaintenanceWindow{"cron(0 * * * ? *)", 2})(in)
		in.JobExecutionsRolloutConfig = &RolloutConfig{MaximumPerMinute: ptr(2)}
	})
	for _, want := range []int{2, 4, 4, 4} {
		same(w, "queued", queuedThings(w, "j"), want)
		w.minutes(1)
	}
	w.minutes(55)
	w.minutes(1)
	same(w, "the next hour", queuedThings(w, "j"), 6)
}

// TestRateAcrossWindows: a window that follows another gives no second share of
// the same minute.
func TestRateAcrossWindows(t *testing.T) {
	w := newWorld(t)
	group := w.fleet("f", 20)
	w.make("j", []string{group}, func(in *CreateJobInput) {
		windowed(MaintenanceWindow{"cron(0 12 * * ? *)", 1}, MaintenanceWindow{"cron(1 12 * * ? *)", 1}, MaintenanceWindow{"cron(2 12 * * ? *)", 5})(in)
		in.JobExecutionsRolloutConfig = &RolloutConfig{MaximumPerMinute: ptr(2)}
	})
	for _, want := range []int{2, 4, 6, 8} {
		same(w, "queued", queuedThings(w, "j"), want)
		w.minutes(1)
	}
}

// TestRolloutGoesOnInThePreviousMinute: a window that opens before the minute of
// the rollout is over begins with its next one.
func TestRolloutGoesOnInThePreviousMinute(t *testing.T) {
	w := newWorld(t)
	w.pass(30 * time.Second) // made in mid-minute, so its minutes begin at :30
	group := w.fleet("f", 20)
	w.make("j", []string{group}, func(in *CreateJobInput) {
		windowed(MaintenanceWindow{"cron(0 12 * * ? *)", 1}, MaintenanceWindow{"cron(1 12 * * ? *)", 5})(in)
		in.JobExecutionsRolloutConfig = &RolloutConfig{MaximumPerMinute: ptr(2)}
	})
	for _, want := range []int{2, 2, 4, 4, 6} { // 12:00:30, 12:01:00, 12:01:30, …
		same(w, w.Now().Format(time.TimeOnly), queuedThings(w, "j"), want)
		w.pass(30 * time.Second)
	}
	same(w, "timers: the window's end and the next minute", len(w.timers.heap), 2)
}
