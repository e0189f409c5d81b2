package service

import (
	"encoding/json"
)

// A notify lists this many executions, and as many more of jobs that have
// maintenance windows. How AWS shares out its fifteen is [inferred].
const (
	maxNotified         = 10
	maxNotifiedInWindow = 5
)

// pending are a thing's executions that have not ended and that it may see, in
// order: those in progress, then those queued, each as they were queued. Between
// maintenance windows what is queued is hidden.
func (t *thing) pending() []*execution {
	var started, waiting []*execution
	for _, e := range t.queue {
		switch {
		case e.status == inProgress:
			started = append(started, e)
		case !e.job.hidden:
			waiting = append(waiting, e)
		}
	}
	return append(started, waiting...)
}

// tell announces what a thing has not heard of: notify when something became
// pending or ceased to be, notify-next when another one is next.
func (s *Service) tell(t *thing) {
	pending := t.pending()
	changed := !sameMembers(t.told, pending)
	t.told = pending
	if changed {
		s.announce(t, "notify", notify(s.now.Unix(), pending))
	}
	var head *execution
	if len(pending) > 0 {
		head = pending[0]
	}
	if head != t.head {
		t.head = head
		s.announce(t, "notify-next", s.nextMessage(head))
	}
}

func sameMembers(a, b []*execution) bool {
	if len(a) != len(b) {
		return false
	}
	had := make(map[*execution]bool, len(a))
	for _, e := range a {
		had[e] = true
	}
	for _, e := range b {
		if !had[e] {
			return false
		}
	}
	return true
}

func notify(now int64, pending []*execution) Notify {
	n := Notify{Timestamp: now, Jobs: map[string][]JobExecutionSummary{}}
	plain, inWindow := 0, 0
	for _, e := range pending {
		count, most := &plain, maxNotified
		if len(e.job.schedule.windows) > 0 {
			count, most = &inWindow, maxNotifiedInWindow
		}
		if *count == most {
			continue
		}
		*count++
		n.Jobs[e.status] = append(n.Jobs[e.status], e.brief())
	}
	return n
}

// nextMessage is the message of notify-next. Where its document cannot be made,
// because no URL can be signed, it has none: the device's own request gets the
// error.
func (s *Service) nextMessage(head *execution) ExecutionOutput {
	out := ExecutionOutput{Timestamp: s.now.Unix()}
	if head != nil {
		document, err := s.readDocument(head.job)
		if err != nil {
			document = nil
		}
		out.Execution = s.shown(head, document)
	}
	return out
}

func (s *Service) announce(t *thing, kind string, message any) {
	payload, err := json.Marshal(message)
	if err != nil {
		panic("a message of the service's own is no JSON: " + err.Error())
	}
	s.box.put(Announcement{t.name, "$aws/things/" + t.name + "/jobs/" + kind, payload})
}
