package faults

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"abota/sim/awsiot/service"
	"abota/sim/front"
)

// row is one fault and what must come of it.
type row struct {
	name string
	// quick rows are what a quick run has.
	quick bool
	// config are lines of the device's configuration, iot values below aws_iot.
	config []string
	iot    map[string]string
	// begin does the fault, before there is a job or an agent.
	begin func(ctx context.Context, s *scene) error
	// job makes the job; nil is create-ota's, with these flags.
	job   func(ctx context.Context, s *scene) error
	flags []string
	// acts are what happens, one after the other, beside what a device does by
	// itself.
	acts []act

	// status is what AWS IoT has of the job in the end, SUCCEEDED when empty, and
	// says what its reason says.
	status, says string
	// executions is which execution of the job that is, 1 when 0.
	execution int64
	// logs is what the device's log must say.
	logs string
	// installed says whether the device runs the release in the end; it does not
	// where the status is not SUCCEEDED, unless this is set.
	installed bool
	// condemned is how many releases the device condemns.
	condemned int
	// held says that the device holds the release back, without a verdict.
	held bool
	// most is how many hundredths of the file may come twice, beside what is
	// always under way.
	most int64
	// mend is what an operator does to have the device go on, beside the fault
	// being over.
	mend func(ctx context.Context, s *scene) error
}

// act is one thing that happens in a row.
type act func(ctx context.Context, s *scene) error

// scene is a row's own device, its network, and its job.
type scene struct {
	*world
	row    row
	name   string
	job    string
	device *device
	relay  *relay
	front  *front.Front // before the store, if there is one
	meets  bool         // a fault there
	// notes are lines for below the row.
	notes []string
	ends  []func()

	mu        sync.Mutex
	delivered int64     // bytes of files, in blocks
	struck    time.Time // when the fault was
	links     int       // connections until then
	again     bool      // an answer counts only on a new connection
	recovered time.Duration
	events    []blockEvent
}

// outcome is a row as it was played.
type outcome struct {
	row              row
	status, reason   string
	exit             int
	delivered, twice int64
	recovered        time.Duration
	took             time.Duration
	end              string
	notes            []string
}

// underWay is how much of a file a device has asked for at most, in bytes, when a
// connection is lost.
const underWay = 256 << 10

// patience is how long anything may take that must come.
const patience = 5 * time.Minute

func (w *world) play(ctx context.Context, r row, number int) (o outcome, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	began := time.Now()
	name := fmt.Sprintf("device-%d", 100+number)
	s := &scene{world: w, row: r, name: name, job: fmt.Sprintf("%srow-%d", jobPrefix, number)}
	o.row = r
	defer s.close()
	defer func() {
		o.took, o.notes = time.Since(began), s.notes
		if err != nil && s.device != nil {
			err = fmt.Errorf("%w\n%s", err, s.device.said())
		}
	}()
	if err := s.set(ctx); err != nil {
		return o, fmt.Errorf("set the scene: %w", err)
	}
	if err := s.story(ctx); err != nil {
		return o, err
	}
	if err := s.judge(ctx, &o); err != nil {
		return o, err
	}
	return o, s.goesOn(ctx, &o)
}

// set builds the scene, lets the fault begin and makes the job.
func (s *scene) set(ctx context.Context) (err error) {
	if s.relay, err = newRelay(s.prepared.MQTTS); err != nil {
		return err
	}
	s.ends = append(s.ends, s.relay.close)
	if s.device, err = s.newDevice(filepath.Join(s.dir, s.name), s.name, s.relay.address); err != nil {
		return err
	}
	s.ends = append(s.ends, s.device.kill)
	s.device.lines = s.row.config
	for key, value := range s.row.iot {
		s.device.iot[key] = strings.ReplaceAll(value, "DIR", s.device.dir)
	}
	s.fault(nil)
	if s.row.begin != nil {
		if err := s.row.begin(ctx, s); err != nil {
			return err
		}
	}
	if s.row.job != nil {
		return s.row.job(ctx, s)
	}
	_, err = s.createOTA(ctx, s.release.key, groupOf(s.name), strings.TrimPrefix(s.job, jobPrefix), s.row.flags...)
	return err
}

// story is what happens until the job is over.
func (s *scene) story(ctx context.Context) error {
	for _, do := range s.row.acts {
		if err := do(ctx, s); err != nil {
			return err
		}
	}
	if s.device.agent == nil {
		if err := s.device.start(ctx); err != nil {
			return err
		}
	}
	return s.settle(ctx, s.job, s.wanted(), max(s.row.execution, 1))
}

func (s *scene) wanted() string {
	if s.row.status == "" {
		return "SUCCEEDED"
	}
	return s.row.status
}

// settle has the device do what it does, with all restarts, until AWS IoT has a
// job as it should be and the device is done with it.
func (s *scene) settle(ctx context.Context, job, status string, execution int64) error {
	return s.until(ctx, fmt.Sprintf("job %s, execution %d, to be %s", job, execution, status), func() (bool, error) {
		if s.device.rebooting() {
			return false, s.device.reboot(ctx)
		}
		e := s.execution(job)
		switch {
		case e.ExecutionNumber == execution && e.Status != status && over(e.Status):
			return false, fmt.Errorf("job %s is %s, want %s: %s", job, e.Status, status, reason(e))
		case e.ExecutionNumber != execution || e.Status != status:
			return false, nil
		}
		at, err := s.device.standing(ctx)
		return err == nil && (at.Job == nil || at.Job.Phase == "" || at.Job.Job != job), err
	})
}

// until waits for what must come, and for the agent to stay.
func (s *scene) until(ctx context.Context, what string, holds func() (bool, error)) error {
	for end := time.Now().Add(patience); ; {
		ok, err := holds()
		switch {
		case ok || err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case time.Now().After(end):
			e := s.execution(s.job)
			return fmt.Errorf("in vain waited for %s; the job is %s, execution %d: %s", what, e.Status, e.ExecutionNumber, reason(e))
		case s.device.agent != nil && s.device.agent.ended():
			return fmt.Errorf("the agent ended by itself, with exit code %d", s.device.agent.cmd.ProcessState.ExitCode())
		}
		time.Sleep(40 * time.Millisecond)
	}
}

func (a *agent) ended() bool {
	select {
	case <-a.over:
		return true
	default:
		return false
	}
}

// execution is how a job stands with the device.
func (s *scene) execution(job string) service.Execution {
	out, err := s.cloud.Service().DescribeJobExecution(service.DescribeExecutionInput{ThingName: s.name, JobID: job})
	if err != nil {
		return service.Execution{} // not rolled out yet, or deleted
	}
	return out.Execution
}

func over(status string) bool { return status != "" && status != "QUEUED" && status != "IN_PROGRESS" }

func reason(e service.Execution) string { return detail(e, "reason") }

func detail(e service.Execution, name string) string {
	if e.StatusDetails == nil {
		return ""
	}
	return e.StatusDetails.DetailsMap[name]
}

// heal takes every fault away.
func (s *scene) heal() error {
	s.relay.become(nil, s.prepared.MQTTS)
	s.relay.thaw()
	err := errors.Join(s.relay.listen(), s.cloud.Broker().Heal())
	s.fault(nil)
	return err
}

// direct makes a job by the control plane.
func (s *scene) direct(job, document string, change ...func(*service.CreateJobInput)) error {
	in := service.CreateJobInput{JobID: job, Targets: []string{s.device.arn()}, Document: document, TargetSelection: "SNAPSHOT"}
	for _, f := range change {
		f(&in)
	}
	_, err := s.cloud.Service().CreateJob(in)
	return err
}

func (d *device) arn() string {
	return fmt.Sprintf("arn:aws:iot:%s:%s:thing/%s", d.w.prepared.Region, d.w.prepared.Account, d.thing.Thing)
}

func (s *scene) close() {
	_ = s.cloud.Broker().Heal() // said by the next row, which needs it
	s.cloud.Broker().Set(nil)
	for i := len(s.ends) - 1; i >= 0; i-- {
		s.ends[i]()
	}
	if e := s.execution(s.job); !over(e.Status) && e.Status != "" {
		_, _ = s.cloud.Service().CancelJob(service.CancelJobInput{JobID: s.job, Force: true})
	}
}
