package service

import (
	"testing"
)

func TestSnapshot(t *testing.T) {
	w := newWorld(t)
	group := w.groupOf("group", "ant", "bee")
	w.make("j", []string{group}, nil)
	same(w, "targetSelection", must[DescribeJobOutput](w)(w.DescribeJob("j")).Job.TargetSelection, snapshot)
	w.thingNamed("cat")
	w.join("group", "cat")
	w.quit("group", "bee")
	same(w, "nobody joins or leaves", w.counts("j"), "QUEUED 2")
	w.report("ant", "j", succeeded)
	same(w, "one left", w.status("j"), inProgress)
	w.report("bee", "j", failed)
	same(w, "all ended", w.status("j"), completed)
	same(w, "completedAt", must[DescribeJobOutput](w)(w.DescribeJob("j")).Job.CompletedAt.IsZero(), false)
}

func TestSnapshotOfNothing(t *testing.T) {
	w := newWorld(t)
	w.make("j", []string{w.groupOf("group")}, nil)
	same(w, "status", w.status("j"), completed)
}

func TestContinuous(t *testing.T) {
	w := newWorld(t)
	group := w.groupOf("group", "ant", "bee", "cat")
	other := w.groupOf("other")
	w.make("j", []string{group, other}, func(in *CreateJobInput) { in.TargetSelection = continuous })
	w.report("ant", "j", succeeded)
	w.start("bee")
	w.news()
	w.quit("group", "ant")
	w.quit("group", "bee")
	w.quit("group", "cat")
	same(w, "left", w.counts("j"), "SUCCEEDED 1, REMOVED 2")
	w.hears("bee notify", "bee notify-next", "cat notify", "cat notify-next")
	same(w, "never completes", w.status("j"), inProgress)

	w.join("group", "ant")
	w.join("group", "bee")
	same(w, "come back", w.counts("j"), "QUEUED 1, SUCCEEDED 1, REMOVED 1")
	same(w, "number", w.latestOn("bee", "j").ExecutionNumber, 2)

	w.join("other", "bee") // through two groups: leaving one changes nothing
	w.quit("group", "bee")
	same(w, "still in", w.latestOn("bee", "j").Status, queued)
	w.quit("other", "bee")
	same(w, "out", w.latestOn("bee", "j").Status, removed)
}

// TestJoinersWaitForNoRate: a thing that joins is notified at once.
func TestJoinersWaitForNoRate(t *testing.T) {
	w := newWorld(t)
	group := w.fleet("f", 3)
	w.make("j", []string{group}, func(in *CreateJobInput) {
		in.TargetSelection = continuous
		in.JobExecutionsRolloutConfig = &RolloutConfig{MaximumPerMinute: ptr(1)}
	})
	w.thingNamed("new")
	w.join("f", "new")
	same(w, "queued", queuedThings(w, "j"), 2)
	w.quit("f", "f0001") // it waits for its turn, and will not have one
	w.minutes(5)
	same(w, "queued", w.counts("j"), "QUEUED 3")
}

func TestGroupsBelow(t *testing.T) {
	w := newWorld(t)
	top := must[CreateThingGroupOutput](w)(w.CreateThingGroup(CreateThingGroupInput{ThingGroupName: "top"})).ThingGroupARN
	must[CreateThingGroupOutput](w)(w.CreateThingGroup(CreateThingGroupInput{ThingGroupName: "mid", ParentGroupName: "top"}))
	must[CreateThingGroupOutput](w)(w.CreateThingGroup(CreateThingGroupInput{ThingGroupName: "low", ParentGroupName: "mid"}))
	w.thingNamed("ant")
	w.join("low", "ant")
	w.make("j", []string{top}, func(in *CreateJobInput) { in.TargetSelection = continuous })
	same(w, "counts", w.counts("j"), "QUEUED 1")
	w.thingNamed("bee")
	w.join("mid", "bee")
	same(w, "counts", w.counts("j"), "QUEUED 2")
	w.ok(w.DeleteThingGroup("low"))
	same(w, "counts", w.counts("j"), "QUEUED 1, REMOVED 1")
}

func TestEachThingOnce(t *testing.T) {
	w := newWorld(t)
	one, two := w.groupOf("one", "ant"), w.groupOf("two")
	w.join("two", "ant")
	w.make("j", []string{one, two, w.arn("thing", "ant"), one}, nil)
	same(w, "counts", w.counts("j"), "QUEUED 1")
	same(w, "targets", len(must[DescribeJobOutput](w)(w.DescribeJob("j")).Job.Targets), 3)
}

func TestDeletedThings(t *testing.T) {
	w := newWorld(t)
	group := w.groupOf("group", "ant", "bee", "cat")
	w.make("j", []string{group}, func(in *CreateJobInput) {
		in.JobExecutionsRolloutConfig = &RolloutConfig{MaximumPerMinute: ptr(1)}
	})
	w.ok(w.DeleteThing("ant"))
	w.ok(w.DeleteThing("bee"))
	w.minutes(1)
	same(w, "counts", w.counts("j"), "QUEUED 1, REMOVED 1")
	w.ok(w.DeleteThing("cat"))
	same(w, "status", w.status("j"), completed)
	w.thingNamed("cat")
	w.pass(0)
	same(w, "a new one of the same name has no jobs", len(must[ListJobExecutionsForThingOutput](w)(w.ListJobExecutionsForThing(ListJobExecutionsForThingInput{ThingName: "cat"})).ExecutionSummaries), 0)
}

func TestAssociateTargets(t *testing.T) {
	w := newWorld(t)
	one := w.groupOf("one", "ant")
	w.groupOf("two", "bee")
	two := w.arn("thinggroup", "two")
	w.make("j", []string{one}, func(in *CreateJobInput) { in.TargetSelection = continuous })
	w.make("snap", []string{one}, nil)
	must[JobRef](w)(w.AssociateTargetsWithJob(AssociateTargetsInput{JobID: "j", Targets: []string{two}, Comment: "more"}))
	same(w, "counts", w.counts("j"), "QUEUED 2")
	d := must[DescribeJobOutput](w)(w.DescribeJob("j")).Job
	same(w, "targets", len(d.Targets), 2)
	same(w, "comment", d.Comment, "more")
	associate := func(job string, targets ...string) error {
		_, err := w.AssociateTargetsWithJob(AssociateTargetsInput{JobID: job, Targets: targets})
		return err
	}
	w.invalid(associate("snap", two))
	w.invalid(associate("j"))
	w.invalid(associate("j", "two"))
	w.refused(associate("j", w.arn("thinggroup", "three")), "ResourceNotFound", 404)
	w.refused(associate("k", two), "ResourceNotFound", 404)
	must[JobRef](w)(w.CancelJob(CancelJobInput{JobID: "j"}))
	w.invalid(associate("j", two))
}
