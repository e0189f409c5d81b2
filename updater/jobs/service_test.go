package jobs

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// service is AWS IoT Jobs for one thing, as the reference describes it: what is
// pending, versions, timers, retries, notices.
type service struct {
	mu    sync.Mutex
	all   []*running
	head  string
	send  func(topic string, payload any) // a notice
	asked map[string]int
	// shadows are what was written into $package.
	shadows []string
	// window hides queued executions while it is closed.
	closed bool
	// refuse, optional, rejects a request with a code.
	refuse func(what string, body map[string]any) string
}

// running is an execution.
type running struct {
	job             string
	number, version int64
	status          Status
	details         map[string]string
	doc             string
	queued, started time.Time
	step, hard      time.Time // deadlines
	timeout         time.Duration
	retries         int
	retryFailed     bool
	// history are the statuses that it had, and told the details.
	history []Status
	told    []map[string]string
	// gone: deleted.
	gone  bool
	ended time.Time
}

func (r *running) set(s Status) { r.status = s; r.history = append(r.history, s) }

const thing = "device-1"

// create queues a job.
func (s *service) create(job, doc string, change ...func(*running)) *running {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &running{job: job, number: 1, version: 1, doc: doc, details: map[string]string{}, queued: time.Now()}
	r.set(Queued)
	for _, c := range change {
		c(r)
	}
	s.all = append(s.all, r)
	s.changed(true)
	return r
}

func timeout(d time.Duration) func(*running) { return func(r *running) { r.timeout = d } }

func retries(n int) func(*running) { return func(r *running) { r.retries, r.retryFailed = n, true } }

// end ends an execution from outside.
func (s *service) end(r *running, as Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finish(r, as)
}

// delete removes an execution without a trace.
func (s *service) delete(r *running) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.gone, r.ended = true, time.Now()
	s.changed(true)
}

// overSince is whether an execution has ended, and how long ago. The last one of
// the name counts.
func (s *service) overSince(job string, number int64) (over bool, since time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.all {
		if r.job == job && r.number == number {
			over, since = !r.ended.IsZero(), time.Since(r.ended)
		}
	}
	return over, since
}

func (s *service) finish(r *running, as Status) {
	if r.status.Over() {
		return
	}
	r.set(as)
	r.ended = time.Now()
	r.version++
	if r.retries > 0 && (as == TimedOut || as == FailedJob && r.retryFailed) {
		again := &running{
			job: r.job, number: r.number + 1, version: 1, doc: r.doc, details: map[string]string{}, queued: time.Now(),
			retries: r.retries - 1, retryFailed: r.retryFailed, timeout: r.timeout,
		}
		again.set(Queued)
		s.all = append(s.all, again)
	}
	s.changed(true)
}

// pending are the executions that are given out, in their order.
func (s *service) pending() (list []*running) {
	for _, want := range []Status{InProgress, Queued} {
		for _, r := range s.all {
			if r.status == want && !r.gone && (want == InProgress || !s.closed) {
				list = append(list, r)
			}
		}
	}
	return list
}

// changed publishes what AWS IoT would.
func (s *service) changed(members bool) {
	list := s.pending()
	head := ""
	if len(list) > 0 {
		head = fmt.Sprint(list[0].job, list[0].number)
	}
	if members {
		s.send("notify", map[string]any{"timestamp": time.Now().Unix(), "jobs": map[string]any{}})
	}
	if head != s.head {
		s.head = head
		notice := map[string]any{"timestamp": time.Now().Unix()}
		if len(list) > 0 {
			notice["execution"] = list[0].wire(true)
		}
		s.send("notify-next", notice)
	}
}

func (r *running) wire(doc bool) map[string]any {
	w := map[string]any{
		"jobId": r.job, "status": r.status, "queuedAt": r.queued.Unix(), "lastUpdatedAt": 1719940994,
		"versionNumber": r.version, "executionNumber": r.number, "statusDetails": maps.Clone(r.details),
	}
	if doc {
		w["jobDocument"] = json.RawMessage(r.doc)
	}
	return w
}

func (r *running) state() map[string]any {
	return map[string]any{"status": r.status, "statusDetails": maps.Clone(r.details), "versionNumber": r.version}
}

// find is an execution; number 0 is the latest.
func (s *service) find(job string, number int64) (found *running) {
	if job == Next {
		if list := s.pending(); len(list) > 0 {
			return list[0]
		}
		return nil
	}
	for _, r := range s.all {
		if r.job == job && !r.gone && (number == 0 || number == r.number) {
			found = r
		}
	}
	return found
}

// request answers a request: the suffix of the topic, and the body.
func (s *service) request(topic string, payload []byte) (string, map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if topic == ShadowTopic(thing) {
		s.shadows = append(s.shadows, string(payload))
		return "", nil
	}
	what := strings.TrimPrefix(topic, "$aws/things/"+thing+"/jobs/")
	var body map[string]any
	if json.Unmarshal(payload, &body) != nil {
		return "/rejected", map[string]any{"code": "InvalidJson"}
	}
	s.asked[what[strings.LastIndex(what, "/")+1:]]++
	s.expire()
	code := ""
	if s.refuse != nil {
		code = s.refuse(what, body)
	}
	var answer map[string]any
	if code == "" {
		code, answer = s.answer(what, body)
	}
	if answer == nil {
		answer = map[string]any{}
	}
	answer["clientToken"], answer["timestamp"] = body["clientToken"], time.Now().Unix()
	if code != "" {
		answer["code"], answer["message"] = code, "no"
		return "/rejected", answer
	}
	return "/accepted", answer
}

func whole(v any) int64 { n, _ := v.(float64); return int64(n) }

func (s *service) answer(what string, body map[string]any) (code string, answer map[string]any) {
	job, verb, _ := strings.Cut(what, "/")
	switch {
	case what == "get":
		answer = map[string]any{}
		for name, status := range map[string]Status{"inProgressJobs": InProgress, "queuedJobs": Queued} {
			list := []any{}
			for _, r := range s.pending() {
				if r.status == status {
					list = append(list, r.wire(false))
				}
			}
			answer[name] = list
		}
		return "", answer
	case what == "start-next":
		r := s.find(Next, 0)
		if r == nil {
			return "", nil
		}
		if r.status == Queued {
			s.start(r, body)
		}
		return "", map[string]any{"execution": r.wire(true)}
	case verb == "get":
		r := s.find(job, whole(body["executionNumber"]))
		switch {
		case r == nil && job == Next:
			return "", nil
		case r == nil:
			return string(CodeNotFound), nil
		case r.status.Over():
			return string(CodeTerminal), nil
		}
		return "", map[string]any{"execution": r.wire(true)}
	case verb == "update":
		return s.update(s.find(job, whole(body["executionNumber"])), body)
	}
	return "InvalidTopic", nil
}

func (s *service) start(r *running, body map[string]any) {
	r.set(InProgress)
	r.started = time.Now()
	if r.timeout > 0 {
		r.hard = r.started.Add(r.timeout)
	}
	s.apply(r, body)
	s.changed(false)
}

var goodValue = regexp.MustCompile(`^[^\p{C}]+$`)

func (s *service) update(r *running, body map[string]any) (string, map[string]any) {
	details, _ := body["statusDetails"].(map[string]any)
	status := Status(fmt.Sprint(body["status"]))
	valid := len(details) <= 10
	for k, v := range details {
		valid = valid && detailKeys.MatchString(k) && len(k) <= 128 && goodValue.MatchString(v.(string)) && len(v.(string)) <= 1024
	}
	switch step := whole(body["stepTimeoutInMinutes"]); {
	case r == nil:
		return string(CodeNotFound), nil
	case !valid || step < 0 || step > maxStep || !slices.Contains([]Status{InProgress, Succeeded, FailedJob, Rejected}, status):
		return string(CodeInvalidRequest), nil
	case r.status.Over():
		return string(CodeInvalidState), map[string]any{"executionState": r.state()}
	case body["expectedVersion"] != nil && whole(body["expectedVersion"]) != r.version:
		return string(CodeVersionMismatch), map[string]any{"executionState": r.state()}
	case status == InProgress && r.status == Queued:
		s.start(r, body)
	case status == InProgress:
		s.apply(r, body)
	default:
		s.apply(r, body)
		r.version--
		s.finish(r, status)
	}
	return "", map[string]any{"executionState": r.state()}
}

// apply takes details and the step timer over.
func (s *service) apply(r *running, body map[string]any) {
	r.version++
	if details, ok := body["statusDetails"].(map[string]any); ok {
		r.details = map[string]string{}
		for k, v := range details {
			r.details[k] = v.(string)
		}
		r.told = append(r.told, maps.Clone(r.details))
	}
	if step := whole(body["stepTimeoutInMinutes"]); step > 0 {
		r.step = time.Now().Add(time.Duration(step) * time.Minute)
	}
	for _, d := range []time.Time{r.step, r.hard} {
		if d.After(time.Now()) {
			time.AfterFunc(time.Until(d)+time.Millisecond, func() { s.mu.Lock(); defer s.mu.Unlock(); s.expire() })
		}
	}
}

// expire ends what has run out of time.
func (s *service) expire() {
	now := time.Now()
	for _, r := range slices.Clone(s.all) {
		if r.status == InProgress && !r.gone && (!r.step.IsZero() && now.After(r.step) || !r.hard.IsZero() && now.After(r.hard)) {
			s.finish(r, TimedOut)
		}
	}
}

// said is how often an execution was told something with this value.
func (r *running) said(key, value string) (n int) {
	for _, d := range r.told {
		if d[key] == value {
			n++
		}
	}
	return n
}

func (r *running) String() string {
	return r.job + "#" + strconv.FormatInt(r.number, 10) + " " + fmt.Sprint(r.history)
}
