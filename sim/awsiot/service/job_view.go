package service

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// DescribeJob shows a job.
func (s *Service) DescribeJob(jobID string) (DescribeJobOutput, error) {
	return do(s, func() (DescribeJobOutput, error) {
		j, err := s.job(jobID)
		if err != nil {
			return DescribeJobOutput{}, err
		}
		return DescribeJobOutput{j.in.DocumentSource, s.showJob(j)}, nil
	})
}

func (s *Service) showJob(j *job) Job {
	out := Job{
		JobARN: j.arn, JobID: j.in.JobID, TargetSelection: j.in.TargetSelection, Status: j.status,
		ForceCanceled: j.forceCanceled, ReasonCode: j.reasonCode, Comment: j.comment,
		Targets: slices.Clone(j.targets), Description: j.in.Description,
		PresignedURLConfig: j.in.PresignedURLConfig, JobExecutionsRolloutConfig: j.in.JobExecutionsRolloutConfig,
		AbortConfig: j.in.AbortConfig, TimeoutConfig: j.in.TimeoutConfig, NamespaceID: j.in.NamespaceID,
		CreatedAt: Timestamp{j.created}, LastUpdatedAt: Timestamp{j.updated}, CompletedAt: Timestamp{j.completed},
		JobExecutionsRetryConfig: j.in.JobExecutionsRetryConfig, DocumentParameters: j.in.DocumentParameters,
		IsConcurrent: j.concurrent(), DestinationPackageVersions: slices.Clone(j.in.DestinationPackageVersions),
		JobProcessDetails: s.details(j),
	}
	if c := j.in.SchedulingConfig; c != nil {
		shown := *c
		shown.EndBehavior = j.schedule.endBehavior
		out.SchedulingConfig = &shown
	}
	if !j.over() && !j.ended {
		out.ScheduledJobRollouts = j.schedule.starts(s.now)
	}
	return out
}

func (s *Service) details(j *job) JobProcessDetails {
	return JobProcessDetails{
		ProcessingTargets:      s.processing(j),
		NumberOfCanceledThings: j.count[canceled], NumberOfSucceededThings: j.count[succeeded],
		NumberOfFailedThings: j.count[failed], NumberOfRejectedThings: j.count[rejected],
		NumberOfQueuedThings: j.count[queued], NumberOfInProgressThings: j.count[inProgress],
		NumberOfRemovedThings: j.count[removed], NumberOfTimedOutThings: j.count[timedOut],
	}
}

// processing are the targets of which some thing waits for its turn.
func (s *Service) processing(j *job) []string {
	var out []string
	for _, arn := range j.targets {
		if slices.ContainsFunc(j.waiting, func(t *thing) bool { return s.covers(arn, t) }) {
			out = append(out, arn)
		}
	}
	return out
}

// GetJobDocument shows a job's document, before or after packages and
// parameters are put in place. Placeholders of URLs stay in either.
func (s *Service) GetJobDocument(jobID string, beforeSubstitution bool) (GetJobDocumentOutput, error) {
	return do(s, func() (GetJobDocumentOutput, error) {
		j, err := s.job(jobID)
		if err != nil {
			return GetJobDocumentOutput{}, err
		}
		if beforeSubstitution {
			return GetJobDocumentOutput{j.original}, nil
		}
		return GetJobDocumentOutput{j.document}, nil
	})
}

// ListJobs lists jobs, the newest first.
func (s *Service) ListJobs(in ListJobsInput) (ListJobsOutput, error) {
	return do(s, func() (ListJobsOutput, error) {
		group, err := s.groupFilter(in)
		err = cmp.Or(err, known("status", in.Status, scheduled, inProgress, canceled, completed, "DELETION_IN_PROGRESS"),
			known("targetSelection", in.TargetSelection, snapshot, continuous))
		if err != nil {
			return ListJobsOutput{}, err
		}
		var jobs []*job
		for _, j := range s.byAge() {
			if matches(in.Status, j.status) && matches(in.TargetSelection, j.in.TargetSelection) && matches(in.NamespaceID, j.in.NamespaceID) &&
				(group == "" || slices.Contains(j.targets, group)) {
				jobs = append(jobs, j)
			}
		}
		slices.Reverse(jobs)
		shown, next, err := cut(jobs, in.Page)
		out := ListJobsOutput{Jobs: []JobSummary{}, NextToken: next}
		for _, j := range shown {
			out.Jobs = append(out.Jobs, s.summary(j))
		}
		return out, err
	})
}

// matches says whether a filter, nothing when empty, lets a value through.
func matches(filter, value string) bool { return filter == "" || filter == value }

// known refuses a filter for what the service's model does not have.
func known(name, filter string, values ...string) error {
	if filter == "" || slices.Contains(values, filter) {
		return nil
	}
	return invalid("%s %s is none of %s", name, show(filter), strings.Join(values, ", "))
}

func (s *Service) groupFilter(in ListJobsInput) (string, error) {
	for _, g := range s.groups {
		if in.ThingGroupName != "" && g.name == in.ThingGroupName || in.ThingGroupID != "" && g.id == in.ThingGroupID {
			return s.arn("thinggroup", g.name), nil
		}
	}
	if in.ThingGroupName != "" || in.ThingGroupID != "" {
		return "", notFound("thing group %s does not exist", show(cmp.Or(in.ThingGroupName, in.ThingGroupID)))
	}
	return "", nil
}

// byAge are all jobs, the oldest first.
func (s *Service) byAge() []*job {
	return slices.SortedFunc(maps.Values(s.jobs), func(a, b *job) int { return cmp.Compare(a.made, b.made) })
}

func (s *Service) summary(j *job) JobSummary {
	out := JobSummary{
		JobARN: j.arn, JobID: j.in.JobID, TargetSelection: j.in.TargetSelection, Status: j.status,
		CreatedAt: Timestamp{j.created}, LastUpdatedAt: Timestamp{j.updated}, CompletedAt: Timestamp{j.completed},
		IsConcurrent: j.concurrent(),
	}
	if name, ok := strings.CutPrefix(j.targets[0], s.arn("thinggroup", "")); ok && len(j.targets) == 1 && s.groups[name] != nil {
		out.ThingGroupID = s.groups[name].id
	}
	return out
}
