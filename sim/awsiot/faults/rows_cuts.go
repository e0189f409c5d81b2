package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// power takes the power away from the agent and a trial, and starts again.
func power(ctx context.Context, s *scene) error { return s.device.reboot(ctx) }

// cuts are power cuts in every phase: SIGKILL of everything.
func cuts() []row {
	reset := then(now(true), power)
	return []row{
		{name: "power cut, queued", acts: []act{loses("$aws/things/+/jobs/#"), running, logSays("cannot"), well, reset}},
		{name: "power cut, before the answer to the start", acts: []act{losesOne(startReply), running, is("IN_PROGRESS"), well, reset}},
		{name: "power cut, downloading", quick: true, acts: []act{downloading, well, reset}, most: 100},
		{name: "power cut, downloading, state lost", acts: []act{downloading, well, func(_ context.Context, s *scene) error {
			s.device.kill()
			return os.RemoveAll(s.device.at("state", "job"))
		}, reset}, most: 100},
		{name: "power cut, armed, before it was reported", quick: true, acts: []act{unreported, reset}, most: 60},
		{name: "power cut, armed and reported", config: []string{byApplication}, acts: []act{armed, reset}, mend: byItself},
		{name: "power cut, on trial", quick: true, config: []string{longHealth}, acts: []act{trial, func(_ context.Context, s *scene) error {
			s.device.kill()
			return os.WriteFile(s.device.at("healthy"), nil, 0o600)
		}, reset}},
		{
			name: "power cut, in every trial", config: []string{longHealth}, acts: []act{trial, now(true), everyTrial, running},
			status: "FAILED", says: "used up its attempts without a verdict", held: true,
		},
		{name: "power cut, committed, before it was reported", acts: []act{committed, loses(updateReply), running, logSays("the outcome of the job"), now(true), func(_ context.Context, s *scene) error {
			s.device.kill()
			return nil
		}, well, power}},
		{name: "power cut, committed, job record lost", acts: []act{committed, func(_ context.Context, s *scene) error {
			return os.RemoveAll(s.device.at("state", "job"))
		}, reset}},
	}
}

// unreported has a release armed of which AWS IoT hears nothing: what the device
// says after the last block reaches nobody.
func unreported(ctx context.Context, s *scene) error {
	s.atPart(100, s.relay.mute)
	if err := s.device.start(ctx); err != nil {
		return err
	}
	err := s.until(ctx, "an armed slot", func() (bool, error) {
		at, err := s.device.standing(ctx)
		return at.Primary == slotB, err
	})
	if err != nil {
		return err
	}
	s.device.kill()
	s.relay.thaw()
	if told := detail(s.execution(s.job), "self_test"); told != "" {
		return fmt.Errorf("AWS IoT has heard that the self test is %s", told)
	}
	return nil
}

// everyTrial takes the power away in every trial, until the boot loader has had
// enough of them: on this machine there is none, so the row is it.
func everyTrial(ctx context.Context, s *scene) error {
	const begins, tries = "decision=trial", 3
	d := s.device
	for range tries - 1 {
		d.kill()
		before := strings.Count(d.said(), begins)
		if err := errors.Join(d.powerOn(), d.tryRelease(ctx)); err != nil {
			return err
		}
		err := s.until(ctx, "a trial", func() (bool, error) { return strings.Count(d.said(), begins) > before, nil })
		if err != nil {
			return err
		}
	}
	d.kill()
	d.booted = slotA
	if err := errors.Join(d.powerOn(), os.WriteFile(d.at("healthy"), nil, 0o600)); err != nil {
		return err
	}
	code, err := d.abotaBoot(ctx)
	s.note("after %d trials the loader starts slot A; `abota boot` there ends with exit code %d", tries, code)
	return err
}
