package config

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const defaultCheckTimeout = 10 * time.Second

// The functions below turn a scalar's text into a value, or say what is wrong
// with it. They quote the text, except where it may be secret.

func text(s string) (string, error) {
	if strings.ContainsFunc(s, isControl) {
		return "", fmt.Errorf("%q holds a control character", s)
	}
	return s, nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

func secret(s string) (Secret, error) {
	if strings.ContainsFunc(s, isControl) {
		return "", errors.New("holds a control character")
	}
	return Secret(s), nil
}

// argument is text for a program, which may hold anything but a zero byte.
func argument(s string) (string, error) {
	if strings.Contains(s, "\x00") {
		return "", errors.New("holds a zero byte")
	}
	return s, nil
}

func filled(s string) (string, error) {
	if strings.TrimSpace(s) == "" {
		return "", errors.New("is empty: leave it out to get the default")
	}
	return text(s)
}

// word is text that may be empty but holds no blank.
func word(s string) (string, error) {
	if strings.ContainsAny(s, " \t") {
		return "", fmt.Errorf("%q holds a blank", s)
	}
	return text(s)
}

func bucketName(s string) (string, error) {
	switch {
	case strings.ContainsAny(s, "@?"): // perhaps with a password or a signature
		return "", errors.New("is not a bucket name: give the bare name here, and an address as endpoint")
	case strings.ContainsAny(s, "/:"):
		return "", fmt.Errorf("%q is not a bucket name: give the bare name here, and an address as endpoint", s)
	}
	return word(s)
}

func objectName(s string) (string, error) {
	if strings.HasPrefix(s, "/") {
		return "", fmt.Errorf("%q starts with a slash: objects in a bucket have no leading slash", s)
	}
	return filled(s)
}

// endpoint never quotes the address: it could hold a password.
func endpoint(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	u, err := parseAddress(s)
	if err != nil {
		return "", err
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", errors.New("holds more than scheme, host and path: give credentials as accesskey and secretkey")
	}
	return s, nil
}

func webAddress(s string) (string, error) {
	if _, err := parseAddress(s); err != nil {
		return "", err
	}
	return s, nil
}

// secretAddress never quotes the address either: it holds a signature or a
// password.
func secretAddress(s string) (Secret, error) {
	if s == "" {
		return "", nil
	}
	if _, err := parseAddress(s); err != nil {
		return "", err
	}
	return secret(s)
}

func parseAddress(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" {
		return nil, errors.New("is not an http or https address: write it as http://host:port")
	}
	return u, nil
}

// slotDevice is what can hold a slot.
func slotDevice(s string) (string, error) {
	name := filepath.Base(s)
	switch {
	case strings.HasPrefix(name, "mmcblk") && (strings.HasSuffix(name, "boot0") || strings.HasSuffix(name, "boot1")):
		return "", fmt.Errorf("cannot be %s because the boot ROM starts the boot loader from that eMMC boot partition, and nothing goes back when a new one does not start: update the boot loader by hand, as the README says", s)
	case numbered(name, "mtd"), numbered(name, "ubi"), numbered(name, "mtdblock"), numbered(name, "ubiblock"):
		return "", fmt.Errorf("cannot be %s because flash is no block device, which can be overwritten and read back in any place: slots are on eMMC, SD, NVMe or SATA, or folders ({dir: …}) on a UBIFS", s)
	}
	return device(s)
}

// numbered reports whether a device's name is this kind and a number.
func numbered(name, kind string) bool {
	rest, ok := strings.CutPrefix(name, kind)
	return ok && rest != "" && rest[0] >= '0' && rest[0] <= '9'
}

// device is how a device is named that must be there.
func device(s string) (string, error) {
	name, value, tagged := strings.Cut(s, "=")
	switch {
	case s == "":
		return "", errors.New("is empty: give PARTUUID=…, PARTLABEL=… or a path")
	case tagged && (name == "UUID" || name == "LABEL"):
		return "", fmt.Errorf("cannot be found by %s= because it names a file system, and both slots may hold the same one: use PARTUUID=, PARTLABEL= or a path", name)
	case tagged && (name == "PARTUUID" || name == "PARTLABEL") && value == "":
		return "", fmt.Errorf("%q names no partition", s)
	}
	return text(s)
}

func rebootPolicy(s string) (string, error) {
	switch s {
	case RebootNow, RebootInWindow, RebootByApplication:
		return s, nil
	}
	return "", fmt.Errorf("%q is no reboot policy: use %s, %s or %s", s, RebootNow, RebootInWindow, RebootByApplication)
}

// oneOf takes one of a few words.
func oneOf(words ...string) func(string) (string, error) {
	return func(s string) (string, error) {
		if !slices.Contains(words, s) {
			return "", fmt.Errorf("%q is none of %s", s, strings.Join(words, ", "))
		}
		return s, nil
	}
}

func absolutePath(s string) (string, error) {
	if !filepath.IsAbs(s) {
		return "", fmt.Errorf("%q is not an absolute path: start it with a slash", s)
	}
	return text(filepath.Clean(s))
}

func boolean(s string) (bool, error) {
	switch s {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false", s)
}

// maxTries keeps a counter within what boot scripts can compare and count.
const maxTries = 255

func tries(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > maxTries {
		return 0, fmt.Errorf("%q is not a number from 0 to %d", s, maxTries)
	}
	return n, nil
}

// attempts counts what is done once at least.
func attempts(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is not a number from 1", s)
	}
	return n, nil
}

// maxEntries is as many as a zip can hold.
const maxEntries = 65535

func entries(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxEntries {
		return 0, fmt.Errorf("%q is not a number from 1 to %d", s, maxEntries)
	}
	return n, nil
}

func anyDuration(s string) (time.Duration, error) {
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return 0, fmt.Errorf("%q has no unit: write %ss for seconds or %sm for minutes", s, s, s)
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is not a duration: write it as 90s, 2m or 1m30s", s)
	}
	return d, nil
}

func positiveDuration(s string) (time.Duration, error) {
	d, err := anyDuration(s)
	if err == nil && d == 0 {
		return 0, fmt.Errorf("%q is no time at all: nothing could pass in it", s)
	}
	return d, err
}

// wholeSeconds is what a watchdog device counts in.
func wholeSeconds(s string) (time.Duration, error) {
	d, err := anyDuration(s)
	if err == nil && (d < time.Second || d%time.Second != 0) {
		return 0, fmt.Errorf("%q is not a whole number of seconds: watchdogs count in seconds", s)
	}
	return d, err
}

var sizeUnits = []struct {
	suffix string
	bytes  int64
}{
	{"KiB", 1 << 10},
	{"MiB", 1 << 20},
	{"GiB", 1 << 30},
	{"K", 1 << 10},
	{"M", 1 << 20},
	{"G", 1 << 30},
}

// size reads a number of bytes.
func size(s string) (int64, error) {
	digits, unit := s, int64(1)
	for _, u := range sizeUnits {
		if cut, ok := strings.CutSuffix(s, u.suffix); ok {
			digits, unit = strings.TrimRight(cut, " "), u.bytes
			break
		}
	}
	base := 10
	if hex, ok := strings.CutPrefix(digits, "0x"); ok {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 63)
	if err != nil || n > uint64(math.MaxInt64/unit) {
		return 0, fmt.Errorf("%q is not a size: write bytes as 16384 or 0x4000, or 16K, 4M, 1G", s)
	}
	return int64(n) * unit, nil
}
