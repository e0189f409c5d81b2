package main

import (
	"sync"

	"abota/cmd/internal/cli"
)

// meter counts how much of one thing is done, and shows it. It may be used
// concurrently.
type meter struct {
	mu          sync.Mutex
	progress    *cli.Progress
	done, total int64
}

func newMeter(c *command, what string, total int64) *meter {
	return &meter{progress: c.Progress(what), total: total}
}

// Read counts what somebody else has read: it is the hook that minio-go wants.
func (m *meter) Read(p []byte) (int, error) {
	m.add(len(p))
	return len(p), nil
}

func (m *meter) add(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	// A part that is sent again is counted again.
	m.done = min(m.done+int64(n), m.total)
	m.progress.Show(m.total, cli.Count{Name: "done", Bytes: m.done})
}

func (m *meter) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.progress.End()
}
