package fleet

import (
	"context"
	"os"
	"testing"

	"abota/sim"
	"abota/sim/store"
)

// TestFleet plays the story with the fewest devices.
func TestFleet(t *testing.T) {
	if err := store.Fetch(context.Background()); err != nil {
		if os.Getenv("CI") == "" {
			t.Skipf("needs a real MinIO: %v", err)
		}
		t.Fatal(err)
	}
	m, err := sim.FindModule(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	publisher, err := m.Build(t.Context(), "abota-publish", "", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := Run(t.Context(), Options{Devices: minDevices, Seed: 1, Dir: t.TempDir(), Publisher: publisher, Out: t.Output()}); err != nil {
		t.Fatal(err)
	}
}
