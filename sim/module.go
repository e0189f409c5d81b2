package sim

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"abota/sim/parts"
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

// device builds abota for the board and returns its path below dir.
func (m Module) device(ctx context.Context, arch parts.Arch, dir string) (string, error) {
	out := filepath.Join(dir, "abota")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, "./cmd/abota")
	cmd.Dir = string(m)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch.Go)
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build abota: %w: %s", err, strings.TrimSpace(string(text)))
	}
	return out, nil
}
