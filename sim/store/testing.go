package store

import (
	"context"
	"errors"
	"os"
	"testing"
)

// ForTest runs a store for one test. Where MinIO can be neither found nor
// built the test is skipped with the reason, but fails where CI is set: there
// a skip would hide that nothing was tested.
func ForTest(tb testing.TB) *Store {
	tb.Helper()
	s, err := Start(context.Background(), tb.TempDir())
	if errors.Is(err, ErrNoBinary) && os.Getenv("CI") == "" {
		tb.Skipf("needs a real MinIO: %v", err)
	}
	if err != nil {
		tb.Fatalf("start the store: %v", err)
	}
	tb.Cleanup(func() {
		if err := s.Stop(); err != nil {
			tb.Errorf("stop the store: %v", err)
		}
	})
	return s
}
