package agent

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// share is a device's own fixed number in [0,1) for a release and a purpose.
func share(identity, release, purpose string) float64 {
	sum := sha256.Sum256([]byte(identity + release + purpose))
	// 53 bits are what a float64 holds without rounding up to 1.
	return float64(binary.BigEndian.Uint64(sum[:8])>>11) / (1 << 53)
}

func part(share float64, of time.Duration) time.Duration { return time.Duration(share * float64(of)) }
