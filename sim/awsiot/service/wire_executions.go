package service

// ListJobExecutionsForJobInput filters a job's executions.
type ListJobExecutionsForJobInput struct {
	Page
	JobID  string `json:"-"`
	Status string `json:"-"`
}

// ListJobExecutionsForThingInput filters a thing's executions.
type ListJobExecutionsForThingInput struct {
	Page
	ThingName   string `json:"-"`
	Status      string `json:"-"`
	NamespaceID string `json:"-"`
	JobID       string `json:"-"`
}

// ExecutionSummary is an execution in the control plane's lists.
type ExecutionSummary struct {
	Status          string    `json:"status"`
	QueuedAt        Timestamp `json:"queuedAt,omitzero"`
	StartedAt       Timestamp `json:"startedAt,omitzero"`
	LastUpdatedAt   Timestamp `json:"lastUpdatedAt,omitzero"`
	ExecutionNumber int64     `json:"executionNumber"`
	RetryAttempt    int       `json:"retryAttempt"`
}

// ExecutionSummaryForJob is one of a job's executions.
type ExecutionSummaryForJob struct {
	ThingARN string           `json:"thingArn"`
	Summary  ExecutionSummary `json:"jobExecutionSummary"`
}

// ExecutionSummaryForThing is one of a thing's executions.
type ExecutionSummaryForThing struct {
	JobID   string           `json:"jobId"`
	Summary ExecutionSummary `json:"jobExecutionSummary"`
}

// ListJobExecutionsForJobOutput is a page of a job's executions.
type ListJobExecutionsForJobOutput struct {
	ExecutionSummaries []ExecutionSummaryForJob `json:"executionSummaries"`
	NextToken          string                   `json:"nextToken,omitempty"`
}

// ListJobExecutionsForThingOutput is a page of a thing's executions.
type ListJobExecutionsForThingOutput struct {
	ExecutionSummaries []ExecutionSummaryForThing `json:"executionSummaries"`
	NextToken          string                     `json:"nextToken,omitempty"`
}

// StatusDetails is what the control plane wraps status details in.
type StatusDetails struct {
	DetailsMap map[string]string `json:"detailsMap"`
}

// Execution is an execution as the control plane describes it.
type Execution struct {
	JobID           string         `json:"jobId"`
	Status          string         `json:"status"`
	ForceCanceled   *bool          `json:"forceCanceled,omitempty"`
	StatusDetails   *StatusDetails `json:"statusDetails,omitempty"`
	ThingARN        string         `json:"thingArn"`
	QueuedAt        Timestamp      `json:"queuedAt,omitzero"`
	StartedAt       Timestamp      `json:"startedAt,omitzero"`
	LastUpdatedAt   Timestamp      `json:"lastUpdatedAt,omitzero"`
	ExecutionNumber int64          `json:"executionNumber"`
	VersionNumber   int64          `json:"versionNumber"`
	// ApproximateSecondsBeforeTimedOut is there while a timer runs.
	ApproximateSecondsBeforeTimedOut *int64 `json:"approximateSecondsBeforeTimedOut,omitempty"`
}

// DescribeExecutionInput names an execution; number 0 is the latest.
type DescribeExecutionInput struct {
	ThingName       string `json:"-"`
	JobID           string `json:"-"`
	ExecutionNumber int64  `json:"-"`
}

// DescribeExecutionOutput is an execution.
type DescribeExecutionOutput struct {
	Execution Execution `json:"execution"`
}

// CancelExecutionInput cancels one execution. Force, in the query, also one in
// progress.
type CancelExecutionInput struct {
	ThingName       string            `json:"-"`
	JobID           string            `json:"-"`
	Force           bool              `json:"-"`
	ExpectedVersion *Number           `json:"expectedVersion,omitempty"`
	StatusDetails   map[string]string `json:"statusDetails,omitempty"`
}

// DeleteExecutionInput removes one execution; everything is in path and query.
type DeleteExecutionInput struct {
	ThingName       string `json:"-"`
	JobID           string `json:"-"`
	ExecutionNumber int64  `json:"-"`
	Force           bool   `json:"-"`
	NamespaceID     string `json:"-"`
}
