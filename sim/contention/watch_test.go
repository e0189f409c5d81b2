package contention

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// watch looks at the processes on a device from outside.
type watch struct {
	device *device
	stop   chan struct{}
	over   sync.WaitGroup

	mu   sync.Mutex
	pids map[int]bool

	// What it saw: how often it looked, how often somebody held the lock, and
	// how often somebody had a slot open for writing.
	looks, held, writing int
	// wrong are the looks that must not be.
	wrong []string
}

func watchOver(d *device) *watch {
	w := &watch{device: d, stop: make(chan struct{}), pids: map[int]bool{}}
	w.over.Go(func() {
		for {
			select {
			case <-w.stop:
				return
			case <-time.After(2 * time.Millisecond):
				w.look()
			}
		}
	})
	return w
}

func (w *watch) end() {
	close(w.stop)
	w.over.Wait()
}

func (w *watch) add(pid int)    { w.mu.Lock(); w.pids[pid] = true; w.mu.Unlock() }
func (w *watch) remove(pid int) { w.mu.Lock(); delete(w.pids, pid); w.mu.Unlock() }

// look takes the holders of the lock before and after the writers: a writer
// that was there all the time holds it in one of the two.
func (w *watch) look() {
	before := lockHolders(w.device.state("lock"))
	writers := w.writers()
	after := lockHolders(w.device.state("lock"))
	w.looks++
	if len(before) > 0 {
		w.held++
	}
	if len(writers) > 0 {
		w.writing++
	}
	// A look takes time, in which one may follow the other: what is wrong is
	// so in the next look too.
	switch {
	case len(before) > 1 && slices.Equal(before, after):
		w.wrong = append(w.wrong, fmt.Sprintf("several hold the lock: %v", before))
	case len(writers) > 1 && slices.Equal(writers, w.writers()):
		w.wrong = append(w.wrong, fmt.Sprintf("several write: %v", writers))
	}
	for _, pid := range writers {
		// One that has just ended its work, or its life, has let go of both.
		if !slices.Contains(before, pid) && !slices.Contains(after, pid) && w.writes(pid) && !slices.Contains(lockHolders(w.device.state("lock")), pid) {
			w.wrong = append(w.wrong, fmt.Sprintf("%d writes, but %v and %v hold the lock", pid, before, after))
		}
	}
}

// writers are the processes that have a slot open for writing.
func (w *watch) writers() (found []int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for pid := range w.pids {
		if w.writes(pid) {
			found = append(found, pid)
		}
	}
	slices.Sort(found)
	return found
}

func (w *watch) writes(pid int) bool {
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return false // it has ended
	}
	for _, fd := range open {
		path, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, fd.Name()))
		if err != nil || filepath.Ext(path) != ".img" {
			continue
		}
		if flags(pid, fd.Name())&syscall.O_ACCMODE != syscall.O_RDONLY {
			return true
		}
	}
	return false
}

// flags are those that a file was opened with, as in "flags:\t0100002".
func flags(pid int, fd string) int64 {
	info, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%s", pid, fd))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(info)) {
		if text, ok := strings.CutPrefix(line, "flags:"); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(text), 8, 64)
			return n
		}
	}
	return 0
}

// lockHolders are the processes that hold a lock on the file, by the kernel's
// own list: "7: FLOCK  ADVISORY  WRITE 4711 fe:00:1234 0 EOF", see proc(5).
func lockHolders(path string) (pids []int) {
	var st syscall.Stat_t
	if syscall.Stat(path, &st) != nil {
		return nil
	}
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		return nil
	}
	inode := ":" + strconv.FormatUint(st.Ino, 10)
	for line := range strings.Lines(string(locks)) {
		words := strings.Fields(line)
		if len(words) > 5 && words[1] == "FLOCK" && strings.HasSuffix(words[5], inode) {
			if pid, err := strconv.Atoi(words[4]); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	slices.Sort(pids)
	return pids
}

// TestWatchSees: what must never be is seen when it is. Two installs on one
// device, each with a lock of its own because somebody removes the file.
func TestWatchSees(t *testing.T) {
	d := newDevice(t, build(t), record)
	d.server.slow.Store(true)
	w := watchOver(d)
	first := w.start(t, d, "install")
	for len(lockHolders(d.state("lock"))) == 0 {
		time.Sleep(time.Millisecond)
	}
	must(t, os.Remove(d.state("lock")))
	second := w.start(t, d, "install")
	first.wait()
	second.wait()
	w.end()
	if len(w.wrong) == 0 {
		t.Errorf("%d looks saw nothing wrong with two installs at once", w.looks)
	}
	t.Logf("%d of %d looks saw it, e.g. %s", len(w.wrong), w.looks, w.wrong[:min(1, len(w.wrong))])
}
