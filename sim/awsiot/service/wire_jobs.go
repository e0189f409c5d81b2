package service

// PresignedURLConfig says how long placeholders' URLs hold, and who signs.
type PresignedURLConfig struct {
	RoleARN string `json:"roleArn,omitempty"`
	// ExpiresInSec is 60 to 3,600 seconds.
	ExpiresInSec *int64 `json:"expiresInSec,omitempty"`
}

// RolloutConfig is how fast executions are queued, in things a minute.
type RolloutConfig struct {
	MaximumPerMinute *int             `json:"maximumPerMinute,omitempty"`
	ExponentialRate  *ExponentialRate `json:"exponentialRate,omitempty"`
}

// ExponentialRate has the rate grow with what was reached.
type ExponentialRate struct {
	BaseRatePerMinute    int                   `json:"baseRatePerMinute"`
	IncrementFactor      float64               `json:"incrementFactor"`
	RateIncreaseCriteria *RateIncreaseCriteria `json:"rateIncreaseCriteria"`
}

// RateIncreaseCriteria is how many things a step of the rate takes.
type RateIncreaseCriteria struct {
	NumberOfNotifiedThings  *int `json:"numberOfNotifiedThings,omitempty"`
	NumberOfSucceededThings *int `json:"numberOfSucceededThings,omitempty"`
}

// AbortConfig says when a job is given up.
type AbortConfig struct {
	CriteriaList []AbortCriterion `json:"criteriaList"`
}

// AbortCriterion is one reason to give up.
type AbortCriterion struct {
	// FailureType is FAILED, REJECTED, TIMED_OUT or ALL.
	FailureType string `json:"failureType"`
	// Action is CANCEL.
	Action                    string  `json:"action"`
	ThresholdPercentage       float64 `json:"thresholdPercentage"`
	MinNumberOfExecutedThings int     `json:"minNumberOfExecutedThings"`
}

// TimeoutConfig bounds an execution from IN_PROGRESS on, 1 to 10,080 minutes.
type TimeoutConfig struct {
	InProgressTimeoutInMinutes *int64 `json:"inProgressTimeoutInMinutes,omitempty"`
}

// RetryConfig says which ends are tried again.
type RetryConfig struct {
	CriteriaList []RetryCriterion `json:"criteriaList"`
}

// RetryCriterion is how often one kind of end is tried again.
type RetryCriterion struct {
	// FailureType is FAILED, TIMED_OUT or ALL.
	FailureType     string `json:"failureType"`
	NumberOfRetries *int   `json:"numberOfRetries"`
}

// SchedulingConfig is when a job begins, ends, and rolls out. Times are
// YYYY-MM-DDTHH:MM in UTC.
type SchedulingConfig struct {
	StartTime string `json:"startTime,omitempty"`
	EndTime   string `json:"endTime,omitempty"`
	// EndBehavior is STOP_ROLLOUT, CANCEL or FORCE_CANCEL.
	EndBehavior        string              `json:"endBehavior,omitempty"`
	MaintenanceWindows []MaintenanceWindow `json:"maintenanceWindows,omitempty"`
}

// MaintenanceWindow opens whenever its cron expression fires.
type MaintenanceWindow struct {
	StartTime string `json:"startTime"`
	// DurationInMinutes is 1 to 1,430.
	DurationInMinutes int `json:"durationInMinutes"`
}

// CreateJobInput asks for a job. JobID is in the path.
type CreateJobInput struct {
	JobID                      string              `json:"-"`
	Targets                    []string            `json:"targets"`
	Document                   string              `json:"document,omitempty"`
	DocumentSource             string              `json:"documentSource,omitempty"`
	Description                string              `json:"description,omitempty"`
	PresignedURLConfig         *PresignedURLConfig `json:"presignedUrlConfig,omitempty"`
	TargetSelection            string              `json:"targetSelection,omitempty"`
	JobExecutionsRolloutConfig *RolloutConfig      `json:"jobExecutionsRolloutConfig,omitempty"`
	AbortConfig                *AbortConfig        `json:"abortConfig,omitempty"`
	TimeoutConfig              *TimeoutConfig      `json:"timeoutConfig,omitempty"`
	Tags                       []Tag               `json:"tags,omitempty"`
	NamespaceID                string              `json:"namespaceId,omitempty"`
	JobTemplateARN             string              `json:"jobTemplateArn,omitempty"`
	JobExecutionsRetryConfig   *RetryConfig        `json:"jobExecutionsRetryConfig,omitempty"`
	DocumentParameters         map[string]string   `json:"documentParameters,omitempty"`
	SchedulingConfig           *SchedulingConfig   `json:"schedulingConfig,omitempty"`
	DestinationPackageVersions []string            `json:"destinationPackageVersions,omitempty"`
}

// JobRef is what the operations that change a job answer.
type JobRef struct {
	JobARN      string `json:"jobArn"`
	JobID       string `json:"jobId"`
	Description string `json:"description,omitempty"`
}

// JobProcessDetails counts the things by their latest execution.
type JobProcessDetails struct {
	ProcessingTargets        []string `json:"processingTargets,omitempty"`
	NumberOfCanceledThings   int      `json:"numberOfCanceledThings"`
	NumberOfSucceededThings  int      `json:"numberOfSucceededThings"`
	NumberOfFailedThings     int      `json:"numberOfFailedThings"`
	NumberOfRejectedThings   int      `json:"numberOfRejectedThings"`
	NumberOfQueuedThings     int      `json:"numberOfQueuedThings"`
	NumberOfInProgressThings int      `json:"numberOfInProgressThings"`
	NumberOfRemovedThings    int      `json:"numberOfRemovedThings"`
	NumberOfTimedOutThings   int      `json:"numberOfTimedOutThings"`
}

// ScheduledRollout is a start to come.
type ScheduledRollout struct {
	StartTime string `json:"startTime"`
}

// Job is a job as DescribeJob shows it.
type Job struct {
	JobARN                     string              `json:"jobArn"`
	JobID                      string              `json:"jobId"`
	TargetSelection            string              `json:"targetSelection"`
	Status                     string              `json:"status"`
	ForceCanceled              *bool               `json:"forceCanceled,omitempty"`
	ReasonCode                 string              `json:"reasonCode,omitempty"`
	Comment                    string              `json:"comment,omitempty"`
	Targets                    []string            `json:"targets"`
	Description                string              `json:"description,omitempty"`
	PresignedURLConfig         *PresignedURLConfig `json:"presignedUrlConfig,omitempty"`
	JobExecutionsRolloutConfig *RolloutConfig      `json:"jobExecutionsRolloutConfig,omitempty"`
	AbortConfig                *AbortConfig        `json:"abortConfig,omitempty"`
	CreatedAt                  Timestamp           `json:"createdAt,omitzero"`
	LastUpdatedAt              Timestamp           `json:"lastUpdatedAt,omitzero"`
	CompletedAt                Timestamp           `json:"completedAt,omitzero"`
	JobProcessDetails          JobProcessDetails   `json:"jobProcessDetails"`
	TimeoutConfig              *TimeoutConfig      `json:"timeoutConfig,omitempty"`
	NamespaceID                string              `json:"namespaceId,omitempty"`
	JobTemplateARN             string              `json:"jobTemplateArn,omitempty"`
	JobExecutionsRetryConfig   *RetryConfig        `json:"jobExecutionsRetryConfig,omitempty"`
	DocumentParameters         map[string]string   `json:"documentParameters,omitempty"`
	IsConcurrent               bool                `json:"isConcurrent"`
	SchedulingConfig           *SchedulingConfig   `json:"schedulingConfig,omitempty"`
	ScheduledJobRollouts       []ScheduledRollout  `json:"scheduledJobRollouts,omitempty"`
	DestinationPackageVersions []string            `json:"destinationPackageVersions,omitempty"`
}

// DescribeJobOutput is a job and where its document came from.
type DescribeJobOutput struct {
	DocumentSource string `json:"documentSource,omitempty"`
	Job            Job    `json:"job"`
}

// ListJobsInput filters jobs; everything is in the query.
type ListJobsInput struct {
	Page
	Status          string `json:"-"`
	TargetSelection string `json:"-"`
	ThingGroupName  string `json:"-"`
	ThingGroupID    string `json:"-"`
	NamespaceID     string `json:"-"`
}

// JobSummary is a job in a list.
type JobSummary struct {
	JobARN          string    `json:"jobArn"`
	JobID           string    `json:"jobId"`
	ThingGroupID    string    `json:"thingGroupId,omitempty"`
	TargetSelection string    `json:"targetSelection"`
	Status          string    `json:"status"`
	CreatedAt       Timestamp `json:"createdAt,omitzero"`
	LastUpdatedAt   Timestamp `json:"lastUpdatedAt,omitzero"`
	CompletedAt     Timestamp `json:"completedAt,omitzero"`
	IsConcurrent    bool      `json:"isConcurrent"`
}

// ListJobsOutput is a page of jobs, the newest first.
type ListJobsOutput struct {
	Jobs      []JobSummary `json:"jobs"`
	NextToken string       `json:"nextToken,omitempty"`
}

// UpdateJobInput changes what may be changed. JobID is in the path,
// NamespaceID in the query.
type UpdateJobInput struct {
	JobID                      string              `json:"-"`
	NamespaceID                string              `json:"-"`
	Description                *string             `json:"description,omitempty"`
	PresignedURLConfig         *PresignedURLConfig `json:"presignedUrlConfig,omitempty"`
	JobExecutionsRolloutConfig *RolloutConfig      `json:"jobExecutionsRolloutConfig,omitempty"`
	AbortConfig                *AbortConfig        `json:"abortConfig,omitempty"`
	TimeoutConfig              *TimeoutConfig      `json:"timeoutConfig,omitempty"`
	JobExecutionsRetryConfig   *RetryConfig        `json:"jobExecutionsRetryConfig,omitempty"`
}

// CancelJobInput ends a job. Force, in the query, also cancels what is in
// progress.
type CancelJobInput struct {
	JobID      string `json:"-"`
	Force      bool   `json:"-"`
	ReasonCode string `json:"reasonCode,omitempty"`
	Comment    string `json:"comment,omitempty"`
}

// DeleteJobInput removes a job; everything is in path and query.
type DeleteJobInput struct {
	JobID       string `json:"-"`
	Force       bool   `json:"-"`
	NamespaceID string `json:"-"`
}

// GetJobDocumentOutput is a job's document with presigned URL placeholders
// unresolved.
type GetJobDocumentOutput struct {
	Document string `json:"document"`
}

// AssociateTargetsInput adds targets to a continuous job.
type AssociateTargetsInput struct {
	JobID       string   `json:"-"`
	NamespaceID string   `json:"-"`
	Targets     []string `json:"targets"`
	Comment     string   `json:"comment,omitempty"`
}
