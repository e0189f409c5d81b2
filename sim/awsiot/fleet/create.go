package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"abota/sim/awsiot"
)

// run is abota-publish with the cloud's keys, and with nothing else of whoever
// runs this.
func (f *fleet) run(ctx context.Context, args ...string) ([]byte, error) {
	e := f.cloud.Endpoints()
	none := filepath.Join(f.Dir, "none")
	cmd := exec.CommandContext(ctx, f.Publisher, args...)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + f.Dir, "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=" + none, "AWS_SHARED_CREDENTIALS_FILE=" + none,
		"AWS_ENDPOINT_URL=" + e.Control, "AWS_REGION=" + e.Region, "AWS_ACCESS_KEY_ID=" + e.AccessKey, "AWS_SECRET_ACCESS_KEY=" + e.SecretKey,
	}
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("abota-publish %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(complaint.Bytes()))
	}
	return out, nil
}

// flags are the criteria on create-ota's command line.
func (c criteria) flags() []string {
	after := "--rollout-after-notified"
	if c.success {
		after = "--rollout-after-succeeded"
	}
	return []string{
		"--rollout-base", fmt.Sprint(c.base), "--rollout-factor", fmt.Sprintf("%d.%d", c.tenths/10, c.tenths%10),
		after, fmt.Sprint(c.every), "--max-per-minute", fmt.Sprint(c.most),
		"--abort", fmt.Sprintf("FAILED:%d%%:%d", c.percent, c.least),
	}
}

// create makes the job of an image, which begins at once, and returns its ID.
func (f *fleet) create(ctx context.Context, i image, c criteria) (string, error) {
	args := append([]string{"--json", "create-ota", "--start", "now"}, c.flags()...)
	args = append(args, i.file(), awsiot.Bucket, profile, role, group, "release-"+i.version)
	fmt.Fprintf(f.Out, "\n$ abota-publish %s\n", strings.Join(args[1:], " "))
	out, err := f.run(ctx, args...)
	if err != nil {
		return "", err
	}
	var made struct {
		Job string `json:"job_id"`
	}
	if err := json.Unmarshal(out, &made); err != nil || made.Job == "" {
		return "", errors.Join(fmt.Errorf("create-ota says %.200q", out), err)
	}
	return made.Job, nil
}

// counts are a job's things by status.
type counts struct {
	Queued     int `json:"queued"`
	InProgress int `json:"in_progress"`
	Succeeded  int `json:"succeeded"`
	Failed     int `json:"failed"`
	Rejected   int `json:"rejected"`
	TimedOut   int `json:"timed_out"`
	Canceled   int `json:"canceled"`
	Removed    int `json:"removed"`
}

// String leaves out what is not there.
func (c counts) String() string {
	var parts []string
	for _, row := range []struct {
		n    int
		name string
	}{
		{c.Queued, "queued"},
		{c.InProgress, "in progress"},
		{c.Succeeded, "succeeded"},
		{c.Failed, "failed"},
		{c.Rejected, "rejected"},
		{c.TimedOut, "timed out"},
		{c.Canceled, "canceled"},
		{c.Removed, "removed"},
	} {
		if row.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", row.n, row.name))
		}
	}
	return strings.Join(parts, ", ")
}

// shown is what `ota show` says of a job.
type shown struct {
	Status     string `json:"status"`
	Reason     string `json:"reason_code"`
	Comment    string `json:"comment"`
	Counts     counts `json:"counts"`
	Executions []struct {
		Thing   string            `json:"thing"`
		Status  string            `json:"status"`
		Details map[string]string `json:"details"`
	} `json:"executions"`
}

// show is `ota show` of a job.
func (f *fleet) show(ctx context.Context, job string) (s shown, err error) {
	out, err := f.run(ctx, "--json", "ota", "show", job)
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(out, &s)
}
