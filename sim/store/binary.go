package store

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// The pinned source. It is a pseudo-version because MinIO's releases are not
// tagged the way modules are.
const (
	module  = "github.com/minio/minio"
	version = "v0.0.0-20260212201848-7aac2a2c5b7c"
)

// ErrNoBinary: MinIO is not in the cache and cannot be built here.
var ErrNoBinary = errors.New("no MinIO")

// Fetch makes sure that MinIO is in the user's cache, for a later [Start]
// without network.
func Fetch(ctx context.Context) error {
	_, err := binary(ctx)
	return err
}

// binary returns the path of the MinIO in the user's cache, abota/minio-VERSION,
// and builds it first when it is missing, which takes minutes and needs the
// Go tool and its module proxy. Several processes may ask at once.
func binary(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("%w: find the cache folder: %w", ErrNoBinary, err)
	}
	return binaryIn(ctx, filepath.Join(cache, "abota", "minio-"+version))
}

func binaryIn(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "minio")
	if isMinIO(path) {
		return path, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("%w: make its folder: %w", ErrNoBinary, err)
	}
	unlock, err := lock(ctx, filepath.Join(dir, "lock"))
	if err != nil {
		return "", fmt.Errorf("%w: wait for another build: %w", ErrNoBinary, err)
	}
	defer unlock()
	if isMinIO(path) { // built while we waited
		return path, nil
	}
	if err := build(ctx, dir, path); err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoBinary, err)
	}
	return path, nil
}

// isMinIO reports whether path is the pinned server, whole.
func isMinIO(path string) bool {
	info, err := buildinfo.ReadFile(path)
	return err == nil && info.Main.Path == module && info.Main.Version == version
}

// lock takes a file lock, which the kernel gives back when its holder dies.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			f.Close()
			return nil, err
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// build installs into a temporary folder beside path and renames, so that a
// half-written server is never found.
func build(ctx context.Context, dir, path string) error {
	tool, err := exec.LookPath("go")
	if err != nil {
		return fmt.Errorf("cannot build MinIO because there is no Go tool: install Go, or put a built MinIO %s at %s", version, path)
	}
	temp, err := os.MkdirTemp(dir, "build-")
	if err != nil {
		return fmt.Errorf("build MinIO: %w", err)
	}
	defer os.RemoveAll(temp)
	fmt.Fprintf(os.Stderr, "building MinIO %s for the simulator, once, into %s: it is a large program, this takes some three minutes\n", version, path)
	cmd := exec.CommandContext(ctx, tool, "install", module+"@"+version)
	cmd.Dir = temp
	cmd.Env = append(hostEnv(os.Environ()), "GOBIN="+temp, "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot build MinIO because `go install %s@%s` failed (%w): %s: check the network and the module proxy", module, version, err, lastLine(out))
	}
	if err := os.Rename(filepath.Join(temp, "minio"), path); err != nil {
		return fmt.Errorf("build MinIO: %w", err)
	}
	return nil
}

// hostEnv drops what a cross build may have set: the server runs here.
func hostEnv(environ []string) []string {
	drop := []string{"GOOS", "GOARCH", "GOARM", "GOAMD64", "GOARM64", "GOBIN", "GOFLAGS", "GOWORK", "CGO_ENABLED", "GO111MODULE"}
	return slices.DeleteFunc(slices.Clone(environ), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(drop, name)
	})
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}
