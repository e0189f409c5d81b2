package service

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

func jsonOf(w *world, value any) string {
	w.Helper()
	out, err := json.Marshal(value)
	w.ok(err)
	return string(out)
}

// TestDeviceWire has the messages as they are on the wire.
func TestDeviceWire(t *testing.T) {
	w := newWorld(t)
	thing := w.thingNamed("cam")
	now := began.Unix()
	stamp := fmt.Sprint(now)

	none := must[ExecutionOutput](w)(w.DescribeDeviceJobExecution(DescribeInput{ThingName: "cam", JobID: next}))
	same(w, "nothing pending", jsonOf(w, none), `{"timestamp":`+stamp+`}`)
	same(w, "its length", len(jsonOf(w, none)), 24)

	w.make("one", []string{thing}, nil)
	same(w, "notify", string(w.heard[0].Payload), `{"timestamp":`+stamp+`,"jobs":{"QUEUED":[{"jobId":"one","queuedAt":`+stamp+`,"lastUpdatedAt":`+stamp+`,"executionNumber":1,"versionNumber":1}]}}`)
	same(w, "notify-next", string(w.heard[1].Payload), `{"timestamp":`+stamp+`,"execution":{"jobId":"one","status":"QUEUED","queuedAt":`+stamp+`,"lastUpdatedAt":`+stamp+`,"versionNumber":1,"executionNumber":1,"jobDocument":{"do":"it"}}}`)
	same(w, "topic", w.heard[1].Topic, "$aws/things/cam/jobs/notify-next")

	w.pass(5 * time.Second)
	later := fmt.Sprint(now + 5)
	started := must[ExecutionOutput](w)(w.StartNextPendingJobExecution(StartNextInput{ThingName: "cam", StatusDetails: map[string]string{"k": "v"}, ClientToken: "t", StepTimeoutInMinutes: ptr(Number(1))}))
	same(w, "start-next", jsonOf(w, started), `{"clientToken":"t","timestamp":`+later+`,"execution":{"jobId":"one","status":"IN_PROGRESS","statusDetails":{"k":"v"},"queuedAt":`+stamp+`,"startedAt":`+later+`,"lastUpdatedAt":`+later+`,"versionNumber":2,"executionNumber":1,"approximateSecondsBeforeTimedOut":60,"jobDocument":{"do":"it"}}}`)
	same(w, "over HTTP", jsonOf(w, started.HTTP()), `{"execution":{"jobId":"one","status":"IN_PROGRESS","statusDetails":{"k":"v"},"queuedAt":`+stamp+`,"startedAt":`+later+`,"lastUpdatedAt":`+later+`,"versionNumber":2,"executionNumber":1,"approximateSecondsBeforeTimedOut":60,"jobDocument":"{\"do\":\"it\"}"}}`)

	pending := must[GetPendingOutput](w)(w.GetPendingJobExecutions(GetPendingInput{ThingName: "cam", ClientToken: "t"}))
	same(w, "get", jsonOf(w, pending), `{"clientToken":"t","timestamp":`+later+`,"inProgressJobs":[{"jobId":"one","queuedAt":`+stamp+`,"lastUpdatedAt":`+later+`,"startedAt":`+later+`,"executionNumber":1,"versionNumber":2}],"queuedJobs":[]}`)

	var in UpdateInput
	w.ok(json.Unmarshal([]byte(`{"status":"IN_PROGRESS","expectedVersion":"2","executionNumber":1,"includeJobExecutionState":true,"includeJobDocument":true,"clientToken":"u"}`), &in))
	in.ThingName, in.JobID = "cam", "one"
	updated := must[UpdateOutput](w)(w.UpdateJobExecution(in))
	same(w, "update", jsonOf(w, updated), `{"clientToken":"u","timestamp":`+later+`,"executionState":{"status":"IN_PROGRESS","statusDetails":{"k":"v"},"versionNumber":3},"jobDocument":{"do":"it"}}`)
	_, err := w.UpdateJobExecution(in)
	w.refused(err, "InvalidStateTransition", 409)
	same(w, "rejected", jsonOf(w, w.Reject(err, "u")), `{"code":"VersionMismatch","message":"execution 1 of job one has version 3, not 2","clientToken":"u","timestamp":`+later+`,"executionState":{"status":"IN_PROGRESS","statusDetails":{"k":"v"},"versionNumber":3}}`)

	in.ExpectedVersion, in.Status, in.IncludeJobDocument, in.IncludeJobExecutionState = nil, succeeded, false, false
	same(w, "success", jsonOf(w, must[UpdateOutput](w)(w.UpdateJobExecution(in))), `{"clientToken":"u","timestamp":`+later+`}`)
	w.hears(
		"cam notify one:QUEUED", "cam notify-next one QUEUED",
		"cam notify", "cam notify-next",
	)
}

func TestAllDoneIsAnEmptyObject(t *testing.T) {
	w := newWorld(t)
	w.make("one", []string{w.thingNamed("cam")}, nil)
	w.report("cam", "one", rejected)
	stamp := fmt.Sprint(began.Unix())
	same(w, "notify", string(w.heard[2].Payload), `{"timestamp":`+stamp+`,"jobs":{}}`)
	same(w, "notify-next", string(w.heard[3].Payload), `{"timestamp":`+stamp+`}`)
}

func TestNumber(t *testing.T) {
	for text, want := range map[string]int64{`1`: 1, `"1"`: 1, `-1`: -1, `"-1"`: -1} {
		var n Number
		if err := json.Unmarshal([]byte(text), &n); err != nil || int64(n) != want {
			t.Errorf("%s: got %d, %v", text, n, err)
		}
	}
	for _, text := range []string{`""`, `"`, `1.5`, `"x"`, `true`, `{}`, `99999999999999999999`} {
		if err := new(Number).UnmarshalJSON([]byte(text)); err == nil {
			t.Errorf("%s was taken", text)
		}
	}
}

func TestOrderOfPending(t *testing.T) {
	w := newWorld(t)
	thing := w.thingNamed("cam")
	for _, id := range []string{"a", "b", "c", "d"} {
		w.make(id, []string{thing}, nil)
	}
	w.report("cam", "c", inProgress)
	w.report("cam", "b", inProgress)
	order := func() string {
		var ids []string
		out := must[GetPendingOutput](w)(w.GetPendingJobExecutions(GetPendingInput{ThingName: "cam"}))
		for _, e := range append(out.InProgressJobs, out.QueuedJobs...) {
			ids = append(ids, e.JobID)
		}
		return strings.Join(ids, "")
	}
	same(w, "order", order(), "bcad")
	same(w, "next", w.start("cam").JobID, "b")
	w.report("cam", "b", succeeded)
	same(w, "next", w.start("cam").JobID, "c")
	w.report("cam", "c", succeeded)
	same(w, "order", order(), "ad")
	same(w, "next", w.start("cam").JobID, "a")
}

func TestStartNextAgainChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.make("one", []string{w.thingNamed("cam")}, nil)
	first := must[ExecutionOutput](w)(w.StartNextPendingJobExecution(StartNextInput{ThingName: "cam", StatusDetails: map[string]string{"a": "1"}, StepTimeoutInMinutes: ptr(Number(5))}))
	again := must[ExecutionOutput](w)(w.StartNextPendingJobExecution(StartNextInput{ThingName: "cam", StatusDetails: map[string]string{"b": "2"}, StepTimeoutInMinutes: ptr(Number(9))}))
	same(w, "answer", jsonOf(w, again), jsonOf(w, first))
}

func TestStatusDetails(t *testing.T) {
	w := newWorld(t)
	w.make("one", []string{w.thingNamed("cam")}, nil)
	many := func(n int) map[string]string {
		m := map[string]string{}
		for i := range n {
			m[fmt.Sprint("k", i)] = "v"
		}
		return m
	}
	for _, test := range []struct {
		name    string
		details map[string]string
		ok      bool
	}{
		{"ten", many(10), true},
		{"eleven", many(11), false},
		{"longest key", map[string]string{strings.Repeat("k", 128): "v"}, true},
		{"key too long", map[string]string{strings.Repeat("k", 129): "v"}, false},
		{"empty key", map[string]string{"": "v"}, false},
		{"every letter of a key", map[string]string{"aZ0:_-": "v"}, true},
		{"space in key", map[string]string{"a b": "v"}, false},
		{"longest value", map[string]string{"k": strings.Repeat("ü", 1024)}, true},
		{"value too long", map[string]string{"k": strings.Repeat("v", 1025)}, false},
		{"empty value", map[string]string{"k": ""}, false},
		{"newline in value", map[string]string{"k": "a\nb"}, false},
		{"invisible in value", map[string]string{"k": "a\u200bb"}, false},
		{"none", map[string]string{}, true},
	} {
		_, err := w.UpdateJobExecution(UpdateInput{ThingName: "cam", JobID: "one", Status: inProgress, StatusDetails: test.details})
		if (err == nil) != test.ok {
			t.Errorf("%s: %v", test.name, err)
		}
		if err != nil {
			same(w, test.name, w.refused(err, "InvalidRequest", 400).Code, "InvalidRequest")
		}
	}
	must[UpdateOutput](w)(w.UpdateJobExecution(UpdateInput{ThingName: "cam", JobID: "one", Status: inProgress, StatusDetails: map[string]string{"a": "1"}}))
	w.report("cam", "one", inProgress)
	same(w, "kept when omitted", w.latestOn("cam", "one").StatusDetails.DetailsMap["a"], "1")
	must[UpdateOutput](w)(w.UpdateJobExecution(UpdateInput{ThingName: "cam", JobID: "one", Status: inProgress, StatusDetails: map[string]string{"b": "2"}}))
	same(w, "replaced", fmt.Sprint(w.latestOn("cam", "one").StatusDetails.DetailsMap), "map[b:2]")
}

func TestDescribe(t *testing.T) {
	w := newWorld(t)
	w.make("one", []string{w.thingNamed("cam")}, nil)
	describe := func(in DescribeInput) (*JobExecution, error) {
		in.ThingName = "cam"
		out, err := w.DescribeDeviceJobExecution(in)
		return out.Execution, err
	}
	same(w, "next", must[*JobExecution](w)(describe(DescribeInput{JobID: next})).JobID, "one")
	same(w, "by number", must[*JobExecution](w)(describe(DescribeInput{JobID: "one", ExecutionNumber: ptr(Number(1))})).JobID, "one")
	if e := must[*JobExecution](w)(describe(DescribeInput{JobID: "one", IncludeJobDocument: ptr(false)})); e.JobDocument != nil {
		t.Error("the document is there though it was not asked for")
	}
	_, err := describe(DescribeInput{JobID: "one", ExecutionNumber: ptr(Number(2))})
	same(w, "other number", w.refused(err, "ResourceNotFound", 404).Code, "ResourceNotFound")
	_, err = describe(DescribeInput{JobID: "two"})
	w.refused(err, "ResourceNotFound", 404)
	w.report("cam", "one", failed)
	_, err = describe(DescribeInput{JobID: "one"})
	same(w, "ended", w.refused(err, "TerminalState", 410).Code, "TerminalStateReached")
	for _, in := range []DescribeInput{{ThingName: "dog", JobID: next}, {ThingName: "dog", JobID: "one"}} {
		_, err := w.DescribeDeviceJobExecution(in)
		w.refused(err, "ResourceNotFound", 404)
	}
	_, err = w.GetPendingJobExecutions(GetPendingInput{ThingName: "dog"})
	w.refused(err, "ResourceNotFound", 404)
	_, err = w.StartNextPendingJobExecution(StartNextInput{ThingName: "dog"})
	w.refused(err, "ResourceNotFound", 404)
}

func TestNotifyListsTenAndFiveInWindows(t *testing.T) {
	w := newWorld(t)
	thing := w.thingNamed("cam")
	for i := range 12 {
		w.make(fmt.Sprint("plain", i), []string{thing}, nil)
	}
	for i := range 7 {
		w.make(fmt.Sprint("window", i), []string{thing}, func(in *CreateJobInput) {
			in.TargetSelection = continuous
			in.SchedulingConfig = &SchedulingConfig{MaintenanceWindows: []MaintenanceWindow{{"cron(0 12 * * ? *)", 60}}}
		})
	}
	var n Notify
	w.ok(json.Unmarshal(w.heard[len(w.heard)-1].Payload, &n))
	count := map[string]int{}
	for _, e := range n.Jobs[queued] {
		count[e.JobID[:5]]++
	}
	same(w, "listed", fmt.Sprint(count), "map[plain:10 windo:5]")
	same(w, "pending", len(must[GetPendingOutput](w)(w.GetPendingJobExecutions(GetPendingInput{ThingName: "cam"})).QueuedJobs), 19)
}
