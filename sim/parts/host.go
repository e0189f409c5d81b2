package parts

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// need is one thing that the host must have, and the package that has it.
type need struct{ tool, pkg string }

func hostNeeds(board Board) []need {
	needs := []need{
		{board.QEMU[0], board.Emulator},
		{"mcopy", "mtools"},
		{"sgdisk", "gdisk"},
		{"mkfs.vfat", "dosfstools"},
		{"mke2fs", "e2fsprogs"},
		{"debugfs", "e2fsprogs"},
		{"e2fsck", "e2fsprogs"},
	}
	if board.Loader == LoaderUBoot {
		needs = append(needs, need{"mkimage", "u-boot-tools"})
	}
	if board.Verity {
		needs = append(needs, need{"veritysetup", "cryptsetup-bin"})
	}
	return needs
}

// EnsureHost installs the host's missing tools with apt-get when the user is
// root or may become it without a password. Otherwise its error holds the
// command line to run.
func EnsureHost(ctx context.Context, board Board, log io.Writer) error {
	return ensure(ctx, hostNeeds(board), log)
}

func ensure(ctx context.Context, needs []need, log io.Writer) error {
	missing := missingPackages(needs)
	if len(missing) == 0 {
		return nil
	}
	sudo, may := becomeRoot(ctx)
	install := strings.Join(missing, " ")
	if !may {
		return fmt.Errorf("cannot build the virtual board because tools are missing on this host: run `sudo apt-get update && sudo apt-get install -y --no-install-recommends %s`", install)
	}
	fmt.Fprintf(log, "installing %s\n", install)
	steps := [][]string{
		{"apt-get", "-q", "update"},
		append([]string{"apt-get", "-q", "install", "-y", "--no-install-recommends"}, missing...),
	}
	for _, args := range steps {
		args = append(sudo, args...)
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("install the missing tools: `%s`: %w: %s", strings.Join(args, " "), err, lastLine(out))
		}
	}
	if still := missingPackages(needs); len(still) > 0 {
		return fmt.Errorf("cannot build the virtual board because tools of %s are missing although the packages are installed: is this Debian?", strings.Join(still, ", "))
	}
	return nil
}

func missingPackages(needs []need) []string {
	var missing []string
	seen := map[string]bool{}
	for _, n := range needs {
		if _, err := Tool(n.tool); err != nil && !seen[n.pkg] {
			seen[n.pkg] = true
			missing = append(missing, n.pkg)
		}
	}
	return missing
}

// becomeRoot returns what to put before a command that needs root, and
// whether that works without asking.
func becomeRoot(ctx context.Context) (prefix []string, may bool) {
	if os.Geteuid() == 0 {
		return nil, true
	}
	if err := exec.CommandContext(ctx, "sudo", "-n", "true").Run(); err != nil {
		return nil, false
	}
	return []string{"sudo", "-n"}, true
}

// Tool finds a command, also where Debian keeps administrators' tools, which
// an ordinary user's PATH does not name; or a file by its whole path.
func Tool(name string) (string, error) {
	if filepath.IsAbs(name) {
		_, err := os.Stat(name)
		return name, err
	}
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("cannot find the command %s: install its package", name)
}
