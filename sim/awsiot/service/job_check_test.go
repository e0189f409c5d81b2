package service

import (
	"fmt"
	"strings"
	"testing"
)

// TestJobBounds has every limit of CreateJob, from both sides.
func TestJobBounds(t *testing.T) {
	w := newWorld(t)
	thing := w.thingNamed("cam")
	var hundred []string
	for i := range 100 {
		hundred = append(hundred, w.thingNamed(fmt.Sprint("t", i)))
	}
	role := "arn:aws:iam::123456789012:role/r"
	rollout := func(most, base *int, factor float64, notified, succeeded *int) *RolloutConfig {
		c := &RolloutConfig{MaximumPerMinute: most}
		if base != nil {
			c.ExponentialRate = &ExponentialRate{*base, factor, &RateIncreaseCriteria{notified, succeeded}}
		}
		return c
	}
	abort := func(kind, action string, threshold float64, least int) *AbortConfig {
		return &AbortConfig{[]AbortCriterion{{kind, action, threshold, least}}}
	}
	quoted := func(n int) string { return `"` + strings.Repeat("x", n-2) + `"` }

	for i, test := range []struct {
		name   string
		change func(*CreateJobInput)
		ok     bool
	}{
		{"plain", func(*CreateJobInput) {}, true},
		{"ID of 64", func(in *CreateJobInput) { in.JobID = strings.Repeat("a", 64) }, true},
		{"ID of 65", func(in *CreateJobInput) { in.JobID = strings.Repeat("a", 65) }, false},
		{"empty ID", func(in *CreateJobInput) { in.JobID = "" }, false},
		{"every letter of an ID", func(in *CreateJobInput) { in.JobID = "aZ0_-" }, true},
		{"dot in ID", func(in *CreateJobInput) { in.JobID = "a.b" }, false},
		{"newline after ID", func(in *CreateJobInput) { in.JobID = "a\n" }, false},
		{"$next as ID", func(in *CreateJobInput) { in.JobID = next }, false},
		{"100 targets", func(in *CreateJobInput) { in.Targets = hundred }, true},
		{"101 targets", func(in *CreateJobInput) { in.Targets = append([]string{thing}, hundred...) }, false},
		{"no targets", func(in *CreateJobInput) { in.Targets = nil }, false},
		{"target is a name", func(in *CreateJobInput) { in.Targets = []string{"cam"} }, false},
		{"target of another account", func(in *CreateJobInput) { in.Targets = []string{"arn:aws:iot:eu-west-1:999999999999:thing/cam"} }, false},
		{"SNAPSHOT", func(in *CreateJobInput) { in.TargetSelection = snapshot }, true},
		{"CONTINUOUS", func(in *CreateJobInput) { in.TargetSelection = continuous }, true},
		{"other selection", func(in *CreateJobInput) { in.TargetSelection = "snapshot" }, false},
		{"document of 32768", func(in *CreateJobInput) { in.Document = quoted(32768) }, true},
		{"document of 32769", func(in *CreateJobInput) { in.Document = quoted(32769) }, false},
		{"no document", func(in *CreateJobInput) { in.Document = "" }, false},
		{"document is no JSON", func(in *CreateJobInput) { in.Document = "{" }, false},
		{"document is two", func(in *CreateJobInput) { in.Document = "{}{}" }, false},
		{"document is no UTF-8", func(in *CreateJobInput) { in.Document = "\"\xff\"" }, false},
		{"document and source", func(in *CreateJobInput) { in.DocumentSource = "https://s3.amazonaws.com/b/k" }, false},
		{"source without a store", func(in *CreateJobInput) { in.Document, in.DocumentSource = "", "https://s3.amazonaws.com/b/k" }, false},
		{"description of 2028", func(in *CreateJobInput) { in.Description = strings.Repeat("ü", 2028) }, true},
		{"description of 2029", func(in *CreateJobInput) { in.Description = strings.Repeat("u", 2029) }, false},
		{"control in description", func(in *CreateJobInput) { in.Description = "a\x1bb" }, false},
		{"expires in 60", func(in *CreateJobInput) { in.PresignedURLConfig = &PresignedURLConfig{role, ptr[int64](60)} }, true},
		{"expires in 3600", func(in *CreateJobInput) { in.PresignedURLConfig = &PresignedURLConfig{role, ptr[int64](3600)} }, true},
		{"expires in 59", func(in *CreateJobInput) { in.PresignedURLConfig = &PresignedURLConfig{role, ptr[int64](59)} }, false},
		{"expires in 3601", func(in *CreateJobInput) { in.PresignedURLConfig = &PresignedURLConfig{role, ptr[int64](3601)} }, false},
		{"short role", func(in *CreateJobInput) { in.PresignedURLConfig = &PresignedURLConfig{"r", nil} }, false},
		{"rate 1", func(in *CreateJobInput) { in.JobExecutionsRolloutConfig = rollout(ptr(1), nil, 0, nil, nil) }, true},
		{"rate 1000", func(in *CreateJobInput) { in.JobExecutionsRolloutConfig = rollout(ptr(1000), nil, 0, nil, nil) }, true},
		{"rate 0", func(in *CreateJobInput) { in.JobExecutionsRolloutConfig = rollout(ptr(0), nil, 0, nil, nil) }, false},
		{"rate 1001", func(in *CreateJobInput) { in.JobExecutionsRolloutConfig = rollout(ptr(1001), nil, 0, nil, nil) }, false},
		{"base 1000", func(in *CreateJobInput) { in.JobExecutionsRolloutConfig = rollout(nil, ptr(1000), 1.1, ptr(1), nil) }, true},
		{"base 0", func(in *CreateJobInput) { in.JobExecutionsRolloutConfig = rollout(nil, ptr(0), 1.1, ptr(1), nil) }, false},
		{"base 1001", func(in *CreateJobInput) { in.JobExecutionsRolloutConfig = rollout(nil, ptr(1001), 1.1, ptr(1), nil) }, false},
		{"factor 5", func(in *CreateJobInput) { in.JobExecutionsRolloutConfig = rollout(nil, ptr(1), 5, nil, ptr(1)) }, true},
		{"factor 5.1", func(in *CreateJobInput) { in.JobExecutionsRolloutConfig = rollout(nil, ptr(1), 5.1, nil, ptr(1)) }, false},
		{"factor 1", func(in *CreateJobInput) { in.JobExecutionsRolloutConfig = rollout(nil, ptr(1), 1, nil, ptr(1)) }, false},
		{"factor 1.55", func(in *CreateJobInput) { in.JobExecutionsRolloutConfig = rollout(nil, ptr(1), 1.55, nil, ptr(1)) }, false},
		{"both criteria", func(in *CreateJobInput) {
			in.JobExecutionsRolloutConfig = rollout(nil, ptr(1), 1.5, ptr(1), ptr(1))
		}, true},
		{"no criteria", func(in *CreateJobInput) { in.JobExecutionsRolloutConfig = rollout(nil, ptr(1), 1.5, nil, nil) }, false},
		{"criterion 0", func(in *CreateJobInput) { in.JobExecutionsRolloutConfig = rollout(nil, ptr(1), 1.5, ptr(0), nil) }, false},
		{"criteria missing", func(in *CreateJobInput) {
			in.JobExecutionsRolloutConfig = &RolloutConfig{ExponentialRate: &ExponentialRate{1, 1.5, nil}}
		}, false},
		{"abort", func(in *CreateJobInput) { in.AbortConfig = abort(allFailures, "CANCEL", 100, 1) }, true},
		{"abort at 0.01", func(in *CreateJobInput) { in.AbortConfig = abort(failed, "CANCEL", 0.01, 1) }, true},
		{"abort at 10.99", func(in *CreateJobInput) { in.AbortConfig = abort(rejected, "CANCEL", 10.99, 1) }, true},
		{"abort at 10.999", func(in *CreateJobInput) { in.AbortConfig = abort(rejected, "CANCEL", 10.999, 1) }, false},
		{"abort at 100.01", func(in *CreateJobInput) { in.AbortConfig = abort(timedOut, "CANCEL", 100.01, 1) }, false},
		{"abort at 0", func(in *CreateJobInput) { in.AbortConfig = abort(timedOut, "CANCEL", 0, 1) }, false},
		{"abort of none", func(in *CreateJobInput) { in.AbortConfig = abort(timedOut, "CANCEL", 1, 0) }, false},
		{"abort of successes", func(in *CreateJobInput) { in.AbortConfig = abort(succeeded, "CANCEL", 1, 1) }, false},
		{"abort by force", func(in *CreateJobInput) { in.AbortConfig = abort(failed, "FORCE_CANCEL", 1, 1) }, false},
		{"abort without criteria", func(in *CreateJobInput) { in.AbortConfig = &AbortConfig{} }, false},
		{"timeout 1", func(in *CreateJobInput) { in.TimeoutConfig = within(1) }, true},
		{"timeout 10080", func(in *CreateJobInput) { in.TimeoutConfig = within(10080) }, true},
		{"timeout 0", func(in *CreateJobInput) { in.TimeoutConfig = within(0) }, false},
		{"timeout 10081", func(in *CreateJobInput) { in.TimeoutConfig = within(10081) }, false},
		{"template", func(in *CreateJobInput) { in.JobTemplateARN = "arn:aws:iot:eu-west-1:123456789012:jobtemplate/x" }, false},
		{"namespace", func(in *CreateJobInput) { in.NamespaceID = "a_B-9" }, true},
		{"colon in namespace", func(in *CreateJobInput) { in.NamespaceID = "a:b" }, false},
		{"50 tags", func(in *CreateJobInput) { in.Tags = tags(50) }, true},
		{"51 tags", func(in *CreateJobInput) { in.Tags = tags(51) }, false},
	} {
		in := CreateJobInput{JobID: fmt.Sprint("j", i), Targets: []string{thing}, Document: plain}
		test.change(&in)
		_, err := w.CreateJob(in)
		if (err == nil) != test.ok {
			t.Errorf("%s: %v", test.name, err)
		}
		if err == nil {
			continue
		}
		if _, err := w.DescribeJob(in.JobID); err == nil {
			t.Errorf("%s: the job is there though it was refused", test.name)
		}
		if e := AsError(err); e.Type != "InvalidRequestException" && e.Type != "ResourceNotFoundException" && e.Type != "LimitExceededException" || e.Message == "" {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func tags(n int) []Tag {
	var out []Tag
	for i := range n {
		out = append(out, Tag{fmt.Sprint("k", i), "v"})
	}
	return out
}

func TestRetryBounds(t *testing.T) {
	for _, test := range []struct {
		name     string
		criteria []RetryCriterion
		timeout  *TimeoutConfig
		ok       bool
	}{
		{"none", nil, nil, false},
		{"0", []RetryCriterion{retries(failed, 0)}, nil, true},
		{"10", []RetryCriterion{retries(failed, 10)}, nil, true},
		{"11", []RetryCriterion{retries(failed, 11)}, nil, false},
		{"-1", []RetryCriterion{retries(failed, -1)}, nil, false},
		{"no number", []RetryCriterion{{failed, nil}}, nil, false},
		{"ALL", []RetryCriterion{retries(allFailures, 10)}, nil, true},
		{"REJECTED", []RetryCriterion{retries(rejected, 1)}, nil, false},
		{"TIMED_OUT without a timeout", []RetryCriterion{retries(timedOut, 1)}, nil, false},
		{"TIMED_OUT with an empty timeout", []RetryCriterion{retries(timedOut, 1)}, &TimeoutConfig{}, false},
		{"TIMED_OUT", []RetryCriterion{retries(timedOut, 1)}, within(1), true},
		{"10 together", []RetryCriterion{retries(timedOut, 4), retries(failed, 6)}, within(1), true},
		{"11 together", []RetryCriterion{retries(timedOut, 5), retries(failed, 6)}, within(1), false},
		{"twice", []RetryCriterion{retries(failed, 1), retries(failed, 1)}, nil, false},
		{"beside ALL", []RetryCriterion{retries(failed, 1), retries(allFailures, 1)}, nil, false},
		{"three", []RetryCriterion{retries(failed, 1), retries(timedOut, 1), retries(allFailures, 1)}, within(1), false},
	} {
		w := newWorld(t)
		_, err := w.tryMake("j", []string{w.thingNamed("cam")}, func(in *CreateJobInput) {
			in.JobExecutionsRetryConfig, in.TimeoutConfig = &RetryConfig{test.criteria}, test.timeout
		})
		if (err == nil) != test.ok {
			t.Errorf("%s: %v", test.name, err)
		}
		if err != nil {
			w.invalid(err)
		}
	}
}
