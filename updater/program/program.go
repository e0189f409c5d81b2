// Package program runs the programs that a device's maker configured: health
// checks, hooks, and what restarts an application.
//
// # Guarantee
//
// [Run] returns soon after its context is done, whatever the program does: the
// program runs in a process group of its own, all of which is killed, and what
// not even that ends (a process that the kernel holds) is left behind. Its
// environment holds none of abota's secrets. Memory is constant, however much
// it prints.
//
// # Not guaranteed
//
// What a program starts in a session of its own lives on, and so does what it
// leaves in the background when it ends by itself.
package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

const (
	// pipeWait is how long output is still read after the program ended: a
	// child that it left behind may hold the pipe open for ever.
	pipeWait = 200 * time.Millisecond
	// killWait is how long a killed program has to be gone.
	killWait = time.Second
)

// Run runs argv with the variables of extra ("NAME=value") on top of abota's
// own environment, and returns nil when it ended with status 0. Otherwise the
// last lines of its output are part of the error, which is an *exec.ExitError
// when the program chose a status, and the context's when that ended first.
func Run(ctx context.Context, argv, extra []string) error {
	out := &tail{limit: outputKept}
	err := run(ctx, argv, extra, out, out)
	if last := out.String(); err != nil && last != "" {
		return fmt.Errorf("%w: %s", err, last)
	}
	return err
}

// FirstLine runs argv as Run does and returns the first line that it prints,
// without the white space around it. Nothing of its output is part of an
// error, since it may be a secret.
func FirstLine(ctx context.Context, argv []string) (string, error) {
	out := &head{limit: lineKept}
	if err := run(ctx, argv, nil, out, io.Discard); err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(out.String(), "\n")
	return strings.TrimSpace(line), nil
}

// run leaves the output to its caller.
func run(ctx context.Context, argv, extra []string, stdout, stderr io.Writer) error {
	if len(argv) == 0 {
		return errors.New("cannot run because no program is named")
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.Env = append(Public(os.Environ()), extra...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = pipeWait
	if err := cmd.Start(); err != nil {
		return err
	}
	err := ended(ctx, cmd)
	switch {
	case errors.Is(err, exec.ErrWaitDelay): // ended well; only its pipe stayed open
		return nil
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		err = &killed{"it did not end in time", context.DeadlineExceeded}
	case ctx.Err() != nil:
		err = &killed{"abota has to stop", ctx.Err()}
	}
	return err
}

// killed is the end of a program that did not choose it.
type killed struct {
	why string
	err error
}

func (k *killed) Error() string { return "killed because " + k.why }
func (k *killed) Unwrap() error { return k.err }

// errLeft: the program was killed and is still there.
var errLeft = errors.New("cannot be killed")

// ended waits for the program, but not for one that cannot be killed.
func ended(ctx context.Context, cmd *exec.Cmd) error {
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	last := time.NewTimer(pipeWait + killWait)
	defer last.Stop()
	select {
	case err := <-done:
		return err
	case <-last.C:
		return errLeft
	}
}

// secretNames start the names of variables that may hold abota's credentials.
var secretNames = []string{"ABOTA_", "AWS_"}

// Public is an environment without what may be secret in it: abota's and the
// cloud's own variables, and proxies with a password.
func Public(environ []string) []string {
	public := make([]string, 0, len(environ))
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		if !isSecret(strings.ToUpper(name), value) {
			public = append(public, pair)
		}
	}
	return public
}

func isSecret(name, value string) bool {
	for _, start := range secretNames {
		if strings.HasPrefix(name, start) {
			return true
		}
	}
	return strings.HasSuffix(name, "_PROXY") && strings.Contains(value, "@")
}
