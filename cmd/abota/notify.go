package main

import (
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// silence is how long one step of the agent may go on without a sign of
// progress before it counts as hung: a hook, the health checks of a directory
// slot, or an outage that the download sits out.
const silence = 45 * time.Minute

// sendFor is how long init may leave a message lying. One that no longer reads
// must not hold up an update.
const sendFor = 100 * time.Millisecond

// initLink tells the init system how the agent is, by the protocol of
// sd_notify(3): datagrams of NAME=VALUE lines. Without systemd it tells nobody.
type initLink struct {
	conn *net.UnixConn // nil without systemd
	// pulse is how often systemd's watchdog has to be fed, 0 for never.
	pulse time.Duration
	log   *slog.Logger

	// progress is when there was a sign of it, in nanoseconds after started.
	progress atomic.Int64
	started  time.Time
	done     chan struct{}
}

// connectInit uses what systemd passes in the environment: the address of a
// socket, where @ stands for the zero byte of an abstract one, and the time of
// its watchdog in microseconds.
func connectInit(getenv func(string) string, log *slog.Logger) *initLink {
	l := &initLink{log: log, started: time.Now(), done: make(chan struct{})}
	address := getenv("NOTIFY_SOCKET")
	if address == "" {
		return l
	}
	// Go reads a leading @ as an abstract address too.
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		log.Warn("cannot tell init how the agent is", "error", err)
		return l
	}
	l.conn = conn
	if micros, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64); err == nil && micros > 1 {
		l.pulse = time.Duration(micros) * time.Microsecond / 2
		go l.feed()
	}
	return l
}

func (l *initLink) close() {
	close(l.done)
	if l.conn != nil {
		l.conn.Close()
	}
}

func (l *initLink) send(state string) {
	if l.conn == nil {
		return
	}
	err := l.conn.SetWriteDeadline(time.Now().Add(sendFor))
	if err == nil {
		_, err = l.conn.Write([]byte(state))
	}
	if err != nil {
		l.log.Debug("cannot tell init how the agent is", "error", err)
	}
}

func (l *initLink) ready()    { l.send("READY=1") }
func (l *initLink) stopping() { l.send("STOPPING=1\nSTATUS=stopping") }

// status is one line for `systemctl status`.
func (l *initLink) status(line string) {
	l.log.Debug(line)
	l.send("STATUS=" + strings.ReplaceAll(line, "\n", " "))
}

// alive notes a sign of progress. It is called for every piece of a download.
func (l *initLink) alive() { l.progress.Store(int64(time.Since(l.started))) }

// feed keeps systemd's watchdog quiet as long as there is progress.
func (l *initLink) feed() {
	ticker := time.NewTicker(l.pulse)
	defer ticker.Stop()
	for {
		if time.Since(l.started)-time.Duration(l.progress.Load()) < silence {
			l.send("WATCHDOG=1")
		}
		select {
		case <-l.done:
			return
		case <-ticker.C:
		}
	}
}
