package service

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// Job states; DELETION_IN_PROGRESS never shows, since a deletion is done at
// once.
const (
	scheduled = "SCHEDULED"
	canceled  = "CANCELED" // an execution's, too
	completed = "COMPLETED"
)

const (
	snapshot   = "SNAPSHOT"
	continuous = "CONTINUOUS"
)

// job is one job.
type job struct {
	in       CreateJobInput
	arn      string
	made     int64
	status   string
	document string // packages and parameters in place
	original string

	targets      []string // ARNs
	destinations []packageRef
	schedule     schedule

	created, updated, completed time.Time
	forceCanceled               *bool
	reasonCode, comment         string

	// enrolled says that the targets were resolved, ended that the end has
	// passed, hidden that the job is between maintenance windows.
	enrolled, ended, hidden bool
	// waiting are the things whose turn to be notified has not come.
	waiting []*thing
	// rollAt is when the next minute of the rollout begins, rollDue the one that
	// a timer was set for.
	rollAt, rollDue time.Time
	// notified counts things whose execution was queued.
	notified int

	executions []*execution // all that are kept, in order of creation
	latest     map[*thing]*execution
	count      map[string]int // things by the status of their latest execution
	done       map[string]int // ended executions by status
	retries    map[*thing]map[string]int
	left       map[*thing]bool // things that left the targets
}

func (j *job) continuous() bool { return j.in.TargetSelection == continuous }

// over says whether a job has ended for good.
func (j *job) over() bool { return j.status == canceled || j.status == completed }

// rolling says whether executions may be queued now.
func (j *job) rolling() bool { return j.status == inProgress && j.enrolled && !j.ended && !j.hidden }

// active are the executions that have not ended.
func (j *job) active() []*execution {
	var list []*execution
	for _, e := range j.executions {
		if !terminal(e.status) {
			list = append(list, e)
		}
	}
	return list
}

// CreateJob makes a job and begins its rollout unless it is scheduled.
func (s *Service) CreateJob(in CreateJobInput) (JobRef, error) {
	if err := checkJob(in); err != nil {
		return JobRef{}, err
	}
	in.TargetSelection = cmp.Or(in.TargetSelection, snapshot)
	text, err := s.source(in)
	if err != nil {
		return JobRef{}, err
	}
	if err := checkDocument(text); err != nil {
		return JobRef{}, err
	}
	return do(s, func() (JobRef, error) { return s.createJob(in, text) })
}

func (s *Service) createJob(in CreateJobInput, text string) (JobRef, error) {
	j := &job{
		in: in, arn: s.arn("job", in.JobID), original: text, status: scheduled, created: s.now, updated: s.now,
		latest: map[*thing]*execution{}, count: map[string]int{}, done: map[string]int{},
		retries: map[*thing]map[string]int{}, left: map[*thing]bool{},
	}
	if s.jobs[in.JobID] != nil {
		return JobRef{}, exists(in.JobID, j.arn, "job %s exists", in.JobID)
	}
	if err := s.readJob(j); err != nil {
		return JobRef{}, err
	}
	if j.schedule.start.IsZero() && s.rollingOut() >= s.cfg.ConcurrentJobs {
		return JobRef{}, limitExceeded("%d jobs are rolling out, which is as many as may at a time", s.cfg.ConcurrentJobs)
	}
	if err := s.setTags(j.arn, in.Tags); err != nil {
		return JobRef{}, err
	}
	s.made++
	j.made = s.made
	s.jobs[in.JobID] = j
	s.arrange(j)
	return j.ref(), nil
}

// readJob reads what of a job depends on the service's state.
func (s *Service) readJob(j *job) error {
	var err error
	if j.schedule, err = parseSchedule(j.in.SchedulingConfig, s.now, j.continuous()); err != nil {
		return err
	}
	if j.targets, err = s.checkTargets(nil, j.in.Targets); err != nil {
		return err
	}
	if j.destinations, err = s.destinations(j.in.DestinationPackageVersions); err != nil {
		return err
	}
	u := substitution{s: s, in: j.in}
	for _, ref := range j.destinations {
		if ref.version != noVersion {
			u.destinations = append(u.destinations, ref)
		}
	}
	if j.document, err = u.run(j.original); err != nil {
		return err
	}
	return nil
}

// checkTargets is old with the ones to add, each once.
func (s *Service) checkTargets(old, add []string) ([]string, error) {
	targets := slices.Clone(old)
	for _, arn := range add {
		if slices.Contains(targets, arn) {
			continue
		}
		if err := s.checkTarget(arn); err != nil {
			return nil, err
		}
		targets = append(targets, arn)
	}
	if len(targets) > maxTargets {
		return nil, limitExceeded("the job would have %d targets: at most %d are allowed", len(targets), maxTargets)
	}
	return targets, nil
}

func (s *Service) checkTarget(arn string) error {
	if name, ok := strings.CutPrefix(arn, s.arn("thing", "")); ok {
		_, err := s.thing(name)
		return err
	}
	if name, ok := strings.CutPrefix(arn, s.arn("thinggroup", "")); ok {
		_, err := s.group(name)
		return err
	}
	return invalid("target %s is not the ARN of a thing or a thing group of account %s in %s", show(arn), s.cfg.Account, s.cfg.Region)
}

// arrange has a new job begin, now or when it is scheduled, and end.
func (s *Service) arrange(j *job) {
	if !j.schedule.end.IsZero() {
		s.at(j.schedule.end, func() { s.end(j) })
	}
	if j.schedule.start.IsZero() {
		s.begin(j)
		return
	}
	s.at(j.schedule.start, func() { s.begin(j) })
}

func (j *job) ref() JobRef { return JobRef{j.arn, j.in.JobID, j.in.Description} }

func (s *Service) job(id string) (*job, error) {
	if j := s.jobs[id]; j != nil {
		return j, nil
	}
	return nil, notFound("job %s does not exist", show(id))
}

// AssociateTargetsWithJob adds targets to a continuous job.
func (s *Service) AssociateTargetsWithJob(in AssociateTargetsInput) (JobRef, error) {
	return do(s, func() (JobRef, error) {
		j, err := s.job(in.JobID)
		if err != nil {
			return JobRef{}, err
		}
		if !j.continuous() || j.status != inProgress {
			return JobRef{}, invalid("job %s is %s and %s: only a continuous job in progress takes targets", in.JobID, j.in.TargetSelection, j.status)
		}
		if len(in.Targets) == 0 {
			return JobRef{}, invalid("no targets are given")
		}
		if err := checkText("comment", in.Comment, maxDescription); err != nil {
			return JobRef{}, err
		}
		targets, err := s.checkTargets(j.targets, in.Targets)
		if err != nil {
			return JobRef{}, err
		}
		j.targets, j.comment, j.updated = targets, cmp.Or(in.Comment, j.comment), s.now
		for _, t := range s.members(j) {
			s.follow(j, t)
		}
		return j.ref(), nil
	})
}

// UpdateJob changes a job that has not ended.
func (s *Service) UpdateJob(in UpdateJobInput) error {
	return s.change(func() error {
		j, err := s.job(in.JobID)
		if err != nil {
			return err
		}
		if j.over() {
			return invalid("job %s is %s: it cannot be changed", in.JobID, j.status)
		}
		next, err := updated(j.in, in)
		if err != nil {
			return err
		}
		j.in, j.updated = next, s.now
		return nil
	})
}

// updated is what was asked for with what is to change. A new timeout holds for
// executions that start later [inferred].
func updated(old CreateJobInput, in UpdateJobInput) (CreateJobInput, error) {
	if in.Description != nil {
		old.Description = *in.Description
	}
	if in.PresignedURLConfig != nil {
		old.PresignedURLConfig = in.PresignedURLConfig
	}
	if in.JobExecutionsRolloutConfig != nil {
		old.JobExecutionsRolloutConfig = in.JobExecutionsRolloutConfig
	}
	if in.AbortConfig != nil {
		old.AbortConfig = in.AbortConfig
	}
	if in.TimeoutConfig != nil {
		old.TimeoutConfig = in.TimeoutConfig
	}
	if in.JobExecutionsRetryConfig != nil {
		for _, r := range in.JobExecutionsRetryConfig.CriteriaList {
			if r.NumberOfRetries != nil && *r.NumberOfRetries != 0 {
				return old, invalid("numberOfRetries is %d: the retries of a job that exists can only be set to 0", *r.NumberOfRetries)
			}
		}
		old.JobExecutionsRetryConfig = in.JobExecutionsRetryConfig
	}
	return old, checkJob(old)
}

// CancelJob cancels a job: what is queued and, by force, in progress.
func (s *Service) CancelJob(in CancelJobInput) (JobRef, error) {
	return do(s, func() (JobRef, error) {
		j, err := s.job(in.JobID)
		if err != nil {
			return JobRef{}, err
		}
		if in.ReasonCode != "" && !reasonCodePattern.MatchString(in.ReasonCode) {
			return JobRef{}, invalid("reasonCode %s is not 1 to 128 of capitals, digits and underscore", show(in.ReasonCode))
		}
		if err := checkText("comment", in.Comment, maxDescription); err != nil {
			return JobRef{}, err
		}
		// A canceled job may be canceled by force once more, for what it left
		// in progress [inferred].
		if j.status == completed || j.status == canceled && !in.Force {
			return JobRef{}, invalid("job %s is %s: it cannot be canceled", in.JobID, j.status)
		}
		s.cancelJob(j, in.Force, in.ReasonCode, in.Comment)
		return j.ref(), nil
	})
}

func (s *Service) cancelJob(j *job, force bool, reasonCode, comment string) {
	if j.status != canceled {
		j.completed = s.now
	}
	j.status, j.waiting, j.hidden = canceled, nil, false
	j.forceCanceled, j.reasonCode, j.comment, j.updated = &force, reasonCode, comment, s.now
	for _, e := range j.active() {
		if force || e.status == queued {
			s.cancelExecution(e, force)
		}
	}
	s.jobEvent(j, "canceled")
}

// completeIfDone ends a job of which nothing is to come and nothing is under
// way. A continuous job ends only after its end time.
func (s *Service) completeIfDone(j *job) {
	if j.over() || !j.ended && (j.continuous() || !j.enrolled || len(j.waiting) > 0) {
		return
	}
	if j.count[queued]+j.count[inProgress] > 0 {
		return
	}
	j.status, j.completed, j.updated = completed, s.now, s.now
	s.jobEvent(j, "completed")
}

// DeleteJob removes a job with its executions.
func (s *Service) DeleteJob(in DeleteJobInput) error {
	return s.change(func() error {
		j, err := s.job(in.JobID)
		if err != nil {
			return err
		}
		if !j.over() && !in.Force {
			return badTransition(nil, "job %s is %s: only force deletes it before it has ended", in.JobID, j.status)
		}
		for _, e := range j.executions {
			s.drop(e)
		}
		for t := range maps.Keys(j.latest) {
			delete(t.executions, j)
		}
		j.status, j.waiting = canceled, nil // for the timers that still know it
		delete(s.jobs, in.JobID)
		delete(s.tags, j.arn)
		s.jobEvent(j, "deleted")
		return nil
	})
}

// rollingOut counts the jobs that are queueing executions.
func (s *Service) rollingOut() int {
	n := 0
	for _, j := range s.jobs {
		if j.concurrent() {
			n++
		}
	}
	return n
}

// concurrent says whether a job is rolling out.
func (j *job) concurrent() bool { return j.rolling() && len(j.waiting) > 0 }
