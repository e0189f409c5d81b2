package ota

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	iottypes "github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/aws-sdk-go-v2/service/signer"
	signertypes "github.com/aws/aws-sdk-go-v2/service/signer/types"
)

// The descriptions are those of AWS's sample: by the stream's, which names the
// job, `ota delete` knows what belongs to a job.
const (
	jobDescription    = "AWS job for deconstructed OTAUpdateJobId = "
	streamDescription = "Stream for deconstructed OTAUpdate "
	// existingSuffix marks a stream of an object that was there before.
	existingSuffix = " of an existing object"
)

// signingJob asks Signer to sign the binary.
func (r *Request) signingJob(binary object) *signer.StartSigningJobInput {
	return &signer.StartSigningJobInput{
		Source:      &signertypes.Source{S3: &signertypes.S3Source{BucketName: &binary.Bucket, Key: &binary.Key, Version: &binary.Version}},
		Destination: &signertypes.Destination{S3: &signertypes.S3Destination{BucketName: &binary.Bucket, Prefix: &r.SigningPrefix}},
		ProfileName: &r.Profile,
	}
}

// newStream makes one file available by MQTT.
func (r *Request) newStream(id string, f facts) *iot.CreateStreamInput {
	description := streamDescription + shortJobID(r.JobID)
	if r.SignedObject != "" {
		description += existingSuffix
	}
	return &iot.CreateStreamInput{
		StreamId:    &id,
		Description: &description,
		Files: []iottypes.StreamFile{{
			FileId:     aws.Int32(0),
			S3Location: &iottypes.S3Location{Bucket: &f.file.Bucket, Key: &f.file.Key, Version: &f.file.Version},
		}},
		RoleArn: aws.String(f.account.role(r.Role)),
		Tags:    r.tags(),
	}
}

func (r *Request) tags() (all []iottypes.Tag) {
	for _, t := range r.Tags {
		all = append(all, iottypes.Tag{Key: aws.String(t.Key), Value: aws.String(t.Value)})
	}
	return all
}

// newJob is the job as it would be made at the given time, and its schedule.
func (r *Request) newJob(f facts, at time.Time) (*iot.CreateJobInput, schedule, error) {
	s, err := r.Schedule.resolve(at, r.Continuous)
	if err != nil {
		return nil, s, err
	}
	text, err := r.document(f).encode()
	if err != nil {
		return nil, s, err
	}
	targets, err := r.targets()
	if err != nil {
		return nil, s, err
	}
	in := &iot.CreateJobInput{
		JobId:            aws.String(FullJobID(r.JobID)),
		Document:         &text,
		Description:      aws.String(r.Description),
		TargetSelection:  iottypes.TargetSelectionSnapshot,
		SchedulingConfig: s.config(),
		Tags:             r.tags(),
	}
	if r.Description == "" {
		in.Description = aws.String(jobDescription + shortJobID(r.JobID))
	}
	if r.Continuous {
		in.TargetSelection = iottypes.TargetSelectionContinuous
	}
	for _, t := range targets {
		in.Targets = append(in.Targets, f.account.iot(t.resource()))
	}
	for _, p := range f.packages {
		in.DestinationPackageVersions = append(in.DestinationPackageVersions, f.account.iot(p.resource()))
	}
	r.configure(in, f.account)
	return in, s, nil
}

// configure adds how executions go.
func (r *Request) configure(in *iot.CreateJobInput, a account) {
	if r.Timeout > 0 {
		in.TimeoutConfig = &iottypes.TimeoutConfig{InProgressTimeoutInMinutes: aws.Int64(int64(r.Timeout / time.Minute))}
	}
	if retries := r.retries(); len(retries) > 0 {
		in.JobExecutionsRetryConfig = &iottypes.JobExecutionsRetryConfig{}
		for _, retry := range retries {
			in.JobExecutionsRetryConfig.CriteriaList = append(in.JobExecutionsRetryConfig.CriteriaList,
				iottypes.RetryCriteria{FailureType: iottypes.RetryableFailureType(retry.Failure), NumberOfRetries: aws.Int32(int32(retry.Times))})
		}
	}
	in.JobExecutionsRolloutConfig = r.Rollout.config()
	if len(r.Abort) > 0 {
		in.AbortConfig = &iottypes.AbortConfig{}
		for _, abort := range r.Abort {
			in.AbortConfig.CriteriaList = append(in.AbortConfig.CriteriaList, iottypes.AbortCriteria{
				FailureType: iottypes.JobExecutionFailureType(abort.Failure), Action: iottypes.AbortActionCancel,
				ThresholdPercentage: aws.Float64(abort.Percent), MinNumberOfExecutedThings: aws.Int32(int32(abort.Min)),
			})
		}
	}
	if r.Protocols.HTTP && r.Source == "" {
		in.PresignedUrlConfig = &iottypes.PresignedUrlConfig{RoleArn: aws.String(a.role(r.Role)), ExpiresInSec: aws.Int64(int64(r.Expiry / time.Second))}
	}
}

// config is nil where nothing is bounded.
func (r Rollout) config() *iottypes.JobExecutionsRolloutConfig {
	if r == (Rollout{}) {
		return nil
	}
	out := &iottypes.JobExecutionsRolloutConfig{MaximumPerMinute: positive(r.Max)}
	if r.exponential() {
		out.ExponentialRate = &iottypes.ExponentialRolloutRate{
			BaseRatePerMinute: positive(r.Base), IncrementFactor: &r.Factor,
			RateIncreaseCriteria: &iottypes.RateIncreaseCriteria{NumberOfNotifiedThings: positive(r.AfterNotified), NumberOfSucceededThings: positive(r.AfterSucceeded)},
		}
	}
	return out
}

func positive(n int) *int32 {
	if n <= 0 {
		return nil
	}
	return aws.Int32(int32(n))
}

// config is nil where nothing is said.
func (s schedule) config() *iottypes.SchedulingConfig {
	if s.start.IsZero() && s.end.IsZero() && len(s.windows) == 0 {
		return nil
	}
	out := &iottypes.SchedulingConfig{EndBehavior: iottypes.JobEndBehavior(s.behavior)}
	if !s.start.IsZero() {
		out.StartTime = aws.String(s.start.Format(scheduleFormat))
	}
	if !s.end.IsZero() {
		out.EndTime = aws.String(s.end.Format(scheduleFormat))
	}
	for _, w := range s.windows {
		out.MaintenanceWindows = append(out.MaintenanceWindows, iottypes.MaintenanceWindow{
			StartTime: aws.String(w.Cron), DurationInMinutes: aws.Int32(int32(w.Length / time.Minute)),
		})
	}
	return out
}
