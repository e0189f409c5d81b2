package ota

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	iottypes "github.com/aws/aws-sdk-go-v2/service/iot/types"

	"abota/cmd/internal/cli"
)

const (
	// patience is how long the service may be out of reach while we wait.
	patience = 5 * time.Minute
	// shownThings bounds the executions that are named while we wait.
	shownThings = 8
)

// Outcome is where a job stands.
type Outcome struct {
	Status    string  `json:"status"`
	Counts    Counts  `json:"counts"`
	PerMinute float64 `json:"ended_per_minute"`
	things    []Execution
}

// err is nil when every device that was told took the update.
func (o Outcome) err(id string) error {
	c := o.Counts
	switch {
	case o.Status != string(iottypes.JobStatusCompleted):
		return coded(cli.ExitFailed, "the job %s is %s: %s", id, o.Status, c)
	case c.total() == 0:
		return coded(cli.ExitFailed, "the job %s is over, and no device was told: does the group have things?", id)
	case c.Succeeded != c.total():
		return coded(cli.ExitFailed, "the job %s is over, and not every device took the update: %s: `abota-publish ota show %s` gives the reasons", id, c, shortJobID(id))
	}
	return nil
}

var overStatuses = []iottypes.JobStatus{iottypes.JobStatusCompleted, iottypes.JobStatusCanceled, iottypes.JobStatusDeletionInProgress}

// wait shows how the job goes until it is over.
func (s *session) wait(ctx context.Context, id string) (Outcome, error) {
	w := watcher{session: s, id: id, begun: s.now(), answered: s.now(), before: -1}
	for {
		over, err := w.look(ctx)
		if err != nil || over {
			if err == nil {
				err = w.now.err(id)
			}
			return w.now, err
		}
		if !pause(ctx, s.every) {
			return w.now, coded(cli.ExitFailed, "interrupted: the job %s goes on: `abota-publish ota show %s` shows it, `abota-publish ota cancel %s` stops it", id, shortJobID(id), shortJobID(id))
		}
	}
}

// watcher is one wait for a job.
type watcher struct {
	*session
	id       string
	now      Outcome
	begun    time.Time
	answered time.Time // when the service last did
	before   int       // executions that had ended at first, -1 for not known
	drawn    int       // lines on the terminal
	said     string    // the last line elsewhere
}

// look asks once. What can heal is waited for.
func (w *watcher) look(ctx context.Context) (over bool, err error) {
	out, err := w.iot.DescribeJob(ctx, &iot.DescribeJobInput{JobId: &w.id})
	switch {
	case ctx.Err() != nil:
		return false, nil
	case err != nil && absent(err):
		return true, coded(cli.ExitFailed, "the job %s was deleted meanwhile", w.id)
	case err != nil:
		err = explain("look at job "+w.id, err)
		if codeOf(err) == cli.ExitTransport && w.session.now().Sub(w.answered) < patience {
			return false, nil
		}
		return true, err
	}
	w.answered = w.session.now()
	w.now.Status, w.now.Counts = string(out.Job.Status), countsOf(out.Job.JobProcessDetails)
	if w.before < 0 {
		w.before = w.now.Counts.ended()
	}
	if minutes := w.answered.Sub(w.begun).Minutes(); minutes > 0 {
		w.now.PerMinute = float64(w.now.Counts.ended()-w.before) / minutes
	}
	over = slices.Contains(overStatuses, out.Job.Status)
	w.now.things = w.things(ctx)
	w.show()
	return over, nil
}

// things are a few executions that are worth a look, if they can be had.
func (w *watcher) things(ctx context.Context) (all []Execution) {
	if !w.terminal() {
		return nil
	}
	for _, status := range []iottypes.JobExecutionStatus{iottypes.JobExecutionStatusInProgress, iottypes.JobExecutionStatusFailed, iottypes.JobExecutionStatusRejected, iottypes.JobExecutionStatusTimedOut} {
		out, err := w.iot.ListJobExecutionsForJob(ctx, &iot.ListJobExecutionsForJobInput{JobId: &w.id, Status: status, MaxResults: aws.Int32(shownThings)})
		if err != nil {
			return all
		}
		for _, e := range out.ExecutionSummaries {
			if len(all) < shownThings {
				all = append(all, summary(e))
			}
		}
	}
	return all
}

func (w *watcher) terminal() bool { return !w.out.JSON && cli.IsTerminal(w.out.Stderr) }

// show draws the table on a terminal, and elsewhere says what changed.
func (w *watcher) show() {
	if w.terminal() {
		w.draw()
		return
	}
	line := fmt.Sprintf("job %s is %s: %s", w.id, w.now.Status, w.now.Counts)
	if line == w.said {
		return
	}
	w.said = line
	if !w.out.JSON {
		fmt.Fprintf(w.out.Stderr, "%s\n", line)
	} else if text, err := json.Marshal(map[string]any{"progress": w.now}); err == nil {
		fmt.Fprintf(w.out.Stderr, "%s\n", text)
	}
}

// draw puts the table over the one before.
func (w *watcher) draw() {
	lines := w.table()
	text := ""
	if w.drawn > 0 {
		text = fmt.Sprintf("\x1b[%dA", w.drawn)
	}
	for _, line := range lines {
		text += line + "\x1b[K\n"
	}
	fmt.Fprint(w.out.Stderr, text+"\x1b[J")
	w.drawn = len(lines)
}

func (w *watcher) table() []string {
	now := w.now
	lines := []string{fmt.Sprintf("job %s  %s  %s  %.1f ended a minute", w.id, now.Status, w.answered.Sub(w.begun).Truncate(time.Second), now.PerMinute)}
	const width = 30
	for _, row := range now.Counts.rows() {
		bar := ""
		if total := now.Counts.total(); total > 0 {
			bar = strings.Repeat("█", (row.n*width+total-1)/total)
		}
		lines = append(lines, fmt.Sprintf("  %-11s %6d %s", row.name, row.n, bar))
	}
	for _, e := range now.things {
		lines = append(lines, fmt.Sprintf("  %.40s  %s", printable(e.Thing), e.Status))
	}
	return lines
}
