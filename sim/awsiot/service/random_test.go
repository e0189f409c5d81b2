package service

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// chaos does to a service whatever comes, and remembers what it saw of it.
type chaos struct {
	*world
	dice   *rand.Rand
	things []string
	made   int
	jobs   map[string]CreateJobInput
	// seen are executions by job, thing and number.
	seen map[string]ExecutionSummary
	// versions are theirs, heads and sets what each thing last heard.
	versions map[string]int64
	heads    map[string]string
	sets     map[string]string
	grown    map[string]int // executions of jobs that are over
}

// TestChaos plays out random stories, each told by its seed, and holds every
// promise against every step of them.
func TestChaos(t *testing.T) {
	for seed := range uint64(24) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			c := &chaos{
				world: newWorld(t), dice: rand.New(rand.NewPCG(seed, 4)), jobs: map[string]CreateJobInput{},
				seen: map[string]ExecutionSummary{}, versions: map[string]int64{}, heads: map[string]string{}, sets: map[string]string{}, grown: map[string]int{},
			}
			for _, group := range []string{"red", "blue"} {
				c.groupOf(group)
			}
			for i := range 6 {
				name := fmt.Sprint("t", i)
				c.thingNamed(name)
				c.things = append(c.things, name)
				c.join([]string{"red", "blue"}[i%2], name)
			}
			for step := range 250 {
				what := c.act()
				c.check(fmt.Sprintf("step %d, %s", step, what))
			}
		})
	}
}

func pickOne[T any](c *chaos, list []T) T { return list[c.dice.IntN(len(list))] }

func (c *chaos) act() string {
	thing, group, job := pickOne(c, c.things), pickOne(c, []string{"red", "blue"}), c.anyJob()
	switch n := c.dice.IntN(100); {
	case n < 10 || job == "none":
		return "create " + c.create(group)
	case n < 30:
		_, err := c.StartNextPendingJobExecution(StartNextInput{ThingName: thing, StepTimeoutInMinutes: c.step()})
		c.ok(err)
		return "start on " + thing
	case n < 60:
		in := UpdateInput{ThingName: thing, JobID: job, Status: pickOne(c, []string{inProgress, inProgress, succeeded, failed, failed, rejected}), StepTimeoutInMinutes: c.step()}
		if c.dice.IntN(4) == 0 {
			in.ExpectedVersion = ptr(Number(c.dice.IntN(4)))
		}
		_, err := c.UpdateJobExecution(in)
		return fmt.Sprintf("report %s of %s on %s: %v", in.Status, job, thing, err)
	case n < 65:
		return fmt.Sprint("cancel execution of ", job, " on ", thing, c.CancelJobExecution(CancelExecutionInput{ThingName: thing, JobID: job, Force: n%2 == 0}))
	case n < 68:
		_, err := c.CancelJob(CancelJobInput{JobID: job, Force: n%2 == 0})
		return fmt.Sprint("cancel ", job, err)
	case n < 70:
		err := c.DeleteJob(DeleteJobInput{JobID: job, Force: n%2 == 0})
		if err == nil {
			delete(c.jobs, job)
			c.unsee(job + " ")
		}
		return fmt.Sprint("delete ", job, err)
	case n < 74:
		number := int64(1 + c.dice.IntN(2))
		err := c.DeleteJobExecution(DeleteExecutionInput{ThingName: thing, JobID: job, ExecutionNumber: number, Force: n%2 == 0})
		if err == nil {
			c.unsee(key(job, thing, number))
			delete(c.grown, job)
		}
		return fmt.Sprint("delete execution ", number, " of ", job, " on ", thing, err)
	case n < 79:
		c.join(group, thing)
		return thing + " joins " + group
	case n < 84:
		c.quit(group, thing)
		return thing + " leaves " + group
	default:
		d := pickOne(c, []time.Duration{time.Second, time.Minute, 7 * time.Minute, time.Hour, 26 * time.Hour})
		c.pass(d)
		return "pass " + d.String()
	}
}

func (c *chaos) step() *Number {
	return pickOne(c, []*Number{nil, nil, ptr(Number(-1)), ptr(Number(1)), ptr(Number(90))})
}

func (c *chaos) anyJob() string {
	if len(c.jobs) == 0 {
		return "none"
	}
	return pickOne(c, slices.Sorted(maps.Keys(c.jobs)))
}

func (c *chaos) create(group string) string {
	c.made++
	in := CreateJobInput{
		JobID: fmt.Sprint("j", c.made), Document: plain, TimeoutConfig: within(5),
		Targets: []string{c.arn("thinggroup", group), c.arn("thing", pickOne(c, c.things))},
	}
	if c.dice.IntN(2) == 0 {
		in.JobExecutionsRolloutConfig = &RolloutConfig{MaximumPerMinute: ptr(1 + c.dice.IntN(2))}
	}
	if c.dice.IntN(2) == 0 {
		in.JobExecutionsRetryConfig = &RetryConfig{[]RetryCriterion{retries(failed, 2), retries(timedOut, 1)}}
	}
	if c.dice.IntN(4) == 0 {
		in.AbortConfig = &AbortConfig{[]AbortCriterion{{allFailures, "CANCEL", 60, 3}}}
	}
	if c.dice.IntN(2) == 0 {
		in.TargetSelection = continuous
		if c.dice.IntN(2) == 0 {
			in.SchedulingConfig = &SchedulingConfig{MaintenanceWindows: []MaintenanceWindow{{"cron(0 0/2 * * ? *)", 60}}}
		}
	}
	if c.dice.IntN(3) == 0 {
		if in.SchedulingConfig == nil {
			in.SchedulingConfig = &SchedulingConfig{}
		}
		in.SchedulingConfig.EndTime = c.Now().Add(3 * time.Hour).Format(wireTime)
		in.SchedulingConfig.EndBehavior = pickOne(c, []string{stopRollout, cancelQueue, forceCancel})
	}
	must[JobRef](c.world)(c.CreateJob(in))
	c.jobs[in.JobID] = in
	return in.JobID
}

func key(job, thing string, number int64) string { return fmt.Sprint(job, " ", thing, " ", number) }

func (c *chaos) unsee(prefix string) {
	for k := range c.seen {
		if strings.HasPrefix(k, prefix) {
			delete(c.seen, k)
			delete(c.versions, k)
		}
	}
}

func (c *chaos) check(after string) {
	c.Helper()
	pending := map[string]map[string]bool{} // by thing, whether in progress
	for job := range c.jobs {
		c.checkJob(after, job, pending)
	}
	c.hear(after)
	for _, thing := range c.things {
		c.checkThing(after, thing, pending[thing])
	}
}

// checkJob holds a job's counts and state against its executions, and those
// against what was seen of them before.
func (c *chaos) checkJob(after, id string, pending map[string]map[string]bool) {
	c.Helper()
	d := must[DescribeJobOutput](c.world)(c.DescribeJob(id)).Job
	all := must[ListJobExecutionsForJobOutput](c.world)(c.ListJobExecutionsForJob(ListJobExecutionsForJobInput{JobID: id})).ExecutionSummaries
	latest := map[string]ExecutionSummary{}
	open := 0
	for _, e := range all {
		thing := strings.TrimPrefix(e.ThingARN, c.arn("thing", ""))
		c.checkExecution(after, id, thing, e.Summary)
		if latest[thing].ExecutionNumber < e.Summary.ExecutionNumber {
			latest[thing] = e.Summary
		}
		if !terminal(e.Summary.Status) {
			open++
			if pending[thing] == nil {
				pending[thing] = map[string]bool{}
			}
			pending[thing][fmt.Sprint(id, " ", e.Summary.ExecutionNumber)] = e.Summary.Status == inProgress
		}
		most := 0
		if c.jobs[id].JobExecutionsRetryConfig != nil {
			most = 3
		}
		if e.Summary.RetryAttempt > most {
			c.Fatalf("%s: %s on %s is retry %d of %d", after, id, thing, e.Summary.RetryAttempt, most)
		}
	}
	count := map[string]int{}
	for _, e := range latest {
		count[e.Status]++
	}
	p := d.JobProcessDetails
	same(c.world, after+": counts of "+id, counted(p), counted(JobProcessDetails{
		nil, count[canceled], count[succeeded], count[failed], count[rejected], count[queued], count[inProgress], count[removed], count[timedOut],
	}))
	if d.Status == completed && open > 0 {
		c.Fatalf("%s: %s is completed with %d executions open", after, id, open)
	}
	if d.Status == inProgress && d.TargetSelection == snapshot && open == 0 && !d.IsConcurrent {
		c.Fatalf("%s: %s is in progress with nothing to do", after, id)
	}
	if d.Status == completed || d.Status == canceled {
		if before, ok := c.grown[id]; ok && len(all) > before {
			c.Fatalf("%s: %s is %s and has %d executions, after %d", after, id, d.Status, len(all), before)
		}
		c.grown[id] = len(all)
	}
}

// checkExecution: what ended stays as it is, versions only grow.
func (c *chaos) checkExecution(after, job, thing string, e ExecutionSummary) {
	c.Helper()
	k := key(job, thing, e.ExecutionNumber)
	full := must[DescribeExecutionOutput](c.world)(c.Service.DescribeJobExecution(DescribeExecutionInput{ThingName: thing, JobID: job, ExecutionNumber: e.ExecutionNumber})).Execution
	if before, ok := c.seen[k]; ok {
		same(c.world, after+": queuedAt of "+k, e.QueuedAt, before.QueuedAt)
		switch {
		case terminal(before.Status) && (e != before || full.VersionNumber != c.versions[k]):
			c.Fatalf("%s: %s ended as %v and is %v", after, k, before, e)
		case full.VersionNumber < c.versions[k], e.Status != before.Status && full.VersionNumber == c.versions[k]:
			c.Fatalf("%s: %s goes from %s, version %d, to %s, version %d", after, k, before.Status, c.versions[k], e.Status, full.VersionNumber)
		case before.Status == inProgress && e.Status == queued:
			c.Fatalf("%s: %s is queued again", after, k)
		}
	}
	if (full.ApproximateSecondsBeforeTimedOut != nil) != (e.Status == inProgress) {
		c.Fatalf("%s: %s is %s, timer %v", after, k, e.Status, full.ApproximateSecondsBeforeTimedOut)
	}
	if s := full.ApproximateSecondsBeforeTimedOut; s != nil && (*s < 0 || *s > 300) {
		c.Fatalf("%s: %s has %d seconds left", after, k, *s)
	}
	c.seen[k], c.versions[k] = e, full.VersionNumber
}

// hear takes in what was announced: each tells something that the one before
// did not.
func (c *chaos) hear(after string) {
	c.Helper()
	for _, a := range c.heard {
		switch {
		case strings.HasSuffix(a.Topic, "/notify-next"):
			var m ExecutionOutput
			c.ok(json.Unmarshal(a.Payload, &m))
			if head := headOf(m.Execution); head == c.heads[a.Thing] {
				c.Fatalf("%s: %s hears again that %q is next", after, a.Thing, head)
			}
			c.heads[a.Thing] = headOf(m.Execution)
		case strings.HasSuffix(a.Topic, "/notify"):
			var m Notify
			c.ok(json.Unmarshal(a.Payload, &m))
			set := setOf(append(m.Jobs[inProgress], m.Jobs[queued]...))
			if set == c.sets[a.Thing] && strings.Count(set, ",") < 9 { // longer ones are cut
				c.Fatalf("%s: %s hears again of %q", after, a.Thing, set)
			}
			c.sets[a.Thing] = set
		}
	}
	c.heard = nil
}

func headOf(e *JobExecution) string {
	if e == nil {
		return ""
	}
	return fmt.Sprint(e.JobID, " ", e.ExecutionNumber)
}

func setOf(list []JobExecutionSummary) string {
	var out []string
	for _, e := range list {
		out = append(out, fmt.Sprint(e.JobID, " ", e.ExecutionNumber))
	}
	slices.Sort(out)
	return strings.Join(out, ",")
}

// checkThing: a thing's next execution is the one it heard of, what is in
// progress is always pending, and nothing is that has ended.
func (c *chaos) checkThing(after, thing string, open map[string]bool) {
	c.Helper()
	next := must[ExecutionOutput](c.world)(c.DescribeDeviceJobExecution(DescribeInput{ThingName: thing, JobID: next}))
	same(c.world, after+": head of "+thing, c.heads[thing], headOf(next.Execution))
	p := must[GetPendingOutput](c.world)(c.GetPendingJobExecutions(GetPendingInput{ThingName: thing}))
	all := append(p.InProgressJobs, p.QueuedJobs...)
	if len(all) > 0 {
		same(c.world, after+": first of "+thing, fmt.Sprint(all[0].JobID, " ", all[0].ExecutionNumber), headOf(next.Execution))
	}
	if len(all) <= 5 {
		same(c.world, after+": set of "+thing, c.sets[thing], setOf(all))
	}
	started := 0
	for _, e := range all {
		running, ok := open[fmt.Sprint(e.JobID, " ", e.ExecutionNumber)]
		if !ok {
			c.Fatalf("%s: %s has %s pending, which has ended", after, thing, e.JobID)
		}
		if running {
			started++
		}
	}
	same(c.world, after+": in progress on "+thing, started, len(p.InProgressJobs))
	want := 0
	for _, running := range open {
		if running {
			want++
		}
	}
	same(c.world, after+": in progress on "+thing, started, want)
}
