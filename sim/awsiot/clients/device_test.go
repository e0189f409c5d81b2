package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"abota/sim/awsiot/service"
)

// slotSize is the size of the device's slots.
const slotSize = 512 << 10

// patience is how long a test waits for what must come.
const patience = 3 * time.Minute

// board is abota on a device whose slots are files. Its reboots are the
// test's.
type board struct {
	w     *world
	dir   string
	abota string
	slot  string // that is booted
}

func newBoard(w *world) *board {
	w.t.Helper()
	b := &board{w, w.t.TempDir(), binary(w.t, "abota"), "A"}
	factory := append([]byte("factory"), make([]byte, slotSize-len("factory"))...)
	for name, content := range map[string][]byte{"a.img": factory, "b.img": make([]byte, slotSize), "healthy": nil} {
		must(w.t, os.WriteFile(filepath.Join(b.dir, name), content, 0o600))
	}
	text := fmt.Sprintf(`mode: aws-iot
endpoint: %s
aws_iot: {endpoint: %q, thing: %s, ca_file: %s, cert: %s, key: %s, certificates: %s, block_size: 16K}
slots: {a: DIR/a.img, b: DIR/b.img}
state_dir: DIR/state
health: {deadline: 10s, stable_for: 1ms, checks: [{exec: [test, -e, DIR/healthy]}]}
hooks: {before_reboot: [touch, DIR/rebooted]}
`, w.S3, w.MQTTS, w.Device.Thing, w.CA, w.Device.Certificate, w.Device.Key, w.Certs)
	must(w.t, os.WriteFile(filepath.Join(b.dir, "config.yaml"), []byte(strings.ReplaceAll(text, "DIR", b.dir)), 0o600))
	return b
}

func (b *board) path(name string) string { return filepath.Join(b.dir, name) }

func (b *board) args(more ...string) []string {
	return append([]string{"-v", "--config", b.path("config.yaml"), "--booted", b.slot}, more...)
}

// run has the agent run until it is to end, and returns what ends it.
func (b *board) run() (stop func()) {
	b.w.t.Helper()
	log := &bytes.Buffer{}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, b.abota, b.args("run")...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = patience
	must(b.w.t, cmd.Start())
	over := make(chan error, 1)
	go func() { over <- cmd.Wait() }()
	ended := false
	stop = func() {
		if ended {
			return
		}
		ended = true
		cancel()
		if err := <-over; err != nil && cmd.ProcessState.ExitCode() != 0 {
			b.w.t.Errorf("the agent: %v", err)
		}
		if b.w.t.Failed() {
			b.w.t.Logf("the agent said:\n%s", log)
		}
	}
	b.w.t.Cleanup(stop)
	return stop
}

// takes lets the device have the next job and boot what it brings, which is
// content, and wants the job to succeed.
func (b *board) takes(job string, content []byte) {
	b.w.t.Helper()
	stop := b.run()
	eventually(b.w.t, "the reboot for "+job, func() bool { _, err := os.Stat(b.path("rebooted")); return err == nil })
	stop()
	must(b.w.t, os.Remove(b.path("rebooted")))
	b.slot = map[string]string{"A": "B", "B": "A"}[b.slot]
	b.w.command(os.Environ(), b.abota, b.args("boot")...)
	stop = b.run()
	eventually(b.w.t, job+" SUCCEEDED", func() bool { return b.status(job) == "SUCCEEDED" })
	stop()
	if held, err := os.ReadFile(b.path(strings.ToLower(b.slot) + ".img")); err != nil || !bytes.HasPrefix(held, content) {
		b.w.t.Errorf("slot %s does not hold the image of %s: %v", b.slot, job, err)
	}
	if out, err := b.w.Service().DescribeJob(job); err != nil || out.Job.Status != "COMPLETED" {
		b.w.t.Errorf("job %s is %s, %v", job, out.Job.Status, err)
	}
}

func (b *board) status(job string) string {
	out, err := b.w.Service().DescribeJobExecution(service.DescribeExecutionInput{ThingName: b.w.Device.Thing, JobID: job})
	if err != nil {
		return ""
	}
	return out.Execution.Status
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("in vain waited for %s", what)
}

// seenByOthers wants abota-publish to see a job that somebody else made.
func (w *world) seenByOthers(job string) {
	w.t.Helper()
	env, tool := w.environment(w.Control), binary(w.t, "abota-publish")
	for _, args := range [][]string{{"ota", "list"}, {"ota", "show", strings.TrimPrefix(job, "AFR_OTA-")}} {
		out := w.command(env, tool, args...)
		if !strings.Contains(out, job) || !strings.Contains(out, "COMPLETED") || args[1] == "show" && !strings.Contains(out, w.Device.Thing+"  SUCCEEDED") {
			w.t.Errorf("abota-publish %s does not show %s:\n%s", strings.Join(args, " "), job, out)
		}
	}
}

// TestTheDeviceTakesTheSamplesJob, which begins an hour after it was made.
func TestTheDeviceTakesTheSamplesJob(t *testing.T) {
	python := pythons(t)[0]
	t.Logf("boto3 %s", python[1])
	w := newWorld(t)
	b := newBoard(w)
	w.command(w.environment(w.Control), python[0], createOTAScript, w.Image, w.Bucket, w.Profile, w.Role, w.Group, "boto3")
	const job = "AFR_OTA-boto3"
	if out, err := w.Service().DescribeJob(job); err != nil || out.Job.Status != "SCHEDULED" || b.status(job) != "" {
		t.Errorf("before its time the job is %s, %v", out.Job.Status, err)
	}
	w.Clock().Advance(61 * time.Minute)
	b.takes(job, w.object(w.Image, ""))
	w.seenByOthers(job)
}

// TestTheDeviceTakesJobsOfTheAWSCommandLine, made call by call, one by a stream
// and one by a link.
func TestTheDeviceTakesJobsOfTheAWSCommandLine(t *testing.T) {
	cli, err := exec.LookPath("aws")
	if err != nil {
		t.Skip("SKIPPED: the AWS CLI is not here: apt-get install awscli")
	}
	w := newWorld(t)
	t.Logf("%s", w.command(os.Environ(), cli, "--version"))
	b := newBoard(w)
	for i, protocol := range []string{"MQTT", "HTTP"} {
		image := make([]byte, 200_000+i)
		_, _ = rand.NewChaCha8([32]byte{2, byte(i)}).Read(image)
		key, job := protocol+".bin", "AFR_OTA-cli-"+protocol
		w.makeByCommandLine(cli, job, protocol, key, w.put(key, image), len(image))
		b.takes(job, image)
		w.seenByOthers(job)
	}
}

// makeByCommandLine signs an object and makes a job of it, by a stream or by a
// link.
func (w *world) makeByCommandLine(cli, job, protocol, key, version string, size int) {
	w.t.Helper()
	env := w.environment(w.Control)
	aws := func(args ...string) map[string]any {
		w.t.Helper()
		out := w.command(env, cli, append(args, "--output", "json")...)
		if strings.TrimSpace(out) == "" {
			return nil
		}
		got, _ := tree(w.t, out).(map[string]any)
		return got
	}
	made := aws("signer", "start-signing-job", "--profile-name", w.Profile,
		"--source", compact(map[string]any{"s3": map[string]any{"bucketName": w.Bucket, "key": key, "version": version}}),
		"--destination", compact(map[string]any{"s3": map[string]any{"bucketName": w.Bucket, "prefix": "SignedImage/"}}))
	signing, _ := made["jobId"].(string)
	var described map[string]any
	eventually(w.t, "the signing job", func() bool {
		described = aws("signer", "describe-signing-job", "--job-id", signing)
		return described["status"] == "Succeeded"
	})
	signed := struct {
		SignedObject      struct{ S3 struct{ Key string } }
		SigningParameters map[string]string
	}{}
	must(w.t, json.Unmarshal([]byte(compact(described)), &signed))
	local := filepath.Join(w.t.TempDir(), "signed.json")
	aws("s3api", "get-object", "--bucket", w.Bucket, "--key", signed.SignedObject.S3.Key, local)
	text, err := os.ReadFile(local)
	must(w.t, err)
	object, _ := tree(w.t, string(text)).(map[string]any)
	role := "arn:aws:iam::" + w.Account + ":role/" + w.Role
	file := map[string]any{
		"filepath": nil, "filesize": size, "fileid": 0, "certfile": signed.SigningParameters["certname"],
		"update_data_url": nil, "auth_scheme": nil, "sig-sha256-ecdsa": object["signature"],
	}
	ota := map[string]any{"protocols": []string{protocol}, "files": []any{file}}
	more := []string{"--target-selection", "SNAPSHOT", "--timeout-config", "inProgressTimeoutInMinutes=10"}
	if protocol == "MQTT" {
		ota["streamname"] = job
		aws("iot", "create-stream", "--stream-id", job, "--role-arn", role,
			"--files", compact([]any{map[string]any{"fileId": 0, "s3Location": map[string]any{"bucket": w.Bucket, "key": key, "version": version}}}))
	} else {
		file["auth_scheme"] = "aws.s3.presigned"
		file["update_data_url"] = fmt.Sprintf("${aws:iot:s3-presigned-url-v2:https://s3.%s.amazonaws.com/%s/%s%%3FversionId%%3D%s}", w.Region, w.Bucket, key, version)
		more = append(more, "--presigned-url-config", "roleArn="+role+",expiresInSec=300")
	}
	aws(append([]string{
		"iot", "create-job", "--job-id", job, "--targets", fmt.Sprintf("arn:aws:iot:%s:%s:thinggroup/%s", w.Region, w.Account, w.Group),
		"--document", compact(map[string]any{"afr_ota": ota}),
	}, more...)...)
}
