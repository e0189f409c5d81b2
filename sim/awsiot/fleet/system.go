package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"abota/bootctl"
	"abota/updater"
	"abota/updater/jobs"
	"abota/updater/mqtt"
	"abota/updater/release"
	"abota/updater/slot"
)

// system is what runs on a device from one start to the next restart.
type system struct {
	*device
	engine *updater.Engine
	link   *mqtt.Link

	// ctx ends with the system, its cause says why.
	ctx  context.Context
	stop context.CancelCauseFunc
	gone chan struct{} // closed when the power goes

	mu   sync.Mutex
	conn net.Conn // the connection to the broker
}

var errRestart = errors.New("restart")

func newSystem(ctx context.Context, d *device, booted bootctl.Slot, boots int) *system {
	s := &system{device: d, gone: make(chan struct{})}
	s.ctx, s.stop = context.WithCancelCause(ctx)
	s.engine = s.newEngine(booted, fmt.Sprintf("%s-%d", d.name, boots))
	return s
}

// newEngine is the engine of one of the system's processes.
func (s *system) newEngine(booted bootctl.Slot, bootID string) *updater.Engine {
	d, store, host := s.device, storage{s.board, s.gone}, s.fleet.host
	host.Through = s.through
	return &updater.Engine{
		Backend: store, Journal: record{store, journalOf}, Host: host,
		Paths: d.paths(), Booted: booted, BootID: bootID,
		ConfirmedTries: bootctl.DefaultConfirmedTries,
		Prove:          s.prove, Reboot: s.reboot, Progress: func(updater.Progress) {},
		Note: func(at bootctl.Slot) (release.Note, error) { return release.Note{Version: d.version(at)}, nil },
		Code: exitCode, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
}

// exitCode is what the journal keeps of an error: the command's own table is
// cmd/abota's.
func exitCode(err error) int {
	const failed, unhealthy = 1, 8
	if errors.Is(err, updater.ErrUnhealthy) {
		return unhealthy
	}
	return failed
}

// run is init: first `abota boot`, then `abota run`; beside each other where a
// trial takes its time. It returns when the system ends, with an error where
// abota does what it must not.
func (s *system) run() (err error) {
	under, _, err := s.engine.UnderWay()
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	if s.slow && under.Action == updater.Trial {
		var beside sync.WaitGroup
		var verdict error
		beside.Go(func() { verdict = s.boot(s.newEngine(s.engine.Booted, s.engine.BootID)) })
		defer func() {
			beside.Wait()
			err = errors.Join(err, verdict)
		}()
		return s.take()
	}
	if err := s.boot(s.engine); err != nil || s.ctx.Err() != nil {
		return err
	}
	return s.take()
}

// boot is `abota boot`.
func (s *system) boot(e *updater.Engine) error {
	if _, err := e.Boot(s.ctx); err != nil && s.ctx.Err() == nil {
		return fmt.Errorf("%s: boot: %w", s.name, err)
	}
	return nil
}

// take is `abota run`: it takes jobs until the system ends.
func (s *system) take() (err error) {
	if s.link, err = s.connect(); err != nil {
		return err
	}
	unwatch := s.link.Watch(func() { s.fleet.tell(func() { s.connected = true }) })
	defer unwatch()
	var beside sync.WaitGroup
	beside.Go(func() { s.link.Run(s.ctx) })
	s.agent().Run(s.ctx)
	beside.Wait()
	return nil
}

// end is when nothing of the system runs any more.
func (s *system) end() {
	s.stop(nil)
	s.fleet.tell(func() { s.connected, s.gate, s.said = false, nil, "" })
}

func (s *system) agent() *jobs.Agent {
	return &jobs.Agent{
		Device: s, Link: s.link, Store: record{storage{s.board, s.gone}, jobsOf}, Thing: s.name,
		Alive: func() {}, Log: slog.New(slog.DiscardHandler),
		Say:   func(line string) { s.fleet.tell(func() { s.said = line }) },
		Ended: func(l jobs.Last) { s.fleet.tell(func() { s.ended[l.Job] = l.Status }) },
	}
}

// connect prepares the device's own connection to the broker.
func (s *system) connect() (*mqtt.Link, error) {
	return mqtt.New(mqtt.Options{
		Address: s.fleet.broker, ClientID: s.name + "-abota",
		Dial: func(ctx context.Context, address string, _ []string) (net.Conn, error) {
			var d net.Dialer
			conn, err := d.DialContext(ctx, "tcp", address)
			s.mu.Lock()
			defer s.mu.Unlock()
			s.conn = conn
			return conn, err
		},
	})
}

// reboot is the engine's: the shutdown is under way when it returns.
func (s *system) reboot(context.Context) error {
	s.stop(errRestart)
	return nil
}

// cutPower ends everything at once: nothing is stored any more, and the broker
// gets no goodbye.
func (s *system) cutPower() {
	s.device.mu.Lock()
	close(s.gone)
	s.device.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if tcp, ok := s.conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // fails only if it is gone already
		_ = tcp.Close()
	}
	s.stop(errPowerLost)
}

// prove is the trial's verdict. There is no waiting in it (package health has
// deadlines in real time), so that no busy machine makes a device unhealthy; but
// for slow devices, whose agent has to see the trial first.
func (s *system) prove(ctx context.Context) error {
	if s.slow {
		err := s.fleet.until(ctx, "seen in its trial", []*device{s.device}, func(d *device) bool {
			return strings.HasSuffix(d.said, " "+string(jobs.Testing))
		})
		if err != nil {
			return err
		}
		s.fleet.tell(func() { s.watched++ })
	}
	return s.selftest(s.version(s.engine.Booted))
}

// medium is the slot that is written, which ends with the power.
type medium struct {
	slot.Medium
	of storage
}

func (s *system) through(_ string, m slot.Medium) slot.Medium {
	return medium{m, storage{s.board, s.gone}}
}

func (m medium) WriteAt(p []byte, at int64) (n int, err error) {
	if gone := m.of.change(func() { n, err = m.Medium.WriteAt(p, at) }); gone != nil {
		return 0, gone
	}
	return n, err
}
