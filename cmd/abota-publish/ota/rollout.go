package ota

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

var (
	retryFailures = []string{"FAILED", "TIMED_OUT", "ALL"}
	abortFailures = []string{"FAILED", "REJECTED", "TIMED_OUT", "ALL"}
)

// ParseRetry reads "FAILED=3".
func ParseRetry(text string) (Retry, error) {
	failure, times, ok := strings.Cut(text, "=")
	n, err := strconv.Atoi(times)
	if !ok || err != nil || !slices.Contains(retryFailures, failure) {
		return Retry{}, fmt.Errorf("%q is not FAILED=N, TIMED_OUT=N, ALL=N or none", text)
	}
	return Retry{failure, n}, nil
}

// ParseAbort reads "FAILED:20%:5": at 20 percent of 5 executions at least.
func ParseAbort(text string) (Abort, error) {
	parts := strings.Split(text, ":")
	if len(parts) != 3 || !slices.Contains(abortFailures, parts[0]) {
		return Abort{}, fmt.Errorf("%q is not TYPE:PERCENT:MINIMUM with TYPE one of %s, as FAILED:20%%:5", text, strings.Join(abortFailures, ", "))
	}
	percent, err := strconv.ParseFloat(strings.TrimSuffix(parts[1], "%"), 64)
	if err != nil || math.IsNaN(percent) {
		return Abort{}, fmt.Errorf("%q is no percentage", parts[1])
	}
	least, err := strconv.Atoi(parts[2])
	if err != nil {
		return Abort{}, fmt.Errorf("%q is no number of executions", parts[2])
	}
	return Abort{parts[0], percent, least}, nil
}

// retries are those asked for, else the sample's, which needs a timeout.
func (r *Request) retries() []Retry {
	if r.Retries == nil && r.Timeout > 0 {
		return []Retry{{"TIMED_OUT", DefaultRetries}}
	}
	return r.Retries
}

func (r *Request) checkRetries() error {
	seen, total := map[string]bool{}, 0
	for _, retry := range r.retries() {
		switch {
		case retry.Times < 0 || retry.Times > maxRetries:
			return usage("%d retries of %s are not 0 to %d", retry.Times, retry.Failure, maxRetries)
		case seen[retry.Failure]:
			return usage("retries of %s are given twice", retry.Failure)
		case retry.Failure != "FAILED" && retry.Times > 0 && r.Timeout == 0:
			return usage("retries of %s need a timeout, without which no execution ends as TIMED_OUT: add --timeout, or retry FAILED alone", retry.Failure)
		}
		seen[retry.Failure] = true
		total += retry.Times
	}
	if seen["ALL"] && len(seen) > 1 {
		return usage("retries of ALL hold those of FAILED and TIMED_OUT already: give ALL alone, or the two")
	}
	if total > maxRetries {
		return usage("%d retries are more than a device gets, which is %d for all types together", total, maxRetries)
	}
	return nil
}

func (r Rollout) check() error {
	if r.Max != 0 && (r.Max < 1 || r.Max > maxPerMinute) {
		return usage("--max-per-minute %d is not 1 to %d", r.Max, maxPerMinute)
	}
	if !r.exponential() {
		return nil
	}
	switch {
	case r.Base == 0 || r.Factor == 0 || r.AfterNotified == 0 && r.AfterSucceeded == 0:
		return usage("an exponential rollout needs --rollout-base, --rollout-factor and one of --rollout-after-notified and --rollout-after-succeeded")
	case r.AfterNotified != 0 && r.AfterSucceeded != 0:
		return usage("--rollout-after-notified and --rollout-after-succeeded exclude each other")
	case r.Base < 1 || r.Base > maxPerMinute:
		return usage("--rollout-base %d is not 1 to %d devices a minute", r.Base, maxPerMinute)
	case r.Max != 0 && r.Base > r.Max:
		return usage("--rollout-base %d is more than --max-per-minute %d", r.Base, r.Max)
	case !(r.Factor >= minFactor && r.Factor <= maxFactor):
		return usage("--rollout-factor %v is not %v to %v", r.Factor, minFactor, maxFactor)
	case !decimals(r.Factor, 1):
		return usage("--rollout-factor %v has more than one decimal", r.Factor)
	case r.AfterNotified < 0 || r.AfterSucceeded < 0:
		return usage("a rollout cannot grow after %d devices: 1 is the least", min(r.AfterNotified, r.AfterSucceeded))
	}
	return nil
}

// decimals reports whether f has n of them at most.
func decimals(f float64, n int) bool {
	text := strconv.FormatFloat(f, 'f', -1, 64)
	_, fraction, _ := strings.Cut(text, ".")
	return len(fraction) <= n
}

func (a Abort) check() error {
	switch {
	case !(a.Percent > 0 && a.Percent <= 100):
		return usage("the job cannot be aborted at %v percent: it must be more than 0, and 100 at most", a.Percent)
	case !decimals(a.Percent, 2):
		return usage("%v percent has more than two decimals", a.Percent)
	case a.Min < 1:
		return usage("the job cannot be aborted after %d executions: 1 is the least", a.Min)
	}
	return nil
}
