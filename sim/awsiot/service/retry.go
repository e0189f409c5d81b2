package service

// maxRetries is the most for a device and a job, all types together.
const maxRetries = 10

// allows says whether an end of that kind may be tried again, after the
// retries that there were, by the kind of end that caused them.
func (c *RetryConfig) allows(status string, used map[string]int) bool {
	if c == nil || status != failed && status != timedOut || used[failed]+used[timedOut] >= maxRetries {
		return false
	}
	for _, r := range c.CriteriaList {
		switch r.FailureType {
		case status:
			return used[status] < *r.NumberOfRetries
		case allFailures:
			return used[failed]+used[timedOut] < *r.NumberOfRetries
		}
	}
	return false
}

// retry queues a new execution for one that failed or timed out, if the job has
// a try left for it. Between maintenance windows it stays hidden until the next
// one.
func (s *Service) retry(e *execution) {
	j := e.job
	if j.over() || j.ended || j.latest[e.thing] != e || !j.in.JobExecutionsRetryConfig.allows(e.status, j.retries[e.thing]) {
		return
	}
	if j.retries[e.thing] == nil {
		j.retries[e.thing] = map[string]int{}
	}
	j.retries[e.thing][e.status]++
	s.queue(j, e.thing, e.retryAttempt+1)
}
