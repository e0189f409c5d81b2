package jobs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// Unknown is what becomes of jobs whose document abota does not know.
type Unknown string

// The two policies.
const (
	// Reject tells AWS IoT that this device cannot carry the job out, whoever
	// may have started it.
	Reject Unknown = "reject"
	// Leave leaves it to another agent on this device: abota neither starts nor
	// changes it, and takes its own jobs from behind it.
	Leave Unknown = "leave"
)

// Agent is the loop.
type Agent struct {
	Device Device
	Link   Link
	Store  Store
	// Thing is what the device is called at AWS IoT.
	Thing string
	// Unknown is what becomes of jobs of others; Reject when empty.
	Unknown Unknown
	// Step is the step timer while an install is under way; an hour when 0.
	Step time.Duration
	// Alive is called whenever the loop has made progress, and while the device
	// does nothing, which else tells of its own progress, at least every
	// Pulse; a Pulse of 0 means only then.
	Alive func()
	Pulse time.Duration
	// Say is told what the agent does or waits for, in one line.
	Say func(line string)
	// Taken and Ended, optional, are told of executions that were taken in hand,
	// and how they ended at AWS IoT. They must not block.
	Taken func(job string, execution int64)
	Ended func(Last)
	Log   *slog.Logger

	client *Client
	finder *finder
	box    *mailbox
	// cancel ends what the device does.
	cancel context.CancelFunc
	work   sync.WaitGroup
	saved  []byte
	said   string
	broken bool
}

// The defaults of Agent.Step and of how often it looks unasked; the latter is
// spread over twice the time.
const (
	defaultStep = time.Hour
	lookEvery   = 30 * time.Minute
)

// Run works until ctx ends. It returns when everything that it began has
// ended.
func (a *Agent) Run(ctx context.Context) {
	if a.Unknown == "" {
		a.Unknown = Reject
	}
	a.box, a.cancel = newMailbox(), func() {}
	a.client = NewClient(a.Link, a.Thing, func() { a.box.put(Notified{}) })
	defer a.client.Close()
	a.finder = &finder{client: a.client, unknown: a.Unknown, foreign: map[key]time.Time{}}
	unwatch := a.Link.Watch(func() { a.box.put(Connected{}) })
	defer unwatch()
	ctx, stop := context.WithCancel(ctx)
	defer a.work.Wait()
	defer stop()

	p := Policy{Step: a.Step, LookEvery: lookEvery + random(lookEvery), Random: random}
	if p.Step <= 0 {
		p.Step = defaultStep
	}
	s := Start(a.load(), time.Now())
	for e := Event(Tick{}); ctx.Err() == nil; e = a.wait(ctx, s.Wake(p, time.Now()), s.device != Nothing) {
		now := time.Now()
		before := s
		next, todo := Decide(p, s, now, e)
		s = next
		a.note(before, s, e)
		a.tell(before.Record, s.Record)
		a.save(s.Record)
		a.say(s, now)
		for _, action := range todo {
			a.begin(ctx, action)
		}
	}
}

func random(n time.Duration) time.Duration {
	if n <= 0 {
		return 0
	}
	return rand.N(n)
}

// wait is the next event, or a Tick at this time.
func (a *Agent) wait(ctx context.Context, at time.Time, busy bool) Event {
	var over <-chan time.Time
	if !at.IsZero() {
		t := time.NewTimer(time.Until(at))
		defer t.Stop()
		over = t.C
	}
	var pulse <-chan time.Time
	if a.Pulse > 0 {
		ticker := time.NewTicker(a.Pulse)
		defer ticker.Stop()
		pulse = ticker.C
	}
	for {
		if !busy {
			a.Alive()
		}
		select {
		case <-ctx.Done():
			return Tick{}
		case <-over:
			return Tick{}
		case <-a.box.full:
			if e := a.box.take(); e != nil {
				return e
			}
		case <-pulse:
		}
	}
}

// begin does one action without waiting for its end.
func (a *Agent) begin(ctx context.Context, do Action) {
	if do.Do == Cancel {
		a.cancel()
		return
	}
	if !do.Do.asks() {
		ctx, a.cancel = context.WithCancel(ctx)
	}
	a.work.Add(1)
	go func() {
		defer a.work.Done()
		if do.Do.asks() {
			a.box.put(a.ask(ctx, do))
			return
		}
		a.box.put(a.act(ctx, do))
	}()
}

// ask makes a request to AWS IoT.
func (a *Agent) ask(ctx context.Context, do Action) Event {
	answer := Answered{key: key{do.Job.ID, do.Job.Execution}, Op: do.Do}
	switch do.Do {
	case Look:
		found, err := a.finder.find(ctx)
		return Looked{Found: found, Err: err}
	case Shadow:
		answer.Err = a.Link.Publish(ctx, ShadowTopic(a.Thing), ShadowUpdate(do.Package))
		return answer
	case Describe:
		e, err := a.client.Describe(ctx, do.Job.ID, do.Job.Execution)
		if err == nil {
			answer.Found = parsed(e)
		}
		answer.Err = err
		return answer
	case Begin:
		if a.Unknown == Reject {
			e, err := a.client.StartNext(ctx, do.Change.Details, do.Change.Step)
			if err == nil && e != nil {
				answer.Found = parsed(e)
			}
			answer.Err = err
			return answer
		}
		// start-next would start what is another agent's.
	}
	answer.Version, answer.Err = a.client.Update(ctx, do.Job.ID, do.Change)
	return answer
}

// act does what the device is to do.
func (a *Agent) act(ctx context.Context, do Action) Event {
	of := key{do.Job.ID, do.Job.Execution}
	end := Ended{key: of, Op: do.Do}
	switch do.Do {
	case Install:
		end.Result = a.Device.Install(ctx, do.Job, Progressing{
			Progress: func(p Progress) { a.box.put(Progressed{of, p}) },
			Renew:    func(ctx context.Context) (Document, error) { return a.renew(ctx, do.Job) },
		})
	case Restart:
		end.Result = a.Device.Restart(ctx, do.Job)
	case Disarm:
		end.Err = a.Device.Disarm(ctx, do.Job)
	default:
		standing, err := a.Device.Standing(ctx, do.Job)
		wait, why := a.Device.Wait()
		return Stood{key: of, Standing: standing, Err: err, Wait: wait, Why: why, Budget: a.Device.RestartBudget()}
	}
	return end
}

// renew is the document of an execution as AWS IoT fills it in now.
func (a *Agent) renew(ctx context.Context, job Job) (Document, error) {
	e, err := a.client.Describe(ctx, job.ID, job.Execution)
	if _, gone := over(err); gone || err == nil && e.Status.Over() {
		return Document{}, ErrOver
	}
	if err != nil {
		return Document{}, err
	}
	return Parse(e.Document)
}

// load reads what an earlier agent left. Without it the device and AWS IoT
// tell.
func (a *Agent) load() Record {
	text, err := a.Store.Load()
	if err != nil {
		a.Log.Debug("no record of an earlier agent", "error", err)
		return Record{}
	}
	r, err := decodeRecord(text)
	if err != nil {
		a.Log.Warn("the record of an earlier agent cannot be read", "error", err)
		return Record{}
	}
	a.saved = essence(r)
	return r
}

// essence is a record without what changes with every progress that is
// told: AWS IoT tells the version again.
func essence(r Record) []byte {
	r.Version = 0
	text, err := json.Marshal(r)
	if err != nil {
		panic(err) // texts and numbers: there is nothing that could fail
	}
	return text
}

// save keeps the record if it has changed. The agent goes on without: the
// device's journal and AWS IoT know what matters.
func (a *Agent) save(r Record) {
	short := essence(r)
	if bytes.Equal(short, a.saved) || a.saved == nil && r == (Record{}) {
		return
	}
	text, err := json.Marshal(r)
	if err == nil {
		err = a.Store.Save(text)
	}
	if err != nil {
		if !a.broken {
			a.Log.Warn("cannot keep how far the job is", "error", err)
		}
		a.broken = true
		return
	}
	a.saved, a.broken = short, false
}

// tell tells of executions that came and went.
func (a *Agent) tell(before, r Record) {
	if last := r.Last; last != nil && last != before.Last && a.Ended != nil {
		a.Ended(*last)
	}
	if r.Job != "" && (r.Job != before.Job || r.Execution != before.Execution && before.Execution != 0) && a.Taken != nil {
		a.Taken(r.Job, r.Execution)
	}
}

// note logs what has happened, as far as somebody may want to know.
func (a *Agent) note(before, s Situation, e Event) {
	of := before
	if of.Job == "" {
		of = s
	}
	log := a.Log.With("job", of.Job, "execution", of.Execution)
	switch e := e.(type) {
	case Looked:
		if e.Err != nil {
			a.Log.Warn("cannot look for a job", "error", e.Err)
		}
	case Answered:
		if _, gone := over(e.Err); gone {
			log.Warn("AWS IoT says that the job is over", "asked", e.Op.String(), "answer", e.Err)
		} else if e.Err != nil && !errors.Is(e.Err, context.Canceled) {
			log.Warn("AWS IoT did not take it", "asked", e.Op.String(), "error", e.Err)
		}
		if e.Found != nil {
			a.warn(log, s, e.Found)
		}
	case Stood:
		if e.Err != nil {
			log.Warn("cannot tell how the release stands", "error", e.Err)
		}
	case Ended:
		switch {
		case e.Err != nil && e.Kind != Stopped:
			log.Warn(e.Op.String(), "outcome", e.Kind.String(), "error", e.Err)
		default:
			log.Info(e.Op.String(), "outcome", e.Kind.String())
		}
	}
	switch {
	case s.Outcome != nil && before.Outcome == nil:
		log.Info("the outcome of the job", "status", string(s.Outcome.Status), "reason", s.Outcome.Reason)
	case s.Phase != before.Phase && s.Phase != Idle:
		log.Info("the job", "phase", string(s.Phase), "release", s.Release.Name())
	}
}

// warn says that AWS IoT will give up before the device can be done.
func (a *Agent) warn(log *slog.Logger, s Situation, f *Found) {
	if f.Left > 0 && s.budget > 0 && f.Left < s.budget && f.Status == InProgress && s.Phase != Testing {
		log.Warn("AWS IoT gives the job up before restart and health checks can be done: give it a longer timeout", "left", f.Left.String(), "needed", s.budget.String())
	}
}

// say tells people what the agent does or waits for, once.
func (a *Agent) say(s Situation, now time.Time) {
	if line := s.line(now); line != a.said {
		a.said = line
		a.Say(line)
	}
}
