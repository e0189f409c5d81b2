package awsiot

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// environment is what a shell exports to have any AWS client use the cloud.
func environment(t *testing.T, e Endpoints) []string {
	t.Helper()
	none := filepath.Join(t.TempDir(), "none") // nobody's own settings
	return append(os.Environ(),
		"AWS_ENDPOINT_URL="+e.Control, "AWS_REGION="+e.Region, "AWS_DEFAULT_REGION="+e.Region,
		"AWS_ACCESS_KEY_ID="+e.AccessKey, "AWS_SECRET_ACCESS_KEY="+e.SecretKey, "AWS_SESSION_TOKEN=",
		"AWS_CONFIG_FILE="+none, "AWS_SHARED_CREDENTIALS_FILE="+none, "AWS_PAGER=", "AWS_EC2_METADATA_DISABLED=true")
}

// pythons are those with boto3, each once.
func pythons(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, name := range []string{"/usr/bin/python3", "python3"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		if out, err := exec.Command(path, "-c", "import boto3").CombinedOutput(); err != nil {
			t.Logf("skipped: %s has no boto3: %s", path, lastLine(string(out)))
			continue
		}
		if len(found) == 0 || found[0] != path {
			found = append(found, path)
		}
	}
	return found
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

func TestBoto3SeesTheAccount(t *testing.T) {
	all := pythons(t)
	if len(all) == 0 {
		t.Skip("needs a Python with boto3: apt-get install python3-boto3")
	}
	for _, python := range all {
		t.Run(filepath.Base(filepath.Dir(python)), func(t *testing.T) {
			c := ForTest(t, Options{})
			p, err := c.Prepare(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(python, "testdata/account.py", p.Control, p.Region, p.Bucket, p.Profile, p.Group, p.Device.Thing)
			cmd.Env = environment(t, p.Endpoints)
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.HasPrefix(string(out), "boto3 ") {
				t.Fatalf("%v: %s", err, out)
			}
			t.Logf("%s", out)
		})
	}
}

// TestAWSCommandLine has the AWS CLI do a job by the printed settings alone.
func TestAWSCommandLine(t *testing.T) {
	cli, err := exec.LookPath("aws")
	if err != nil {
		t.Skip("needs the AWS CLI")
	}
	c := ForTest(t, Options{})
	p, err := c.Prepare(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	env := environment(t, p.Endpoints)
	run := func(args ...string) map[string]any {
		t.Helper()
		cmd := exec.Command(cli, append(args, "--output", "json")...)
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		var got map[string]any
		if err != nil || len(out) > 0 && json.Unmarshal(out, &got) != nil {
			t.Fatalf("aws %v: %v: %s", args, err, out)
		}
		return got
	}
	if id := run("sts", "get-caller-identity"); id["Account"] != Account {
		t.Errorf("the caller is %v", id)
	}
	run("iot", "create-job", "--job-id", "cli", "--targets", groupARN(p.Group), "--document", `{"a":1}`,
		"--scheduling-config", `{"maintenanceWindows":[{"startTime":"cron(0 2 ? * SAT *)","durationInMinutes":60}]}`, "--target-selection", "CONTINUOUS")
	job, _ := run("iot", "describe-job", "--job-id", "cli")["job"].(map[string]any)
	if rollouts, _ := job["scheduledJobRollouts"].([]any); job["status"] != "SCHEDULED" || len(rollouts) == 0 {
		t.Errorf("the job is %v", job)
	}
	versions, _ := run("s3api", "list-object-versions", "--bucket", Bucket, "--prefix", p.Image)["Versions"].([]any)
	if len(versions) != 1 {
		t.Errorf("versions of %s: %v", p.Image, versions)
	}
	run("iot", "create-package", "--package-name", "fw")
	run("iot", "create-package-version", "--package-name", "fw", "--version-name", "1")
	if v := run("iot", "get-package-version", "--package-name", "fw", "--version-name", "1"); v["status"] != "DRAFT" {
		t.Errorf("the version is %v", v)
	}
}
