package faults

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"abota/sim/awsiot/broker"
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
