package ota

import "time"

// What the services bound, from their API models (iot, signer) and their pages
// of quotas, unless said otherwise.
const (
	// Prefix is what CreateOTAUpdate puts in front of its jobs' ids.
	Prefix   = "AFR_OTA-"
	maxJobID = 64

	// maxStreamed is the largest file of a stream, in bytes. The quota says
	// 24 MB; that it means MiB is inferred from the block of 128 KB beside it,
	// which the API has as 131072.
	maxStreamed = 24 << 20
	// maxCopied is what one CopyObject takes, in bytes.
	maxCopied = 5 << 30
	// streamRate is how fast one MQTT connection may be, in bytes a second.
	streamRate = 512 << 10

	maxDocument    = 32768 // bytes
	maxDescription = 2028  // characters
	maxTargets     = 100
	maxPackages    = 25
	maxTags        = 50
	maxTagKey      = 128
	maxTagValue    = 256
	maxName        = 128 // of things, groups, streams, packages
	maxVersionName = 64
	maxRetries     = 10 // per device, all failure types together
	maxPerMinute   = 1000
	maxComment     = 2028
	maxReasonCode  = 128

	minTimeout, maxTimeout     = time.Minute, 10080 * time.Minute
	minExpiry, maxExpiry       = time.Minute, time.Hour
	minWindow, maxWindow       = time.Minute, 1430 * time.Minute
	minAhead                   = 30 * time.Minute // of a start, an end, and from one to the other
	minFactor, maxFactor       = 1.1, 5.0
	scheduleFormat             = "2006-01-02T15:04" // UTC
	maxStartYears, maxEndYears = 1, 2
)

// Defaults of a Request; those that AWS's sample has are its own.
const (
	DefaultTimeout        = 10 * time.Minute
	DefaultRetries        = 3
	DefaultStart          = time.Hour
	DefaultLength         = time.Hour
	DefaultPrefix         = "SignedImage/"
	DefaultExpiry         = time.Hour
	DefaultSigningTimeout = 5 * time.Minute
	// DefaultHealthDeadline is how long a device with abota's default
	// configuration may take after its reboot: 2m for the checks, 30s in
	// which they must hold, 5m for the way to the next update.
	DefaultHealthDeadline = 2*time.Minute + 30*time.Second + 5*time.Minute
)
