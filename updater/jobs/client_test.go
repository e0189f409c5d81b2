package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// wire is a link whose other end a test writes down: what is answered to the
// nth request.
type wire struct {
	*link
	answers func(n int, topic string, body map[string]any) (suffix, answer string)
	bodies  []map[string]any
	topics  []string
}

func newWire(answers func(n int, topic string, body map[string]any) (string, string)) *wire {
	l, _ := newLink()
	return &wire{link: l, answers: answers}
}

func (w *wire) Publish(ctx context.Context, topic string, payload []byte) error {
	if !w.isOnline() {
		return offlineError{}
	}
	var body map[string]any
	if err := json.Unmarshal(payload, &body); err != nil {
		return err
	}
	w.mu.Lock()
	w.bodies, w.topics = append(w.bodies, body), append(w.topics, topic)
	n := len(w.bodies)
	w.mu.Unlock()
	suffix, answer := w.answers(n, topic, body)
	if answer != "" {
		answer = strings.ReplaceAll(answer, "TOKEN", body["clientToken"].(string))
		time.AfterFunc(delay, func() { w.say(topic+suffix, answer) })
	}
	return nil
}

// say brings a message to whoever has subscribed.
func (w *wire) say(topic, text string) {
	w.mu.Lock()
	var to []func(string, []byte)
	for _, s := range w.subs {
		if matches(s.filter, topic) {
			to = append(to, s.deliver)
		}
	}
	w.mu.Unlock()
	for _, deliver := range to {
		deliver(topic, []byte(text))
	}
}

// asking is one request to a service that a test writes down.
func asking(t *testing.T, answers func(n int, topic string, body map[string]any) (string, string), run func(t *testing.T, c *Client, w *wire)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire(answers)
		c := NewClient(w, thing, func() {})
		run(t, c, w)
		c.Close()
		if len(w.subs) > 0 || len(c.waiting) > 0 {
			t.Errorf("left %d subscriptions and %d requests", len(w.subs), len(c.waiting))
		}
		time.Sleep(time.Hour) // what is under way ends
	})
}

func always(suffix, answer string) func(int, string, map[string]any) (string, string) {
	return func(int, string, map[string]any) (string, string) { return suffix, answer }
}

// The service's own words, and what other clients and older examples make of
// them, mean the same.
func TestAnswersAreTakenAsTheyCome(t *testing.T) {
	want := &Execution{
		Summary: Summary{Job: "Job1", Number: 1, Version: 2, Queued: time.Unix(1719940994, 0), Started: time.Unix(1719943388, 0)}, Status: InProgress,
		Document: json.RawMessage(`{"a":1}`),
	}
	for name, text := range map[string]string{
		"as captured":       `"jobId":"Job1","status":"IN_PROGRESS","queuedAt":1719940994,"startedAt":1719943388,"lastUpdatedAt":1719943388,"versionNumber":2,"executionNumber":1`,
		"with a thing":      `"jobId":"Job1","thingName":"device-1","status":"IN_PROGRESS","queuedAt":1719940994,"startedAt":1719943388,"versionNumber":2,"executionNumber":1,"later":{"x":[]}`,
		"text for numbers":  `"jobId":"Job1","status":"IN_PROGRESS","queuedAt":"1719940994","startedAt":"1719943388","versionNumber":"2","executionNumber":"1"`,
		"milliseconds":      `"jobId":"Job1","status":"IN_PROGRESS","queuedAt":1719940994000,"startedAt":1719943388000,"versionNumber":2,"executionNumber":1`,
		"fractions":         `"jobId":"Job1","status":"IN_PROGRESS","queuedAt":1719940994.4,"startedAt":1.719943388e9,"versionNumber":2.0,"executionNumber":1`,
		"details of no use": `"jobId":"Job1","status":"IN_PROGRESS","queuedAt":1719940994,"startedAt":1719943388,"versionNumber":2,"executionNumber":1,"statusDetails":[1]`,
	} {
		t.Run(name, func(t *testing.T) {
			asking(t, always("/accepted", `{"clientToken":"TOKEN","timestamp":1,"execution":{`+text+`,"jobDocument":{"a":1}}}`), func(t *testing.T, c *Client, w *wire) {
				got, err := c.Describe(t.Context(), "Job1", 1)
				if err != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("%+v, %v", got, err)
				}
			})
		})
	}
}

func TestNothingIsPending(t *testing.T) {
	for _, text := range []string{`{"timestamp":1,"clientToken":"TOKEN"}`, `{"clientToken":"TOKEN","execution":null}`, `{"clientToken":"TOKEN","execution":{}}`} {
		asking(t, always("/accepted", text), func(t *testing.T, c *Client, _ *wire) {
			if e, err := c.Describe(t.Context(), Next, 0); e != nil || err != nil {
				t.Errorf("%s: %+v, %v", text, e, err)
			}
			if e, err := c.StartNext(t.Context(), nil, 0); e != nil || err != nil {
				t.Errorf("%s: %+v, %v", text, e, err)
			}
			if _, err := c.Describe(t.Context(), "Job1", 0); err == nil {
				t.Errorf("%s: no job is described, and that is no error", text)
			}
		})
	}
}

func TestPendingInOrder(t *testing.T) {
	asking(t, always("/accepted", `{"clientToken":"TOKEN","inProgressJobs":[{"jobId":"a","executionNumber":2}],"queuedJobs":[{"jobId":"b"},{"jobId":"c/#"}]}`), func(t *testing.T, c *Client, w *wire) {
		got, err := c.Pending(t.Context())
		if fmt.Sprint(len(got), err) != "2 <nil>" || got[0].Job != "a" || got[0].Number != 2 || got[1].Job != "b" {
			t.Errorf("%+v, %v", got, err)
		}
		if w.topics[0] != "$aws/things/device-1/jobs/get" {
			t.Errorf("asked %s", w.topics[0])
		}
	})
}

// What goes over the wire.
func TestRequests(t *testing.T) {
	asking(t, always("/accepted", `{"clientToken":"TOKEN"}`), func(t *testing.T, c *Client, w *wire) {
		version, err := c.Update(t.Context(), "Job1", Change{Status: InProgress, Details: map[string]string{"a": "b"}, Expected: 2, Execution: 1, Step: 90 * time.Second})
		if version != 3 || err != nil {
			t.Errorf("version %d, %v", version, err)
		}
		if _, err := c.StartNext(t.Context(), map[string]string{"a": "b"}, 365*24*time.Hour); err != nil {
			t.Error(err)
		}
		for i, want := range []map[string]any{
			{"status": "IN_PROGRESS", "statusDetails": map[string]any{"a": "b"}, "expectedVersion": 2.0, "executionNumber": 1.0, "stepTimeoutInMinutes": 2.0, "includeJobExecutionState": true},
			{"statusDetails": map[string]any{"a": "b"}, "stepTimeoutInMinutes": 10080.0},
		} {
			token, _ := w.bodies[i]["clientToken"].(string)
			delete(w.bodies[i], "clientToken")
			if !reflect.DeepEqual(w.bodies[i], want) || len(token) < 16 || len(token) > 64 {
				t.Errorf("%s sent %v (token %q), want %v", w.topics[i], w.bodies[i], token, want)
			}
		}
	})
}

func TestLostAnswers(t *testing.T) {
	answer := func(lost int) func(int, string, map[string]any) (string, string) {
		return func(n int, _ string, _ map[string]any) (string, string) {
			if n <= lost {
				return "", ""
			}
			return "/accepted", `{"clientToken":"TOKEN","executionState":{"status":"IN_PROGRESS","versionNumber":7}}`
		}
	}
	for lost := range maxAsks + 1 {
		asking(t, answer(lost), func(t *testing.T, c *Client, w *wire) {
			before := time.Now()
			version, err := c.Update(t.Context(), "Job1", Change{Status: InProgress})
			if lost < maxAsks && (version != 7 || err != nil) || lost == maxAsks && !errors.Is(err, ErrNoReply) {
				t.Errorf("%d lost: %d, %v", lost, version, err)
			}
			if len(w.bodies) != min(lost+1, maxAsks) || time.Since(before) > 3*time.Minute {
				t.Errorf("%d lost: asked %d times in %v", lost, len(w.bodies), time.Since(before))
			}
		})
	}
}

// The answer to a change is lost, and asking again says that it was made.
func TestLostAnswerOfAChangeThatWasMade(t *testing.T) {
	for _, row := range []struct {
		status Status
		answer string
		made   bool
	}{
		{Succeeded, `{"clientToken":"TOKEN","code":"InvalidStateTransition","executionState":{"status":"SUCCEEDED","versionNumber":3}}`, true},
		{Succeeded, `{"clientToken":"TOKEN","code":"InvalidStateTransition","executionState":{"status":"CANCELED","versionNumber":3}}`, false},
		{InProgress, `{"clientToken":"TOKEN","code":"VersionMismatch","executionState":{"status":"IN_PROGRESS","versionNumber":3}}`, true},
		{InProgress, `{"clientToken":"TOKEN","code":"VersionMismatch","executionState":{"status":"IN_PROGRESS","versionNumber":4}}`, false},
	} {
		asking(t, func(n int, _ string, _ map[string]any) (string, string) {
			if n == 1 {
				return "", ""
			}
			return "/rejected", row.answer
		}, func(t *testing.T, c *Client, _ *wire) {
			version, err := c.Update(t.Context(), "Job1", Change{Status: row.status, Expected: 2})
			if row.made != (err == nil) || row.made && version != 3 {
				t.Errorf("%s, %s: %d, %v", row.status, row.answer, version, err)
			}
		})
	}
	// Without a lost answer it is somebody else's change.
	asking(t, always("/rejected", `{"clientToken":"TOKEN","code":"VersionMismatch","executionState":{"status":"IN_PROGRESS","versionNumber":3}}`), func(t *testing.T, c *Client, _ *wire) {
		var no *RejectedError
		if _, err := c.Update(t.Context(), "Job1", Change{Status: InProgress, Expected: 2}); !errors.As(err, &no) || no.Code != CodeVersionMismatch || no.Version != 3 || no.Status != InProgress {
			t.Errorf("%v", err)
		}
	})
}

func TestAnswersThatAreNotMeant(t *testing.T) {
	asking(t, always("", ""), func(t *testing.T, c *Client, w *wire) {
		go func() {
			time.Sleep(time.Second)
			w.mu.Lock()
			topic, own := w.topics[0], w.bodies[0]["clientToken"].(string)
			w.mu.Unlock()
			for _, m := range [][2]string{
				{topic + "/accepted", `{"clientToken":"another"}`},
				{topic + "/accepted", `{}`},
				{topic + "/accepted", `not JSON`},
				{"$aws/things/device-1/jobs/Job2/update/accepted", `{"clientToken":"` + own + `"}`},
				{topic + "/accepted", `{"clientToken":"` + own + `","executionState":{"versionNumber":9}}`},
				{topic + "/rejected", `{"clientToken":"` + own + `","code":"InvalidRequest"}`},
			} {
				w.say(m[0], m[1])
			}
		}()
		if version, err := c.Update(t.Context(), "Job1", Change{Status: InProgress}); version != 9 || err != nil {
			t.Errorf("%d, %v", version, err)
		}
	})
}

func TestRejections(t *testing.T) {
	for _, row := range []struct {
		answer string
		asked  int
		over   string
	}{
		{`"code":"ResourceNotFound"`, 1, "REMOVED true"},
		{`"code":"TerminalStateReached"`, 1, " true"},
		{`"code":"InvalidStateTransition","executionState":{"status":"TIMED_OUT","versionNumber":"4"}`, 1, "TIMED_OUT true"},
		{`"code":"InvalidStateTransition","executionState":{"status":"QUEUED"}`, 1, " false"},
		{`"code":"InvalidRequest","message":"a\nb"`, 1, " false"},
		{`"code":"RequestThrottled"`, maxAsks, " false"},
		{`"code":"InternalError"`, maxAsks, " false"},
	} {
		asking(t, always("/rejected", `{"clientToken":"TOKEN",`+row.answer+`}`), func(t *testing.T, c *Client, w *wire) {
			_, err := c.Update(t.Context(), "Job1", Change{Status: Succeeded})
			status, gone := over(err)
			if err == nil || len(w.bodies) != row.asked || fmt.Sprint(status, " ", gone) != row.over {
				t.Errorf("%s: asked %d times, %v (%s %t)", row.answer, len(w.bodies), err, status, gone)
			}
			if strings.ContainsAny(err.Error(), "\n") {
				t.Errorf("%q is not one line", err)
			}
		})
	}
}

func TestClientIsOffline(t *testing.T) {
	asking(t, always("", ""), func(t *testing.T, c *Client, w *wire) {
		w.connect(false)
		if _, err := c.Pending(t.Context()); !errors.Is(err, offlineError{}) {
			t.Errorf("%v", err)
		}
		w.connect(true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		before := time.Now()
		if _, err := c.Pending(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(before) != time.Second {
			t.Errorf("%v after %v", err, time.Since(before))
		}
	})
}

// FuzzAnswer: whatever the broker sends, the client takes an execution that
// holds together, or says no.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"clientToken":"t","execution":{"jobId":"Job1","status":"QUEUED","versionNumber":"1","executionNumber":1e0,"queuedAt":1719940994000,"statusDetails":{"a":1},"jobDocument":{}}}`))
	f.Add([]byte(`{"code":"VersionMismatch","message":"\u0000","executionState":{"status":"IN_PROGRESS","versionNumber":-1}}`))
	f.Add([]byte(`{"inProgressJobs":[{}],"queuedJobs":null,"execution":[]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var a answer
		if json.Unmarshal(raw, &a) != nil {
			return
		}
		wantLine(t, errors.New(oneLine(a.rejected("x").Error())))
		e, err := a.execution()
		if err == nil && e != nil && (!jobIDs.MatchString(e.Job) || e.Number < 0 || e.Version < 0 || e.Left < 0) {
			t.Fatalf("%+v", e)
		}
	})
}
