package bench

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// measured is one run.
type measured struct {
	wall, cpu time.Duration
	peak      int64 // bytes
}

// measure runs one install from the fixed start, and compares the slot.
func (w *world) measure(b *testing.B, cmd *exec.Cmd, rel release) measured {
	b.Helper()
	must(b, fillSlot(w.slot(), rel.size))
	if _, ok := w.stored(b, rel.prefix, nil); !ok {
		b.Fatalf("release %s went from the store", rel.prefix)
	}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	start := time.Now()
	must(b, cmd.Start())
	peak := watchPeak(cmd.Process.Pid)
	err := cmd.Wait()
	m := measured{peak: <-peak, cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	if err != nil {
		b.Fatalf("%s: %v\n%s", filepath.Base(cmd.Path), err, said.Bytes())
	}
	must(b, syncFile(w.slot()))
	m.wall = time.Since(start)
	if m.peak == 0 {
		b.Fatalf("%s: its memory was never seen", filepath.Base(cmd.Path))
	}
	must(b, compare(w.slot(), rel))
	return m
}

// watchPeak asks for a process's peak memory until it is gone.
func watchPeak(pid int) <-chan int64 {
	peak := make(chan int64, 1)
	go func() {
		var last int64
		for {
			now, ok := peakOf(pid)
			if !ok {
				peak <- last
				return
			}
			last = max(last, now)
			time.Sleep(5 * time.Millisecond)
		}
	}()
	return peak
}

// peakOf reads VmHWM. A process that ended has none.
func peakOf(pid int) (int64, bool) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, false
	}
	_, rest, ok := strings.Cut(string(data), "VmHWM:")
	if !ok {
		return 0, false
	}
	kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	return kib << 10, err == nil
}

// pattern is what a slot holds before an install, so that no part of the
// image can be there already.
var pattern = bytes.Repeat([]byte{0xa5}, 1<<20)

// fillSlot makes the slot's file, full, on the disk and out of the cache.
func fillSlot(path string, size int64) (err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Truncate(size); err != nil {
		return err
	}
	for at := int64(0); at < size; at += int64(len(pattern)) {
		if _, err := f.WriteAt(pattern[:min(int64(len(pattern)), size-at)], at); err != nil {
			return err
		}
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// compare reads slot and image side by side, to the end of both.
func compare(slot string, rel release) error {
	got, err := os.Open(slot)
	if err != nil {
		return err
	}
	defer got.Close()
	want, err := rel.image()
	if err != nil {
		return err
	}
	defer want.Close()
	a, b := make([]byte, 1<<20), make([]byte, 1<<20)
	for at := int64(0); ; at += int64(len(a)) {
		n, errA := io.ReadFull(got, a)
		m, errB := io.ReadFull(want, b)
		if !bytes.Equal(a[:n], b[:m]) {
			return fmt.Errorf("the slot differs from the image within the MiB at %d", at)
		}
		if errA != nil || errB != nil {
			return ended(errA, errB)
		}
	}
}

func ended(errs ...error) error {
	for _, err := range errs {
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("compare the slot: %w", err)
		}
	}
	return nil
}
