package source

import "time"

// maxSlow is how many slow windows in a row end a stream.
const maxSlow = 3

// meter measures how fast bytes arrive while they are waited for. The time in
// which nobody reads, because the storage is slow or a rate limit holds, is
// none of it.
type meter struct {
	rate   int64 // bytes a second that must arrive; 0 measures nothing
	window time.Duration

	waited time.Duration // in this window
	got    int64         // bytes in this window
	slow   int           // windows in a row that brought too little
	// progress are the bytes since the last failure.
	progress int64
}

// add notes one read, and reports whether it ended a window that brought too
// little.
func (m *meter) add(n int, took time.Duration) bool {
	m.progress += int64(n)
	m.got += int64(n)
	m.waited += took
	if m.rate == 0 || m.waited < m.window {
		return false
	}
	slow := float64(m.got) < float64(m.rate)*m.waited.Seconds()
	m.got, m.waited = 0, 0
	if !slow {
		m.slow = 0
		return false
	}
	m.slow++
	return true
}
