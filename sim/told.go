package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"abota/sim/awsiot/broker"
)

// statement is one thing that a device told AWS IoT of an execution, and AWS
// IoT has taken.
type statement struct {
	thing, job string
	execution  int64
	status     string
	details    map[string]string
}

// over reports whether nothing can follow.
func (s statement) over() bool { return s.status != "QUEUED" && s.status != "IN_PROGRESS" }

// told keeps every statement, so that none is missed, however short it holds.
type told struct {
	mu      sync.Mutex
	all     []statement
	changed chan struct{}
}

func newTold() *told { return &told{changed: make(chan struct{})} }

// hear is a [broker.Fault] that changes nothing.
func (t *told) hear(asked broker.Message, replies []broker.Message) []broker.Message {
	for _, reply := range replies {
		if s, is := statementOf(asked, reply); is {
			t.add(s)
		}
	}
	return replies
}

func (t *told) add(s statement) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = append(t.all, s)
	close(t.changed)
	t.changed = make(chan struct{})
}

// statementOf reads a request to update an execution or to start the next one,
// and its answer.
func statementOf(asked, reply broker.Message) (s statement, is bool) {
	var said struct {
		Status    string            `json:"status"`
		Details   map[string]string `json:"statusDetails"`
		Execution int64             `json:"executionNumber"`
	}
	var got struct {
		Execution *struct {
			Job    string `json:"jobId"`
			Number int64  `json:"executionNumber"`
			Status string `json:"status"`
		} `json:"execution"`
	}
	words := strings.Split(asked.Topic, "/") // $aws/things/THING/jobs/JOB/update or …/jobs/start-next
	if reply.Topic != asked.Topic+"/accepted" || len(words) < 5 || words[1] != "things" || words[3] != "jobs" ||
		json.Unmarshal(asked.Payload, &said) != nil || json.Unmarshal(reply.Payload, &got) != nil {
		return s, false
	}
	switch rest := words[4:]; {
	case len(rest) == 2 && rest[1] == "update":
		return statement{words[2], rest[0], said.Execution, said.Status, said.Details}, true
	case len(rest) == 1 && rest[0] == "start-next" && got.Execution != nil:
		return statement{words[2], got.Execution.Job, got.Execution.Number, got.Execution.Status, said.Details}, true
	}
	return s, false
}

// of are the statements about one execution.
func (t *told) of(thing, job string, execution int64) (all []statement, changed <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.all {
		if s.thing == thing && s.job == job && s.execution == execution {
			all = append(all, s)
		}
	}
	return all, t.changed
}

// awaitTold waits until the board has told AWS IoT something of an execution,
// which may be long ago.
func (w *World) awaitTold(ctx context.Context, job string, execution int64, what string, is func(statement) bool) (statement, error) {
	for {
		all, changed := w.cloud.told.of(w.name, jobPrefix+job, execution)
		last := "nothing"
		for _, s := range all {
			if is(s) {
				return s, nil
			}
			last = fmt.Sprintf("%s %v", s.status, s.details)
			if s.over() {
				return s, fmt.Errorf("thing %s did not tell %s of execution %d of job %s, but ended it: %s", w.name, what, execution, job, last)
			}
		}
		select {
		case <-ctx.Done():
			return statement{}, fmt.Errorf("%w: thing %s did not tell %s of execution %d of job %s, but last %s",
				context.Cause(ctx), w.name, what, execution, job, last)
		case <-changed:
		}
	}
}

// course is what a board told of an execution, each phase once.
func (w *World) course(job string, execution int64) string {
	all, _ := w.cloud.told.of(w.name, jobPrefix+job, execution)
	var phases []string
	for _, s := range all {
		if phase := s.details["phase"]; len(phases) == 0 || phases[len(phases)-1] != phase {
			phases = append(phases, phase)
		}
	}
	return strings.Join(phases, ", ")
}
