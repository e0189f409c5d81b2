package ota

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"abota/cmd/internal/cli"
)

// ask runs one of the verbs that see to jobs.
func (f *fake) ask(t *testing.T, asJSON bool, verb func(out *cli.Output) error) (int, string) {
	t.Helper()
	var text bytes.Buffer
	out := &cli.Output{Name: "abota-publish", JSON: asJSON, Stdout: &text, Stderr: &text}
	return f.end(out, &text, verb(out))
}

func (f *fake) delete(t *testing.T, job string, force bool) (int, string) {
	t.Helper()
	return f.ask(t, false, func(out *cli.Output) error { return Delete(t.Context(), out, f.access(), job, force) })
}

// mustCreate makes a job that the tests see to.
func (f *fake) mustCreate(t *testing.T, change func(r *Request)) {
	t.Helper()
	r := sampleRequest(t)
	change(r)
	if code, text := f.create(t.Context(), t, r, Options{}); code != cli.ExitDone {
		t.Fatal(text)
	}
}

func asTheSample(*Request) {}

func TestDeleteTakesWhatBelongsToTheJob(t *testing.T) {
	f := newFake(t)
	f.mustCreate(t, asTheSample)
	if code, text := f.delete(t, "Job1", false); code != cli.ExitRefused || !strings.Contains(text, "cancel it first, or add --force") || len(f.jobs) != 1 {
		t.Fatalf("exit code %d: %s", code, text)
	}
	code, text := f.ask(t, false, func(out *cli.Output) error { return Cancel(t.Context(), out, f.access(), "Job1", CancelOptions{}) })
	if code != cli.ExitDone {
		t.Fatal(text)
	}
	code, text = f.ask(t, false, func(out *cli.Output) error { return Cancel(t.Context(), out, f.access(), "Job1", CancelOptions{}) })
	if code != cli.ExitRefused || !strings.Contains(text, "CANCELED already") {
		t.Errorf("exit code %d: %s", code, text)
	}
	if code, text := f.delete(t, "AFR_OTA-Job1", false); code != cli.ExitDone || f.leftovers() != nothingLeft {
		t.Errorf("exit code %d, left %s: %s", code, f.leftovers(), text)
	}
	if code, text := f.delete(t, "Job1", false); code != cli.ExitUsage || !strings.Contains(text, "there is no job AFR_OTA-Job1") {
		t.Errorf("exit code %d: %s", code, text)
	}
}

func TestDeleteByURLTakesTheSignedObject(t *testing.T) {
	f := newFake(t)
	f.mustCreate(t, func(r *Request) { r.Protocols = Protocols{HTTP: true} })
	if code, text := f.delete(t, "Job1", true); code != cli.ExitDone || f.leftovers() != nothingLeft {
		t.Errorf("exit code %d, left %s: %s", code, f.leftovers(), text)
	}
}

// TestDeleteKeeps what is not the job's, or what others need.
func TestDeleteKeeps(t *testing.T) {
	for _, row := range []struct {
		name    string
		change  func(f *fake, r *Request)
		then    func(f *fake)
		streams int
		left    map[string]int // versions
		want    string
	}{
		{"the source binary", func(f *fake, r *Request) { r.SignKey, r.CertName = f.keyFile(t), "foobar" }, nil, 0, map[string]int{"bkt/fw.bin": 2}, "deleted stream"},
		{"the source binary behind a URL", func(f *fake, r *Request) {
			r.SignKey, r.CertName, r.Protocols = f.keyFile(t), "foobar", Protocols{HTTP: true}
		}, nil, 0, map[string]int{"bkt/fw.bin": 2}, "deleted job"},
		{"a stream that was there before", func(f *fake, r *Request) {
			r.Stream = "mine"
			f.put("bkt/signed", f.signedJSON([]byte("copied")))
			f.streamOf("mine", 0, object{"bkt", "signed", f.put("bkt/signed", []byte("copied"))})
		}, nil, 1, map[string]int{"bkt/signed": 2}, "it was not made for this job"},
		{"a signed object that was there before", func(f *fake, r *Request) {
			r.SignedObject, r.Binary = "signed", ""
			f.put("bkt/signed", f.signedJSON([]byte("copied")))
			f.put("bkt/signed", []byte("copied"))
		}, nil, 0, map[string]int{"bkt/signed": 2}, "deleted stream"},
		{
			"a version that somebody added", func(*fake, *Request) {}, func(f *fake) { f.put("bkt/SignedImage/guid", []byte("more")) },
			0,
			map[string]int{"bkt/SignedImage/guid": 1},
			"it is not this job's",
		},
		{
			"an object whose key only begins like it", func(*fake, *Request) {}, func(f *fake) { f.put("bkt/SignedImage/guid2", []byte("more")) },
			0,
			map[string]int{"bkt/SignedImage/guid": 0, "bkt/SignedImage/guid2": 1},
			"deleted stream",
		},
		{"a stream that another job needs", func(*fake, *Request) {}, func(f *fake) {
			f.jobs["other"], f.docs["other"] = map[string]any{"jobId": "other", "status": "IN_PROGRESS"}, f.docs["AFR_OTA-Job1"]
		}, 1, map[string]int{"bkt/SignedImage/guid": 2}, "because job other needs it"},
		{"an object that another job's stream has", func(*fake, *Request) {}, func(f *fake) {
			f.jobs["other"], f.docs["other"] = map[string]any{"jobId": "other", "status": "SCHEDULED"}, `{"afr_ota":{"streamname":"second","files":[]}}`
			f.streamOf("second", 0, object{"bkt", "SignedImage/guid", "v4"})
		}, 1, map[string]int{"bkt/SignedImage/guid": 2}, "because job other needs them"},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := newFake(t)
			f.mustCreate(t, func(r *Request) { row.change(f, r) })
			if row.then != nil {
				row.then(f)
			}
			code, text := f.delete(t, "Job1", true)
			if code != cli.ExitDone || f.jobs["AFR_OTA-Job1"] != nil || len(f.streams) != row.streams || !strings.Contains(text, row.want) {
				t.Errorf("exit code %d, %d streams, want %q: %s", code, len(f.streams), row.want, text)
			}
			for path, n := range row.left {
				if len(f.objects[path]) != n {
					t.Errorf("%s has %d versions, want %d: %s", path, len(f.objects[path]), n, text)
				}
			}
		})
	}
}

// TestDeleteGoesOn after it failed at any of its requests.
func TestDeleteGoesOn(t *testing.T) {
	for _, at := range []string{"iot DELETE /jobs/AFR_OTA-Job1", "s3 DELETE /bkt/SignedImage/guid", "iot DELETE /streams/"} {
		for n := range 2 {
			f := newFake(t)
			f.mustCreate(t, asTheSample)
			seen := 0
			f.meet = func(op string, w http.ResponseWriter, _ *http.Request) bool {
				if strings.HasPrefix(op, at) {
					if seen++; seen == n+1 {
						refuse(w, http.StatusForbidden, "AccessDeniedException", "not you")
						return true
					}
				}
				return false
			}
			first, text := f.delete(t, "Job1", true)
			if seen > n && first != cli.ExitUsage {
				t.Errorf("%s: exit code %d: %s", at, first, text)
			}
			if code, again := f.delete(t, "Job1", true); seen > n && (code != cli.ExitDone || f.leftovers() != nothingLeft) {
				t.Errorf("%s: exit code %d, left %s: %s%s", at, code, f.leftovers(), text, again)
			}
		}
	}
}

// TestWhatGoesAwayMeanwhileIsNoFailure: between two questions a job may go.
func TestWhatGoesAwayMeanwhileIsNoFailure(t *testing.T) {
	f := newFake(t)
	f.mustCreate(t, asTheSample)
	f.jobs["AFR_OTA-other"] = map[string]any{"jobId": "AFR_OTA-other", "status": "IN_PROGRESS"}
	f.meet = func(op string, w http.ResponseWriter, _ *http.Request) bool {
		if op == "iot GET /jobs/AFR_OTA-other/job-document" {
			refuse(w, http.StatusNotFound, "ResourceNotFoundException", "gone")
			return true
		}
		return false
	}
	code, text := f.ask(t, false, func(out *cli.Output) error { return List(t.Context(), out, f.access(), ListOptions{}) })
	if code != cli.ExitDone || strings.Contains(text, "other") || !strings.Contains(text, "Job1") {
		t.Errorf("exit code %d: %s", code, text)
	}
	if code, text := f.delete(t, "Job1", true); code != cli.ExitDone {
		t.Errorf("exit code %d: %s", code, text)
	}
}

func TestDeleteWaitsUntilTheJobIsGone(t *testing.T) {
	f := newFake(t)
	f.mustCreate(t, asTheSample)
	looks := 0
	f.meet = func(op string, w http.ResponseWriter, _ *http.Request) bool {
		switch {
		case op == "iot DELETE /jobs/AFR_OTA-Job1":
			f.jobs["AFR_OTA-Job1"]["status"] = "DELETION_IN_PROGRESS"
			reply(w, map[string]string{})
			return true
		case op == "iot GET /jobs/AFR_OTA-Job1" && f.jobs["AFR_OTA-Job1"]["status"] == "DELETION_IN_PROGRESS":
			if looks++; looks == 3 {
				delete(f.jobs, "AFR_OTA-Job1")
			}
		case op == "iot DELETE /streams/" && f.jobs["AFR_OTA-Job1"] != nil:
			t.Error("the stream goes before the job")
		}
		return false
	}
	s, err := newSession(t.Context(), &cli.Output{Stdout: new(bytes.Buffer), Stderr: new(bytes.Buffer)}, f.access())
	if err != nil {
		t.Fatal(err)
	}
	s.every = time.Millisecond
	d := deletion{session: s, done: Deleted{JobID: "AFR_OTA-Job1"}}
	if err := d.run(t.Context(), true); err != nil || looks != 3 || f.leftovers() != nothingLeft {
		t.Errorf("%v after %d looks, left %s", err, looks, f.leftovers())
	}
}

func TestShowHasAllOfIt(t *testing.T) {
	f := newFake(t)
	f.mustCreate(t, asTheSample)
	f.put("bkt/SignedImage/guid2", []byte("another object"))
	if _, text := f.ask(t, true, func(out *cli.Output) error { return Show(t.Context(), out, f.access(), "Job1") }); !strings.Contains(text, `"executions":[]`) {
		t.Errorf("no executions are no list: %s", text)
	}
	f.details = map[string]string{"reason": "unhealthy\x1b[2J"}
	f.jobs["AFR_OTA-Job1"]["jobProcessDetails"] = map[string]int{"numberOfFailedThings": 1, "numberOfQueuedThings": 1}
	for _, status := range []string{"QUEUED", "FAILED"} {
		f.executions = append(f.executions, map[string]any{
			"thingArn":            "arn:aws:iot:us-east-1:123456789012:thing/" + strings.ToLower(status),
			"jobExecutionSummary": map[string]any{"status": status, "executionNumber": 2, "retryAttempt": 1},
		})
	}
	code, text := f.ask(t, false, func(out *cli.Output) error { return Show(t.Context(), out, f.access(), "Job1") })
	for _, want := range []string{"status      IN_PROGRESS", "file        s3://bkt/SignedImage/guid", "which devices get", "executions  1 queued, 1 failed", "  failed  FAILED  retry 1  reason=unhealthy?[2J", `"certfile": "foobar"`} {
		if code != cli.ExitDone || !strings.Contains(text, want) {
			t.Errorf("exit code %d, %q is missing in %s", code, want, text)
		}
	}
	code, text = f.ask(t, true, func(out *cli.Output) error { return Show(t.Context(), out, f.access(), "Job1") })
	var v Shown
	if err := json.Unmarshal([]byte(text), &v); err != nil || code != cli.ExitDone {
		t.Fatalf("exit code %d, %v: %s", code, err, text)
	}
	if len(v.Executions) != 2 || v.Executions[0].Thing != "failed" || v.Executions[0].Details["reason"] == "" || len(v.StreamIs.Files[0].Versions) != 2 || v.Counts.Failed != 1 {
		t.Errorf("%+v", v)
	}
	code, text = f.ask(t, true, func(out *cli.Output) error {
		return List(t.Context(), out, f.access(), ListOptions{Status: "in_progress"})
	})
	if code != cli.ExitDone || !strings.Contains(text, `"job_id":"AFR_OTA-Job1"`) || !strings.Contains(text, v.Stream) {
		t.Errorf("exit code %d: %s", code, text)
	}
	if code, text := f.ask(t, false, func(out *cli.Output) error { return List(t.Context(), out, f.access(), ListOptions{Status: "x"}) }); code != cli.ExitUsage {
		t.Error(text)
	}
}

func TestCancelChecksItsTexts(t *testing.T) {
	f := newFake(t)
	for _, o := range []CancelOptions{{Comment: "a\nb"}, {Comment: strings.Repeat("x", 2029)}, {Reason: "small"}, {Reason: strings.Repeat("X", 129)}} {
		if code, text := f.ask(t, false, func(out *cli.Output) error { return Cancel(t.Context(), out, f.access(), "Job1", o) }); code != cli.ExitUsage || len(f.log) > 0 {
			t.Errorf("exit code %d: %s", code, text)
		}
	}
}

// TestWaitEndsWithTheJob plays states of a job.
func TestWaitEndsWithTheJob(t *testing.T) {
	for _, row := range []struct {
		states []string // status and counts: queued, succeeded, failed
		code   int
		want   string
	}{
		{[]string{"IN_PROGRESS 2 0 0", "IN_PROGRESS 1 1 0", "COMPLETED 0 2 0"}, cli.ExitDone, "job AFR_OTA-Job1 is COMPLETED: 2 succeeded\n"},
		{[]string{"SCHEDULED 0 0 0", "COMPLETED 0 1 1"}, cli.ExitFailed, "not every device took the update: 1 succeeded, 1 failed"},
		{[]string{"COMPLETED 0 0 0"}, cli.ExitFailed, "no device was told"},
		{[]string{"IN_PROGRESS 1 0 0", "CANCELED 0 1 0"}, cli.ExitFailed, "is CANCELED: 1 succeeded"},
		{[]string{"IN_PROGRESS 1 0 0", "broken", "COMPLETED 0 1 0"}, cli.ExitDone, "is COMPLETED"},
		{[]string{"IN_PROGRESS 1 0 0", "gone"}, cli.ExitFailed, "was deleted meanwhile"},
		{[]string{"IN_PROGRESS 1 0 0", "denied"}, cli.ExitUsage, "look at job"},
		{[]string{"IN_PROGRESS 1 0 0", "interrupted"}, cli.ExitFailed, "the job AFR_OTA-Job1 goes on"},
	} {
		f := newFake(t)
		ctx, interrupt := context.WithCancel(t.Context())
		look := 0
		f.meet = func(_ string, w http.ResponseWriter, _ *http.Request) bool {
			fields := strings.Fields(row.states[min(look, len(row.states)-1)])
			look++
			switch fields[0] {
			case "broken":
				refuse(w, http.StatusServiceUnavailable, "ServiceUnavailableException", "later")
			case "gone":
				refuse(w, http.StatusNotFound, "ResourceNotFoundException", "gone")
			case "denied":
				refuse(w, http.StatusForbidden, "AccessDeniedException", "not you")
			case "interrupted":
				interrupt()
			default:
				n := func(i int) json.Number { return json.Number(fields[i]) }
				reply(w, map[string]any{"job": map[string]any{"status": fields[0], "jobProcessDetails": map[string]any{
					"numberOfQueuedThings": n(1), "numberOfSucceededThings": n(2), "numberOfFailedThings": n(3),
				}}})
			}
			return true
		}
		var text bytes.Buffer
		out := &cli.Output{Name: "abota-publish", Stdout: &text, Stderr: &text}
		s, err := newSession(t.Context(), out, f.access())
		if err != nil {
			t.Fatal(err)
		}
		s.every = time.Millisecond
		_, err = s.wait(ctx, "AFR_OTA-Job1")
		code, said := f.end(out, &text, err)
		if code != row.code || !strings.Contains(said, row.want) {
			t.Errorf("%q: exit code %d, want %d and %q: %s", row.states, code, row.code, row.want, said)
		}
		interrupt()
	}
}
