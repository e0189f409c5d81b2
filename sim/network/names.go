package network

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// hostName is the store's name where a row has it looked up.
const hostName = "store.fleet.test"

// namespaces says why this machine does not let a user make namespaces.
func namespaces(ctx context.Context) error {
	if out, err := exec.CommandContext(ctx, "unshare", "--map-root-user", "--mount", "true").CombinedOutput(); err != nil {
		return fmt.Errorf("it needs user namespaces: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// unnamed gives the device an endpoint by name, and a view of its own on
// /etc/hosts and /etc/resolv.conf, in which nobody knows the name. What it
// returns makes it known.
func (s *scene) unnamed() (known func() error, err error) {
	hosts, resolv := filepath.Join(s.dir, "hosts"), filepath.Join(s.dir, "resolv.conf")
	err = errors.Join(
		os.WriteFile(hosts, []byte("127.0.0.1 localhost\n"), 0o600),
		// Nobody listens there.
		os.WriteFile(resolv, []byte("nameserver 127.99.0.53\noptions timeout:1 attempts:1\n"), 0o600),
		s.device.say("endpoint: "+strings.Replace(s.front.Endpoint(), "127.0.0.1", hostName, 1)),
	)
	const view = `mount --bind "$1" /etc/hosts && mount --bind "$2" /etc/resolv.conf && shift 2 && exec "$@"`
	s.device.wrap = []string{"unshare", "--map-root-user", "--mount", "sh", "-c", view, "view", hosts, resolv}
	return func() error {
		// In place: the file itself is what was mounted.
		f, err := os.OpenFile(hosts, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(f, "127.0.0.1", hostName)
		return errors.Join(err, f.Close())
	}, err
}
