package board

import (
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// emulator is one QEMU process.
type emulator struct {
	cmd  *exec.Cmd
	errs limited
	done chan struct{} // closed once it ended and all its output was read
}

// startEmulator starts QEMU with its console going to sink. The process gets
// its own group, so that Ctrl-C in a terminal reaches only us, and is killed
// by the kernel should we die without killing it. That signal is tied to the
// thread that started it, hence the locked goroutine that also waits for it.
func startEmulator(argv []string, sink io.Writer) (*emulator, error) {
	e := &emulator{cmd: exec.Command(argv[0], argv[1:]...), done: make(chan struct{})}
	e.cmd.Stdout, e.cmd.Stderr = sink, &e.errs
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := e.cmd.Start()
		started <- err
		if err == nil {
			_ = e.cmd.Wait() // how it ended is in its messages
			close(e.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start QEMU: %w", err)
	}
	return e, nil
}

// kill ends the process and waits for its end.
func (e *emulator) kill() {
	_ = e.cmd.Process.Kill() // only fails when it has ended already
	<-e.done
}

// errors is what QEMU complained about.
func (e *emulator) errors() string { return e.errs.text() }

// limited keeps the first bytes that are written to it.
type limited struct {
	mu   sync.Mutex
	data []byte
}

const keptErrors = 4096

func (l *limited) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.data = append(l.data, p[:min(len(p), keptErrors-len(l.data))]...)
	return len(p), nil
}

func (l *limited) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(bytes.TrimSpace(l.data))
}
