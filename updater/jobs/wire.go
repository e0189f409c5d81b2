package jobs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// Status is an execution's, in the service's words.
type Status string

// The statuses of executions. A device may set the first four alone.
const (
	InProgress Status = "IN_PROGRESS"
	Succeeded  Status = "SUCCEEDED"
	FailedJob  Status = "FAILED"
	Rejected   Status = "REJECTED"
	Queued     Status = "QUEUED"
	TimedOut   Status = "TIMED_OUT"
	Canceled   Status = "CANCELED"
	Removed    Status = "REMOVED"
)

// Over reports whether the service takes no more updates of it. A status that
// is not known is taken for one that ended: nothing is done for it.
func (s Status) Over() bool { return s != Queued && s != InProgress }

// Summary is an execution in a list of those that are pending.
type Summary struct {
	Job string
	// Number counts the executions of this job on this thing, Version the
	// changes of this one; 0 where the service did not say.
	Number, Version int64
	Queued, Started time.Time
}

// Execution is one execution of a job on this thing.
type Execution struct {
	Summary
	Status  Status
	Details map[string]string
	// Document is nil where it was not asked for.
	Document json.RawMessage
	// Left is when the service will give up, 0 where it did not say.
	Left time.Duration
}

// jobIDs is what a job may be called, and what a topic can hold. (The service
// allows 64 characters.)
var jobIDs = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,128}$`)

// number is a whole number: JSON's, or text with one in it, as some clients
// and emulators have it. Anything else is 0.
type number int64

func (n *number) UnmarshalJSON(raw []byte) error {
	text := string(bytes.Trim(raw, `"`))
	whole, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		f, _ := strconv.ParseFloat(text, 64)
		if f < 0 || f > 1<<53 {
			f = 0
		}
		whole = int64(f)
	}
	*n = number(max(whole, 0))
	return nil
}

// milliseconds is where times in seconds end: it is the year 5138 in seconds
// and 1973 in milliseconds.
const milliseconds = 100_000_000_000

// time is seconds since 1970, or milliseconds as in the examples of some
// documentation; zero for 0.
func (n number) time() time.Time {
	switch {
	case n <= 0:
		return time.Time{}
	case n >= milliseconds:
		return time.UnixMilli(int64(n))
	}
	return time.Unix(int64(n), 0)
}

// texts are statusDetails. What is no text there is shown as it is.
type texts map[string]string

func (t *texts) UnmarshalJSON(raw []byte) error {
	var values map[string]json.RawMessage
	if json.Unmarshal(raw, &values) != nil {
		return nil // of no use, and no reason to lose the rest of the message
	}
	*t = texts{}
	for name, value := range values {
		var s string
		if json.Unmarshal(value, &s) != nil {
			s = string(value)
		}
		(*t)[name] = s
	}
	return nil
}

// wireExecution is an execution as the service writes it. A thingName may be
// beside these or not.
type wireExecution struct {
	JobID     string          `json:"jobId"`
	Status    Status          `json:"status"`
	Details   texts           `json:"statusDetails"`
	Queued    number          `json:"queuedAt"`
	Started   number          `json:"startedAt"`
	Version   number          `json:"versionNumber"`
	Execution number          `json:"executionNumber"`
	Document  json.RawMessage `json:"jobDocument"`
	Left      number          `json:"approximateSecondsBeforeTimedOut"`
}

func (w *wireExecution) summary() Summary {
	return Summary{Job: w.JobID, Number: int64(w.Execution), Version: int64(w.Version), Queued: w.Queued.time(), Started: w.Started.time()}
}

func (w *wireExecution) execution() (*Execution, error) {
	if !jobIDs.MatchString(w.JobID) {
		return nil, fmt.Errorf("AWS IoT named a job %.70q, which cannot be one", w.JobID)
	}
	return &Execution{
		Summary: w.summary(), Status: w.Status, Details: w.Details, Document: w.Document,
		Left: time.Duration(min(w.Left, 1<<31)) * time.Second,
	}, nil
}

// wireState is what the service says of an execution beside an answer.
type wireState struct {
	Status  Status `json:"status"`
	Details texts  `json:"statusDetails"`
	Version number `json:"versionNumber"`
}

// answer is any reply of the service.
type answer struct {
	Token     string          `json:"clientToken"`
	Execution json.RawMessage `json:"execution"`
	State     *wireState      `json:"executionState"`
	Running   []wireExecution `json:"inProgressJobs"`
	Waiting   []wireExecution `json:"queuedJobs"`
	Code      string          `json:"code"`
	Message   string          `json:"message"`
}

// execution is the one in the answer, nil when there is none.
func (a *answer) execution() (*Execution, error) {
	if raw := bytes.TrimSpace(a.Execution); len(raw) == 0 || string(raw) == "null" || string(raw) == "{}" {
		return nil, nil
	}
	var w wireExecution
	if err := json.Unmarshal(a.Execution, &w); err != nil {
		return nil, fmt.Errorf("AWS IoT's answer cannot be read: %w", err)
	}
	return w.execution()
}

// request is any request to the service. What is empty is not sent.
type request struct {
	Token     string            `json:"clientToken"`
	Status    Status            `json:"status,omitempty"`
	Details   map[string]string `json:"statusDetails,omitempty"`
	Expected  int64             `json:"expectedVersion,omitempty"`
	Execution int64             `json:"executionNumber,omitempty"`
	Step      int64             `json:"stepTimeoutInMinutes,omitempty"`
	State     bool              `json:"includeJobExecutionState,omitempty"`
	Document  bool              `json:"includeJobDocument,omitempty"`
}

// maxStep is the longest step timer, in minutes.
const maxStep = 10080

// minutes rounds a step timer up to what the service takes; 0 is none.
func minutes(d time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	return min(int64((d+time.Minute-1)/time.Minute), maxStep)
}
