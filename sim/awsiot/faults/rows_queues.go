package faults

import "context"

// queues are several jobs, and jobs that nobody was there for.
func queues() []row {
	return []row{
		{name: "job made while the device was off", acts: []act{queued}},
		{name: "job made while the device runs", job: none, acts: []act{running, logSays("waiting for a job"), made}},
		{name: "job made while the network was away", job: none, acts: []act{
			running, logSays("waiting for a job"), now(true),
			func(_ context.Context, s *scene) error { s.relay.refuse(); return nil },
			logSays("no connection to the broker"), made,
			func(_ context.Context, s *scene) error { return s.relay.listen() },
		}},
		{name: "two jobs queued, the first cancelled by force", acts: []act{func(_ context.Context, s *scene) error {
			return s.direct(s.job+"-2", s.release.document)
		}, downloading, force, laidDown, func(_ context.Context, s *scene) error {
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
		{name: "job deleted by force, downloading", acts: []act{downloading, deleted, laidDown, well, func(_ context.Context, s *scene) error {
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

// laidDown waits until the device has nothing to do with the job any more.
func laidDown(ctx context.Context, s *scene) error {
	return s.until(ctx, "a device without the job", func() (bool, error) {
		at, err := s.device.standing(ctx)
		return at.Job == nil || at.Job.Phase == "" || at.Job.Job != s.job, err
	})
}
