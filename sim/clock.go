package sim

import (
	"context"
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"abota/sim/board"
	"abota/sim/front"
	"abota/sim/guest"
)

// secure is a front with TLS before the store, and who vouches for it.
type secure struct {
	front        *front.Front
	ca, stranger *front.Authority
	// shows is the certificate that it shows now, to every new connection.
	shows atomic.Pointer[tls.Certificate]
}

func newSecure(store string) (*secure, error) {
	s := &secure{}
	now := time.Now()
	var err error
	// Authorities are older than what they vouch for, and than any device.
	if s.ca, err = front.NewAuthority("fleet", now.AddDate(-20, 0, 0), now.AddDate(20, 0, 0)); err != nil {
		return nil, err
	}
	if s.stranger, err = front.NewAuthority("stranger", now.AddDate(-20, 0, 0), now.AddDate(20, 0, 0)); err != nil {
		return nil, err
	}
	if err := s.show(s.ca, front.Leaf{NotBefore: now, NotAfter: now.AddDate(0, 0, 1)}); err != nil {
		return nil, err
	}
	s.front, err = front.New(store, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return s.shows.Load(), nil
	}})
	return s, err
}

// show issues the certificate to be shown from now on, for the name that the
// guest knows unless the leaf says another.
func (s *secure) show(ca *front.Authority, leaf front.Leaf) error {
	if leaf.Hosts == nil {
		leaf.Hosts = []string{hostAlias}
	}
	pair, _, _, err := ca.Issue(leaf)
	s.shows.Store(&pair)
	return err
}

func (s *secure) close() {
	if s != nil {
		s.front.Close()
	}
}

// clock is the device that was never told the time.
func clock() Scenario {
	today := func(s *secure) (*front.Authority, front.Leaf) {
		now := time.Now()
		return s.ca, front.Leaf{NotBefore: now, NotAfter: now.AddDate(0, 0, 1)}
	}
	return Scenario{
		Name:    "clock",
		About:   "a board that wakes in 1970 updates over TLS with signed requests, and trusts nobody whom it would not trust today",
		Setting: Setting{Clock: time.Unix(0, 0), Secure: true},
		Steps: steps(
			fromFactory(),
			wakes(1970),
			published("2", guest.Healthy),
			distrusts("a certificate of an unknown authority", "unknown authority", func(s *secure) (*front.Authority, front.Leaf) {
				_, leaf := today(s)
				return s.stranger, leaf
			}),
			distrusts("another host's certificate", "valid for 10.0.2.3, not "+hostAlias, func(s *secure) (*front.Authority, front.Leaf) {
				_, leaf := today(s)
				leaf.Hosts = []string{"10.0.2.3"}
				return s.ca, leaf
			}),
			distrusts("a certificate that expired before this abota was built", "expired", func(s *secure) (*front.Authority, front.Leaf) {
				return s.ca, front.Leaf{NotBefore: time.Now().AddDate(-10, 0, 0), NotAfter: time.Now().AddDate(-9, 0, 0)}
			}),
			shown("the server shows a certificate that is valid from now on", today),
			installs("2", "B", "certificate is checked at the time at which it starts", "signing with the server's time"),
			[]Step{restart()},
			boots("version 2 starts from slot B, on trial", expected{slot: "B", version: "2", decision: "trial", trial: "B", good: "A"}),
			wakes(1970),
			commits("B", "2"),
			distrusts("a certificate that expired before release 2 was made", "expired", func(s *secure) (*front.Authority, front.Leaf) {
				return s.ca, front.Leaf{NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: time.Now().Add(-time.Hour)}
			}),
		),
	}
}

// wakes checks that the guest does not know the time.
func wakes(year int) []Step {
	return []Step{{Title: fmt.Sprintf("the board's clock says %d", year), Do: func(ctx context.Context, w *World) (string, error) {
		got, err := w.guest(ctx, "date -u '+%Y-%m-%d %H:%M:%S'", 0)
		if err != nil {
			return "", err
		}
		if !strings.HasPrefix(got, fmt.Sprint(year)) {
			return "", fmt.Errorf("the guest's date is %s", got)
		}
		return "date in the guest: " + strings.TrimSpace(got), nil
	}}}
}

// shown has the server show another certificate.
func shown(title string, leaf func(*secure) (*front.Authority, front.Leaf)) []Step {
	return []Step{{Title: title, Do: func(_ context.Context, w *World) (string, error) {
		ca, l := leaf(w.secure)
		if err := w.secure.show(ca, l); err != nil {
			return "", err
		}
		return fmt.Sprintf("from %s to %s", l.NotBefore.UTC().Format(time.DateTime), l.NotAfter.UTC().Format(time.DateTime)), nil
	}}}
}

// distrusts shows a certificate for which the board must refuse the server.
func distrusts(what, says string, leaf func(*secure) (*front.Authority, front.Leaf)) []Step {
	return append(shown("the server shows "+what, leaf), Step{Title: "the board does not take anything from it", Do: func(ctx context.Context, w *World) (string, error) {
		asked := len(w.secure.front.Exchanges())
		got, err := w.board.Run(ctx, "abota install")
		if err != nil {
			return "", err
		}
		s, err := w.look(ctx)
		const transport = 6
		switch {
		case err != nil:
			return "", err
		case got.Exit != transport || !strings.Contains(got.Stderr, says):
			return "", fmt.Errorf("abota install ended with %d, not %d, or does not say %q: %s", got.Exit, transport, says, got.Stderr)
		case len(w.secure.front.Exchanges()) != asked:
			return "", fmt.Errorf("it sent a request all the same")
		case s.Status.Primary != s.Status.Booted:
			return "", fmt.Errorf("the pointer moved to %s", s.Status.Primary)
		}
		return lastLine(got), nil
	}})
}

// installs lets the board install what is offered, and wants to see why it
// could.
func installs(version, target string, because ...string) []Step {
	return []Step{{Title: fmt.Sprintf("the board installs %s into slot %s", version, target), Do: func(ctx context.Context, w *World) (string, error) {
		got, err := w.board.Run(ctx, "abota install")
		if err != nil {
			return "", err
		}
		if got.Exit != 0 {
			return "", fmt.Errorf("abota install ended with %d: %s", got.Exit, got.Stderr)
		}
		var proof []string
		for _, words := range because {
			lines := strings.Split(got.Stderr, "\n")
			i := slices.IndexFunc(lines, func(line string) bool { return strings.Contains(line, words) })
			if i < 0 {
				return "", fmt.Errorf("abota install did not say %q: %s", words, got.Stderr)
			}
			proof = append(proof, lines[i])
		}
		s, err := w.look(ctx)
		if err != nil {
			return "", err
		}
		if s.Status.bootStatus(target) != "trial" {
			return "", fmt.Errorf("abota status says that slot %s is %s, not armed for a trial", target, s.Status.bootStatus(target))
		}
		return strings.Join(append(proof, describe(s.Status)), "\n"), nil
	}}}
}

// lastLine is the last thing that a command said.
func lastLine(r board.Result) string {
	lines := strings.Split(strings.TrimSpace(r.Stderr), "\n")
	return lines[len(lines)-1]
}
