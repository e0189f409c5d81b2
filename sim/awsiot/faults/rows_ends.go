package faults

import (
	"context"
	"fmt"
	"time"
)

// ends are jobs that end at AWS IoT in every phase.
func ends() []row {
	var list []row
	for _, phase := range []struct {
		name    string
		reach   act
		config  []string
		success act // what makes the job go on
		gone    act // what is needed where it does not
	}{
		{"queued", queued, nil, running, running},
		{"started", started, nil, well, well},
		{"downloading", downloading, nil, well, well},
		{"armed", armed, []string{byApplication}, application, nil},
		{"on trial", trial, []string{longHealth}, healthy, left},
		{"committed", committed, nil, running, running},
	} {
		mend := func(_ context.Context, s *scene) error { return byItself(context.Background(), s) }
		add := func(how, status string, flags []string, quick, installed bool, acts ...act) {
			r := row{
				name: fmt.Sprintf("job %s, %s", how, phase.name), quick: quick, config: phase.config, flags: flags,
				acts: append([]act{phase.reach, now(false)}, acts...), status: status, installed: installed, most: 60, mend: mend,
			}
			list = append(list, r)
		}
		stays := phase.name == "committed"
		gone := func(a act) act {
			if phase.gone == nil {
				return a
			}
			return then(a, phase.gone)
		}
		add("cancelled by force", "CANCELED", nil, phase.name == "downloading" || phase.name == "on trial", stays, gone(force))
		if phase.name == "queued" {
			add("cancelled", "CANCELED", nil, false, false, gone(plain))
			add("late by an hour", "SUCCEEDED", noRetry, false, false, then(lateFor(time.Hour), running))
		} else {
			add("cancelled", "SUCCEEDED", nil, false, false, then(plain, phase.success))
			switch phase.name {
			case "on trial":
				add("timed out", "TIMED_OUT", noRetry, false, true, then(lateFor(time.Hour), is("TIMED_OUT"), phase.success))
				add("of a thing removed from the group", "REMOVED", continuous, false, true, then(removed, is("REMOVED"), phase.success))
			default:
				add("timed out", "TIMED_OUT", noRetry, phase.name == "armed", stays, gone(lateFor(time.Hour)))
				add("of a thing removed from the group", "REMOVED", continuous, false, stays, gone(removed))
			}
		}
		if phase.name == "downloading" {
			r := row{
				name: "job timed out, downloading, with a retry", flags: []string{"--retry", "TIMED_OUT=1"}, most: 100,
				acts: []act{downloading, now(false), lateFor(time.Hour), is("QUEUED"), well}, execution: 2, status: "SUCCEEDED",
			}
			list = append(list, r)
		}
	}
	return list
}

var (
	noRetry    = []string{"--retry", "none"}
	continuous = []string{"--continuous", "--retry", "none"}
)
