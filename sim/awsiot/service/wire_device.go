package service

// The device's side of jobs. Requests unmarshal from either plane's body;
// ThingName and JobID come from topic or path. Replies are MQTT's; HTTP turns
// one into the jobs data plane's, which has neither token nor timestamp, and
// the document as a text.

// JobExecutionState is what goes with some rejections, and with an update's
// reply when it was asked for.
type JobExecutionState struct {
	Status        string            `json:"status"`
	StatusDetails map[string]string `json:"statusDetails"`
	VersionNumber int64             `json:"versionNumber"`
}

// JobExecutionSummary is an execution in a device's lists; times are whole
// seconds since 1970.
type JobExecutionSummary struct {
	JobID           string `json:"jobId"`
	QueuedAt        int64  `json:"queuedAt"`
	LastUpdatedAt   int64  `json:"lastUpdatedAt"`
	StartedAt       int64  `json:"startedAt,omitzero"`
	ExecutionNumber int64  `json:"executionNumber"`
	VersionNumber   int64  `json:"versionNumber"`
}

// JobExecution is an execution as a device sees it, without a thing's name, as
// it was seen from AWS.
type JobExecution struct {
	JobID                            string            `json:"jobId"`
	Status                           string            `json:"status"`
	StatusDetails                    map[string]string `json:"statusDetails,omitempty"`
	QueuedAt                         int64             `json:"queuedAt"`
	StartedAt                        int64             `json:"startedAt,omitzero"`
	LastUpdatedAt                    int64             `json:"lastUpdatedAt"`
	VersionNumber                    int64             `json:"versionNumber"`
	ExecutionNumber                  int64             `json:"executionNumber"`
	ApproximateSecondsBeforeTimedOut *int64            `json:"approximateSecondsBeforeTimedOut,omitempty"`
	JobDocument                      *Document         `json:"jobDocument,omitempty"`
}

// GetPendingInput asks for what is pending.
type GetPendingInput struct {
	ThingName   string `json:"-"`
	ClientToken string `json:"clientToken,omitempty"`
}

// GetPendingOutput lists what is pending.
type GetPendingOutput struct {
	ClientToken    string                `json:"clientToken,omitempty"`
	Timestamp      int64                 `json:"timestamp,omitzero"`
	InProgressJobs []JobExecutionSummary `json:"inProgressJobs"`
	QueuedJobs     []JobExecutionSummary `json:"queuedJobs"`
}

// HTTP is the reply on the jobs data plane.
func (o GetPendingOutput) HTTP() GetPendingOutput {
	o.ClientToken, o.Timestamp = "", 0
	return o
}

// StartNextInput starts the next pending execution.
type StartNextInput struct {
	ThingName            string            `json:"-"`
	StatusDetails        map[string]string `json:"statusDetails,omitempty"`
	StepTimeoutInMinutes *Number           `json:"stepTimeoutInMinutes,omitempty"`
	ClientToken          string            `json:"clientToken,omitempty"`
}

// ExecutionOutput answers StartNext and Describe; without an execution nothing
// is pending. It is notify-next's message, too.
type ExecutionOutput struct {
	ClientToken string        `json:"clientToken,omitempty"`
	Timestamp   int64         `json:"timestamp,omitzero"`
	Execution   *JobExecution `json:"execution,omitempty"`
}

// HTTP is the reply on the jobs data plane.
func (o ExecutionOutput) HTTP() ExecutionOutput {
	o.ClientToken, o.Timestamp = "", 0
	if o.Execution != nil {
		e := *o.Execution
		e.JobDocument = quoted(e.JobDocument)
		o.Execution = &e
	}
	return o
}

func quoted(d *Document) *Document {
	if d == nil {
		return nil
	}
	return &Document{Text: d.Text, Quoted: true}
}

// DescribeInput asks for one execution. JobID may be "$next".
type DescribeInput struct {
	ThingName string `json:"-"`
	JobID     string `json:"-"`
	// ExecutionNumber is the latest when nil.
	ExecutionNumber *Number `json:"executionNumber,omitempty"`
	// IncludeJobDocument is true when nil.
	IncludeJobDocument *bool  `json:"includeJobDocument,omitempty"`
	ClientToken        string `json:"clientToken,omitempty"`
}

// UpdateInput reports about an execution.
type UpdateInput struct {
	ThingName                string            `json:"-"`
	JobID                    string            `json:"-"`
	Status                   string            `json:"status"`
	StatusDetails            map[string]string `json:"statusDetails,omitempty"`
	ExpectedVersion          *Number           `json:"expectedVersion,omitempty"`
	ExecutionNumber          *Number           `json:"executionNumber,omitempty"`
	IncludeJobExecutionState bool              `json:"includeJobExecutionState,omitempty"`
	IncludeJobDocument       bool              `json:"includeJobDocument,omitempty"`
	StepTimeoutInMinutes     *Number           `json:"stepTimeoutInMinutes,omitempty"`
	ClientToken              string            `json:"clientToken,omitempty"`
}

// UpdateOutput answers a report.
type UpdateOutput struct {
	ClientToken    string             `json:"clientToken,omitempty"`
	Timestamp      int64              `json:"timestamp,omitzero"`
	ExecutionState *JobExecutionState `json:"executionState,omitempty"`
	JobDocument    *Document          `json:"jobDocument,omitempty"`
}

// HTTP is the reply on the jobs data plane.
func (o UpdateOutput) HTTP() UpdateOutput {
	o.ClientToken, o.Timestamp, o.JobDocument = "", 0, quoted(o.JobDocument)
	return o
}

// Notify is the message on …/jobs/notify: summaries by status, a status
// without any left out.
type Notify struct {
	Timestamp int64                            `json:"timestamp"`
	Jobs      map[string][]JobExecutionSummary `json:"jobs"`
}
