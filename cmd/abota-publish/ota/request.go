package ota

import (
	"fmt"
	"strings"
	"time"
)

// Unused stands for an argument that the flags make needless.
const Unused = "-"

// Request is what create-ota was asked for. Texts are as the user wrote them;
// Check says what is wrong with them.
type Request struct {
	Binary, Bucket string // the binary's key, and where it lies
	Profile        string // of AWS Signer
	Role           string // name or ARN
	Group          string // name or ARN; further ones, and things, are Targets
	JobID          string // with Prefix or without

	Protocols   Protocols
	Targets     []string // NAME or group:NAME, thing:NAME, ARN
	Continuous  bool
	Description string        // empty for the sample's
	Timeout     time.Duration // of an execution in progress; 0 for none
	Retries     []Retry       // nil for the sample's, empty for none
	Schedule    ScheduleRequest
	Rollout     Rollout
	Abort       []Abort
	Packages    []string // ARN or NAME/VERSION; the first is the firmware's own
	Tags        []Tag
	Expiry      time.Duration // of pre-signed URLs
	FilePath    string        // where devices other than abota put the file

	SignKey        string // file with a private key, instead of Profile
	CertName       string // of the certificate on the device
	SigningPrefix  string
	SigningTimeout time.Duration
	Stream         string // id of an existing stream
	StreamFile     int    // the file in it
	SignedObject   string // key of an existing signed object

	Source   string // of a release for abota itself, instead of all of the above
	Release  string
	Checksum string

	HealthDeadline time.Duration // how long a device may take after its reboot
	Cleanup        bool          // remove what was made when a later step fails
}

// NewRequest has the defaults.
func NewRequest() *Request {
	return &Request{
		Protocols: Protocols{MQTT: true}, Timeout: DefaultTimeout, Expiry: DefaultExpiry,
		SigningPrefix: DefaultPrefix, SigningTimeout: DefaultSigningTimeout,
		HealthDeadline: DefaultHealthDeadline, Cleanup: true,
	}
}

// Protocols are the ways to the file that a device may choose from.
type Protocols struct{ MQTT, HTTP bool }

// Retry is how often an execution that failed this way is queued again.
type Retry struct {
	Failure string // FAILED, TIMED_OUT or ALL
	Times   int
}

// Rollout bounds how many devices are told per minute. Zeros are left to the
// service.
type Rollout struct {
	Max                           int // devices a minute
	Base                          int // devices a minute, at first
	Factor                        float64
	AfterNotified, AfterSucceeded int // devices before each increase
}

// exponential reports whether any part of an exponential rollout is given.
func (r Rollout) exponential() bool {
	return r.Base != 0 || r.Factor != 0 || r.AfterNotified != 0 || r.AfterSucceeded != 0
}

// Abort cancels the job when so many percent of the executions that ended, and
// there are Min of them at least, ended this way.
type Abort struct {
	Failure string // FAILED, REJECTED, TIMED_OUT or ALL
	Percent float64
	Min     int
}

// Tag is put on the job and on its stream.
type Tag struct{ Key, Value string }

// argument is a word of the command line.
type argument struct {
	name     string
	value    *string
	needless bool // because of the flags
}

// arguments in their order.
func (r *Request) arguments() []argument {
	own, stream, signed := r.Source != "", r.Stream != "", r.SignKey != "" || r.SignedObject != ""
	return []argument{
		{"BINARY", &r.Binary, own || stream},
		{"BUCKET", &r.Bucket, own || stream},
		{"SIGNING_PROFILE", &r.Profile, own || signed},
		{"OTA_ROLE", &r.Role, own || stream && !r.Protocols.HTTP},
		{"THING_GROUP", &r.Group, len(r.Targets) > 0},
		{"JOB_ID", &r.JobID, false},
	}
}

// SetArguments takes the command line's words: all six, where Unused may stand
// for what the flags make needless, or only those that they do not.
func (r *Request) SetArguments(words []string) error {
	all := r.arguments()
	var needed []argument
	names := ""
	for _, a := range all {
		if !a.needless {
			needed = append(needed, a)
			names += " " + a.name
		}
	}
	switch len(words) {
	case len(all):
		needed = all
	case len(needed):
	default:
		return usage("it takes, with these flags,%s (or all six arguments, with %s for what is not needed)", names, Unused)
	}
	for i, a := range needed {
		if words[i] == Unused && !a.needless && !(a.name == "BINARY" && r.SignedObject != "") {
			return usage("%s is needed: %s stands only for what other flags make needless", a.name, Unused)
		}
		if *a.value = words[i]; words[i] == Unused {
			*a.value = ""
		}
	}
	return nil
}

// ParseProtocols reads mqtt, http or both.
func ParseProtocols(text string) (Protocols, error) {
	switch strings.ToLower(text) {
	case "mqtt":
		return Protocols{MQTT: true}, nil
	case "http":
		return Protocols{HTTP: true}, nil
	case "both":
		return Protocols{MQTT: true, HTTP: true}, nil
	}
	return Protocols{}, fmt.Errorf("%q is not mqtt, http or both", text)
}
