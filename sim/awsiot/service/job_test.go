package service

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestCreateJob(t *testing.T) {
	w := newWorld(t)
	thing := w.thingNamed("cam")
	ref := must[JobRef](w)(w.tryMake("j", []string{thing}, func(in *CreateJobInput) { in.Description = "text" }))
	same(w, "answer", jsonOf(w, ref), `{"jobArn":"arn:aws:iot:eu-west-1:123456789012:job/j","jobId":"j","description":"text"}`)
	_, err := w.tryMake("j", []string{thing}, nil)
	e := w.refused(err, "ResourceAlreadyExists", 409)
	same(w, "body", jsonOf(w, e.Body()), `{"message":"job j exists","resourceId":"j","resourceArn":"arn:aws:iot:eu-west-1:123456789012:job/j"}`)
	for _, arn := range []string{w.arn("thing", "nobody"), w.arn("thinggroup", "nobody")} {
		_, err := w.tryMake("k", []string{arn}, nil)
		w.refused(err, "ResourceNotFound", 404)
	}
	for _, call := range []func() error{
		func() error { _, err := w.DescribeJob("k"); return err },
		func() error { _, err := w.GetJobDocument("k", false); return err },
		func() error { _, err := w.CancelJob(CancelJobInput{JobID: "k"}); return err },
		func() error { return w.UpdateJob(UpdateJobInput{JobID: "k"}) },
		func() error { return w.DeleteJob(DeleteJobInput{JobID: "k"}) },
		func() error {
			_, err := w.ListJobExecutionsForJob(ListJobExecutionsForJobInput{JobID: "k"})
			return err
		},
		func() error { return w.CancelJobExecution(CancelExecutionInput{ThingName: "cam", JobID: "k"}) },
	} {
		w.refused(call(), "ResourceNotFound", 404)
	}
}

func TestDescribeJobWire(t *testing.T) {
	w := newWorld(t)
	w.make("j", []string{w.thingNamed("cam")}, func(in *CreateJobInput) {
		in.TimeoutConfig = within(10)
		in.JobExecutionsRetryConfig = &RetryConfig{[]RetryCriterion{retries(timedOut, 3)}}
		in.SchedulingConfig = &SchedulingConfig{StartTime: "2026-11-22T13:00", EndTime: "2026-11-22T14:00", EndBehavior: cancelQueue}
	})
	same(w, "body", jsonOf(w, must[DescribeJobOutput](w)(w.DescribeJob("j"))), `{"job":{`+
		`"jobArn":"arn:aws:iot:eu-west-1:123456789012:job/j","jobId":"j","targetSelection":"SNAPSHOT","status":"SCHEDULED",`+
		`"targets":["arn:aws:iot:eu-west-1:123456789012:thing/cam"],"createdAt":1795348800.000,"lastUpdatedAt":1795348800.000,`+
		`"jobProcessDetails":{"numberOfCanceledThings":0,"numberOfSucceededThings":0,"numberOfFailedThings":0,"numberOfRejectedThings":0,"numberOfQueuedThings":0,"numberOfInProgressThings":0,"numberOfRemovedThings":0,"numberOfTimedOutThings":0},`+
		`"timeoutConfig":{"inProgressTimeoutInMinutes":10},"jobExecutionsRetryConfig":{"criteriaList":[{"failureType":"TIMED_OUT","numberOfRetries":3}]},`+
		`"isConcurrent":false,"schedulingConfig":{"startTime":"2026-11-22T13:00","endTime":"2026-11-22T14:00","endBehavior":"CANCEL"},"scheduledJobRollouts":[{"startTime":"2026-11-22T13:00"}]}}`)
}

func TestCancelJob(t *testing.T) {
	for _, force := range []bool{false, true} {
		w := newWorld(t)
		group := w.fleet("f", 4)
		w.make("j", []string{group}, func(in *CreateJobInput) {
			in.JobExecutionsRolloutConfig = &RolloutConfig{MaximumPerMinute: ptr(3)}
		})
		w.start("f0000")
		w.report("f0001", "j", succeeded)
		must[JobRef](w)(w.CancelJob(CancelJobInput{JobID: "j", Force: force, ReasonCode: "BAD_1", Comment: "a pity"}))
		d := must[DescribeJobOutput](w)(w.DescribeJob("j")).Job
		same(w, "status", d.Status+d.ReasonCode+d.Comment, "CANCELEDBAD_1a pity")
		same(w, "forceCanceled", *d.ForceCanceled, force)
		same(w, "counts", w.counts("j"), map[bool]string{false: "IN_PROGRESS 1, SUCCEEDED 1, CANCELED 1", true: "SUCCEEDED 1, CANCELED 2"}[force])
		w.minutes(5)
		same(w, "no rollout", counted(must[DescribeJobOutput](w)(w.DescribeJob("j")).Job.JobProcessDetails), counted(d.JobProcessDetails))
		_, err := w.UpdateJobExecution(UpdateInput{ThingName: "f0000", JobID: "j", Status: succeeded})
		if force {
			w.refused(err, "InvalidStateTransition", 409)
		} else {
			w.ok(err)
			same(w, "canceled it stays", w.status("j"), canceled)
		}
		_, err = w.CancelJob(CancelJobInput{JobID: "j"})
		w.invalid(err)
		w.invalid(w.UpdateJob(UpdateJobInput{JobID: "j", Description: ptr("x")}))
	}
}

func TestCancelJobBounds(t *testing.T) {
	for reason, ok := range map[string]bool{"": true, "A": true, "ÄΩ_9": true, strings.Repeat("A", 128): true, strings.Repeat("A", 129): false, "a": false, "A B": false, "A-B": false} {
		w := newWorld(t)
		w.make("j", []string{w.thingNamed("cam")}, nil)
		_, err := w.CancelJob(CancelJobInput{JobID: "j", ReasonCode: reason})
		if (err == nil) != ok {
			t.Errorf("%q: %v", reason, err)
		}
	}
	w := newWorld(t)
	w.make("j", []string{w.thingNamed("cam")}, nil)
	_, err := w.CancelJob(CancelJobInput{JobID: "j", Comment: strings.Repeat("c", 2029)})
	w.invalid(err)
	w.report("cam", "j", succeeded)
	_, err = w.CancelJob(CancelJobInput{JobID: "j", Force: true})
	w.invalid(err)
}

func TestCancelScheduledJob(t *testing.T) {
	w := newWorld(t)
	w.make("j", []string{w.thingNamed("cam")}, func(in *CreateJobInput) {
		in.SchedulingConfig = &SchedulingConfig{StartTime: "2026-11-22T13:00", EndTime: "2026-11-22T14:00"}
	})
	must[JobRef](w)(w.CancelJob(CancelJobInput{JobID: "j"}))
	w.minutes(200)
	same(w, "status", w.status("j"), canceled)
	same(w, "counts", w.counts("j"), "")
}

func TestDeleteJob(t *testing.T) {
	w := newWorld(t)
	thing := w.thingNamed("cam")
	w.make("j", []string{thing}, func(in *CreateJobInput) { in.TimeoutConfig = within(5) })
	w.refused(w.DeleteJob(DeleteJobInput{JobID: "j"}), "InvalidStateTransition", 409)
	w.start("cam")
	w.ok(w.DeleteJob(DeleteJobInput{JobID: "j", Force: true}))
	_, err := w.UpdateJobExecution(UpdateInput{ThingName: "cam", JobID: "j", Status: succeeded})
	w.refused(err, "ResourceNotFound", 404)
	w.minutes(10) // its timer strikes nobody
	w.make("j", []string{thing}, nil)
	same(w, "the ID may be used again", w.latestOn("cam", "j").ExecutionNumber, 1)
	w.report("cam", "j", succeeded)
	w.ok(w.DeleteJob(DeleteJobInput{JobID: "j"}))
	same(w, "list", len(must[ListJobsOutput](w)(w.ListJobs(ListJobsInput{})).Jobs), 0)
}

func TestExpectedVersionOfCancel(t *testing.T) {
	w := newWorld(t)
	w.make("j", []string{w.thingNamed("cam")}, nil)
	cancel := func(version int) error {
		return w.CancelJobExecution(CancelExecutionInput{ThingName: "cam", JobID: "j", ExpectedVersion: ptr(Number(version)), StatusDetails: map[string]string{"by": "me"}})
	}
	w.refused(cancel(2), "VersionConflict", 409)
	w.ok(cancel(1))
	same(w, "details", fmt.Sprint(w.latestOn("cam", "j").StatusDetails.DetailsMap), "map[by:me]")
	same(w, "version", w.latestOn("cam", "j").VersionNumber, 2)
}

func TestUpdateJob(t *testing.T) {
	w := newWorld(t)
	things := []string{w.thingNamed("ant"), w.thingNamed("bee")}
	w.make("j", things, func(in *CreateJobInput) { in.TimeoutConfig = within(5) })
	w.start("ant")
	w.ok(w.UpdateJob(UpdateJobInput{JobID: "j", Description: ptr("new"), TimeoutConfig: within(60)}))
	same(w, "description", must[DescribeJobOutput](w)(w.DescribeJob("j")).Job.Description, "new")
	w.start("bee")
	w.minutes(5)
	same(w, "the timer that ran", w.latestOn("ant", "j").Status, timedOut)
	same(w, "the timer after", w.latestOn("bee", "j").Status, inProgress)
	w.invalid(w.UpdateJob(UpdateJobInput{JobID: "j", TimeoutConfig: within(0)}))
	w.minutes(54)
	same(w, "a refusal changes nothing", w.latestOn("bee", "j").Status, inProgress)
	w.minutes(1)
	same(w, "the new one", w.latestOn("bee", "j").Status, timedOut)
}

func TestListJobs(t *testing.T) {
	w := newWorld(t)
	thing, group := w.thingNamed("cam"), w.groupOf("group")
	for i := range 5 {
		w.make(fmt.Sprint("j", i), []string{thing}, nil)
	}
	w.make("c", []string{group}, func(in *CreateJobInput) { in.TargetSelection = continuous })
	w.report("cam", "j3", succeeded)
	ids := func(in ListJobsInput) string {
		w.Helper()
		var out []string
		for {
			page := must[ListJobsOutput](w)(w.ListJobs(in))
			for _, j := range page.Jobs {
				out = append(out, j.JobID)
			}
			if in.NextToken = page.NextToken; in.NextToken == "" {
				return strings.Join(out, " ")
			}
			out = append(out, "|")
		}
	}
	same(w, "all", ids(ListJobsInput{}), "c j4 j3 j2 j1 j0")
	same(w, "pages", ids(ListJobsInput{Page: Page{MaxResults: 4}}), "c j4 j3 j2 | j1 j0")
	same(w, "a full page is the last", ids(ListJobsInput{Page: Page{MaxResults: 3}}), "c j4 j3 | j2 j1 j0")
	same(w, "status", ids(ListJobsInput{Status: completed}), "j3")
	same(w, "selection", ids(ListJobsInput{TargetSelection: continuous}), "c")
	same(w, "group", ids(ListJobsInput{ThingGroupName: "group"}), "c")
	id := must[DescribeThingGroupOutput](w)(w.DescribeThingGroup("group")).ThingGroupID
	same(w, "group by ID", ids(ListJobsInput{ThingGroupID: id}), "c")
	same(w, "group of a summary", must[ListJobsOutput](w)(w.ListJobs(ListJobsInput{Page: Page{MaxResults: 1}})).Jobs[0].ThingGroupID, id)
	_, err := w.ListJobs(ListJobsInput{ThingGroupName: "nobody"})
	w.refused(err, "ResourceNotFound", 404)
	for _, in := range []ListJobsInput{{Status: "QUEUED"}, {TargetSelection: "snapshot"}} {
		_, err := w.ListJobs(in)
		w.invalid(err)
	}
	for _, page := range []Page{{MaxResults: 251}, {MaxResults: -1}, {NextToken: "x"}, {NextToken: "ZnJvbSAtMQ"}} {
		_, err := w.ListJobs(ListJobsInput{Page: page})
		w.invalid(err)
	}
}

func TestListExecutions(t *testing.T) {
	w := newWorld(t)
	group := w.fleet("f", 300)
	w.make("j", []string{group}, nil)
	w.make("k", []string{w.arn("thing", "f0000")}, nil)
	w.report("f0007", "j", rejected)
	first := must[ListJobExecutionsForJobOutput](w)(w.ListJobExecutionsForJob(ListJobExecutionsForJobInput{JobID: "j"}))
	same(w, "a page", len(first.ExecutionSummaries), 250)
	second := must[ListJobExecutionsForJobOutput](w)(w.ListJobExecutionsForJob(ListJobExecutionsForJobInput{JobID: "j", Page: Page{NextToken: first.NextToken}}))
	same(w, "the rest", len(second.ExecutionSummaries), 50)
	same(w, "the end", second.NextToken, "")
	same(w, "by status", jsonOf(w, must[ListJobExecutionsForJobOutput](w)(w.ListJobExecutionsForJob(ListJobExecutionsForJobInput{JobID: "j", Status: rejected}))),
		`{"executionSummaries":[{"thingArn":"arn:aws:iot:eu-west-1:123456789012:thing/f0007","jobExecutionSummary":{"status":"REJECTED","queuedAt":1795348800.000,"lastUpdatedAt":1795348800.000,"executionNumber":1,"retryAttempt":0}}]}`)
	forThing := func(in ListJobExecutionsForThingInput) (ids string) {
		in.ThingName = "f0000"
		for _, e := range must[ListJobExecutionsForThingOutput](w)(w.ListJobExecutionsForThing(in)).ExecutionSummaries {
			ids += e.JobID
		}
		return ids
	}
	same(w, "thing", forThing(ListJobExecutionsForThingInput{}), "kj")
	same(w, "thing and job", forThing(ListJobExecutionsForThingInput{JobID: "j"}), "j")
	same(w, "thing and status", forThing(ListJobExecutionsForThingInput{Status: failed}), "")
	_, err := w.ListJobExecutionsForJob(ListJobExecutionsForJobInput{JobID: "j", Status: "SCHEDULED"})
	w.invalid(err)
	_, err = w.ListJobExecutionsForThing(ListJobExecutionsForThingInput{ThingName: "f0000", Status: "SCHEDULED"})
	w.invalid(err)
	_, err = w.ListJobExecutionsForThing(ListJobExecutionsForThingInput{ThingName: "nobody"})
	w.refused(err, "ResourceNotFound", 404)
}

func TestEvents(t *testing.T) {
	w := newWorldWith(t, Config{Events: true})
	w.make("j", []string{w.thingNamed("cam")}, nil)
	w.heard = nil
	w.report("cam", "j", succeeded)
	var topics []string
	for _, a := range w.heard {
		topics = append(topics, a.Topic)
	}
	same(w, "topics", strings.Join(topics, " "), "$aws/events/jobExecution/j/succeeded $aws/events/job/j/completed $aws/things/cam/jobs/notify $aws/things/cam/jobs/notify-next")
}

func TestAsError(t *testing.T) {
	e := AsError(errors.New("disk full"))
	if e.Type != "InternalFailureException" || e.Status != 500 || e.Code != "InternalError" {
		t.Errorf("got %v", e)
	}
	w := newWorld(t)
	same(w, "code", w.Reject(limitExceeded("too many"), "").Code, "InternalError")
}
