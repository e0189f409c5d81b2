package fleet

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"abota/updater"
)

// judge takes the power from every device, starts each once more by itself, and
// compares what it says of itself, and what its slots hold, with what the
// service says of the job. before is what ran on a device before the job.
func (r *rollout) judge(ctx context.Context, i image, before func(*device) image) error {
	all, err := r.executions()
	if err != nil {
		return err
	}
	r.eachAtOnce(r.devices, (*device).shutOff)
	var errs []error
	for _, d := range r.devices {
		if err := r.judgeOne(ctx, d, all[d], i, before(d)); err != nil {
			errs = append(errs, fmt.Errorf("%s, whose execution is %q: %w", d.name, all[d], err))
		}
	}
	return errors.Join(errs...)
}

func (r *rollout) judgeOne(ctx context.Context, d *device, status string, i, before image) error {
	if told := string(d.ended[r.job]); told != status && status != canceled {
		return fmt.Errorf("the device believes that it ended as %q", told)
	}
	booted, boots, err := d.start()
	if err != nil {
		return err
	}
	s := newSystem(ctx, d, booted, boots)
	defer s.stop(nil)
	report, err := s.engine.Boot(ctx)
	if err != nil {
		return err
	}
	if report.Action != updater.DoNothing {
		return fmt.Errorf("a start by itself had something to do: %s, because %s", report.Action, report.Why)
	}
	state, err := s.engine.Status()
	if err != nil {
		return err
	}
	runs, err := d.content(booted)
	if err != nil {
		return err
	}
	other, err := d.content(booted.Other())
	if err != nil {
		return err
	}
	if at := state.Slots[booted]; state.Primary != booted.String() || at.BootStatus != "good" || state.RebootRequired {
		return fmt.Errorf("it runs what is not confirmed: %+v", state)
	}
	condemned := false
	for _, v := range state.Condemned {
		condemned = condemned || v.Release.SHA256 == i.sha256
	}
	switch status {
	case succeeded:
		if !i.holds(runs) || state.Release.SHA256 != i.sha256 || condemned {
			return fmt.Errorf("it runs version %q, condemned %t: %+v", versionOf(runs), condemned, state)
		}
	case failed:
		if !before.holds(runs) || !condemned || state.Slots[booted.Other()].BootStatus != "bad" {
			return fmt.Errorf("it runs version %q, condemned %t: %+v", versionOf(runs), condemned, state)
		}
	case canceled, "":
		if !before.holds(runs) || condemned || bytes.Contains(other, i.data[:len(imageMagic)+1]) || d.ended[r.job] != "" {
			return fmt.Errorf("it runs version %q, has %q beside it, condemned %t", versionOf(runs), versionOf(other), condemned)
		}
		if boots != r.starts[d]+1 {
			return fmt.Errorf("it has done something: started %d times before and %d now", r.starts[d], boots)
		}
	default:
		return errors.New("it has not ended")
	}
	if got, want := d.fetched-r.bytes[d], r.share(d, status); got != want && !(d.dark && got > want && got < 2*want) {
		return fmt.Errorf("it fetched %d bytes, and has to fetch %d", got, want)
	}
	return nil
}

// share is how many bytes a device has to fetch for a job: all, once, unless it
// runs the release already, or does nothing. A dark one lost a part with the power.
func (r *rollout) share(d *device, status string) int64 {
	if status != succeeded && status != failed || d.has && d.bad == r.version {
		return 0
	}
	return imageSize
}
