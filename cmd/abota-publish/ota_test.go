package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"abota/cmd/internal/cli"
	"abota/sim/awsiot"
	"abota/sim/awsiot/service"
	"abota/updater/jobs"
	"abota/updater/signature"
)

// cloud is an AWS IoT with a device in a group, a signing profile and a binary.
type cloud struct {
	*awsiot.Cloud
	awsiot.Prepared
}

// newCloud starts one, and has the environment lead every client to it.
func newCloud(t *testing.T) *cloud {
	t.Helper()
	c := awsiot.ForTest(t, awsiot.Options{Pause: time.Millisecond})
	p, err := c.Prepare(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": p.Control, "AWS_REGION": p.Region, "AWS_ACCESS_KEY_ID": p.AccessKey, "AWS_SECRET_ACCESS_KEY": p.SecretKey,
		"AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none, "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
	for _, name := range []string{"AWS_SESSION_TOKEN", "AWS_PROFILE"} {
		t.Setenv(name, "") // so that it is put back
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
	return &cloud{c, p}
}

// publish runs a command; stdout is returned, and on failure stderr too.
func (c *cloud) publish(ctx context.Context, t *testing.T, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	if code := run(ctx, args, nil, &out, &err); code != want {
		t.Fatalf("%q: exit code %d, want %d: %s%s%v", args, code, want, out.String(), err.String(), context.Cause(ctx))
	}
	return out.String(), err.String()
}

// sample is the sample's command line.
func (c *cloud) sample(job string, more ...string) []string {
	return append([]string{"create-ota", c.Image, c.Bucket, c.Profile, c.Role, c.Group, job}, more...)
}

// object reads one from the bucket.
func (c *cloud) object(t *testing.T, key string) []byte {
	t.Helper()
	o, err := c.Store().Get(t.Context(), c.Bucket, key)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	data, err := io.ReadAll(o)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// device takes the next job, lets see look at it, and reports a status.
func (c *cloud) device(ctx context.Context, status string, see func(jobs.Document) error) error {
	for {
		out, err := c.Service().StartNextPendingJobExecution(service.StartNextInput{ThingName: c.Device.Thing})
		if err != nil {
			return err
		}
		if e := out.Execution; e != nil {
			text, err := json.Marshal(e.JobDocument)
			if err != nil {
				return err
			}
			d, err := jobs.Parse(text)
			if err != nil {
				return fmt.Errorf("%s: %w", text, err)
			}
			if err := see(d); err != nil {
				return err
			}
			_, err = c.Service().UpdateJobExecution(service.UpdateInput{
				ThingName: c.Device.Thing, JobID: e.JobID, Status: status, StatusDetails: map[string]string{"reason": "said by the test"},
			})
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// trusted verifies the document's signature as a device does it.
func (c *cloud) trusted(image []byte) func(jobs.Document) error {
	sum := sha256.Sum256(image)
	return func(d jobs.Document) error {
		s, err := signature.New(c.Certs, d.File.Certificate, strings.TrimPrefix(string(d.File.Algorithm), "sig-"), d.File.Signature)
		if err != nil {
			return err
		}
		return s.Verify(sum)
	}
}

// TestCreateOTAToItsEnd is the whole way, with the device's own eyes.
func TestCreateOTAToItsEnd(t *testing.T) {
	c := newCloud(t)
	image := c.object(t, c.Image)
	for _, row := range []struct {
		job, status string
		code        int
		more        []string
		want        string
	}{
		{"good", "SUCCEEDED", cli.ExitDone, nil, "is COMPLETED: 1 succeeded"},
		{"bad", "FAILED", cli.ExitFailed, []string{"--protocol", "both", "--retry", "none"}, "is COMPLETED: 1 failed"},
	} {
		ctx, giveUp := context.WithCancelCause(t.Context())
		failed := make(chan error, 1)
		go func() {
			err := c.device(ctx, row.status, c.trusted(image))
			if err != nil {
				giveUp(err) // or the job would never end
			}
			failed <- err
		}()
		_, said := c.publish(ctx, t, row.code, c.sample(row.job, append([]string{"--start", "now", "--wait"}, row.more...)...)...)
		if err := <-failed; err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(said, row.want) {
			t.Errorf("%s: %s", row.job, said)
		}
		shown, _ := c.publish(t.Context(), t, cli.ExitDone, "ota", "show", row.job)
		if !strings.Contains(shown, "device-1  "+row.status+"  reason=said by the test") {
			t.Errorf("%s: %s", row.job, shown)
		}
		c.publish(t.Context(), t, cli.ExitDone, "ota", "delete", row.job)
	}
	c.wantNothingLeft(t, image)
}

// wantNothingLeft wants the account as it was, and the binary untouched.
func (c *cloud) wantNothingLeft(t *testing.T, image []byte) {
	t.Helper()
	streams, err := c.Service().ListStreams(service.ListStreamsInput{})
	if err != nil || len(streams.Streams) > 0 {
		t.Errorf("streams are left: %+v, %v", streams, err)
	}
	listed, _ := c.publish(t.Context(), t, cli.ExitDone, "ota", "list", "--all", "--json")
	if listed != `{"jobs":[]}`+"\n" {
		t.Errorf("jobs are left: %s", listed)
	}
	if !bytes.Equal(c.object(t, c.Image), image) {
		t.Error("the binary is another one")
	}
}

// TestEverythingThatCreateOTATakesIsTakenByTheService, which checks it by
// rules of its own.
func TestEverythingThatCreateOTATakesIsTakenByTheService(t *testing.T) {
	c := newCloud(t)
	for _, step := range []error{
		ignore(c.Service().CreatePackage(service.CreatePackageInput{PackageName: "fw"})),
		ignore(c.Service().CreatePackageVersion(service.CreatePackageVersionInput{PackageName: "fw", VersionName: "1.4.0"})),
		c.Service().UpdatePackageVersion(service.UpdatePackageVersionInput{PackageName: "fw", VersionName: "1.4.0", Action: "PUBLISH"}),
	} {
		if step != nil {
			t.Fatal(step)
		}
	}
	c.publish(t.Context(), t, cli.ExitDone, c.sample("all",
		"--protocol", "both", "--continuous", "--target", "thing:"+c.Device.Thing, "--description", "the whole lot",
		"--window", "cron(0 2 ? * SAT *) 2h", "--window", "cron(30/20 4 L * ? *),10", "--window", "cron(0 22 ? JAN-JUN 4#2 *) 1h", "--end", "+8760h", "--end-behavior", "STOP_ROLLOUT",
		"--timeout", "1h", "--retry", "FAILED=2", "--retry", "TIMED_OUT=8", "--rollout-base", "50", "--rollout-factor", "1.5", "--rollout-after-notified", "100",
		"--max-per-minute", "500", "--abort", "FAILED:20.5%:5", "--abort", "ALL:50:100", "--package", "fw/1.4.0", "--tag", "team=fw", "--expires-in", "90s")...)
	text, _ := c.publish(t.Context(), t, cli.ExitDone, "ota", "show", "all", "--json")
	var got struct {
		Schedule struct{ Windows, Next []string }
		Document struct {
			AFR struct {
				Files []struct {
					URL string `json:"update_data_url"`
				}
			} `json:"afr_ota"`
			Abota struct {
				Package struct{ Name, Version string }
			}
		}
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Schedule.Windows) != 3 || len(got.Schedule.Next) != 7 || got.Document.Abota.Package.Version != "1.4.0" || !strings.HasPrefix(got.Document.AFR.Files[0].URL, "${aws:iot:s3-presigned-url-v2:") {
		t.Errorf("%s", text)
	}
	c.publish(t.Context(), t, cli.ExitDone, "ota", "delete", "all", "--force")
	c.wantNothingLeft(t, c.object(t, c.Image))
}

func ignore[T any](_ T, err error) error { return err }

func TestWaitCanBeLeft(t *testing.T) {
	c := newCloud(t)
	ctx, interrupt := context.WithCancel(t.Context())
	go func() {
		for {
			out, err := c.Service().DescribeJob("AFR_OTA-Job1")
			if err == nil && out.Job.Status == "IN_PROGRESS" || t.Context().Err() != nil {
				interrupt()
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	_, said := c.publish(ctx, t, cli.ExitFailed, c.sample("Job1", "--start", "now", "--wait")...)
	if !strings.Contains(said, "interrupted") || !strings.Contains(said, "ota cancel Job1") {
		t.Error(said)
	}
	if out, err := c.Service().DescribeJob("AFR_OTA-Job1"); err != nil || out.Job.Status != "IN_PROGRESS" {
		t.Errorf("the job is %+v, %v", out.Job, err)
	}
}

const createOTAScript = "../../testdata/aws-iot/create_ota.py"

// TestAsOthersMakeIt: a job that boto3 makes by the sample's calls is the same
// to devices, and to the verbs that see to jobs.
func TestAsOthersMakeIt(t *testing.T) {
	if exec.Command(python3, "-c", "import boto3").Run() != nil {
		t.Skip("skipped: python3-boto3 is not installed")
	}
	c := newCloud(t)
	image := c.object(t, c.Image)
	cmd := exec.Command(python3, createOTAScript, c.Image, c.Bucket, c.Profile, c.Role, c.Group, "theirs", "0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := c.device(t.Context(), "SUCCEEDED", c.trusted(image)); err != nil {
		t.Fatal(err)
	}
	c.publish(t.Context(), t, cli.ExitDone, c.sample("ours", "--start", "now")...)
	ours, theirs := c.shape(t, "ours"), c.shape(t, "theirs")
	if !reflect.DeepEqual(ours, theirs) {
		t.Errorf("ours   %v\ntheirs %v", ours, theirs)
	}
	c.publish(t.Context(), t, cli.ExitDone, "ota", "delete", "theirs")
	c.publish(t.Context(), t, cli.ExitDone, "ota", "delete", "ours", "--force")
	c.wantNothingLeft(t, image)
}

// shape is a job's document without what differs from job to job.
func (c *cloud) shape(t *testing.T, job string) []string {
	t.Helper()
	out, err := c.Service().GetJobDocument("AFR_OTA-"+job, false)
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		AFR map[string]json.RawMessage `json:"afr_ota"`
	}
	if err := json.Unmarshal([]byte(out.Document), &d); err != nil {
		t.Fatal(err)
	}
	var files []map[string]json.RawMessage
	if err := json.Unmarshal(d.AFR["files"], &files); err != nil || len(files) != 1 {
		t.Fatalf("%s: %v", out.Document, err)
	}
	files[0]["sig-sha256-ecdsa"], d.AFR["streamname"] = nil, nil
	delete(d.AFR, "files")
	var all []string
	for _, part := range []map[string]json.RawMessage{d.AFR, files[0]} {
		for key, value := range part {
			all = append(all, key+" "+strings.ReplaceAll(string(value), " ", ""))
		}
	}
	slices.Sort(all)
	return all
}
