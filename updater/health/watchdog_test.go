package health

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// fakeDog is a driver. It counts what is left of its timeout as the kernel does,
// and barks, once, when nothing is.
type fakeDog struct {
	seconds   int   // its timeout
	most      int   // that can be set; 0 means any
	refuses   error // to set one
	silent    error // about the one it has
	locked    error // to be disarmed
	plain     bool  // disarmed by every close
	broken    error // to be petted
	mu        sync.Mutex
	wrote     []byte
	fed       time.Time
	off, shut bool
}

func (f *fakeDog) write(p []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return f.broken
	}
	f.wrote = append(f.wrote, p...)
	f.fed = time.Now()
	return nil
}

func (f *fakeDog) setTimeout(seconds int) error {
	if f.refuses != nil {
		return f.refuses
	}
	if f.most > 0 && seconds > f.most {
		seconds = f.most
	}
	f.seconds = seconds
	return nil
}

func (f *fakeDog) timeout() (int, error) { return f.seconds, f.silent }
func (f *fakeDog) magic() (string, bool) { return "fake", !f.plain }
func (f *fakeDog) disarm() error         { f.off = f.locked == nil; return f.locked }
func (f *fakeDog) close() error          { f.shut = true; return nil }

// idle is how long it was not fed.
func (f *fakeDog) idle() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Since(f.fed)
}

func (f *fakeDog) bites() bool { return !f.off && f.idle() >= time.Duration(f.seconds)*time.Second }

// said is all that was written.
func (f *fakeDog) said() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return bytes.Clone(f.wrote)
}

func (f *fakeDog) pets() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return bytes.Count(f.wrote, []byte{0})
}

// lines are a log that is read while somebody may write.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func holdFake(f *fakeDog, o DogOptions) (*Watchdog, *lines) {
	var log lines
	o.Path, o.Log = "/dev/watchdog", slog.New(slog.NewTextHandler(&log, nil))
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	return holdDog(o, f, false), &log
}

func TestWatchdogPetsAtAThirdAndDisarms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeDog{}
		w, _ := holdFake(f, DogOptions{})
		for pets := 1; pets <= 4; pets++ {
			synctest.Wait()
			if got := f.pets(); got != pets {
				t.Fatalf("after %d s: %d pets", 10*(pets-1), got)
			}
			time.Sleep(10 * time.Second)
		}
		synctest.Wait()
		for range 2 {
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		}
		w.Abandon()
		w.Feed(time.Hour)
		time.Sleep(time.Hour)
		if !f.off || !f.shut || w.Kept() || string(f.wrote) != "\x00\x00\x00\x00\x00V" {
			t.Errorf("off %v, shut %v, kept %v, wrote %q", f.off, f.shut, w.Kept(), f.wrote)
		}
	})
}

// What the device really does counts, not what was asked for.
func TestWatchdogIsFedInTimeWhateverTheDriverGrants(t *testing.T) {
	broken := errors.New("not supported")
	for _, row := range []struct {
		name string
		dog  *fakeDog
		real time.Duration
		says string
	}{
		{"as asked", &fakeDog{}, 30 * time.Second, "timeout=30s"},
		{"less at most", &fakeDog{most: 8}, 8 * time.Second, "has=8"},
		{"a second", &fakeDog{most: 1}, time.Second, "has=1"},
		{"its own", &fakeDog{seconds: 4, refuses: broken}, 4 * time.Second, "has=4"},
		{"unsaid", &fakeDog{silent: broken}, 30 * time.Second, "timeout=30s"},
		{"unknown", &fakeDog{seconds: 1, refuses: broken, silent: broken}, time.Second, "neither takes a timeout"},
		{"disarmed by every close", &fakeDog{plain: true}, 30 * time.Second, "also when it crashes"},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := row.dog
			w, log := holdFake(f, DogOptions{})
			for start := time.Now(); time.Since(start) < 3*time.Minute; time.Sleep(100 * time.Millisecond) {
				synctest.Wait()
				if idle := f.idle(); idle >= row.real/2 {
					t.Fatalf("%s: not fed for %s of %s", row.name, idle, row.real)
				}
			}
			if err := w.Close(); err != nil {
				t.Error(err)
			}
			if !strings.Contains(log.String(), row.says) {
				t.Errorf("%s: the log lacks %q: %s", row.name, row.says, log)
			}
		})
	}
}

// A trial that hangs is not covered up by a process that lives.
func TestWatchdogBitesWhenWhatItWatchesOverHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeDog{}
		w, log := holdFake(f, DogOptions{})
		w.Feed(5 * time.Minute)
		time.Sleep(4 * time.Minute)
		w.Feed(2 * time.Minute)
		time.Sleep(2*time.Minute - time.Second)
		if f.bites() {
			t.Fatal("it bites while the trial is in time")
		}
		time.Sleep(45 * time.Second)
		if !f.bites() || strings.Count(log.String(), "hangs") != 1 {
			t.Errorf("it does not bite, or says so in vain: %s", log)
		}
		if err := w.Close(); err != nil { // it got free in the last moment
			t.Error(err)
		}
	})
}

func TestWatchdogThatCannotBeDisarmedIsFedOn(t *testing.T) {
	for _, row := range []struct {
		name     string
		dog      *fakeDog
		keep     bool
		noWayOut bool
	}{
		{name: "nowayout", dog: &fakeDog{locked: unix.EBUSY}},
		{name: "nowayout, and no such request", dog: &fakeDog{locked: unix.ENOTTY}, noWayOut: true},
		{name: "to be kept", dog: &fakeDog{}, keep: true},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := row.dog
			w, log := holdFake(f, DogOptions{Keep: row.keep})
			w.noWayOut = row.noWayOut
			w.Feed(time.Minute)
			if err := w.Close(); err != nil || !w.Kept() {
				t.Fatalf("%s: kept %v, %v", row.name, w.Kept(), err)
			}
			w.Feed(time.Second) // means nothing any more
			time.Sleep(24 * time.Hour)
			if f.off || f.shut || f.bites() || bytes.ContainsRune(f.said(), 'V') || !strings.Contains(log.String(), "fed on") {
				t.Errorf("%s: off %v, shut %v: %s", row.name, f.off, f.shut, log)
			}
			w.Abandon()
			if w.Kept() {
				t.Error("kept while the device restarts")
			}
			time.Sleep(leaveFor + leaveTimeout)
			if !f.bites() {
				t.Errorf("%s: a restart that hangs is not ended", row.name)
			}
			close(w.stop)
		})
	}
}

func TestDriverThatKnowsNoRequestIsDisarmedByTheLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeDog{locked: unix.ENOTTY}
		w, _ := holdFake(f, DogOptions{})
		if err := w.Close(); err != nil || w.Kept() || !f.shut || string(f.wrote) != "\x00V" {
			t.Errorf("kept %v, shut %v, wrote %q, %v", w.Kept(), f.shut, f.wrote, err)
		}
	})
}

// Services have time to stop, and a restart that hangs ends all the same.
func TestAbandonedWatchdogGivesARestartTime(t *testing.T) {
	for _, row := range []struct {
		name string
		dog  *fakeDog
		says string
	}{
		{"any timeout", &fakeDog{}, ""},
		{"short ones only", &fakeDog{most: 15}, "seconds=15"},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := row.dog
			w, log := holdFake(f, DogOptions{})
			time.Sleep(time.Minute)
			w.Abandon()
			w.Abandon()
			w.Feed(time.Hour)
			if err := w.Close(); err != nil {
				t.Error(err)
			}
			for end := time.Now().Add(leaveFor - time.Second); time.Now().Before(end); time.Sleep(time.Second) {
				if f.bites() {
					t.Fatalf("%s: it bites in an orderly restart", row.name)
				}
			}
			time.Sleep(leaveTimeout + 15*time.Second)
			if !f.bites() || f.off || f.shut || bytes.ContainsRune(f.said(), 'V') {
				t.Errorf("%s: off %v, shut %v, wrote %q", row.name, f.off, f.shut, f.said())
			}
			if row.says != "" && !strings.Contains(log.String(), row.says) || row.says == "" && f.seconds != int(leaveTimeout.Seconds()) {
				t.Errorf("%s: %d s, and: %s", row.name, f.seconds, log)
			}
			close(w.stop)
		})
	}
}

func TestWatchdogTellsOfPetsThatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := holdFake(&fakeDog{broken: errors.New("no dog")}, DogOptions{})
		err := w.Close()
		if err == nil || !strings.Contains(err.Error(), "cannot pet the watchdog /dev/watchdog") || !strings.Contains(err.Error(), "cannot disarm the watchdog /dev/watchdog") {
			t.Errorf("got %v", err)
		}
	})
}

// What pets a watchdog would overwrite a disk or flash, and nobody may read what a
// FIFO takes.
func TestWhatIsNoWatchdogIsNotWrittenTo(t *testing.T) {
	dir := t.TempDir()
	file, fifo, disk := filepath.Join(dir, "file"), filepath.Join(dir, "fifo"), filepath.Join(dir, "disk")
	if err := os.WriteFile(file, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	rows := []struct{ name, path, says string }{
		{"nothing", filepath.Join(dir, "none"), "is not there"},
		{"a file", file, "no character device"},
		{"a FIFO that nobody reads", fifo, "no character device"},
		{"a folder", dir, "no character device"},
		{"another character device", os.DevNull, "no watchdog's request"},
		{"a terminal", terminal(t), "no watchdog's request"},
	}
	if unix.Mknod(disk, unix.S_IFBLK|0o600, int(unix.Mkdev(7, 255))) == nil { // as root alone
		rows = append(rows, struct{ name, path, says string }{"a disk", disk, "no character device"})
	}
	for _, row := range rows {
		w, err := OpenWatchdog(DogOptions{Path: row.path, Timeout: time.Minute})
		if w != nil || err == nil || !strings.Contains(err.Error(), row.path) || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: got %v", row.name, err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "hello" {
		t.Errorf("wrote %q, %v", got, err)
	}
	if _, err := os.Stat(rows[0].path); err == nil {
		t.Error("a file was made")
	}
}

// terminal is one that is not the process's own.
func terminal(t *testing.T) string {
	t.Helper()
	f, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := unix.IoctlSetPointerInt(int(f.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("/dev/pts/%d", n)
}

func TestNoWayOutIsWhatTheKernelSays(t *testing.T) {
	path, sys := filepath.Join(t.TempDir(), "watchdog"), t.TempDir()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(sys, "dev", "char", fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev)))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if noWayOut(sys, path) {
		t.Error("a kernel that says nothing")
	}
	for content, want := range map[string]bool{"1\n": true, "0\n": false} {
		if err := os.WriteFile(filepath.Join(dir, "nowayout"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := noWayOut(sys, path); got != want {
			t.Errorf("%q: %v", content, got)
		}
	}
}

func TestCheckWatchdogOpensNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := CheckWatchdog(file + "-none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if err := CheckWatchdog(file); err == nil || !strings.Contains(err.Error(), "no character device") {
		t.Errorf("a file: %v", err)
	}
	if err := CheckWatchdog(os.DevNull); err != nil {
		t.Errorf("a device: %v", err)
	}
}
