package parts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

// Build says how a U-Boot is built that Debian packages without a command
// which the boot script needs.
type Build struct {
	// Config is the name of the configuration in U-Boot's source.
	Config string
	// Cross begins the names of the compiler's commands, which the host's
	// package CrossPackage has.
	Cross, CrossPackage string
	// Result is the file that the emulator starts.
	Result string
}

// changes are what makes Debian's configuration the simulator's: setexpr is
// what Debian leaves out on x86, and a person who presses a key is not waited
// for.
var changes = []string{"-e", "CMD_SETEXPR", "--set-val", "BOOTDELAY", "0"}

// needs are what the host must have to build.
func (b *Build) needs() []need {
	return []need{
		{b.Cross + "gcc", b.CrossPackage},
		{"gcc", "gcc"},
		{"/usr/include/stdio.h", "libc6-dev"},
		{"/usr/include/openssl/evp.h", "libssl-dev"},
		{"make", "make"},
		{"bison", "bison"},
		{"flex", "flex"},
		{"swig", "swig"},
		{"python3-config", "python3-dev"},
		{"/usr/lib/python3/dist-packages/setuptools", "python3-setuptools"},
		{"dpkg-source", "dpkg-dev"},
		{"patch", "patch"},
	}
}

// builtUBoot builds U-Boot from Debian's source in the folder tmp, and returns
// the result's path there.
func builtUBoot(ctx context.Context, arch Arch, tmp string, log io.Writer) (string, error) {
	if err := ensure(ctx, arch.Build.needs(), log); err != nil {
		return "", err
	}
	fmt.Fprintf(log, "building U-Boot for %s from Debian's source, because its package lacks a command: a minute\n", arch.Debian)
	source, err := ubootSource(ctx, arch, tmp)
	if err != nil {
		return "", err
	}
	return filepath.Join(source, arch.Build.Result), arch.Build.make(ctx, source)
}

// ubootSource unpacks Debian's source of U-Boot, with Debian's patches, below
// dir and returns its folder.
func ubootSource(ctx context.Context, arch Arch, dir string) (string, error) {
	a := foreignApt{arch: arch.Debian, dir: filepath.Join(dir, "apt")}
	if err := a.update(ctx); err != nil {
		return "", err
	}
	if err := a.sources(ctx); err != nil {
		return "", err
	}
	if err := a.update(ctx); err != nil {
		return "", err
	}
	if _, err := a.run(ctx, "apt-get", "-q", "source", "u-boot"); err != nil {
		return "", err
	}
	source, err := only(filepath.Join(a.dir, "debs", "u-boot-*", "Makefile"))
	return filepath.Dir(source), err
}

// make configures and builds in the folder source.
func (b *Build) make(ctx context.Context, source string) error {
	for _, words := range [][]string{
		{"make", b.Config},
		append([]string{"scripts/config"}, changes...),
		{"make", "olddefconfig"},
		{"make", "-s", "-j", fmt.Sprint(runtime.NumCPU()), "all"},
	} {
		cmd := exec.CommandContext(ctx, words[0], words[1:]...)
		cmd.Dir = source
		cmd.Env = append(os.Environ(), "CROSS_COMPILE="+b.Cross)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("cannot build U-Boot because `%s` failed: %w: %s", strings.Join(words, " "), err, complaint(out))
		}
	}
	config, err := os.ReadFile(filepath.Join(source, ".config"))
	if err != nil {
		return fmt.Errorf("read U-Boot's configuration: %w", err)
	}
	if !strings.Contains(string(config), "\nCONFIG_CMD_SETEXPR=y\n") {
		return errors.New("cannot use the U-Boot that was built, because its source knows no CMD_SETEXPR: is it Debian's?")
	}
	return nil
}

// complaints are how compilers, linkers and make say what is wrong.
var complaints = regexp.MustCompile(`(?m)^.*(?:error:|undefined reference|[Nn]o such file|not found).*$`)

// complaint is the first line of a build's output that says what is wrong.
func complaint(out []byte) string {
	if line := complaints.Find(out); line != nil {
		return string(line)
	}
	return lastLine(out)
}
