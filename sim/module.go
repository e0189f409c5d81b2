package sim

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// Module is where the simulator has abota from: the source tree, from which it
// builds, or a folder with what was built from it. What is shipped from there
// is what the simulator runs.
type Module struct {
	dir   string
	built bool
}

// BuiltEnv names the environment variable that leads to a folder with what was
// built, for hosts without Go. It holds bin/GOARCH/COMMAND for every command
// and processor, and the scripts under their names in the source tree. The
// name must not begin with ABOTA_, which is how abota's own settings begin.
const BuiltEnv = "SIM_BUILT"

// FindModule finds what was built, or else the source tree from the working
// folder.
func FindModule(ctx context.Context) (Module, error) {
	if dir := os.Getenv(BuiltEnv); dir != "" {
		return Module{dir: dir, built: true}, nil
	}
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "abota").Output()
	if err != nil {
		return Module{}, errors.New("cannot find abota's source tree: run this inside it, with Go installed")
	}
	return Module{dir: strings.TrimSpace(string(out))}, nil
}

// read returns a file of the tree.
func (m Module) read(name string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(m.dir, name))
	if err != nil {
		return nil, fmt.Errorf("read abota's sources: %w", err)
	}
	return text, nil
}

// Build makes one of the tree's commands for an architecture (GOARCH, the
// host's when empty), as it ships, and returns its path, below dir unless it
// was built before.
func (m Module) Build(ctx context.Context, command, arch, dir string) (string, error) {
	if m.built {
		return m.find(command, arch)
	}
	out := filepath.Join(dir, command)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, "./cmd/"+command)
	if command == "abota" {
		cmd = exec.CommandContext(ctx, filepath.Join(m.dir, ".ci", "device"), out)
	}
	cmd.Dir = m.dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if arch != "" {
		cmd.Env = append(cmd.Env, "GOOS=linux", "GOARCH="+arch)
	}
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w: %s", command, err, strings.TrimSpace(string(text)))
	}
	return out, nil
}

// find returns a command that was built before.
func (m Module) find(command, arch string) (string, error) {
	if arch == "" {
		arch = runtime.GOARCH
	}
	path := filepath.Join(m.dir, "bin", arch, command)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("cannot find %s for %s below the folder that %s names: %w", command, arch, BuiltEnv, err)
	}
	return path, nil
}
