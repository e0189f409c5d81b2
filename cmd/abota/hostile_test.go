package main

import (
	"testing"

	"abota/sim/hostile"
)

// TestHostileDisk: no single operation of any medium that fails or lies
// leaves a device without a system, with a lie, or without a clear word.
func TestHostileDisk(t *testing.T) { hostile.Run(t, exitCode) }
