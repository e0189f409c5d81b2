package ota

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	iottypes "github.com/aws/aws-sdk-go-v2/service/iot/types"
	"golang.org/x/sync/errgroup"

	"abota/cmd/internal/cli"
)

// Job is one with what belongs to it, as JSON.
type Job struct {
	ID        string          `json:"job_id"`
	ARN       string          `json:"job_arn,omitempty"`
	Status    string          `json:"status"`
	Selection string          `json:"target_selection,omitempty"`
	Targets   []string        `json:"targets,omitempty"`
	About     string          `json:"description,omitempty"`
	Comment   string          `json:"comment,omitempty"`
	Reason    string          `json:"reason_code,omitempty"`
	Created   *time.Time      `json:"created,omitempty"`
	Completed *time.Time      `json:"completed,omitempty"`
	Schedule  *scheduleView   `json:"schedule,omitempty"`
	Packages  []string        `json:"packages,omitempty"`
	Counts    Counts          `json:"counts"`
	Document  json.RawMessage `json:"document,omitempty"`
	Stream    string          `json:"stream,omitempty"`
	Source    string          `json:"source,omitempty"`
}

type scheduleView struct {
	Start    string   `json:"start,omitempty"`
	End      string   `json:"end,omitempty"`
	Behavior string   `json:"end_behavior,omitempty"`
	Windows  []string `json:"windows,omitempty"`
	Next     []string `json:"next,omitempty"`
}

// describe is one job, without its document. It reports false when there is none.
func (s *session) describe(ctx context.Context, id string) (Job, bool, error) {
	out, err := s.iot.DescribeJob(ctx, &iot.DescribeJobInput{JobId: &id})
	if err != nil && absent(err) {
		return Job{ID: id}, false, nil
	}
	if err != nil {
		return Job{}, false, explain("look at job "+id, err)
	}
	j := out.Job
	if j == nil {
		return Job{ID: id}, false, nil
	}
	return Job{
		ID: id, ARN: aws.ToString(j.JobArn), Status: string(j.Status), Selection: string(j.TargetSelection), Targets: j.Targets,
		About: aws.ToString(j.Description), Comment: aws.ToString(j.Comment), Reason: aws.ToString(j.ReasonCode),
		Created: j.CreatedAt, Completed: j.CompletedAt, Schedule: viewSchedule(j), Packages: j.DestinationPackageVersions,
		Counts: countsOf(j.JobProcessDetails),
	}, true, nil
}

func viewSchedule(j *iottypes.Job) *scheduleView {
	c := j.SchedulingConfig
	if c == nil {
		return nil
	}
	v := &scheduleView{Start: aws.ToString(c.StartTime), End: aws.ToString(c.EndTime), Behavior: string(c.EndBehavior)}
	for _, w := range c.MaintenanceWindows {
		v.Windows = append(v.Windows, fmt.Sprintf("%s %d", aws.ToString(w.StartTime), aws.ToInt32(w.DurationInMinutes)))
	}
	for _, n := range j.ScheduledJobRollouts {
		v.Next = append(v.Next, aws.ToString(n.StartTime))
	}
	return v
}

// addDocument reads the job's document, and takes from it what it names.
func (s *session) addDocument(ctx context.Context, j *Job) (document, error) {
	var d document
	out, err := s.iot.GetJobDocument(ctx, &iot.GetJobDocumentInput{JobId: &j.ID})
	if err != nil {
		return d, explain("read the document of job "+j.ID, err)
	}
	text := []byte(aws.ToString(out.Document))
	if !json.Valid(text) {
		text, _ = json.Marshal(string(text)) // a string always encodes
	}
	// A document of another shape has neither stream nor source.
	j.Document = text
	if json.Unmarshal(text, &d) == nil {
		if d.AFR != nil {
			j.Stream = d.AFR.Stream
		}
		if d.Abota != nil {
			j.Source = d.Abota.Source
		}
	}
	return d, nil
}

// ListOptions narrow what List shows.
type ListOptions struct {
	Status string
	All    bool // also jobs that are no OTA updates
}

// List shows the OTA jobs, newest first.
func List(ctx context.Context, out *cli.Output, a Access, o ListOptions) error {
	s, err := newSession(ctx, out, a)
	if err != nil {
		return err
	}
	status := iottypes.JobStatus(strings.ToUpper(o.Status))
	if status != "" && !slices.Contains(status.Values(), status) {
		return usage("--status %q is not one of %v", o.Status, status.Values())
	}
	ids, err := s.jobIDs(ctx, status, o.All)
	if err != nil {
		return err
	}
	jobs := make([]Job, len(ids))
	err = parallel(ctx, len(ids), func(ctx context.Context, i int) (err error) {
		there := false
		if jobs[i], there, err = s.describe(ctx, ids[i]); there {
			_, err = s.addDocument(ctx, &jobs[i])
		}
		if err != nil && absent(err) {
			jobs[i].Status, err = "", nil
		}
		return err
	})
	if err != nil {
		return err
	}
	// What was deleted meanwhile has no status.
	jobs = slices.DeleteFunc(jobs, func(j Job) bool { return j.Status == "" })
	slices.SortStableFunc(jobs, func(a, b Job) int { return aws.ToTime(b.Created).Compare(aws.ToTime(a.Created)) })
	s.listed(jobs)
	return nil
}

// atOnce is how many questions are asked at the same time.
const atOnce = 8

// parallel does something for 0 to n-1, until one fails.
func parallel(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for i := range n {
		g.Go(func() error { return do(ctx, i) })
	}
	return g.Wait()
}

// jobIDs are those with the prefix, or all.
func (s *session) jobIDs(ctx context.Context, status iottypes.JobStatus, all bool) (ids []string, err error) {
	pages := iot.NewListJobsPaginator(s.iot, &iot.ListJobsInput{Status: status, MaxResults: aws.Int32(250)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, explain("list the jobs", err)
		}
		for _, j := range page.Jobs {
			if id := aws.ToString(j.JobId); all || strings.HasPrefix(id, Prefix) {
				ids = append(ids, id)
			}
		}
	}
	return ids, nil
}

func (s *session) listed(jobs []Job) {
	if s.out.JSON {
		s.out.Result(map[string]any{"jobs": jobs})
		return
	}
	if len(jobs) == 0 {
		s.out.Say("there are no OTA jobs in %s", s.region)
		return
	}
	rows := [][]string{{"JOB", "STATUS", "EXECUTIONS", "CREATED", "STREAM OR SOURCE"}}
	for _, j := range jobs {
		rows = append(rows, []string{j.ID, j.Status, j.Counts.String(), clock(j.Created), printable(first(j.Stream, j.Source))})
	}
	s.out.Table(rows)
}

func clock(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}

// printable makes what others wrote harmless on a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, text)
}
