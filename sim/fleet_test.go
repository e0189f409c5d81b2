package sim

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"abota/sim/awsiot/broker"
)

// twoBoards is a fleet without boards, for steps that need none.
func twoBoards() (*World, *bytes.Buffer) {
	w, out := bare()
	for _, name := range []string{"one", "other"} {
		w.fleet = append(w.fleet, &World{name: name, timeline: w.timeline.of(name)})
	}
	return w, out
}

func TestStepsAreDoneOnTheBoardThatTheyAreAbout(t *testing.T) {
	w, out := twoBoards()
	var about []string
	step := []Step{{Title: "who", Do: func(_ context.Context, w *World) (string, error) {
		about = append(about, w.name)
		return "seen", nil
	}}}
	bad := errors.New("no")
	fails := []Step{{Title: "bad", Do: func(context.Context, *World) (string, error) { return "", bad }}}
	err := Scenario{Name: "x", Steps: steps(step, on("other", step), on("one", step, fails))}.Play(t.Context(), w)
	if want := []string{"", "other", "one"}; !slices.Equal(about, want) || !errors.Is(err, bad) {
		t.Errorf("done on %q, want %q, and ended with %v", about, want, err)
	}
	var lines []string
	for line := range strings.Lines(out.String()) {
		_, rest, _ := strings.Cut(line, "s  ")
		lines = append(lines, strings.TrimRight(rest, "\n"))
	}
	want := []string{
		"       1/4       who", "       ok        seen", "other  2/4       who", "other  ok        seen",
		"one    3/4       who", "one    ok        seen", "one    4/4       bad", "one    FAILED    no",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("the timeline is\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

func TestConsolesOfSeveralBoardsAreToldApart(t *testing.T) {
	var out bytes.Buffer
	l := &labelled{out: &out, label: "one"}
	for _, part := range []string{"a\r\nb", "c\n", "unfinished"} {
		if _, err := l.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if got := out.String(); got != "one: a\none: bc\n" {
		t.Errorf("got %q", got)
	}
	if _, err := l.Write(bytes.Repeat([]byte("x"), maxPart)); err != nil || len(l.part) != 0 {
		t.Errorf("an endless line: %d bytes are kept, %v", len(l.part), err)
	}
}

func TestWhatDevicesTellIsReadOffTheirRequests(t *testing.T) {
	const jobs = "$aws/things/good/jobs/"
	accepted := func(topic string) string { return topic + "/accepted" }
	for name, row := range map[string]struct {
		topic, said, reply, answer string
		want                       string // thing, job, status and phase
	}{
		"update":           {jobs + "j/update", `{"status":"IN_PROGRESS","executionNumber":2,"statusDetails":{"phase":"testing"}}`, accepted(jobs + "j/update"), `{}`, "good j IN_PROGRESS testing"},
		"start":            {jobs + "start-next", `{"statusDetails":{"phase":"started"}}`, accepted(jobs + "start-next"), `{"execution":{"jobId":"j","status":"IN_PROGRESS","executionNumber":2}}`, "good j IN_PROGRESS started"},
		"nothing to start": {jobs + "start-next", `{}`, accepted(jobs + "start-next"), `{}`, ""},
		"rejected":         {jobs + "j/update", `{"status":"SUCCEEDED","executionNumber":2}`, jobs + "j/update/rejected", `{}`, ""},
		"question":         {jobs + "j/get", `{"executionNumber":2}`, accepted(jobs + "j/get"), `{"execution":{"jobId":"j"}}`, ""},
		"stream":           {"$aws/things/good/streams/s/get/json", `{}`, "$aws/things/good/streams/s/data/json", `{}`, ""},
		"announcement":     {"", ``, jobs + "notify-next", `{}`, ""},
		"no JSON":          {jobs + "j/update", `{`, accepted(jobs + "j/update"), `{}`, ""},
	} {
		told := newTold()
		replies := []broker.Message{{Topic: row.reply, Payload: []byte(row.answer)}}
		if got := told.hear(broker.Message{Topic: row.topic, Payload: []byte(row.said)}, replies); len(got) != 1 || got[0].Topic != row.reply {
			t.Errorf("%s: the replies became %v", name, got)
		}
		got := ""
		if all, _ := told.of("good", "j", 2); len(all) == 1 {
			got = strings.Join([]string{all[0].thing, all[0].job, all[0].status, all[0].details["phase"]}, " ")
		}
		if got != row.want {
			t.Errorf("%s: %q was read, want %q", name, got, row.want)
		}
	}
}

// telling is a fleet whose board has told these statements of execution 1.
func telling(all ...statement) *World {
	w, _ := bare()
	w.name, w.cloud = "good", &cloud{told: newTold()}
	for _, s := range all {
		s.thing, s.job, s.execution = "good", jobPrefix+"j", 1
		w.cloud.told.add(s)
	}
	return w
}

func TestWhatWasToldLongAgoIsSeen(t *testing.T) {
	phase := func(status, phase string) statement {
		return statement{status: status, details: map[string]string{"phase": phase}}
	}
	w := telling(phase("IN_PROGRESS", "started"), phase("IN_PROGRESS", "started"), phase("IN_PROGRESS", "testing"), phase("FAILED", "failed"))
	is := func(phase string) func(statement) bool {
		return func(s statement) bool { return s.details["phase"] == phase }
	}
	if s, err := w.awaitTold(t.Context(), "j", 1, "testing", is("testing")); err != nil || s.status != "IN_PROGRESS" {
		t.Errorf("got %v, %v", s, err)
	}
	if _, err := w.awaitTold(t.Context(), "j", 1, "done", is("done")); err == nil || !strings.Contains(err.Error(), "FAILED map[phase:failed]") {
		t.Errorf("an execution that ended otherwise: %v", err)
	}
	if got, want := w.course("j", 1), "started, testing, failed"; got != want {
		t.Errorf("the course is %q, want %q", got, want)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	late := errors.New("late")
	cancel(late)
	if _, err := w.awaitTold(ctx, "j", 2, "anything", is("x")); !errors.Is(err, late) {
		t.Errorf("an execution of which nothing was told: %v", err)
	}
}
