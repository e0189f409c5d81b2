package service

import (
	"encoding/json"
	"strings"
)

// event is a message on $aws/events/…, which AWS publishes where it was told to.
type event struct {
	EventType     string            `json:"eventType"`
	EventID       string            `json:"eventId"`
	Timestamp     int64             `json:"timestamp"`
	Operation     string            `json:"operation"`
	JobID         string            `json:"jobId"`
	ThingARN      string            `json:"thingArn,omitempty"`
	Status        string            `json:"status,omitempty"`
	StatusDetails map[string]string `json:"statusDetails,omitempty"`
}

func (s *Service) jobEvent(j *job, operation string) {
	s.publishEvent("job", event{EventType: "JOB", Operation: operation, JobID: j.in.JobID, Status: j.status})
}

func (s *Service) executionEvent(e *execution) {
	s.publishEvent("jobExecution", s.eventOf(e, strings.ToLower(e.status)))
}

func (s *Service) deletedEvent(e *execution) {
	s.publishEvent("jobExecution", s.eventOf(e, "deleted"))
}

func (s *Service) eventOf(e *execution, operation string) event {
	return event{
		EventType: "JOB_EXECUTION", Operation: operation, JobID: e.job.in.JobID, ThingARN: s.arn("thing", e.thing.name),
		Status: e.status, StatusDetails: e.details,
	}
}

func (s *Service) publishEvent(kind string, ev event) {
	if !s.cfg.Events {
		return
	}
	ev.EventID, ev.Timestamp = newID(), s.now.Unix()
	payload, err := json.Marshal(ev)
	if err != nil {
		panic("an event of the service's own is no JSON: " + err.Error())
	}
	s.box.put(Announcement{Topic: "$aws/events/" + kind + "/" + ev.JobID + "/" + ev.Operation, Payload: payload})
}
