package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"abota/cmd/internal/cli"
	"abota/sim/store"
)

// python is the one that Debian's packages extend.
const python = "/usr/bin/python3"

func needPython(t *testing.T) {
	t.Helper()
	if err := exec.Command(python, "-c", "import boto3, cryptography.fernet").Run(); err != nil {
		t.Skipf("no %s with python3-boto3 and python3-cryptography: %v", python, err)
	}
}

// TestReleaseMadeByPythonIsInstalled is the way of somebody who has the older
// scripts: their bucket, their three objects, their configuration file with
// the bucket and the slots added.
func TestReleaseMadeByPythonIsInstalled(t *testing.T) {
	needPython(t)
	bucket := store.ForTest(t)
	if err := bucket.MakeBucket(t.Context(), "xxx-download"); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	image := make([]byte, 3<<20+123)
	if _, err := rand.Read(image[:1<<20]); err != nil {
		t.Fatal(err)
	}
	must(t, os.WriteFile(filepath.Join(dir, "rootfs.img"), image, 0o600))
	publish := exec.Command(python, "../../testdata/python/publish.py", filepath.Join(dir, "rootfs.img"), dir, bucket.Endpoint(), "xxx-download")
	publish.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+bucket.Keys().AccessKey, "AWS_SECRET_ACCESS_KEY="+bucket.Keys().SecretKey)
	if out, err := publish.CombinedOutput(); err != nil {
		t.Fatalf("publish.py: %v\n%s", err, out)
	}
	for _, slot := range []string{"a.img", "b.img"} {
		must(t, os.WriteFile(filepath.Join(dir, slot), make([]byte, 4<<20), 0o600))
	}
	// The first three lines are the older script's own, then what it had in
	// its source, and what it did not have.
	config := fmt.Sprintf("accesskey:%s\nsecretkey:%s\nregion:us-east-1\nfile_name:%s\n\nbucket:xxx-download\nendpoint:%s\nslots: {a: %s, b: %s}\n",
		bucket.Keys().AccessKey, bucket.Keys().SecretKey, "%s", bucket.Endpoint(), filepath.Join(dir, "a.img"), filepath.Join(dir, "b.img"))
	path := filepath.Join(dir, "config.yaml")
	abota := func(fileName string, args ...string) (int, string) {
		must(t, os.WriteFile(path, fmt.Appendf(nil, config, fileName), 0o600))
		var out, diag bytes.Buffer
		code := run(context.Background(), append([]string{"--config", path, "--set", "state_dir=" + filepath.Join(dir, "state")}, args...), nil, &out, &diag)
		return code, out.String() + diag.String()
	}
	if code, out := abota("xyz.zip", "install"); code != cli.ExitFailed || !strings.Contains(out, "xyz.zip") || !strings.Contains(out, "firmware.zip") {
		t.Errorf("a wrong file_name ended in %d: %s", code, out)
	}
	if code, out := abota("firmware.zip", "install"); code != cli.ExitDone {
		t.Fatalf("install ended in %d: %s", code, out)
	}
	got, err := os.ReadFile(filepath.Join(dir, "b.img"))
	must(t, err)
	if !bytes.Equal(got[:len(image)], image) {
		t.Error("slot B does not hold the image")
	}
	if code, out := abota("firmware.zip", "--booted", "B", "--set", "health.stable_for=10ms", "boot"); code != cli.ExitDone {
		t.Errorf("boot ended in %d: %s", code, out)
	}
	if code, out := abota("firmware.zip", "install"); code != cli.ExitNothingToDo {
		t.Errorf("a second install ended in %d: %s", code, out)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
