package awsiot

import (
	"context"
	"errors"
	"os"
	"testing"

	"abota/sim/store"
)

// ForTest runs an AWS IoT for one test; a work folder is made where opts has
// none. Without MinIO the test is skipped as [store.ForTest] does it.
func ForTest(tb testing.TB, opts Options) *Cloud {
	tb.Helper()
	if opts.Dir == "" {
		opts.Dir = tb.TempDir()
	}
	c, err := Start(context.Background(), opts)
	if errors.Is(err, store.ErrNoBinary) && os.Getenv("CI") == "" {
		tb.Skipf("needs a real MinIO: %v", err)
	}
	if err != nil {
		tb.Fatalf("start AWS IoT: %v", err)
	}
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Errorf("stop AWS IoT: %v", err)
		}
	})
	return c
}
