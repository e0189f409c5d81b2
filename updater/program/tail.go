package program

import (
	"strings"
	"sync"
)

// outputKept is how much of a program's output is remembered, in bytes.
const outputKept = 256

// tail keeps the end of what is written to it.
type tail struct {
	limit int

	mu   sync.Mutex
	kept []byte
	cut  bool
}

// Write never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p[max(0, len(p)-t.limit):]...)
	if over := len(t.kept) - t.limit; over > 0 {
		t.kept, t.cut = t.kept[over:], true
	}
	t.cut = t.cut || len(p) > t.limit
	return len(p), nil
}

// lineKept is how long a line of FirstLine may be, in bytes: a pre-signed URL
// has some 2,000.
const lineKept = 16 << 10

// head keeps the start of what is written to it.
type head struct {
	limit int

	mu   sync.Mutex
	kept []byte
}

// Write never fails.
func (h *head) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.kept = append(h.kept, p[:min(len(p), h.limit-len(h.kept))]...)
	return len(p), nil
}

func (h *head) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return string(h.kept)
}

// String is the kept output, from the start of a line if there is one.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := strings.TrimSpace(string(t.kept))
	if !t.cut {
		return text
	}
	if _, whole, ok := strings.Cut(text, "\n"); ok {
		return whole
	}
	return strings.ToValidUTF8(text, "")
}
