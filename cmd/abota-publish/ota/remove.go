package ota

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	iottypes "github.com/aws/aws-sdk-go-v2/service/iot/types"

	"abota/cmd/internal/cli"
)

// CancelOptions say how a job is cancelled.
type CancelOptions struct {
	Force   bool // also executions in progress
	Comment string
	Reason  string // a code of capitals, digits and underscores
}

var reasonCodes = regexp.MustCompile(`^[\p{Lu}\p{Nd}_]+$`)

func (o CancelOptions) check() error {
	if err := checkText("comment", o.Comment, maxComment); err != nil {
		return err
	}
	if o.Reason != "" && (len(o.Reason) > maxReasonCode || !reasonCodes.MatchString(o.Reason)) {
		return usage("--reason-code %q is not 1 to %d capitals, digits and underscores", o.Reason, maxReasonCode)
	}
	return nil
}

// Cancel cancels a job.
func Cancel(ctx context.Context, out *cli.Output, a Access, id string, o CancelOptions) error {
	if err := checkJobID(id); err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	s, err := newSession(ctx, out, a)
	if err != nil {
		return err
	}
	id = FullJobID(id)
	j, there, err := s.describe(ctx, id)
	switch {
	case err != nil:
		return err
	case !there:
		return noJob(id)
	case slices.Contains(overStatuses, iottypes.JobStatus(j.Status)):
		return refused("the job %s is %s already: there is nothing to cancel", id, j.Status)
	}
	in := &iot.CancelJobInput{JobId: &id, Force: o.Force}
	if o.Comment != "" {
		in.Comment = &o.Comment
	}
	if o.Reason != "" {
		in.ReasonCode = &o.Reason
	}
	if _, err := s.iot.CancelJob(ctx, in); err != nil {
		return explain("cancel job "+id, err)
	}
	s.out.Say("job %s is cancelled: %s at that time", id, j.Counts)
	if j.Counts.InProgress > 0 && !o.Force {
		s.warn("%s in progress goes on to its end: --force stops that too", plural(j.Counts.InProgress, "execution"))
	}
	if s.out.JSON {
		s.out.Result(map[string]any{"job_id": id, "canceled": true, "forced": o.Force, "counts_before": j.Counts})
	}
	return nil
}

// Deleted is what Delete removed and left, as JSON.
type Deleted struct {
	JobID   string   `json:"job_id"`
	Job     bool     `json:"job_deleted"`
	Stream  string   `json:"stream_deleted,omitempty"`
	Objects []object `json:"objects_deleted,omitempty"`
	Kept    []string `json:"kept,omitempty"`
}

// Delete removes a job, its stream, and the versions of its signed object; the
// source binary never. Run again after a failure it goes on.
func Delete(ctx context.Context, out *cli.Output, a Access, id string, force bool) error {
	if err := checkJobID(id); err != nil {
		return err
	}
	s, err := newSession(ctx, out, a)
	if err != nil {
		return err
	}
	d := deletion{session: s, done: Deleted{JobID: FullJobID(id)}}
	if err := d.run(ctx, force); err != nil {
		return err
	}
	if s.out.JSON {
		s.out.Result(d.done)
	}
	return nil
}

type deletion struct {
	*session
	done Deleted
}

func (d *deletion) keep(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	d.out.Say("%s", text)
	d.done.Kept = append(d.done.Kept, text)
}

func (d *deletion) run(ctx context.Context, force bool) error {
	id := d.done.JobID
	j, there, err := d.describe(ctx, id)
	if err != nil {
		return err
	}
	if !there {
		return d.goOn(ctx)
	}
	if st := iottypes.JobStatus(j.Status); !force && !slices.Contains(overStatuses, st) {
		return refused("the job %s is %s, and is not deleted while it goes on: cancel it first, or add --force", id, st)
	}
	doc, err := d.addDocument(ctx, &j)
	if err != nil && !(j.Status == string(iottypes.JobStatusDeletionInProgress) && absent(err)) {
		return err
	}
	p, err := d.plan(ctx, doc)
	if err != nil {
		return err
	}
	if j.Counts.InProgress > 0 {
		d.warn("%s in progress will not find the file any more", plural(j.Counts.InProgress, "execution"))
	}
	if err := d.deleteJob(ctx, j, force); err != nil {
		return err
	}
	return d.remove(ctx, p)
}

// goOn is for a job that is gone already, of which a stream may be left.
func (d *deletion) goOn(ctx context.Context) error {
	id, err := d.streamOf(ctx, d.done.JobID)
	if err != nil {
		return err
	}
	if id == "" {
		return noJob(d.done.JobID)
	}
	p, err := d.plan(ctx, document{AFR: &afrOTA{Stream: id}})
	if err != nil {
		return err
	}
	d.out.Say("job %s is gone already", d.done.JobID)
	return d.remove(ctx, p)
}

// streamOf finds a stream by what its description says it was made for.
func (d *deletion) streamOf(ctx context.Context, job string) (string, error) {
	pages := iot.NewListStreamsPaginator(d.iot, &iot.ListStreamsInput{MaxResults: aws.Int32(250)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", explain("list the streams", err)
		}
		for _, st := range page.Streams {
			if about := aws.ToString(st.Description); about == streamDescription+shortJobID(job) || about == streamDescription+shortJobID(job)+existingSuffix {
				return aws.ToString(st.StreamId), nil
			}
		}
	}
	return "", nil
}

// doomed is what belongs to a job alone.
type doomed struct {
	stream  string
	objects []object
}

// plan decides what goes with the job. A stream does whose description names
// this job, and an object does that create-ota, or AWS's sample, signed for it:
// one under whose key lies Signer's JSON too. What another job that is not over
// refers to stays.
func (d *deletion) plan(ctx context.Context, doc document) (p doomed, err error) {
	stream, linked, err := d.delivered(ctx, doc)
	if err != nil {
		return p, err
	}
	var files []File
	own := streamDescription + shortJobID(d.done.JobID)
	switch {
	case stream != nil && stream.Gone:
		d.keep("stream %s is gone already", stream.ID)
	case stream != nil && stream.About != own && stream.About != own+existingSuffix:
		d.keep("stream %s stays, because it was not made for this job (%q)", stream.ID, printable(stream.About))
	case stream != nil:
		p.stream = stream.ID
		if stream.About == own {
			files = stream.Files
		}
	case linked != nil:
		files = []File{*linked}
	}
	for _, f := range files {
		if f.Problem != "" {
			d.keep("the versions of %s stay: %s", f.Object.Key, f.Problem)
			continue
		}
		signed, err := d.findSigned(ctx, f.Object.Bucket, f.Object.Key)
		switch {
		case errors.Is(err, errNotSigned): // the source binary itself
			continue
		case err != nil && ctx.Err() == nil && codeOf(err) != cli.ExitTransport:
			d.keep("the versions of %s stay: %v", f.Object.Key, err)
			continue
		case err != nil:
			return p, err
		}
		p.objects = append(p.objects, d.pair(f.Object, signed)...)
	}
	return d.spare(ctx, p)
}

// pair is the signature and the copy over it. Other versions of the key are
// somebody else's.
func (d *deletion) pair(delivered object, signed signedObject) (all []object) {
	for _, v := range signed.versions {
		switch {
		case v.ID == delivered.Version || v.ID == signed.json.Version:
			all = append(all, object{delivered.Bucket, delivered.Key, v.ID})
		default:
			d.keep("version %s of %s stays, because it is not this job's", v.ID, delivered.Key)
		}
	}
	return all
}

// spare takes out what other jobs need that are not over.
func (d *deletion) spare(ctx context.Context, p doomed) (doomed, error) {
	if p.stream == "" && p.objects == nil {
		return p, nil
	}
	for _, status := range []iottypes.JobStatus{iottypes.JobStatusInProgress, iottypes.JobStatusScheduled} {
		ids, err := d.jobIDs(ctx, status, true)
		if err != nil {
			return p, err
		}
		for _, id := range ids {
			if id == d.done.JobID {
				continue
			}
			if err := d.spareFor(ctx, id, &p); err != nil {
				return p, err
			}
		}
	}
	return p, nil
}

func (d *deletion) spareFor(ctx context.Context, id string, p *doomed) error {
	other := Job{ID: id}
	doc, err := d.addDocument(ctx, &other)
	if err != nil {
		if absent(err) {
			return nil
		}
		return err
	}
	stream, linked, err := d.delivered(ctx, doc)
	if err != nil {
		return err
	}
	var needs []object
	if linked != nil {
		needs = append(needs, linked.Object)
	}
	if stream != nil {
		for _, f := range stream.Files {
			needs = append(needs, f.Object)
		}
		if stream.ID == p.stream && p.stream != "" {
			d.keep("stream %s stays, because job %s needs it", p.stream, id)
			p.stream = ""
		}
	}
	needed := func(o object) bool {
		return slices.ContainsFunc(needs, func(n object) bool { return n.Bucket == o.Bucket && n.Key == o.Key })
	}
	if i := slices.IndexFunc(p.objects, needed); i >= 0 {
		d.keep("the versions of %s stay, because job %s needs them", p.objects[i].Key, id)
		p.objects = slices.DeleteFunc(p.objects, needed)
	}
	return nil
}

// deletionMost is how long a deletion is waited for: the service does it in the
// background.
const deletionMost = 5 * time.Minute

func (d *deletion) deleteJob(ctx context.Context, j Job, force bool) error {
	if j.Status != string(iottypes.JobStatusDeletionInProgress) {
		if _, err := d.iot.DeleteJob(ctx, &iot.DeleteJobInput{JobId: &j.ID, Force: force}); err != nil && !absent(err) {
			return explain("delete job "+j.ID, err)
		}
	}
	for until := d.now().Add(deletionMost); ; {
		_, there, err := d.describe(ctx, j.ID)
		switch {
		case err != nil:
			return err
		case !there:
			d.done.Job = true
			d.out.Say("deleted job %s", j.ID)
			return nil
		case d.now().After(until):
			return coded(cli.ExitTransport, "the job %s is still being deleted: its stream and objects stay until then: run this again later", j.ID)
		case !pause(ctx, d.every):
			return coded(cli.ExitFailed, "interrupted: the job %s is being deleted, its stream and objects are not: run this again", j.ID)
		}
	}
}

// remove takes the stream last: by its description a later run finds what is
// left.
func (d *deletion) remove(ctx context.Context, p doomed) error {
	for _, o := range p.objects {
		if err := d.removeVersions(ctx, o.Bucket, o.Key, []version{{ID: o.Version}}); err != nil {
			return err
		}
		d.done.Objects = append(d.done.Objects, o)
		d.out.Say("deleted %s", o)
	}
	if p.stream == "" {
		return nil
	}
	if _, err := d.iot.DeleteStream(ctx, &iot.DeleteStreamInput{StreamId: &p.stream}); err != nil && !absent(err) {
		return explain("delete stream "+p.stream, err)
	}
	d.done.Stream = p.stream
	d.out.Say("deleted stream %s", p.stream)
	return nil
}
