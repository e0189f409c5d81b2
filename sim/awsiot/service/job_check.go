package service

import (
	"math"
	"slices"
)

// What a job may ask for, apart from what depends on the service's state.

func checkJob(in CreateJobInput) error {
	if !jobIDPattern.MatchString(in.JobID) {
		return invalid("jobId %s is not 1 to 64 of letters, digits, hyphen and underscore", show(in.JobID))
	}
	if len(in.Targets) < 1 || len(in.Targets) > maxTargets {
		return invalid("%d targets are given: give 1 to %d", len(in.Targets), maxTargets)
	}
	if in.TargetSelection != "" && in.TargetSelection != snapshot && in.TargetSelection != continuous {
		return invalid("targetSelection %s is neither SNAPSHOT nor CONTINUOUS", show(in.TargetSelection))
	}
	if in.JobTemplateARN != "" {
		return notFound("job template %s does not exist: the emulator has none", show(in.JobTemplateARN))
	}
	if in.NamespaceID != "" && !namespacePattern.MatchString(in.NamespaceID) {
		return invalid("namespaceId %s is not letters, digits, hyphen and underscore", show(in.NamespaceID))
	}
	for _, check := range []func() error{
		func() error { return checkText("description", in.Description, maxDescription) },
		func() error { return checkPresign(in.PresignedURLConfig) },
		func() error { return checkRollout(in.JobExecutionsRolloutConfig) },
		func() error { return checkAbort(in.AbortConfig) },
		func() error { return checkTimeout(in.TimeoutConfig) },
		func() error { return checkRetries(in.JobExecutionsRetryConfig, in.TimeoutConfig) },
		func() error { return checkParameters(in.DocumentParameters) },
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func checkPresign(c *PresignedURLConfig) error {
	if c == nil {
		return nil
	}
	if c.RoleARN != "" && (len(c.RoleARN) < 20 || len(c.RoleARN) > 2048) {
		return invalid("presignedUrlConfig.roleArn is not an ARN of 20 to 2048 characters")
	}
	if c.ExpiresInSec != nil && (*c.ExpiresInSec < 60 || *c.ExpiresInSec > 3600) {
		return invalid("presignedUrlConfig.expiresInSec is %d: give 60 to 3600", *c.ExpiresInSec)
	}
	return nil
}

func checkRollout(c *RolloutConfig) error {
	if c == nil {
		return nil
	}
	if c.MaximumPerMinute != nil && (*c.MaximumPerMinute < 1 || *c.MaximumPerMinute > maxRate) {
		return invalid("maximumPerMinute is %d: give 1 to %d", *c.MaximumPerMinute, maxRate)
	}
	e := c.ExponentialRate
	if e == nil {
		return nil
	}
	switch {
	case e.BaseRatePerMinute < 1 || e.BaseRatePerMinute > maxRate:
		return invalid("baseRatePerMinute is %d: give 1 to %d", e.BaseRatePerMinute, maxRate)
	case !(e.IncrementFactor >= 1.1 && e.IncrementFactor <= 5) || !decimals(e.IncrementFactor, 1):
		return invalid("incrementFactor is %v: give 1.1 to 5 with at most one decimal", e.IncrementFactor)
	case e.RateIncreaseCriteria == nil || e.RateIncreaseCriteria.NumberOfNotifiedThings == nil && e.RateIncreaseCriteria.NumberOfSucceededThings == nil:
		return invalid("rateIncreaseCriteria has neither numberOfNotifiedThings nor numberOfSucceededThings")
	}
	for _, n := range []*int{e.RateIncreaseCriteria.NumberOfNotifiedThings, e.RateIncreaseCriteria.NumberOfSucceededThings} {
		if n != nil && *n < 1 {
			return invalid("rateIncreaseCriteria has the number %d: give 1 or more", *n)
		}
	}
	return nil
}

// decimals says whether a number has at most n decimals.
func decimals(x float64, n int) bool {
	scaled := x * math.Pow10(n)
	return math.Abs(scaled-math.Round(scaled)) < 1e-9
}

// checkAbort refuses a threshold of zero, which would end every job; the model
// names only the upper bound [not established].
func checkAbort(c *AbortConfig) error {
	if c == nil {
		return nil
	}
	if len(c.CriteriaList) == 0 {
		return invalid("abortConfig has no criteria")
	}
	for _, a := range c.CriteriaList {
		switch {
		case !slices.Contains([]string{failed, rejected, timedOut, allFailures}, a.FailureType):
			return invalid("failureType %s of abortConfig is none of FAILED, REJECTED, TIMED_OUT and ALL", show(a.FailureType))
		case a.Action != "CANCEL":
			return invalid("action %s of abortConfig is not CANCEL", show(a.Action))
		case !(a.ThresholdPercentage > 0 && a.ThresholdPercentage <= 100) || !decimals(a.ThresholdPercentage, 2):
			return invalid("thresholdPercentage is %v: give more than 0, up to 100, with at most two decimals", a.ThresholdPercentage)
		case a.MinNumberOfExecutedThings < 1:
			return invalid("minNumberOfExecutedThings is %d: give 1 or more", a.MinNumberOfExecutedThings)
		}
	}
	return nil
}

func checkTimeout(c *TimeoutConfig) error {
	if c == nil || c.InProgressTimeoutInMinutes == nil {
		return nil
	}
	if m := *c.InProgressTimeoutInMinutes; m < 1 || m > maxTimeoutMinutes {
		return invalid("inProgressTimeoutInMinutes is %d: give 1 to %d", m, maxTimeoutMinutes)
	}
	return nil
}

// checkRetries refuses a type that stands there twice, or beside ALL, which
// nobody could tell apart [not established].
func checkRetries(c *RetryConfig, timeout *TimeoutConfig) error {
	if c == nil {
		return nil
	}
	if len(c.CriteriaList) < 1 || len(c.CriteriaList) > 2 {
		return invalid("jobExecutionsRetryConfig has %d criteria: give 1 or 2", len(c.CriteriaList))
	}
	total := 0
	seen := map[string]bool{}
	for _, r := range c.CriteriaList {
		switch {
		case r.FailureType != failed && r.FailureType != timedOut && r.FailureType != allFailures:
			return invalid("failureType %s of jobExecutionsRetryConfig is none of FAILED, TIMED_OUT and ALL", show(r.FailureType))
		case seen[r.FailureType] || len(c.CriteriaList) > 1 && r.FailureType == allFailures:
			return invalid("failureType %s of jobExecutionsRetryConfig covers what another one does", r.FailureType)
		case r.NumberOfRetries == nil || *r.NumberOfRetries < 0 || *r.NumberOfRetries > maxRetries:
			return invalid("numberOfRetries for %s is not 0 to %d", r.FailureType, maxRetries)
		case r.FailureType == timedOut && *r.NumberOfRetries > 0 && (timeout == nil || timeout.InProgressTimeoutInMinutes == nil):
			return invalid("retries for TIMED_OUT need timeoutConfig")
		}
		seen[r.FailureType] = true
		total += *r.NumberOfRetries
	}
	if total > maxRetries {
		return invalid("jobExecutionsRetryConfig asks for %d retries: at most %d are allowed for all types together", total, maxRetries)
	}
	return nil
}

func checkParameters(parameters map[string]string) error {
	for key, value := range parameters {
		if !namePattern.MatchString(key) || !printable(value) || len(value) > 30720 {
			return invalid("documentParameters has %s, which is not a name with a value without control characters", show(key))
		}
	}
	return nil
}
