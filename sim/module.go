package sim

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Module is the source tree of abota: what is shipped from it is what the
// simulator runs.
type Module string

// FindModule finds the source tree from the working folder.
func FindModule(ctx context.Context) (Module, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "abota").Output()
	if err != nil {
		return "", errors.New("cannot find abota's source tree: run this inside it, with Go installed")
	}
	return Module(strings.TrimSpace(string(out))), nil
}

// read returns a file of the tree.
func (m Module) read(name string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(string(m), name))
	if err != nil {
		return nil, fmt.Errorf("read abota's sources: %w", err)
	}
	return text, nil
}

// Build makes one of the tree's commands for an architecture (GOARCH, the
// host's when empty), with the Makefile's flags, and returns its path below
// dir.
func (m Module) Build(ctx context.Context, command, arch, dir string) (string, error) {
	out := filepath.Join(dir, command)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-tags", "nethttpomithttp2", "-ldflags", "-s -w", "-o", out, "./cmd/"+command)
	cmd.Dir = string(m)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if arch != "" {
		cmd.Env = append(cmd.Env, "GOOS=linux", "GOARCH="+arch)
	}
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w: %s", command, err, strings.TrimSpace(string(text)))
	}
	return out, nil
}
