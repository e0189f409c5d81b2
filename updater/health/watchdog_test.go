package health

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// fake is a plain file: it takes the protocol's bytes, and no ioctl.
func fake(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "watchdog")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func written(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestWatchdogPetsAtAThirdAndDisarms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := fake(t)
		w, err := OpenWatchdog(path, 30*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		for pets := 1; pets <= 4; pets++ {
			synctest.Wait()
			if got := written(t, path); !bytes.Equal(got, make([]byte, pets)) {
				t.Fatalf("after %d s: %q", 10*(pets-1), got)
			}
			time.Sleep(10 * time.Second)
		}
		synctest.Wait()
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if err := w.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
		time.Sleep(time.Hour)
		if got := written(t, path); string(got) != "\x00\x00\x00\x00\x00V" {
			t.Errorf("wrote %q", got)
		}
	})
}

func TestAbandonedWatchdogStaysArmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := fake(t)
		w, err := OpenWatchdog(path, 30*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		w.Abandon()
		time.Sleep(time.Hour)
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if got := written(t, path); string(got) != "\x00" {
			t.Errorf("wrote %q, want one pet and no disarming", got)
		}
		if _, err := unix.FcntlInt(uintptr(w.fd), unix.F_GETFD, 0); err != nil {
			t.Errorf("the device was closed: %v", err)
		}
		if err := unix.Close(w.fd); err != nil {
			t.Error(err)
		}
	})
}

func TestWatchdogWarnsWhenTheTimeoutCannotBeSet(t *testing.T) {
	path := fake(t)
	w, err := OpenWatchdog(path, 1500*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if got := strings.Join(w.Warnings(), "; "); !strings.Contains(got, "cannot set the timeout of the watchdog "+path+" to 2 s: ") {
		t.Errorf("warnings: %q", got)
	}
}

func TestWatchdogThatIsMissingIsNotMade(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none")
	if _, err := OpenWatchdog(path, time.Second); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file was made")
	}
}

func TestWatchdogWithoutAWayOutIsNotOpened(t *testing.T) {
	path, sys := fake(t), t.TempDir()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(sys, "dev", "char", fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev)))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	// The refused one first: the other leaves its mark in the file.
	for _, content := range []string{"1\n", "0\n"} {
		refused := content == "1\n"
		if err := os.WriteFile(filepath.Join(dir, "nowayout"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		w, err := openWatchdog(sys, path, time.Minute)
		if errors.Is(err, ErrNoWayOut) != refused {
			t.Errorf("nowayout %q: got %v", content, err)
		}
		if refused && len(written(t, path)) > 0 {
			t.Error("it was armed")
		}
		if w != nil {
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestWatchdogTellsOfPetsThatFailed(t *testing.T) {
	w, err := OpenWatchdog("/dev/full", time.Minute)
	if err != nil {
		t.Skipf("no device that refuses writes: %v", err)
	}
	err = w.Close()
	if err == nil || !strings.Contains(err.Error(), "cannot pet the watchdog /dev/full") || !strings.Contains(err.Error(), "cannot disarm the watchdog /dev/full") {
		t.Errorf("got %v", err)
	}
}

func TestCheckWatchdogOpensNothing(t *testing.T) {
	sys := t.TempDir()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := checkWatchdog(sys, file+"-none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if err := checkWatchdog(sys, file); err == nil || !strings.Contains(err.Error(), "no character device") {
		t.Errorf("a file: %v", err)
	}
	if err := checkWatchdog(sys, os.DevNull); err != nil {
		t.Errorf("a device: %v", err)
	}
	dir := filepath.Join(sys, "dev/char/1:3") // of /dev/null
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "nowayout"), []byte("1\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := checkWatchdog(sys, os.DevNull); !errors.Is(err, ErrNoWayOut) {
		t.Errorf("no way out: %v", err)
	}
}
