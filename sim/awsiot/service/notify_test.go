package service

import (
	"testing"
)

func TestNotify(t *testing.T) {
	w := newWorld(t)
	thing := w.thingNamed("cam")
	w.hears()

	w.make("one", []string{thing}, nil)
	w.hears("cam notify one:QUEUED", "cam notify-next one QUEUED")
	w.make("two", []string{thing}, nil)
	w.hears("cam notify one:QUEUED two:QUEUED")

	same(w, "started", w.start("cam").JobID, "one")
	w.hears() // the head goes on: nobody hears of it
	same(w, "started again", w.start("cam").JobID, "one")
	w.report("cam", "one", inProgress)
	w.hears()

	w.report("cam", "one", succeeded)
	w.hears("cam notify two:QUEUED", "cam notify-next two QUEUED")

	w.make("three", []string{thing}, nil)
	w.hears("cam notify two:QUEUED three:QUEUED")
	w.report("cam", "three", inProgress) // another one than the head: it becomes the head
	w.hears("cam notify-next three IN_PROGRESS")
	w.report("cam", "three", failed)
	w.hears("cam notify two:QUEUED", "cam notify-next two QUEUED")
	w.ok(w.CancelJobExecution(CancelExecutionInput{ThingName: "cam", JobID: "two"}))
	w.hears("cam notify", "cam notify-next")
}

func TestNotifyWhenTheExecutionsAreDeleted(t *testing.T) {
	w := newWorld(t)
	thing := w.thingNamed("cam")
	w.make("one", []string{thing}, nil)
	w.make("two", []string{thing}, nil)
	w.news()
	w.ok(w.DeleteJob(DeleteJobInput{JobID: "one", Force: true}))
	w.hears("cam notify two:QUEUED", "cam notify-next two QUEUED")
	w.ok(w.DeleteJobExecution(DeleteExecutionInput{ThingName: "cam", JobID: "two", ExecutionNumber: 1, Force: true}))
	w.hears("cam notify", "cam notify-next")
}
