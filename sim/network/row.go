package network

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"abota/sim/faulttable"
	"abota/sim/front"
)

// row is one fault and what must come of it.
type row struct {
	name string
	// slow rows are left out of a quick run.
	slow bool
	// needs is asked first whether this machine has what the row takes.
	needs func(context.Context) error
	// begin does the fault, once the scene stands.
	begin func(ctx context.Context, s *scene) error
	// tls makes the front speak it, with this certificate at first and a good
	// one when it heals.
	tls *certificate
	// config are lines of the device's configuration.
	config []string
	// source is what install is given beside its options, before the fault
	// and after it.
	source func(ctx context.Context, s *scene) ([]string, error)

	// exit is how the install must end, and says what it must say.
	exit int
	says string
	// twice is how many hundredths of the token may come twice, beside what
	// the kernel's buffers lose in a cut.
	twice int64
	// help is what an operator adds to the second command, where the server
	// is not what has to change.
	help func(s *scene) []string
}

// scene is a row's own device, and the front that it asks.
type scene struct {
	*world
	row    row
	dir    string
	front  *front.Front
	device *device
	// image is the sum of what the release in the end installs.
	image []byte
	// tls is what the front speaks now.
	tls atomic.Pointer[tls.Config]
	// heal undoes what Front.Heal does not know of.
	heal func() error
	// healed says that the fault is gone.
	healed  bool
	forward *front.Forward // the HTTP proxy, if there is one
	// ends is closed with the row.
	ends []func()
}

// outcome is a row as it was played.
type outcome struct {
	row       row
	run       ran
	twice     int64
	requests  int
	recovered time.Duration
	// again is the second command, of a row that failed.
	again *ran
}

// slack is what may come twice of an answer that is cut, in bytes: what the
// kernel held of it.
const slack = 512 << 10

func (w *world) play(ctx context.Context, r row, number int) (_ outcome, err error) {
	if r.needs != nil {
		if err := r.needs(ctx); err != nil {
			return outcome{}, fmt.Errorf("%w: %w", faulttable.ErrMissing, err)
		}
	}
	s := &scene{world: w, row: r, dir: filepath.Join(w.dir, fmt.Sprintf("row-%d", number)), image: w.image}
	defer s.close()
	if err := s.set(ctx); err != nil {
		return outcome{}, err
	}
	o := outcome{row: r}
	args, err := s.command(ctx)
	if err != nil {
		return o, err
	}
	began := time.Now()
	if o.run, err = s.device.run(ctx, args...); err != nil {
		return o, err
	}
	o.requests, o.recovered = len(s.front.Exchanges()), s.recovered(began, o.run)
	if err := s.judge(ctx, o.run); err != nil {
		return o, fmt.Errorf("%w\n%s", err, o.run.all)
	}
	if o.run.exit != 0 {
		again, err := s.again(ctx)
		if err != nil {
			return o, err
		}
		o.again = &again
	}
	o.twice = s.front.Sent(token) - w.tokenSize
	if most := s.at(r.twice) + slack*int64(o.requests); o.twice > most {
		return o, fmt.Errorf("%d bytes were fetched twice, more than %d", o.twice, most)
	}
	return o, nil
}

// set builds the scene and lets the fault begin.
func (s *scene) set(ctx context.Context) error {
	config, err := s.speak()
	if err != nil {
		return err
	}
	if s.front, err = front.New(s.store.Endpoint(), config); err != nil {
		return err
	}
	s.ends = append(s.ends, s.front.Close)
	if s.device, err = s.newDevice(s.dir, s.front.Endpoint(), s.row.config); err != nil {
		return fmt.Errorf("make the device: %w", err)
	}
	if s.row.begin == nil {
		return nil
	}
	return s.row.begin(ctx, s)
}

// at is an offset in the token, in hundredths of it.
func (s *scene) at(percent int64) int64 { return s.tokenSize * percent / 100 }

func (s *scene) close() {
	for i := len(s.ends) - 1; i >= 0; i-- {
		s.ends[i]()
	}
}

func (s *scene) command(ctx context.Context) ([]string, error) {
	if s.row.source == nil {
		return []string{"install"}, nil
	}
	args, err := s.row.source(ctx, s)
	return append([]string{"install"}, args...), err
}

// recovered is the time from the fault to the first good byte after it, or to
// the end of a run that gave up.
func (s *scene) recovered(began time.Time, run ran) time.Duration {
	if run.exit == 0 {
		d, _ := s.front.Recovery()
		return d
	}
	if hit := s.front.Hit(); !hit.IsZero() {
		return began.Add(run.took).Sub(hit)
	}
	return run.took
}

func (s *scene) judge(ctx context.Context, run ran) error {
	switch {
	case run.exit != s.row.exit:
		return fmt.Errorf("exit code %d, want %d", run.exit, s.row.exit)
	case !strings.Contains(run.all, s.row.says):
		return fmt.Errorf("it does not say %q", s.row.says)
	case strings.Contains(run.all, s.keys.SecretKey), strings.Contains(run.all, s.keys.SessionToken), strings.Contains(run.all, proxySecret):
		return errors.New("it shows a secret")
	case run.exit == 0 && s.forward != nil && s.forward.Passed() == 0:
		return errors.New("it went past the proxy")
	case run.exit == 0:
		return s.device.installed(ctx, s.image)
	}
	return s.device.untouched(ctx)
}

// again takes the fault away and lets the device do the same once more.
func (s *scene) again(ctx context.Context) (ran, error) {
	if s.heal != nil {
		if err := s.heal(); err != nil {
			return ran{}, err
		}
	}
	if err := s.front.Heal(); err != nil {
		return ran{}, err
	}
	s.healed = true
	args, err := s.command(ctx)
	if err != nil {
		return ran{}, err
	}
	if s.row.help != nil {
		args = append(args, s.row.help(s)...)
	}
	run, err := s.device.run(ctx, args...)
	if err != nil {
		return run, err
	}
	if run.exit != 0 {
		return run, fmt.Errorf("after the fault, exit code %d: %s", run.exit, run.all)
	}
	return run, s.device.installed(ctx, s.image)
}
