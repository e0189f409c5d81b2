package ota

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Check says what is wrong with a request, as far as that can be told without
// asking a service, and what works but should be known.
func (r *Request) Check(at time.Time) (warnings []string, err error) {
	checks := []func() error{
		func() error { return checkJobID(r.JobID) },
		r.checkWays, r.checkNames, r.checkTimes, r.checkRetries, r.Rollout.check, r.checkTags,
		func() error { return checkText("description", r.Description, maxDescription) },
		func() error { _, err := r.targets(); return err },
		func() error { _, err := r.packages(); return err },
		func() error { _, err := r.Schedule.resolve(at, r.Continuous); return err },
	}
	for _, a := range r.Abort {
		checks = append(checks, a.check)
	}
	for _, check := range checks {
		if err := check(); err != nil {
			return nil, err
		}
	}
	return r.doubts(), nil
}

// doubts are what works and may not be meant.
func (r *Request) doubts() (all []string) {
	for _, a := range r.Abort {
		if a.Failure == "TIMED_OUT" && r.Timeout == 0 {
			all = append(all, "without --timeout no execution times out, and the abort criterion for TIMED_OUT is never met")
		}
	}
	if r.SignKey != "" && r.Profile != "" {
		all = append(all, "the signing profile is not used, because --sign-key signs")
	}
	if strings.HasPrefix(r.Source, "http://") {
		all = append(all, "whoever is on the way can see and replace what devices fetch by http: use https")
	}
	return all
}

// checkWays: what is signed, how, and how it gets to the devices.
func (r *Request) checkWays() error {
	if r.Source != "" {
		return r.checkSource()
	}
	switch {
	case r.Release != "" || r.Checksum != "":
		return usage("--release and --checksum go with --abota SOURCE")
	case !r.Protocols.MQTT && !r.Protocols.HTTP:
		return usage("there is no protocol: mqtt, http or both")
	case r.SignKey != "" && r.SignedObject != "":
		return usage("--sign-key and --signed-object exclude each other: one signature is enough")
	case r.SignKey != "" && r.CertName == "":
		return usage("--sign-key needs --certname: the name that the certificate has on the devices")
	case r.SignKey == "" && r.SignedObject == "" && r.Profile == "":
		return usage("nothing signs: name a signing profile, or give --sign-key or --signed-object")
	case r.SignedObject != "" && r.Profile == "" && r.CertName == "":
		return usage("--signed-object needs --certname, or the signing profile that has it")
	case r.Stream != "" && !r.Protocols.MQTT:
		return usage("--stream needs MQTT, and --protocol is http")
	case r.SignedObject != "" && r.Binary == "" && r.Stream == "" && !r.Protocols.MQTT:
		return usage("--signed-object with --protocol http needs BINARY")
	}
	return nil
}

func (r *Request) checkSource() error {
	if r.SignKey != "" || r.SignedObject != "" || r.Stream != "" || r.Protocols.HTTP {
		return usage("--abota needs no --sign-key, --signed-object, --stream and --protocol: devices fetch the release from %s, and prove it by its own format", r.Source)
	}
	if err := checkSourceText(r.Source); err != nil {
		return err
	}
	if err := checkText("release", r.Release, maxVersionName); err != nil {
		return err
	}
	if r.Checksum != "" && !checksums.MatchString(r.Checksum) {
		return usage("--checksum %q is neither 32 hexadecimal digits (the MD5 in checksum.txt) nor sha256: and 64 of them", r.Checksum)
	}
	return nil
}

var (
	checksums = regexp.MustCompile(`^([0-9a-fA-F]{32}|sha256:[0-9a-fA-F]{64})$`)
	buckets   = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
)

func checkSourceText(source string) error {
	u, err := url.Parse(source)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "s3" && u.Scheme != "https" && u.Scheme != "http":
		return usage("--abota takes s3://BUCKET/PREFIX or https://HOST/PATH/firmware.zip")
	case u.User != nil:
		return usage("the source has a user or password in it, and every device's job would show it: leave it out")
	case u.Scheme == "s3" && !buckets.MatchString(u.Host):
		return usage("%q is no bucket's name", u.Host)
	case u.Fragment != "":
		return usage("the source has a # in it, which devices do not take: write %%23 if the name has one")
	case u.Scheme == "s3" && u.RawQuery != "":
		return usage("%q has more than a bucket and a prefix", source)
	}
	return nil
}

// checkNames checks those that are given: which ones are needed is the
// command line's affair.
func (r *Request) checkNames() error {
	switch {
	case r.Bucket != "" && !buckets.MatchString(r.Bucket):
		return usage("%q is no bucket's name", r.Bucket)
	case len(r.Binary) > 1024 || len(r.SignedObject) > 1024:
		return usage("an object's key has 1024 bytes at most")
	case r.Profile != "" && !profileNames.MatchString(r.Profile):
		return usage("the signing profile %q is not 2 to 64 letters, digits and underscores", r.Profile)
	case r.Stream != "" && (len(r.Stream) > maxName || !streamIDs.MatchString(r.Stream)):
		return usage("the stream %q is not 1 to %d letters, digits, hyphens and underscores", r.Stream, maxName)
	case r.StreamFile < 0 || r.StreamFile > 255:
		return usage("the stream's file %d is not 0 to 255", r.StreamFile)
	case r.SigningPrefix == "" || len(r.SigningPrefix) > 900:
		return usage("the signing prefix is not 1 to 900 bytes")
	}
	if err := checkText("certname", r.CertName, 2*maxName); err != nil {
		return err
	}
	if err := checkText("filepath", r.FilePath, 2*maxName); err != nil {
		return err
	}
	if r.Role == "" {
		return nil
	}
	return checkRole(r.Role)
}

func (r *Request) checkTimes() error {
	switch {
	case r.Timeout != 0 && (r.Timeout < minTimeout || r.Timeout > maxTimeout):
		return usage("a timeout of %s is not 1 to %d minutes (0 for none)", r.Timeout, maxTimeout/time.Minute)
	case r.Expiry < minExpiry || r.Expiry > maxExpiry:
		return usage("a pre-signed URL cannot be valid for %s: it is 60 to 3600 seconds", r.Expiry)
	case r.SigningTimeout <= 0:
		return usage("a signing timeout of %s is no time to sign", r.SigningTimeout)
	case r.HealthDeadline < 0:
		return usage("a health deadline of %s is no duration", r.HealthDeadline)
	}
	return nil
}

// checkSize is about what only the bucket knows: the binary's size in bytes.
func (r *Request) checkSize(size int64) (warnings []string, err error) {
	switch {
	case size == 0:
		return nil, wrong("the binary %s is empty: upload it anew", r.Binary)
	case r.Protocols.MQTT && size > maxStreamed && !r.Protocols.HTTP:
		return nil, refused("the binary has %d bytes, and a stream takes %d (24 MB): use --protocol http", size, maxStreamed)
	case r.Protocols.MQTT && size > maxStreamed:
		return nil, refused("the binary has %d bytes, and a stream takes %d (24 MB): use --protocol http instead of both", size, maxStreamed)
	case r.copies() && size > maxCopied:
		return nil, refused("the binary has %d bytes, and Signer's object can be replaced by a copy of %d (5 GiB) at most: sign it with --sign-key, which needs no copy", size, int64(maxCopied))
	}
	needed := time.Duration(float64(size)/streamRate*float64(time.Second)) + r.HealthDeadline
	if r.Timeout > 0 && r.Timeout < needed {
		warnings = append(warnings, fmt.Sprintf(
			"the timeout of %s is shorter than a device may need: %s to download %d bytes at 512 KB/s, the most that one MQTT connection gets, and %s until it proved healthy (--health-deadline): executions may end as TIMED_OUT although the update works; --timeout %d would do",
			short(r.Timeout), short(needed-r.HealthDeadline), size, short(r.HealthDeadline), int64((needed+time.Minute-1)/time.Minute)))
	}
	return warnings, nil
}

// copies reports whether the binary is copied over Signer's object, as
// CreateOTAUpdate does: then one object holds what was signed and by whom.
func (r *Request) copies() bool {
	return r.Source == "" && r.SignKey == "" && r.SignedObject == "" && r.Stream == ""
}

// short is a duration in whole seconds, rounded up.
func short(d time.Duration) string {
	return (d + time.Second - 1).Truncate(time.Second).String()
}
