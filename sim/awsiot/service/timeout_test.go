package service

import (
	"fmt"
	"testing"
	"time"
)

func step(w *world, minutes int) {
	w.Helper()
	must[UpdateOutput](w)(w.UpdateJobExecution(UpdateInput{ThingName: "cam", JobID: "j", Status: inProgress, StepTimeoutInMinutes: ptr(Number(minutes))}))
}

// left is the time of the day at which the execution times out.
func left(w *world) string {
	w.Helper()
	seconds := w.latestOn("cam", "j").ApproximateSecondsBeforeTimedOut
	if seconds == nil {
		return "never"
	}
	return w.Now().Add(time.Duration(*seconds) * time.Second).Format("15:04")
}

// TestTimersAsDocumented is the developer guide's example, to the minute.
func TestTimersAsDocumented(t *testing.T) {
	w := newWorld(t)
	w.make("j", []string{w.thingNamed("cam")}, func(in *CreateJobInput) { in.TimeoutConfig = within(20) })
	w.start("cam") // 12:00
	same(w, "12:00", left(w), "12:20")
	w.minutes(5)
	step(w, 7)
	same(w, "12:05", left(w), "12:12")
	w.minutes(5)
	step(w, 5)
	same(w, "12:10", left(w), "12:15")
	w.minutes(3)
	step(w, 9)
	same(w, "12:13", left(w), "12:20")
	w.minutes(6)
	w.pass(59*time.Second + 999*time.Millisecond)
	same(w, "just before", w.latestOn("cam", "j").Status, inProgress)
	w.pass(time.Millisecond)
	e := w.latestOn("cam", "j")
	same(w, "status", e.Status, timedOut)
	same(w, "when", e.LastUpdatedAt.Format("15:04:05"), "12:20:00")
	same(w, "then", left(w), "never")
	same(w, "version", e.VersionNumber, 6)
	same(w, "job", w.status("j"), completed)
}

func TestStepTimer(t *testing.T) {
	w := newWorld(t)
	w.make("j", []string{w.thingNamed("cam")}, nil)
	must[ExecutionOutput](w)(w.StartNextPendingJobExecution(StartNextInput{ThingName: "cam", StepTimeoutInMinutes: ptr(Number(3))}))
	same(w, "set", left(w), "12:03")
	w.minutes(2)
	w.report("cam", "j", inProgress)
	same(w, "not extended by an update without one", left(w), "12:03")
	step(w, 10)
	same(w, "replaced", left(w), "12:12")
	w.minutes(5)
	same(w, "the old one is forgotten", w.latestOn("cam", "j").Status, inProgress)
	step(w, -1)
	same(w, "discarded", left(w), "never")
	w.pass(1000 * time.Hour)
	same(w, "status", w.latestOn("cam", "j").Status, inProgress)
	step(w, 1)
	w.minutes(1)
	same(w, "status", w.latestOn("cam", "j").Status, timedOut)
}

func TestStepTimerBounds(t *testing.T) {
	w := newWorld(t)
	w.make("j", []string{w.thingNamed("cam")}, nil)
	for minutes, ok := range map[int]bool{-2: false, -1: true, 0: false, 1: true, 10080: true, 10081: false} {
		_, err := w.UpdateJobExecution(UpdateInput{ThingName: "cam", JobID: "j", Status: inProgress, StepTimeoutInMinutes: ptr(Number(minutes))})
		if (err == nil) != ok {
			t.Errorf("%d minutes: %v", minutes, err)
		}
		_, err = w.StartNextPendingJobExecution(StartNextInput{ThingName: "cam", StepTimeoutInMinutes: ptr(Number(minutes))})
		if (err == nil) != ok {
			t.Errorf("%d minutes at the start: %v", minutes, err)
		}
	}
}

func TestTimeoutEndsWithTheExecution(t *testing.T) {
	w := newWorld(t)
	w.make("j", []string{w.thingNamed("cam")}, func(in *CreateJobInput) { in.TimeoutConfig = within(5) })
	w.minutes(100) // no timer runs for what is queued
	same(w, "queued", w.latestOn("cam", "j").Status, queued)
	w.start("cam")
	w.report("cam", "j", succeeded)
	w.minutes(100)
	same(w, "ended", w.latestOn("cam", "j").Status, succeeded)
}

// TestJumpAndWalk: a clock that jumps tells the story of one that walks.
func TestJumpAndWalk(t *testing.T) {
	story := func(t *testing.T, pass func(w *world)) string {
		w := newWorld(t)
		w.make("j", []string{w.thingNamed("cam"), w.thingNamed("dog")}, func(in *CreateJobInput) {
			in.TimeoutConfig = within(5)
			in.JobExecutionsRolloutConfig = &RolloutConfig{MaximumPerMinute: ptr(1)}
			in.JobExecutionsRetryConfig = &RetryConfig{[]RetryCriterion{retries(timedOut, 2)}}
			in.SchedulingConfig = &SchedulingConfig{EndTime: "2026-11-22T13:00", EndBehavior: forceCancel}
		})
		w.start("cam")
		pass(w)
		out := fmt.Sprint(w.news())
		for _, name := range []string{"cam", "dog"} {
			e := w.latestOn(name, "j")
			out += fmt.Sprint("\n", name, e.Status, e.VersionNumber, e.ExecutionNumber, e.LastUpdatedAt)
		}
		return out + w.counts("j") + w.status("j")
	}
	walked := story(t, func(w *world) {
		for range 7200 {
			w.pass(time.Second)
		}
	})
	jumped := story(t, func(w *world) { w.pass(2 * time.Hour) })
	if walked != jumped {
		t.Errorf("walked:\n%s\njumped:\n%s", walked, jumped)
	}
}
