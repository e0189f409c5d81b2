package faults

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"abota/sim/awsiot/broker"
	"abota/sim/front"
	"abota/updater/mqtt"
)

// releases are those that the device has met before.
func releases() []row {
	again := func(status, says string) act {
		return func(ctx context.Context, s *scene) error {
			before := s.progress()
			s.job += "-again"
			if err := s.direct(s.job, s.release.document); err != nil {
				return err
			}
			if err := s.settle(ctx, s.job, status, 1); err != nil {
				return err
			}
			if more := s.progress() - before; more != 0 {
				return fmt.Errorf("%d bytes were fetched again", more)
			}
			s.note("the same release again: %s, 0 bytes fetched: %s", status, reason(s.execution(s.job)))
			return nil
		}
	}
	first := func(status string) act {
		return func(ctx context.Context, s *scene) error { return s.settle(ctx, s.job, status, 1) }
	}
	return []row{
		{name: "installed release again", quick: true, acts: []act{running, first("SUCCEEDED"), again("SUCCEEDED", "")}},
		{
			name: "unhealthy release, and again", quick: true, status: "REJECTED", says: "failed on this device before", condemned: 1,
			acts: []act{running, restarting, func(ctx context.Context, s *scene) error {
				return errors.Join(os.Remove(s.device.at("healthy")), s.device.reboot(ctx), os.WriteFile(s.device.at("healthy"), nil, 0o600))
			}, first("FAILED"), again("REJECTED", "")},
		},
	}
}

// clients are others that use the device's client ID.
func clients() []row {
	return []row{
		{name: "client ID taken by another in the download", acts: []act{downloading, now(true), func(_ context.Context, s *scene) error {
			go s.thief(3 * time.Second)
			return nil
		}, logSays("another connection has the client ID"), logSays("-abota\\\""), well}, most: 60},
		{name: "client ID in use by another before", acts: []act{func(ctx context.Context, s *scene) error {
			go s.thief(5 * time.Second)
			return s.until(ctx, "the other", func() (bool, error) {
				return slices.ContainsFunc(s.cloud.Broker().Clients(), func(c broker.Client) bool { return c.ID == s.client() }), nil
			})
		}}},
	}
}

// thief connects with the device's certificate and client ID for some time, as a
// copy of the device would.
func (s *scene) thief(stays time.Duration) {
	pair, err := tls.LoadX509KeyPair(s.device.thing.Certificate, s.device.thing.Key)
	if err != nil {
		s.note("%v", err)
		return
	}
	link, err := mqtt.New(mqtt.Options{
		Address: s.prepared.MQTTS, ClientID: s.client(),
		TLS: &tls.Config{RootCAs: s.cloud.Authority().Pool(), Certificates: []tls.Certificate{pair}},
	})
	if err != nil {
		s.note("%v", err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), stays)
	defer cancel()
	link.Run(ctx)
}

// trusts are brokers that the device does not trust, and certificates that the
// broker does not.
func trusts() []row {
	shows := func(who func(s *scene) (*front.Authority, front.Leaf, error)) act {
		return func(_ context.Context, s *scene) error {
			ca, leaf, err := who(s)
			if err != nil {
				return err
			}
			leaf.Hosts = append(leaf.Hosts, "127.0.0.1")
			pair, _, _, err := ca.Issue(leaf)
			if err != nil {
				return err
			}
			s.relay.become(&tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAnyClientCert}, s.prepared.MQTT)
			return nil
		}
	}
	valid := func(from, until time.Duration) front.Leaf {
		return front.Leaf{NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(until)}
	}
	ours := func(from, until time.Duration) act {
		return shows(func(s *scene) (*front.Authority, front.Leaf, error) {
			return s.cloud.Authority(), valid(from, until), nil
		})
	}
	// mended is an operator who has put it right: the agent's pause would only
	// take time.
	mended := func(ctx context.Context, s *scene) error {
		if e := s.execution(s.job); e.Status != "QUEUED" {
			return fmt.Errorf("the job is %s, although the device reached nobody", e.Status)
		}
		s.relay.become(nil, s.prepared.MQTTS)
		s.strike(true)
		return s.device.restartAgent(ctx)
	}
	return []row{
		{name: "broker of another authority", begin: shows(func(*scene) (*front.Authority, front.Leaf, error) {
			now := time.Now()
			ca, err := front.NewAuthority("stranger", now.Add(-time.Hour), now.Add(time.Hour))
			return ca, valid(-time.Minute, time.Hour), err
		}), acts: []act{running, logSays("certificate is not accepted"), mended}},
		{
			name: "broker's certificate of tomorrow (clock behind)", quick: true, begin: ours(24*time.Hour, 48*time.Hour),
			logs: "this device's clock is behind",
		},
		{name: "broker's certificate of yesterday", begin: ours(-48*time.Hour, -24*time.Hour), acts: []act{running, logSays("expired"), mended}},
		{name: "broker that speaks no TLS", begin: func(_ context.Context, s *scene) error {
			s.relay.become(nil, s.prepared.MQTT)
			return nil
		}, acts: []act{running, logSays("no connection to the broker"), mended}},
		{name: "device's certificate expired", begin: func(_ context.Context, s *scene) error {
			_, cert, key, err := s.cloud.Authority().Issue(valid(-48*time.Hour, -24*time.Hour))
			s.device.iot["cert"], s.device.iot["key"] = s.device.at("old.pem"), s.device.at("old.key")
			return errors.Join(err, os.WriteFile(s.device.at("old.pem"), cert, 0o600), os.WriteFile(s.device.at("old.key"), key, 0o600))
		}, acts: []act{running, logSays("does not accept this device's certificate"), func(ctx context.Context, s *scene) error {
			s.device.iot["cert"], s.device.iot["key"] = s.device.thing.Certificate, s.device.thing.Key
			return mended(ctx, s)
		}}},
		{name: "device's certificate inactive", begin: func(_ context.Context, s *scene) error {
			return s.cloud.Service().UpdateCertificate(s.certificate(), "INACTIVE")
		}, acts: []act{running, logSays("no connection to the broker"), func(ctx context.Context, s *scene) error {
			return errors.Join(s.cloud.Service().UpdateCertificate(s.certificate(), "ACTIVE"), mended(ctx, s))
		}}},
		{name: "device's certificate not attached to the thing", begin: func(_ context.Context, s *scene) error {
			return s.cloud.Service().DetachThingPrincipal(s.name, s.device.thing.CertificateARN)
		}, acts: []act{running, logSays("not authorised"), func(ctx context.Context, s *scene) error {
			return errors.Join(s.cloud.Service().AttachThingPrincipal(s.name, s.device.thing.CertificateARN), mended(ctx, s))
		}}},
	}
}

// certificate is the ID of the device's.
func (s *scene) certificate() string { return filepath.Base(s.device.thing.CertificateARN) }

// queues are several jobs, and jobs that nobody was there for.
func queues() []row {
	return []row{
		{name: "job made while the device was off", acts: []act{queued}},
		{name: "job made while the device runs", job: func(context.Context, *scene) error { return nil }, acts: []act{running, logSays("waiting for a job"), made}},
		{name: "job made while the network was away", job: func(context.Context, *scene) error { return nil }, acts: []act{
			running, logSays("waiting for a job"), now(true),
			func(_ context.Context, s *scene) error { s.relay.refuse(); return nil },
			logSays("no connection to the broker"), made,
			func(_ context.Context, s *scene) error { return s.relay.listen() },
		}},
		{name: "two jobs queued, the first cancelled by force", acts: []act{func(_ context.Context, s *scene) error {
			return s.direct(s.job+"-2", s.release.document)
		}, downloading, force, func(_ context.Context, s *scene) error {
			s.job += "-2"
			return nil
		}, well}, most: 60},
		{name: "two jobs of the same release queued", acts: []act{func(_ context.Context, s *scene) error {
			return s.direct(s.job+"-2", s.release.document)
		}, running, func(ctx context.Context, s *scene) error {
			if err := s.settle(ctx, s.job, "SUCCEEDED", 1); err != nil {
				return err
			}
			s.job += "-2"
			return nil
		}}},
		{name: "job deleted by force, downloading", acts: []act{downloading, deleted, well, func(ctx context.Context, s *scene) error {
			if err := s.until(ctx, "a device without a job", func() (bool, error) {
				at, err := s.device.standing(ctx)
				return at.Job == nil || at.Job.Phase == "", err
			}); err != nil {
				return err
			}
			s.job += "-2"
			return s.direct(s.job, s.release.document)
		}}, most: 100},
	}
}

// made makes the job now.
func made(ctx context.Context, s *scene) error {
	_, err := s.createOTA(ctx, s.release.key, groupOf(s.name), s.job[len(jobPrefix):])
	return err
}
