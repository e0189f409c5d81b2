package faults

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
)

// judge checks what became of it.
func (s *scene) judge(ctx context.Context, o *outcome) error {
	r, e := s.row, s.execution(s.job)
	s.mu.Lock()
	o.delivered, o.recovered = s.delivered, s.recovered
	s.mu.Unlock()
	if s.front != nil {
		o.delivered += s.fetched()
		if s.front.Hit().IsZero() == s.meets {
			return fmt.Errorf("whether the fault was met: %v", !s.meets)
		}
		o.recovered, _ = s.front.Recovery()
	}
	o.status, o.reason, o.end = s.wanted(), reason(e), "untouched"
	o.twice = max(0, o.delivered-s.size)
	if r.logs != "" && !strings.Contains(s.device.said(), r.logs) {
		return fmt.Errorf("the device does not say %q", r.logs)
	}
	if !strings.Contains(o.reason, r.says) {
		return fmt.Errorf("the reason does not say %q: %s", r.says, o.reason)
	}
	if o.twice > s.size*r.most/100+underWay {
		return fmt.Errorf("%d bytes were fetched twice", o.twice)
	}
	if s.wanted() == "SUCCEEDED" || r.installed {
		o.end = "runs in slot B"
		return s.device.committed(ctx, s.release.sum)
	}
	return s.device.untouched(ctx, r.condemned, r.held)
}

// goesOn has the fault be over, and the device take the next job.
func (s *scene) goesOn(ctx context.Context, o *outcome) error {
	if err := s.heal(); err != nil {
		return err
	}
	if s.row.mend != nil {
		if err := s.row.mend(ctx, s); err != nil {
			return fmt.Errorf("mend the device: %w", err)
		}
	}
	if s.device.agent == nil {
		if err := s.device.start(ctx); err != nil {
			return err
		}
	}
	before, next := s.device.booted, s.job+"-next"
	if err := s.direct(next, s.next.document); err != nil {
		return err
	}
	if err := s.settle(ctx, next, "SUCCEEDED", 1); err != nil {
		return fmt.Errorf("after the fault: %w", err)
	}
	code, err := s.device.stop()
	if o.exit = code; err != nil || code != 0 {
		return errors.Join(err, fmt.Errorf("the agent ended with exit code %d", code))
	}
	file := map[string]string{slotA: "b.img", slotB: "a.img"}[before]
	if s.device.booted == before {
		return errors.New("after the fault, the device did not restart into the next release")
	}
	return errors.Join(s.device.holds(file, s.next.sum), s.discreet())
}

// discreet checks that no output shows a secret.
func (s *scene) discreet() error {
	text := s.device.said()
	for _, file := range []string{"state/events", "state/job"} {
		content, err := os.ReadFile(s.device.at(file))
		if err == nil {
			text += string(content)
		}
	}
	key, err := os.ReadFile(s.device.thing.Key)
	if err != nil {
		return err
	}
	block, _ := pem.Decode(key)
	if block == nil {
		return errors.New("the device's key cannot be read")
	}
	for what, secret := range map[string]string{
		"the key of its certificate": base64.StdEncoding.EncodeToString(block.Bytes)[20:60],
		"the account's secret key":   s.prepared.SecretKey,
		"a signed address":           "X-Amz-Signature",
	} {
		if strings.Contains(text, secret) {
			return fmt.Errorf("it shows %s", what)
		}
	}
	return nil
}
