// Package store runs a real MinIO as the simulator's S3, on loopback, in a
// folder of its own.
//
// # Guarantee
//
// Start returns once the server has answered a signed request. Stop ends the
// process that Start began and no other. Should this process die without
// Stop, the kernel ends the server too. The server is bound to 127.0.0.1 only,
// with keys that are random for each start.
//
// # Not guaranteed
//
// Nothing here is fast or safe enough for a real fleet: one disk, no TLS. A
// folder that was used before is served again, but with new keys.
//
// MinIO is run, never linked: its license is the AGPL. It is built from its
// pinned source by the Go tool, once, into the user's cache (abota/minio-VERSION).
// Linux only.
package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

const (
	region       = "us-east-1"
	startTimeout = time.Minute
	stopTimeout  = 15 * time.Second
	// startAttempts allows for another process taking the free port between
	// looking for one and MinIO's listening on it.
	startAttempts = 3
)

// Keys are credentials. SessionToken is empty for the store's own.
type Keys struct{ AccessKey, SecretKey, SessionToken string }

// Store is one running MinIO.
type Store struct {
	endpoint string
	keys     Keys
	client   *minio.Client
	log      string
	process  *process
}

// Start runs a MinIO that keeps its objects and its log below dir, until Stop
// or until ctx is done.
func Start(ctx context.Context, dir string) (*Store, error) {
	path, err := binary(ctx)
	if err != nil {
		return nil, err
	}
	for attempt := 1; ; attempt++ {
		s, err := start(ctx, path, dir)
		if err == nil || attempt == startAttempts || ctx.Err() != nil || !errors.Is(err, errEnded) {
			return s, err
		}
	}
}

func start(ctx context.Context, binary, dir string) (*Store, error) {
	data, log := filepath.Join(dir, "data"), filepath.Join(dir, "minio.log")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, fmt.Errorf("make the store's folder: %w", err)
	}
	address, err := freeAddress()
	if err != nil {
		return nil, fmt.Errorf("find a free port for the store: %w", err)
	}
	s := &Store{endpoint: "http://" + address, keys: Keys{AccessKey: rand.Text(), SecretKey: rand.Text()}, log: log}
	if s.client, err = newClient(address, s.keys, minio.MaxRetry); err != nil {
		return nil, err
	}
	// Certificates are looked for in dir, not in the user's home.
	cmd := exec.CommandContext(ctx, binary, "server", "--quiet", "--address", address, "--certs-dir", filepath.Join(dir, "certs"), data)
	cmd.Env = append(serverEnv(os.Environ()),
		"MINIO_ROOT_USER="+s.keys.AccessKey, "MINIO_ROOT_PASSWORD="+s.keys.SecretKey,
		"MINIO_BROWSER=off", "MINIO_UPDATE=off", "MINIO_CALLHOME_ENABLE=off")
	if s.process, err = run(cmd, log); err != nil {
		return nil, fmt.Errorf("start MinIO: %w", err)
	}
	if err := s.ready(ctx, address); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// serverEnv drops settings of another MinIO that may be in the environment.
func serverEnv(environ []string) []string {
	var kept []string
	for _, v := range environ {
		if !strings.HasPrefix(v, "MINIO_") {
			kept = append(kept, v)
		}
	}
	return kept
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func newClient(address string, keys Keys, attempts int) (*minio.Client, error) {
	c, err := minio.New(address, &minio.Options{
		Creds:      credentials.NewStaticV4(keys.AccessKey, keys.SecretKey, ""),
		Region:     region,
		MaxRetries: attempts,
	})
	if err != nil {
		return nil, fmt.Errorf("set up the store's client: %w", err)
	}
	return c, nil
}

var errEnded = errors.New("MinIO ended at its start")

// ready waits for the first signed request to succeed, with a client that
// does not pause between its own attempts.
func (s *Store) ready(ctx context.Context, address string) error {
	probe, err := newClient(address, s.keys, 1)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		_, err := probe.ListBuckets(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-s.process.done:
			return fmt.Errorf("%w: %s", errEnded, s.logTail())
		case <-ctx.Done():
			return fmt.Errorf("MinIO does not answer at %s: %w (last: %v); its log is %s", s.endpoint, ctx.Err(), err, s.log)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// logTail is the end of the server's log on one line.
func (s *Store) logTail() string {
	const most = 600
	text, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	text = text[max(0, len(text)-most):]
	return strings.Join(strings.Fields(string(text)), " ")
}

// Endpoint is the store's URL, http://127.0.0.1:PORT.
func (s *Store) Endpoint() string { return s.endpoint }

// Region is what requests are signed for.
func (s *Store) Region() string { return region }

// Keys may do everything.
func (s *Store) Keys() Keys { return s.keys }

// pid is the server's process.
func (s *Store) pid() int { return s.process.cmd.Process.Pid }

// Stop ends the server and waits for its end. It may be called again.
func (s *Store) Stop() error { return s.process.stop(stopTimeout) }
