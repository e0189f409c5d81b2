package powercut

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

var tinyForm = Form{Name: "tiny", Stories: 1, Lives: 1}

func newProof(state, product string, out *bytes.Buffer) *proof {
	p := &proof{lab: lab{Options: Options{Form: tinyForm, Seed: 7, State: state, Guests: 1, Out: &lines{w: out}}}}
	p.done = checkpoint{Product: product, Form: tinyForm.Name, Seed: 7, Results: map[string]Result{}}
	return p
}

// did is a task that was done elsewhere.
func did(name string, res Result, err error) task {
	return task{name: name, seed: 7, do: func(*lab, context.Context, task) (Result, error) { return res, err }}
}

func TestResultsAreKeptForTheSameProductOnly(t *testing.T) {
	var out bytes.Buffer
	dir := t.TempDir()
	p := newProof(dir, "a", &out)
	if err := p.one(t.Context(), did("story 1", Result{Updates: 3, Tally: Tally{Judged: 9}}, nil)); err != nil {
		t.Fatal(err)
	}
	if err := p.one(t.Context(), did("live cuts 1", Result{}, errors.New("it broke"))); err == nil || !strings.Contains(err.Error(), "live cuts 1 with seed 7: it broke") {
		t.Errorf("got %v", err)
	}
	again := newProof(dir, "a", &out)
	again.resume()
	if r := again.done.Results["story 1"]; len(again.done.Results) != 1 || r.Judged != 9 || r.Updates != 3 || r.Seed != 7 {
		t.Errorf("resumed %+v", again.done.Results)
	}
	other := newProof(dir, "b", &out)
	other.resume()
	if len(other.done.Results) != 0 || !strings.Contains(out.String(), "beginning anew") {
		t.Errorf("another product resumed %+v", other.done.Results)
	}
}

func TestOneTableAndOneLineAFailure(t *testing.T) {
	var out bytes.Buffer
	p := newProof(t.TempDir(), "a", &out)
	p.table(time.Second)
	if !strings.Contains(out.String(), "not done") {
		t.Errorf("what is missing is not said:\n%s", out.String())
	}
	f := Failure{Kind: Brick, State: "after 5 entries of the log", Era: "in the trial of version 2", Why: "no slot starts", Image: "/x.img"}
	p.done.Results["story 1"] = Result{
		Task: "story 1", Seed: 7, Updates: 3, Entries: 340, Booted: 4, Seconds: 100,
		Tally: Tally{Enumerated: 5000, Judged: 2000, Failures: []Failure{f}},
	}
	p.done.Results["live cuts 1"] = Result{Task: "live cuts 1", Seed: 7, Updates: 5, Cuts: 6, Seconds: 90}
	out.Reset()
	p.table(time.Second)
	if err := p.verdict(); !errors.Is(err, ErrFailed) {
		t.Errorf("the verdict is %v", err)
	}
	var total string
	for line := range strings.Lines(out.String()) {
		if words := strings.Fields(line); len(words) > 0 && words[0] == "all" {
			total = strings.Join(words, " ")
		}
	}
	if total != "all 8 340 5000 2000 4 6 1 0 0 - 190" {
		t.Errorf("the sum is %q in\n%s", total, out.String())
	}
	if !strings.Contains(out.String(), "story 1, seed 7: BRICK: the disk after 5 entries of the log (in the trial of version 2): no slot starts; kept as /x.img") {
		t.Errorf("the failure is not told:\n%s", out.String())
	}
}
