package faults

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"

	"abota/sim/awsiot/broker"
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

// blockEvent is what happens once so much of a file was sent.
type blockEvent struct {
	at int64
	do func()
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

// errMissing says that a row cannot be played on this machine.
var errMissing = errors.New("cannot be played here")

// patience is how long anything may take that must come.
const patience = 3 * time.Minute

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

// judge checks what became of it.
func (s *scene) judge(ctx context.Context, o *outcome) error {
	r, e := s.row, s.execution(s.job)
	s.mu.Lock()
	o.delivered, o.recovered = s.delivered, s.recovered
	s.mu.Unlock()
	if s.front != nil {
		o.delivered += s.fetched()
		if s.front.Hit().IsZero() == s.meets {
			return fmt.Errorf("whether the fault was met: %v", !s.meets)
		}
		o.recovered, _ = s.front.Recovery()
	}
	o.status, o.reason, o.end = s.wanted(), reason(e), "untouched"
	o.twice = max(0, o.delivered-s.size)
	if r.logs != "" && !strings.Contains(s.device.said(), r.logs) {
		return fmt.Errorf("the device does not say %q", r.logs)
	}
	if !strings.Contains(o.reason, r.says) {
		return fmt.Errorf("the reason does not say %q: %s", r.says, o.reason)
	}
	if o.twice > s.size*r.most/100+underWay {
		return fmt.Errorf("%d bytes were fetched twice", o.twice)
	}
	if s.wanted() == "SUCCEEDED" || r.installed {
		o.end = "runs in slot B"
		return s.device.committed(ctx, s.release.sum)
	}
	return s.device.untouched(ctx, r.condemned, r.held)
}

// goesOn has the fault be over, and the device take the next job.
func (s *scene) goesOn(ctx context.Context, o *outcome) error {
	if err := s.heal(); err != nil {
		return err
	}
	if s.row.mend != nil {
		if err := s.row.mend(ctx, s); err != nil {
			return fmt.Errorf("mend the device: %w", err)
		}
	}
	if s.device.agent == nil {
		if err := s.device.start(ctx); err != nil {
			return err
		}
	}
	before, next := s.device.booted, s.job+"-next"
	if err := s.direct(next, s.next.document); err != nil {
		return err
	}
	if err := s.settle(ctx, next, "SUCCEEDED", 1); err != nil {
		return fmt.Errorf("after the fault: %w", err)
	}
	code, err := s.device.stop()
	if o.exit = code; err != nil || code != 0 {
		return errors.Join(err, fmt.Errorf("the agent ended with exit code %d", code))
	}
	file := map[string]string{slotA: "b.img", slotB: "a.img"}[before]
	if s.device.booted == before {
		return errors.New("after the fault, the device did not restart into the next release")
	}
	return errors.Join(s.device.holds(file, s.next.sum), s.discreet())
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

// discreet checks that no output shows a secret.
func (s *scene) discreet() error {
	text := s.device.said()
	for _, file := range []string{"state/events", "state/job"} {
		content, err := os.ReadFile(s.device.at(file))
		if err == nil {
			text += string(content)
		}
	}
	key, err := os.ReadFile(s.device.thing.Key)
	if err != nil {
		return err
	}
	block, _ := pem.Decode(key)
	if block == nil {
		return errors.New("the device's key cannot be read")
	}
	for what, secret := range map[string]string{
		"the key of its certificate": base64.StdEncoding.EncodeToString(block.Bytes)[20:60],
		"the account's secret key":   s.prepared.SecretKey,
		"a signed address":           "X-Amz-Signature",
	} {
		if strings.Contains(text, secret) {
			return fmt.Errorf("it shows %s", what)
		}
	}
	return nil
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

// fault has what the broker sends to this device meet a fault, nil for none, and
// counts it.
func (s *scene) fault(f broker.Fault) {
	if f != nil {
		f = broker.On("$aws/things/"+s.name+"/#", f)
	}
	s.cloud.Broker().Set(func(request broker.Message, replies []broker.Message) []broker.Message {
		at := time.Now()
		if f != nil {
			replies = f(request, replies)
		}
		s.sent(at, request.Topic != "", replies)
		return replies
	})
}

// sent counts what goes to the device.
func (s *scene) sent(at time.Time, asked bool, replies []broker.Message) {
	var due []func()
	s.mu.Lock()
	for _, m := range replies {
		if !strings.HasPrefix(m.Topic, "$aws/things/"+s.name+"/") {
			continue
		}
		s.delivered += blockLength(m)
		if asked && !s.struck.IsZero() && s.recovered == 0 && at.After(s.struck) && (!s.again || s.relay.connections() > s.links) {
			s.recovered = time.Since(s.struck)
		}
		for len(s.events) > 0 && s.delivered >= s.events[0].at {
			due = append(due, s.events[0].do)
			s.events = s.events[1:]
		}
	}
	s.mu.Unlock()
	for _, do := range due {
		do()
	}
}

// blockLength is how many bytes of a file a message carries.
func blockLength(m broker.Message) int64 {
	var b struct {
		Length int64 `cbor:"l" json:"l"`
	}
	switch {
	case strings.HasSuffix(m.Topic, "/data/cbor"):
		_ = cbor.Unmarshal(m.Payload, &b) // one that was damaged carries nothing
	case strings.HasSuffix(m.Topic, "/data/json"):
		_ = json.NewDecoder(bytes.NewReader(m.Payload)).Decode(&b)
	}
	return b.Length
}

// strike notes when the fault is; where it takes the connection, the device is
// over it only on another.
func (s *scene) strike(connection bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.struck, s.again, s.links, s.recovered = time.Now(), connection, s.relay.connections(), 0
}

// atPart has something done once so many hundredths of the file were sent.
func (s *scene) atPart(percent int64, do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, blockEvent{s.size * percent / 100, do})
}
