package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// fakeGo puts a Go tool into PATH that runs script.
func fakeGo(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "go"), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":/usr/bin:/bin")
}

func TestConcurrentStartersBuildOnce(t *testing.T) {
	ForTest(t) // makes sure that there is a server to hand out
	real, err := binary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	runs := filepath.Join(t.TempDir(), "runs")
	t.Setenv("GOFLAGS", "-mod=vendor")
	t.Setenv("GOARCH", "arm64")
	t.Setenv("REAL", real)
	t.Setenv("RUNS", runs)
	fakeGo(t, `echo "$* flags=$GOFLAGS arch=$GOARCH" >>"$RUNS"; sleep 0.3; cp "$REAL" "$GOBIN/minio"`)

	dir := filepath.Join(t.TempDir(), "cache")
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if path, err := binaryIn(t.Context(), dir); err != nil || !isMinIO(path) {
				t.Errorf("binaryIn = %q, %v", path, err)
			}
		})
	}
	wg.Wait()
	said, err := os.ReadFile(runs)
	if err != nil {
		t.Fatal(err)
	}
	if want := "install " + module + "@" + version + " flags= arch=\n"; string(said) != want {
		t.Errorf("the Go tool ran as %q, want once as %q", said, want)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "build-*")); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestHalfWrittenServerIsNotUsed(t *testing.T) {
	fakeGo(t, "echo 'no route to host' >&2; exit 1")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "minio"), []byte("\x7fELF"), 0o700); err != nil {
		t.Fatal(err)
	}
	path, err := binaryIn(t.Context(), dir)
	if !errors.Is(err, ErrNoBinary) || !strings.Contains(err.Error(), "no route to host") {
		t.Errorf("binaryIn = %q, %v, want ErrNoBinary with the tool's reason", path, err)
	}
}

func TestWithoutGoTheErrorSaysWhatToDo(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := binaryIn(t.Context(), t.TempDir())
	if !errors.Is(err, ErrNoBinary) || !strings.Contains(err.Error(), "install Go") {
		t.Errorf("error %v, want ErrNoBinary and what to do", err)
	}
}

func TestWaitingForAnotherBuildCanBeCancelled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := lock(ctx, path); !errors.Is(err, context.Canceled) {
		t.Errorf("lock = %v, want context.Canceled", err)
	}
	unlock()
	unlock, err = lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}
