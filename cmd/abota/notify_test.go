package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// listen is systemd's end of the socket.
func listen(t *testing.T, address string) (*net.UnixConn, func(string) string) {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn, func(name string) string {
		return map[string]string{"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "2000000"}[name]
	}
}

func receive(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	must(t, conn.SetReadDeadline(time.Now().Add(10*time.Second)))
	buf := make([]byte, 4096)
	n, err := conn.Read(buf)
	must(t, err)
	return string(buf[:n])
}

func TestInitIsTold(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	for _, address := range []string{filepath.Join(t.TempDir(), "socket"), "@abota-test-" + filepath.Base(t.TempDir()) + t.Name()} {
		conn, getenv := listen(t, address)
		l := connectInit(getenv, log)
		if l.pulse != time.Second {
			t.Errorf("feeds every %v, want half of two seconds", l.pulse)
		}
		l.ready()
		l.status("next look\nat noon")
		l.stopping()
		l.close()
		var got []string
		for !slices.Contains(got, "STOPPING=1\nSTATUS=stopping") {
			got = append(got, receive(t, conn))
		}
		for _, want := range []string{"READY=1", "STATUS=next look at noon"} {
			if !slices.Contains(got, want) {
				t.Errorf("%s: %q lacks %q", address, got, want)
			}
		}
	}
}

// The command as a whole: ready once it works, fed, and stopping.
func TestRunTellsInit(t *testing.T) {
	conn, getenv := listen(t, filepath.Join(t.TempDir(), "socket"))
	t.Setenv("NOTIFY_SOCKET", getenv("NOTIFY_SOCKET"))
	t.Setenv("WATCHDOG_USEC", "100000")
	dir := t.TempDir()
	for _, name := range []string{"a.img", "b.img"} {
		must(t, os.WriteFile(filepath.Join(dir, name), make([]byte, 4096), 0o600))
	}
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan int, 1)
	go func() {
		over <- run(ctx, []string{
			"--slot-a", dir + "/a.img", "--slot-b", dir + "/b.img", "--set", "state_dir=" + dir + "/state",
			"--set", "url=http://127.0.0.1:1/firmware.zip", "--set", "poll={interval: 1h}", "run",
		}, nil, io.Discard, io.Discard)
	}()
	seen := func(want string) {
		for !strings.Contains(receive(t, conn), want) {
		}
	}
	seen("READY=1")
	seen("STATUS=next look")
	seen("WATCHDOG=1")
	cancel()
	seen("STOPPING=1")
	if code := <-over; code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestWithoutInitNobodyIsTold(t *testing.T) {
	for _, address := range []string{"", filepath.Join(t.TempDir(), "nobody")} {
		l := connectInit(func(name string) string { return map[string]string{"NOTIFY_SOCKET": address}[name] }, slog.New(slog.DiscardHandler))
		l.ready()
		l.alive()
		l.close()
		if l.conn != nil || l.pulse != 0 {
			t.Errorf("%q: %+v", address, l)
		}
	}
}

// The watchdog is fed as long as there is progress, and not a minute longer
// than a step may be silent.
func TestWatchdogStarvesWithoutProgress(t *testing.T) {
	conn, getenv := listen(t, filepath.Join(t.TempDir(), "socket"))
	raw, err := conn.SyscallConn()
	must(t, err)
	// Without waiting, since the clock stands still while a socket is waited for.
	fed := func() (n int) {
		must(t, raw.Control(func(fd uintptr) {
			buf := make([]byte, 100)
			for {
				k, _, err := syscall.Recvfrom(int(fd), buf, syscall.MSG_DONTWAIT)
				if err != nil || !strings.HasPrefix(string(buf[:k]), "WATCHDOG") {
					return
				}
				n++
			}
		}))
		return n
	}
	synctest.Test(t, func(t *testing.T) {
		l := connectInit(getenv, slog.New(slog.DiscardHandler))
		defer l.close()
		wait := func(d time.Duration) int {
			total := 0
			for range int(d / (5 * time.Second)) {
				time.Sleep(5 * time.Second)
				synctest.Wait()
				total += fed()
			}
			return total
		}
		if n := wait(silence - time.Minute); n < int((silence-2*time.Minute)/l.pulse) {
			t.Errorf("fed %d times before the limit", n)
		}
		wait(2 * time.Minute)
		if n := wait(time.Hour); n != 0 {
			t.Errorf("fed %d times without progress", n)
		}
		l.alive()
		if n := wait(time.Minute); n < 50 {
			t.Errorf("fed %d times after progress", n)
		}
	})
}

// An init that reads nothing any more holds up nothing.
func TestInitThatDoesNotRead(t *testing.T) {
	_, getenv := listen(t, filepath.Join(t.TempDir(), "socket"))
	l := connectInit(func(name string) string {
		if name == "WATCHDOG_USEC" {
			return ""
		}
		return getenv(name)
	}, slog.New(slog.DiscardHandler))
	defer l.close()
	must(t, l.conn.SetWriteBuffer(1))
	over := make(chan struct{})
	go func() {
		defer close(over)
		for range 20 {
			l.status(strings.Repeat("x", 1000))
		}
	}()
	select {
	case <-over:
	case <-time.After(2 * time.Minute):
		t.Error("the agent hangs")
	}
}
