package fleet

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"abota/sim/awsiot/service"
)

// minutesDark is for how many minutes a device has no power once it was cut.
const minutesDark = 2

// What the service says of jobs and executions.
const (
	inProgress = "IN_PROGRESS"
	completed  = "COMPLETED"
	canceled   = "CANCELED"
	succeeded  = "SUCCEEDED"
	failed     = "FAILED"
)

// rollout is a job on its way, and what it is expected to do.
type rollout struct {
	*fleet
	job     string
	version string
	plan    plan
	minute  int
	told    map[*device]bool
	// resting are told, and have not begun because they are switched off; away
	// have begun and lost their power, and come back in these minutes.
	resting []*device
	away    map[*device]int
	abort   string // at which execution
	// starts and bytes are what every device had started and fetched before.
	starts map[*device]int
	bytes  map[*device]int64
}

// newRollout makes the job of an image, which tells the first devices.
func (f *fleet) newRollout(ctx context.Context, i image, c criteria) (*rollout, error) {
	r := &rollout{
		fleet: f, version: i.version, plan: plan{criteria: c, devices: len(f.devices)},
		told: map[*device]bool{}, away: map[*device]int{}, starts: map[*device]int{}, bytes: map[*device]int64{},
	}
	f.tell(func() {
		for _, d := range f.devices {
			r.starts[d], r.bytes[d] = d.started(), d.fetched
		}
	})
	var err error
	if r.job, err = f.create(ctx, i, c); err != nil {
		return nil, err
	}
	r.tableHead()
	return r, nil
}

// run steps through the minutes until nothing more is to come.
func (r *rollout) run(ctx context.Context) error {
	for quiet := 0; quiet < 2; {
		before := r.plan
		if err := r.step(ctx); err != nil {
			return fmt.Errorf("job %s, minute %d: %w", r.job, r.minute, err)
		}
		if r.plan == before && len(r.away) == 0 {
			quiet++ // nothing may begin any more
		}
		r.minute++
		r.cloud.Clock().Advance(time.Minute)
		r.cloud.Service().Tick()
	}
	return nil
}

// step is one minute: whom the service tells in it, and what they do.
func (r *rollout) step(ctx context.Context) error {
	fresh, err := r.fresh()
	if err != nil {
		return err
	}
	if expected := r.plan.minute(); len(fresh) != expected {
		return fmt.Errorf("%d devices were told, and the rollout's rate makes that %d", len(fresh), expected)
	}
	var here []*device
	for _, d := range fresh {
		r.told[d] = true
		if d.power == nil {
			r.resting = append(r.resting, d)
		} else {
			here = append(here, d)
		}
	}
	for d, back := range r.away {
		if back == r.minute {
			delete(r.away, d)
			d.on(ctx)
			here = append(here, d)
		}
	}
	if err := r.bring(ctx, here); err != nil {
		return err
	}
	r.row(len(fresh))
	return r.compare(0)
}

// bring has devices do the job: they come to their restart side by side, and
// then to their end.
func (r *rollout) bring(ctx context.Context, here []*device) error {
	// For who comes back does so in the order of a map.
	slices.SortFunc(here, func(a, b *device) int { return strings.Compare(a.name, b.name) })
	err := r.until(ctx, "before their restart", here, func(d *device) bool {
		return d.ended[r.job] != "" || d.gate != nil || d.unplugged
	})
	if err != nil {
		return err
	}
	var ready []*device
	for _, d := range here {
		switch {
		case d.ended[r.job] != "":
			if !d.has || d.bad != r.version {
				return fmt.Errorf("%s ended as %s without a restart", d.name, d.ended[r.job])
			}
			r.ends(d, 0)
		case d.gate != nil:
			ready = append(ready, d)
		default:
			d.shutOff()
			r.away[d] = r.minute + minutesDark
		}
	}
	return r.restart(ctx, ready)
}

// restart lets devices restart, and compares with what has to become of them.
func (r *rollout) restart(ctx context.Context, ready []*device) error {
	failing := 0
	for _, d := range ready {
		if d.fails(r.version) {
			failing++
		}
	}
	if r.plan.orderMatters(failing, len(ready)-failing) {
		r.random.Shuffle(len(ready), func(i, j int) { ready[i], ready[j] = ready[j], ready[i] })
		for len(ready) > 0 && !r.plan.aborted {
			next := ready[:1]
			ready = ready[1:]
			if err := r.restartAll(ctx, next, len(ready)); err != nil {
				return err
			}
			if err := r.compare(len(ready)); err != nil {
				return err
			}
		}
	}
	return r.restartAll(ctx, ready, 0)
}

// restartAll lets devices restart side by side. So many others stand before
// their restart meanwhile.
func (r *rollout) restartAll(ctx context.Context, ready []*device, others int) error {
	for _, d := range ready {
		r.letRestart(d)
	}
	if err := r.until(ctx, "through their restart", ready, func(d *device) bool { return d.ended[r.job] != "" }); err != nil {
		return err
	}
	for _, d := range ready {
		want := succeeded
		if d.fails(r.version) {
			want = failed
		}
		if got := string(d.ended[r.job]); got != want {
			return fmt.Errorf("%s ended as %s, and has to be %s", d.name, got, want)
		}
		r.ends(d, others)
	}
	return nil
}

// ends counts an execution that has ended.
func (r *rollout) ends(d *device, others int) {
	if !r.plan.ends(d.fails(r.version)) {
		return
	}
	r.abort = fmt.Sprintf("aborted by execution %d (%s), %d of them FAILED: %d in progress go on, %d queued are canceled",
		r.plan.failed+r.plan.succeeded, d.name, r.plan.failed, others+len(r.away), len(r.resting))
}

// expected are the counts that the service has to have while so many devices
// stand before their restart.
func (r *rollout) expected(standing int) (string, counts) {
	c := counts{Succeeded: r.plan.succeeded, Failed: r.plan.failed, InProgress: standing + len(r.away), Queued: len(r.resting)}
	if r.plan.aborted {
		c.Queued, c.Canceled = 0, c.Queued
		return canceled, c
	}
	if c.Succeeded+c.Failed == len(r.devices) {
		return completed, c
	}
	return inProgress, c
}

// compare compares the service's counts with what has to be.
func (r *rollout) compare(standing int) error {
	out, err := r.cloud.Service().DescribeJob(r.job)
	if err != nil {
		return err
	}
	p := out.Job.JobProcessDetails
	got := counts{
		p.NumberOfQueuedThings, p.NumberOfInProgressThings, p.NumberOfSucceededThings, p.NumberOfFailedThings,
		p.NumberOfRejectedThings, p.NumberOfTimedOutThings, p.NumberOfCanceledThings, p.NumberOfRemovedThings,
	}
	status, want := r.expected(standing)
	if out.Job.Status != status || got != want {
		return fmt.Errorf("the job is %s with %s, and has to be %s with %s", out.Job.Status, got, status, want)
	}
	return nil
}

// executions are the job's, by device. Each device has one at most: nothing is
// tried again.
func (r *rollout) executions() (map[*device]string, error) {
	all := map[*device]string{}
	in := service.ListJobExecutionsForJobInput{JobID: r.job}
	for {
		out, err := r.cloud.Service().ListJobExecutionsForJob(in)
		if err != nil {
			return nil, err
		}
		for _, e := range out.ExecutionSummaries {
			_, name, _ := strings.Cut(e.ThingARN, ":thing/")
			d := r.byName[name]
			if _, twice := all[d]; d == nil || twice || e.Summary.ExecutionNumber != 1 {
				return nil, fmt.Errorf("the service has execution %d of %q", e.Summary.ExecutionNumber, name)
			}
			all[d] = e.Summary.Status
		}
		if in.NextToken = out.NextToken; in.NextToken == "" {
			return all, nil
		}
	}
}

// fresh are the devices that were told since this was asked last.
func (r *rollout) fresh() ([]*device, error) {
	all, err := r.executions()
	if err != nil {
		return nil, err
	}
	var fresh []*device
	for d := range all {
		if !r.told[d] {
			fresh = append(fresh, d)
		}
	}
	return fresh, nil
}

const tableForm = "%8v %8v %9v %10v %9v %11v %8v %9v %9v\n"

func (r *rollout) tableHead() {
	fmt.Fprintf(r.Out, "\njob %s, version %s\n", r.job, r.version)
	fmt.Fprintf(r.Out, tableForm, "minute", "told", "all told", "succeeded", "failed", "in progress", "queued", "canceled", "not told")
}

func (r *rollout) row(told int) {
	_, c := r.expected(0)
	fmt.Fprintf(r.Out, tableForm, r.minute, told, r.plan.notified, c.Succeeded, c.Failed, c.InProgress, c.Queued, c.Canceled, len(r.devices)-r.plan.notified)
	if r.abort != "" {
		fmt.Fprintf(r.Out, "%8s %s\n", "", r.abort)
		r.abort = ""
	}
}
