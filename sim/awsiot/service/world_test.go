package service

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// began is a Sunday, at noon.
var began = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// world is a service with its clock in hand and its announcements kept.
type world struct {
	*testing.T
	*Service
	clock *VirtualClock
	heard []Announcement
	// signed counts URLs.
	signed int
}

func newWorld(t *testing.T) *world { return newWorldWith(t, Config{}) }

func newWorldWith(t *testing.T, cfg Config) *world {
	t.Helper()
	w := &world{T: t, clock: NewClock(began, 0)}
	cfg.Region, cfg.Account, cfg.Clock = "eu-west-1", "123456789012", w.clock
	cfg.Announce = func(a Announcement) { w.heard = append(w.heard, a) }
	cfg.Presign = func(bucket, key, version string, expires time.Duration) (string, error) {
		w.signed++
		return fmt.Sprintf("https://store/%s/%s?v=%s&e=%d&n=%d", bucket, key, version, int(expires.Seconds()), w.signed), nil
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.Service = s
	return w
}

// must is a result that cannot fail here.
func must[T any](w *world) func(out T, err error) T {
	return func(out T, err error) T {
		w.Helper()
		if err != nil {
			w.Fatal(err)
		}
		return out
	}
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// refused says that an error is of a type, with its status.
func (w *world) refused(err error, kind string, status int) *Error {
	w.Helper()
	var e *Error
	if !errors.As(err, &e) {
		w.Fatalf("got %v, want %s", err, kind)
	}
	if e.Type != kind+"Exception" || e.Status != status {
		w.Fatalf("got %s with status %d (%s), want %s with %d", e.Type, e.Status, e.Message, kind, status)
	}
	return e
}

func (w *world) invalid(err error) { w.Helper(); w.refused(err, "InvalidRequest", 400) }

// pass lets time go by.
func (w *world) pass(d time.Duration) {
	w.clock.Advance(d)
	w.Tick()
}

func (w *world) minutes(n int) { w.pass(time.Duration(n) * time.Minute) }

func (w *world) thingNamed(name string) string {
	w.Helper()
	return must[CreateThingOutput](w)(w.CreateThing(CreateThingInput{ThingName: name})).ThingARN
}

// groupOf makes a group and things in it.
func (w *world) groupOf(name string, things ...string) string {
	w.Helper()
	g := must[CreateThingGroupOutput](w)(w.CreateThingGroup(CreateThingGroupInput{ThingGroupName: name}))
	for _, t := range things {
		w.thingNamed(t)
		w.join(name, t)
	}
	return g.ThingGroupARN
}

func (w *world) join(group, thing string) {
	w.Helper()
	w.ok(w.AddThingToThingGroup(GroupMemberInput{ThingGroupName: group, ThingName: thing}))
}

func (w *world) quit(group, thing string) {
	w.Helper()
	w.ok(w.RemoveThingFromThingGroup(GroupMemberInput{ThingGroupName: group, ThingName: thing}))
}

// fleet makes a group of n things.
func (w *world) fleet(name string, n int) string {
	var things []string
	for i := range n {
		things = append(things, fmt.Sprintf("%s%04d", name, i))
	}
	return w.groupOf(name, things...)
}

const plain = `{"do":"it"}`

// make creates a job on targets, with changes.
func (w *world) make(id string, targets []string, change func(*CreateJobInput)) {
	w.Helper()
	must[JobRef](w)(w.tryMake(id, targets, change))
}

func (w *world) tryMake(id string, targets []string, change func(*CreateJobInput)) (JobRef, error) {
	in := CreateJobInput{JobID: id, Targets: targets, Document: plain}
	if change != nil {
		change(&in)
	}
	return w.CreateJob(in)
}

func (w *world) start(thing string) *JobExecution {
	w.Helper()
	return must[ExecutionOutput](w)(w.StartNextPendingJobExecution(StartNextInput{ThingName: thing})).Execution
}

func (w *world) report(thing, job, status string) {
	w.Helper()
	must[UpdateOutput](w)(w.UpdateJobExecution(UpdateInput{ThingName: thing, JobID: job, Status: status}))
}

func (w *world) status(job string) string {
	w.Helper()
	return must[DescribeJobOutput](w)(w.DescribeJob(job)).Job.Status
}

// latestOn is a thing's latest execution of a job.
func (w *world) latestOn(thing, job string) Execution {
	w.Helper()
	return must[DescribeExecutionOutput](w)(w.Service.DescribeJobExecution(DescribeExecutionInput{ThingName: thing, JobID: job})).Execution
}

// counts are a job's things by state, such as "QUEUED 2, SUCCEEDED 1".
func (w *world) counts(job string) string {
	w.Helper()
	return counted(must[DescribeJobOutput](w)(w.DescribeJob(job)).Job.JobProcessDetails)
}

func counted(d JobProcessDetails) string {
	var out []string
	for _, c := range []struct {
		name string
		n    int
	}{
		{queued, d.NumberOfQueuedThings},
		{inProgress, d.NumberOfInProgressThings},
		{succeeded, d.NumberOfSucceededThings},
		{failed, d.NumberOfFailedThings},
		{rejected, d.NumberOfRejectedThings},
		{timedOut, d.NumberOfTimedOutThings},
		{canceled, d.NumberOfCanceledThings},
		{removed, d.NumberOfRemovedThings},
	} {
		if c.n != 0 {
			out = append(out, fmt.Sprintf("%s %d", c.name, c.n))
		}
	}
	return strings.Join(out, ", ")
}

// news are the announcements since the last call, as "thing kind what".
func (w *world) news() []string {
	w.Helper()
	out := []string{}
	for _, a := range w.heard {
		parts := strings.SplitN(a.Topic, "/", 5)
		out = append(out, strings.TrimSpace(a.Thing+" "+parts[len(parts)-1]+" "+w.gist(a)))
	}
	w.heard = nil
	return out
}

func (w *world) gist(a Announcement) string {
	w.Helper()
	var message struct {
		Jobs      map[string][]JobExecutionSummary
		Execution *JobExecution
	}
	w.ok(json.Unmarshal(a.Payload, &message))
	if message.Execution != nil {
		return message.Execution.JobID + " " + message.Execution.Status
	}
	var out []string
	for _, status := range []string{inProgress, queued} {
		for _, e := range message.Jobs[status] {
			out = append(out, e.JobID+":"+status)
		}
	}
	return strings.Join(out, " ")
}

func (w *world) hears(want ...string) {
	w.Helper()
	if want == nil {
		want = []string{}
	}
	if got := w.news(); !slices.Equal(got, want) {
		w.Fatalf("announced\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func same[T comparable](w *world, what string, got, want T) {
	w.Helper()
	if got != want {
		w.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

func ptr[T any](v T) *T { return &v }

func retries(kind string, n int) RetryCriterion { return RetryCriterion{kind, ptr(n)} }

func within(minutes int64) *TimeoutConfig { return &TimeoutConfig{ptr(minutes)} }
