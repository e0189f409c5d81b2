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
	words := goBuild("./cmd/"+command, out)
	if command == "abota" {
		words = []string{filepath.Join(m.dir, ".ci", "device"), out}
	}
	return out, m.compile(ctx, words, arch)
}

// Helper makes a program of the simulator's own, by its folder in the source
// tree, for an architecture, and returns its path below dir.
func (m Module) Helper(ctx context.Context, folder, arch, dir string) (string, error) {
	if m.built {
		return "", fmt.Errorf("cannot build %s because only what was built before is here: run this in the source tree, with Go installed", folder)
	}
	out := filepath.Join(dir, filepath.Base(folder))
	return out, m.compile(ctx, goBuild("./"+folder, out), arch)
}

// Read returns a file of the tree.
func (m Module) Read(name string) ([]byte, error) { return m.read(name) }

func goBuild(pkg, out string) []string {
	return []string{"go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, pkg}
}

// compile runs what builds a program, in the source tree.
func (m Module) compile(ctx context.Context, words []string, arch string) error {
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Dir = m.dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if arch != "" {
		cmd.Env = append(cmd.Env, "GOOS=linux", "GOARCH="+arch, "GOARM=7")
	}
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("`%s`: %w: %s", strings.Join(words, " "), err, strings.TrimSpace(string(text)))
	}
	return nil
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
