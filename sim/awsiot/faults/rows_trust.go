package faults

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"abota/sim/front"
)

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
		{name: "the same of another authority", begin: shows(func(*scene) (*front.Authority, front.Leaf, error) {
			now := time.Now()
			ca, err := front.NewAuthority("stranger", now.Add(-time.Hour), now.Add(72*time.Hour))
			return ca, valid(24*time.Hour, 48*time.Hour), err
		}), acts: []act{running, logSays("certificate is not accepted"), mended}},
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
