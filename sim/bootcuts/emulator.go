package bootcuts

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// patience is how long a guest may be silent, far above what it takes on a busy
// machine.
const patience = 3 * time.Minute

var errSilent = fmt.Errorf("the guest is silent for %s", patience)

// control is what a console line holds for terminals only.
var control = regexp.MustCompile(`\x1b\[[0-9;=?]*[A-Za-z]|\r`)

// emulate runs QEMU until the console shows what until looks for, or it ends by
// itself, and returns what the console showed.
func emulate(ctx context.Context, argv []string, until *regexp.Regexp) (string, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(patience, func() { cancel(errSilent) })
	defer silence.Stop()
	out := &console{until: until, silence: silence, seen: func() { cancel(nil) }}
	var errs bytes.Buffer
	ended := make(chan error)
	// The signal that ends QEMU with us is tied to the thread that starts it.
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
		cmd.Stdout, cmd.Stderr = out, &errs
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
		ended <- cmd.Run()
	}()
	err := <-ended
	text := control.ReplaceAllString(out.text.String(), "")
	if err == nil || out.found {
		return text, nil
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return text, fmt.Errorf("run %s: %w: %s", argv[0], err, strings.TrimSpace(errs.String()))
}

// console keeps what it is given, and says when something is seen in it.
type console struct {
	text    bytes.Buffer
	until   *regexp.Regexp
	silence *time.Timer
	found   bool
	seen    func()
}

func (c *console) Write(p []byte) (int, error) {
	c.silence.Reset(patience)
	c.text.Write(p)
	if !c.found && c.until != nil && c.until.Match(c.text.Bytes()) {
		c.found = true
		c.seen()
	}
	return len(p), nil
}

// recorded is QEMU's arguments for a disk below which writes are noted.
func recorded(path, log, device string) ([]string, error) {
	if err := os.WriteFile(log, nil, 0o600); err != nil {
		return nil, fmt.Errorf("begin the log of writes: %w", err)
	}
	commas := func(s string) string { return strings.ReplaceAll(s, ",", ",,") }
	return []string{
		"-blockdev", "driver=file,node-name=image,filename=" + commas(path),
		"-blockdev", "driver=raw,node-name=raw,file=image",
		"-blockdev", "driver=file,node-name=log,filename=" + commas(log),
		"-blockdev", "driver=blklogwrites,node-name=disk,file=raw,log=log,log-sector-size=512,log-super-update-interval=1",
		"-device", device + ",drive=disk,write-cache=on",
	}, nil
}
