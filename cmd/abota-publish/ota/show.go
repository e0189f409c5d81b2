package ota

import (
	"bytes"
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

// Execution is a job on one thing.
type Execution struct {
	Thing   string            `json:"thing"`
	Status  string            `json:"status"`
	Number  int64             `json:"execution_number"`
	Retries int               `json:"retries,omitempty"`
	Queued  *time.Time        `json:"queued,omitempty"`
	Started *time.Time        `json:"started,omitempty"`
	Updated *time.Time        `json:"updated,omitempty"`
	Details map[string]string `json:"details,omitempty"`
}

func summary(e iottypes.JobExecutionSummaryForJob) Execution {
	out := Execution{Thing: aws.ToString(e.ThingArn)}
	if i := strings.LastIndex(out.Thing, ":thing/"); i >= 0 {
		out.Thing = out.Thing[i+len(":thing/"):]
	}
	if j := e.JobExecutionSummary; j != nil {
		out.Status, out.Number, out.Retries = string(j.Status), aws.ToInt64(j.ExecutionNumber), int(aws.ToInt32(j.RetryAttempt))
		out.Queued, out.Started, out.Updated = j.QueuedAt, j.StartedAt, j.LastUpdatedAt
	}
	return out
}

// Stream is one, with the object of each of its files.
type Stream struct {
	ID    string `json:"stream_id"`
	ARN   string `json:"stream_arn,omitempty"`
	Gone  bool   `json:"gone,omitempty"`
	About string `json:"description,omitempty"`
	Role  string `json:"role_arn,omitempty"`
	Files []File `json:"files,omitempty"`
}

// File is what a job delivers.
type File struct {
	ID       int       `json:"file_id"`
	Object   object    `json:"object"`
	Versions []version `json:"versions,omitempty"` // all that its key has, newest first
	Problem  string    `json:"problem,omitempty"`  // why they cannot be seen
}

// Shown is a job with everything that belongs to it.
type Shown struct {
	Job
	StreamIs   *Stream     `json:"stream_info,omitempty"`
	Linked     *File       `json:"presigned,omitempty"` // by a pre-signed URL
	Executions []Execution `json:"executions"`
	Omitted    int         `json:"executions_without_details,omitempty"`
}

// detailed bounds how many executions are asked for their details.
const detailed = 100

// Show shows a job, its document, stream, objects and executions.
func Show(ctx context.Context, out *cli.Output, a Access, id string) error {
	if err := checkJobID(id); err != nil {
		return err
	}
	s, err := newSession(ctx, out, a)
	if err != nil {
		return err
	}
	id = FullJobID(id)
	j, there, err := s.describe(ctx, id)
	if err != nil {
		return err
	}
	if !there {
		return noJob(id)
	}
	shown := Shown{Job: j}
	d, err := s.addDocument(ctx, &shown.Job)
	if err != nil {
		return err
	}
	if shown.StreamIs, shown.Linked, err = s.delivered(ctx, d); err != nil {
		return err
	}
	if err := s.addExecutions(ctx, &shown); err != nil {
		return err
	}
	s.shown(shown)
	return nil
}

func noJob(id string) error {
	return wrong("there is no job %s: `abota-publish ota list` shows those that are, or check the region and the account", id)
}

// delivered are the stream and the object behind a pre-signed URL that a
// document names.
func (s *session) delivered(ctx context.Context, d document) (stream *Stream, linked *File, err error) {
	if d.AFR == nil {
		return nil, nil, nil
	}
	if d.AFR.Stream != "" {
		found, err := s.stream(ctx, d.AFR.Stream)
		if err != nil {
			return nil, nil, err
		}
		stream = &found
	}
	for _, f := range d.AFR.Files {
		if o, ok := parsePlaceholder(aws.ToString(f.URL)); ok {
			linked = &File{ID: f.ID, Object: o}
			s.addVersions(ctx, linked)
		}
	}
	return stream, linked, nil
}

// stream describes one; Gone when there is none.
func (s *session) stream(ctx context.Context, id string) (Stream, error) {
	out, err := s.iot.DescribeStream(ctx, &iot.DescribeStreamInput{StreamId: &id})
	if err != nil && absent(err) || err == nil && out.StreamInfo == nil {
		return Stream{ID: id, Gone: true}, nil
	}
	if err != nil {
		return Stream{}, explain("look at stream "+id, err)
	}
	i := out.StreamInfo
	st := Stream{ID: id, ARN: aws.ToString(i.StreamArn), About: aws.ToString(i.Description), Role: aws.ToString(i.RoleArn)}
	for _, f := range i.Files {
		if f.S3Location == nil {
			continue
		}
		file := File{ID: int(aws.ToInt32(f.FileId)), Object: object{aws.ToString(f.S3Location.Bucket), aws.ToString(f.S3Location.Key), aws.ToString(f.S3Location.Version)}}
		s.addVersions(ctx, &file)
		st.Files = append(st.Files, file)
	}
	return st, nil
}

// addVersions is for people to see: that they cannot be listed is no failure.
func (s *session) addVersions(ctx context.Context, f *File) {
	var err error
	if f.Versions, err = s.versions(ctx, f.Object.Bucket, f.Object.Key); err != nil {
		f.Problem = err.Error()
	}
}

func (s *session) executions(ctx context.Context, id string) (all []Execution, err error) {
	pages := iot.NewListJobExecutionsForJobPaginator(s.iot, &iot.ListJobExecutionsForJobInput{JobId: &id, MaxResults: aws.Int32(250)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, explain("list the executions of job "+id, err)
		}
		for _, e := range page.ExecutionSummaries {
			all = append(all, summary(e))
		}
	}
	return all, nil
}

// addExecutions lists them, and asks for the reasons of those that have some:
// failures first.
func (s *session) addExecutions(ctx context.Context, shown *Shown) (err error) {
	if shown.Executions, err = s.executions(ctx, shown.ID); err != nil {
		return err
	}
	if shown.Executions == nil {
		shown.Executions = []Execution{} // a list in JSON, too
	}
	slices.SortStableFunc(shown.Executions, func(a, b Execution) int { return rank(a.Status) - rank(b.Status) })
	shown.Omitted = max(0, len(shown.Executions)-detailed)
	return parallel(ctx, len(shown.Executions)-shown.Omitted, func(ctx context.Context, i int) error {
		return s.addDetails(ctx, shown.ID, &shown.Executions[i])
	})
}

// addDetails asks for what a device said; one that is queued said nothing yet.
func (s *session) addDetails(ctx context.Context, job string, e *Execution) error {
	if e.Status == string(iottypes.JobExecutionStatusQueued) {
		return nil
	}
	out, err := s.iot.DescribeJobExecution(ctx, &iot.DescribeJobExecutionInput{JobId: &job, ThingName: &e.Thing, ExecutionNumber: numberOrNil(e.Number)})
	switch {
	case err != nil && absent(err): // removed meanwhile
	case err != nil:
		return explain("look at the execution on "+e.Thing, err)
	case out.Execution != nil && out.Execution.StatusDetails != nil:
		e.Details = out.Execution.StatusDetails.DetailsMap
	}
	return nil
}

func numberOrNil(n int64) *int64 {
	if n == 0 {
		return nil
	}
	return &n
}

// rank puts what needs a look in front.
func rank(status string) int {
	order := []iottypes.JobExecutionStatus{
		iottypes.JobExecutionStatusFailed, iottypes.JobExecutionStatusRejected, iottypes.JobExecutionStatusTimedOut, iottypes.JobExecutionStatusInProgress,
		iottypes.JobExecutionStatusSucceeded, iottypes.JobExecutionStatusCanceled, iottypes.JobExecutionStatusRemoved, iottypes.JobExecutionStatusQueued,
	}
	return slices.Index(order, iottypes.JobExecutionStatus(status))
}

func (s *session) shown(v Shown) {
	if s.out.JSON {
		s.out.Result(v)
		return
	}
	row := func(name, text string) {
		if text != "" {
			s.out.Say("%-11s %s", name, printable(text))
		}
	}
	row("job", v.ID)
	row("status", v.Status)
	row("comment", v.Comment)
	row("reason", v.Reason)
	row("about", v.About)
	row("targets", strings.Join(v.Targets, ", "))
	row("selection", v.Selection)
	row("created", clock(v.Created))
	if v.Completed != nil {
		row("completed", clock(v.Completed))
	}
	if c := v.Schedule; c != nil {
		row("starts", c.Start)
		row("ends", strings.TrimSpace(c.End+" "+c.Behavior))
		row("windows", strings.Join(c.Windows, ", "))
		row("next", strings.Join(c.Next, ", "))
	}
	row("packages", strings.Join(v.Packages, ", "))
	row("source", v.Source)
	if st := v.StreamIs; st != nil {
		if row("stream", st.ID); st.Gone {
			row("", "this stream is gone: devices cannot fetch the file")
		}
		for _, f := range st.Files {
			s.showFile(row, f)
		}
	}
	if v.Linked != nil {
		s.showFile(row, *v.Linked)
	}
	row("executions", v.Counts.String())
	for _, e := range v.Executions {
		s.out.Say("  %s", printable(e.line()))
	}
	if v.Omitted > 0 {
		s.out.Say("  (details of the last %d are left out)", v.Omitted)
	}
	var b bytes.Buffer
	if json.Indent(&b, v.Document, "", "  ") == nil {
		s.out.Say("document\n%s", b.String())
	}
}

func (s *session) showFile(row func(name, text string), f File) {
	row("file", f.Object.String())
	row("", f.Problem)
	for _, o := range f.Versions {
		note := ""
		if o.ID == f.Object.Version {
			note = ", which devices get"
		}
		if o.Marker {
			note = ", a delete marker"
		}
		s.out.Say("  version %s, %s%s", printable(o.ID), cli.Size(o.Size), note)
	}
	if len(f.Versions) > 0 && !slices.ContainsFunc(f.Versions, func(o version) bool { return o.ID == f.Object.Version }) {
		row("", "the version that devices should get is gone")
	}
}

// line is the execution with its details in order.
func (e Execution) line() string {
	parts := []string{e.Thing, e.Status}
	if e.Retries > 0 {
		parts = append(parts, fmt.Sprintf("retry %d", e.Retries))
	}
	var names []string
	for name := range e.Details {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		parts = append(parts, name+"="+e.Details[name])
	}
	return strings.Join(parts, "  ")
}
