package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"

	"abota/sim/awsiot/broker"
	"abota/sim/awsiot/service"
)

// running starts the agent.
func running(ctx context.Context, s *scene) error { return s.device.start(ctx) }

// is waits until the job has a status.
func is(status string) act {
	return func(ctx context.Context, s *scene) error {
		return s.until(ctx, "the job to be "+status, func() (bool, error) { return s.execution(s.job).Status == status, nil })
	}
}

// reasonSays waits until the job's reason says something.
func reasonSays(text string) act {
	return func(ctx context.Context, s *scene) error {
		return s.until(ctx, fmt.Sprintf("a reason with %q", text), func() (bool, error) {
			return strings.Contains(reason(s.execution(s.job)), text), nil
		})
	}
}

// logSays waits until the device says something.
func logSays(text string) act {
	return func(ctx context.Context, s *scene) error {
		return s.until(ctx, fmt.Sprintf("a log with %q", text), func() (bool, error) {
			return strings.Contains(s.device.said(), text), nil
		})
	}
}

// selfTest waits for a word on it in the job's details.
func selfTest(word string) act {
	return func(ctx context.Context, s *scene) error {
		return s.until(ctx, "the self test to be "+word, func() (bool, error) {
			return detail(s.execution(s.job), "self_test") == word, nil
		})
	}
}

// restarting waits until the agent asks for a restart.
func restarting(ctx context.Context, s *scene) error {
	return s.until(ctx, "the restart", func() (bool, error) { return s.device.rebooting(), nil })
}

// then is several acts as one.
func then(acts ...act) act {
	return func(ctx context.Context, s *scene) error {
		for _, do := range acts {
			if err := do(ctx, s); err != nil {
				return err
			}
		}
		return nil
	}
}

// now says that the fault is now.
func now(connection bool) act {
	return func(_ context.Context, s *scene) error {
		s.strike(connection)
		return nil
	}
}

// well has the broker send everything again.
func well(_ context.Context, s *scene) error {
	err := s.cloud.Broker().Heal()
	s.fault(nil)
	return err
}

// Ends of a job that the device has nothing to do with.

func force(_ context.Context, s *scene) error {
	_, err := s.cloud.Service().CancelJob(service.CancelJobInput{JobID: s.job, Force: true})
	return err
}

func plain(_ context.Context, s *scene) error {
	_, err := s.cloud.Service().CancelJob(service.CancelJobInput{JobID: s.job})
	return err
}

func deleted(_ context.Context, s *scene) error {
	return s.cloud.Service().DeleteJob(service.DeleteJobInput{JobID: s.job, Force: true})
}

// lateFor lets the service's time pass.
func lateFor(d time.Duration) act {
	return func(_ context.Context, s *scene) error {
		s.cloud.Clock().Advance(d)
		return nil
	}
}

func removed(_ context.Context, s *scene) error {
	return s.cloud.Service().RemoveThingFromThingGroup(service.GroupMemberInput{ThingGroupName: groupOf(s.name), ThingName: s.name})
}

// Phases of a job, each until the row goes on.

// queued is a job that no agent has seen.
var queued = is("QUEUED")

// started is one whose file does not come.
var started = then(loses("$aws/things/+/streams/#"), running, is("IN_PROGRESS"), logSays("installing"))

// downloading is one whose file stops coming after a part.
func downloading(ctx context.Context, s *scene) error {
	var stopped atomic.Bool
	s.fault(broker.On("$aws/things/+/streams/#", func(_ broker.Message, replies []broker.Message) []broker.Message {
		if stopped.Load() {
			return nil
		}
		return replies
	}))
	s.atPart(40, func() { stopped.Store(true) })
	if err := s.device.start(ctx); err != nil {
		return err
	}
	return s.until(ctx, "a part of the file", func() (bool, error) { return stopped.Load(), nil })
}

// byApplication leaves the restart to the application.
const byApplication = "poll: {reboot: application}"

// armed is one that waits for a restart.
var armed = then(running, selfTest("ready"))

// longHealth is a trial that takes its time.
const longHealth = "health: {deadline: 1m, stable_for: 1ms, update_path: false, checks: [{exec: [test, -e, DIR/healthy]}]}"

// trial is one whose release is being tested, until somebody makes it healthy.
var trial = then(running, restarting, func(ctx context.Context, s *scene) error {
	d := s.device
	d.kill()
	d.booted = slotB
	if err := errors.Join(os.Remove(d.at("healthy")), d.powerOn(), d.tryRelease(ctx)); err != nil {
		return err
	}
	return d.start(ctx)
}, selfTest("active"))

// committed is one whose release was found healthy, before anybody was told.
var committed = then(running, restarting, func(ctx context.Context, s *scene) error {
	d := s.device
	d.kill()
	d.booted = slotB
	if err := d.powerOn(); err != nil {
		return err
	}
	code, err := d.abotaBoot(ctx)
	if err == nil && code != 0 {
		err = fmt.Errorf("`abota boot` ends with exit code %d", code)
	}
	return err
})

// healthy makes the release on trial healthy, and waits for the verdict.
func healthy(_ context.Context, s *scene) error {
	d := s.device
	if err := os.WriteFile(d.at("healthy"), nil, 0o600); err != nil {
		return err
	}
	select {
	case <-d.trial.over:
	case <-time.After(patience):
		return errors.New("the trial does not end")
	}
	code := d.trial.cmd.ProcessState.ExitCode()
	d.trial = nil
	if code != 0 {
		return fmt.Errorf("`abota boot` ends with exit code %d", code)
	}
	return nil
}

// left is a trial that the agent leaves.
var left = then(restarting, func(ctx context.Context, s *scene) error {
	return errors.Join(os.WriteFile(s.device.at("healthy"), nil, 0o600), s.device.reboot(ctx))
})

// application is the restart that the application makes.
func application(ctx context.Context, s *scene) error { return s.device.reboot(ctx) }

// byItself has the agent restart the device again.
func byItself(_ context.Context, s *scene) error {
	s.device.lines = nil
	return s.device.configure()
}

// loses has nothing reach the device on topics that a filter covers.
func loses(filter string) act {
	return sends(func() broker.Fault { return broker.On(filter, broker.Lose) })
}

// losesOne has the first message there not reach it.
func losesOne(filter string) act {
	return func(_ context.Context, s *scene) error {
		lost := broker.First(1, func(broker.Message, []broker.Message) []broker.Message {
			s.strike(false)
			return nil
		})
		s.fault(broker.On(filter, lost))
		return nil
	}
}

// tryRelease is `abota boot` beside what else happens.
func (d *device) tryRelease(ctx context.Context) error {
	cmd := d.command(context.WithoutCancel(ctx), "boot")
	log, err := d.logged(cmd)
	if err != nil {
		return err
	}
	defer log.Close()
	d.trial, err = began(cmd)
	return err
}

func began(cmd *exec.Cmd) (*agent, error) {
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start abota: %w", err)
	}
	a := &agent{cmd: cmd, over: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // its state says it
		close(a.over)
	}()
	return a, nil
}
