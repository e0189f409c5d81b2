package clients

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"abota/sim/awsiot"
)

// world is an AWS IoT with a device, a signing profile and an object.
type world struct {
	*awsiot.Cloud
	awsiot.Prepared
	t *testing.T
}

func newWorld(t *testing.T) *world {
	t.Helper()
	c := awsiot.ForTest(t, awsiot.Options{Log: nil})
	p, err := c.Prepare(t.Context())
	must(t, err)
	return &world{c, p, t}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// environment is what a shell exports to have any AWS client use the account
// by way of an endpoint.
func (w *world) environment(endpoint string) []string {
	none := filepath.Join(w.t.TempDir(), "none") // nobody's own settings
	own := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_") })
	return append(own,
		"AWS_ENDPOINT_URL="+endpoint, "AWS_REGION="+w.Region, "AWS_DEFAULT_REGION="+w.Region,
		"AWS_ACCESS_KEY_ID="+w.AccessKey, "AWS_SECRET_ACCESS_KEY="+w.SecretKey,
		"AWS_CONFIG_FILE="+none, "AWS_SHARED_CREDENTIALS_FILE="+none, "AWS_PAGER=", "AWS_EC2_METADATA_DISABLED=true")
}

// put keeps an object, and returns its version.
func (w *world) put(key string, content []byte) (version string) {
	w.t.Helper()
	must(w.t, w.Store().Put(w.t.Context(), w.Bucket, key, bytes.NewReader(content), int64(len(content)), nil))
	object, at, err := w.Store().Open(w.t.Context(), w.Bucket, key, "")
	must(w.t, err)
	must(w.t, object.Close())
	return at.ID
}

// command runs a program to its end, and returns what it printed.
func (w *world) command(env []string, name string, args ...string) string {
	w.t.Helper()
	cmd := exec.CommandContext(w.t.Context(), name, args...)
	cmd.Env = env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		w.t.Fatalf("%s %s: %v: %s%s", filepath.Base(name), strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String()
}

// binaries builds each of abota's commands once.
var binaries = struct {
	sync.Mutex
	dir string
}{}

func TestMain(m *testing.M) {
	code := m.Run()
	if binaries.dir != "" {
		os.RemoveAll(binaries.dir)
	}
	os.Exit(code)
}

// binary is the path of one of abota's commands.
func binary(t *testing.T, command string) string {
	t.Helper()
	binaries.Lock()
	defer binaries.Unlock()
	if binaries.dir == "" {
		dir, err := os.MkdirTemp("", "abota-clients-")
		must(t, err)
		binaries.dir = dir
	}
	path := filepath.Join(binaries.dir, command)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", path, "abota/cmd/"+command).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v: %s", command, err, out)
	}
	return path
}

// pythons are those that have boto3, Debian's first, each with its version.
func pythons(t *testing.T) (found [][2]string) {
	t.Helper()
	for _, name := range []string{"/usr/bin/python3", "python3"} {
		path, err := exec.LookPath(name)
		if err != nil || len(found) > 0 && found[0][0] == path {
			continue
		}
		version, err := exec.Command(path, "-c", "import boto3; print(boto3.__version__)").Output()
		if err != nil {
			t.Logf("SKIPPED: %s has no boto3: apt-get install python3-boto3", path)
			continue
		}
		found = append(found, [2]string{path, strings.TrimSpace(string(version))})
	}
	if len(found) == 0 {
		t.Skip("SKIPPED: no Python has boto3: apt-get install python3 python3-boto3")
	}
	return found
}
