package config

import (
	"fmt"
	"strings"
)

// check is everything that no single key can say.
func check(w *walker, c *Config) error {
	if a := c.Slots[0]; a.Device != "" && a == c.Slots[1] {
		return w.failAt("slots.b.device", "is the same as slots.a.device (%s): an update would overwrite the running system", a.Device)
	}
	if err := checkEnv(w, c); err != nil {
		return err
	}
	return checkHealth(w, c)
}

// failAt is the error of a key, at the place where it was set.
func (w *walker) failAt(path, format string, args ...any) error {
	at := w.at[path]
	return &Error{File: at.file, Line: at.line, Key: path, Reason: fmt.Sprintf(format, args...)}
}

func checkEnv(w *walker, c *Config) error {
	const path = "bootloader.env"
	env := c.Bootloader.Env
	if len(env) == 0 {
		return nil
	}
	if len(env) != 2 {
		return w.failAt(path, "lists %d: the environment needs exactly two copies, so that one survives a power cut", len(env))
	}
	for i, e := range env {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case e.Device == "":
			return w.failAt(at, "has no device")
		case e.Size == 0:
			return w.failAt(at, "has no size: give the bytes of one copy, as size: 0x4000")
		case e.Offset > e.Offset+e.Size:
			return w.failAt(at, "ends beyond any device: offset %d, size %d", e.Offset, e.Size)
		}
	}
	a, b := env[0], env[1]
	switch {
	case a.Size != b.Size:
		return w.failAt(path, "has copies of different size (%d and %d bytes): U-Boot uses one size for both", a.Size, b.Size)
	case a.Device == b.Device && a.Offset < b.Offset+b.Size && b.Offset < a.Offset+a.Size:
		return w.failAt(path, "has copies that overlap on %s: put the second at offset %#x or later", a.Device, min(a.Offset, b.Offset)+a.Size)
	}
	return nil
}

func checkHealth(w *walker, c *Config) error {
	for i, hc := range c.Health.Checks {
		if (len(hc.Exec) > 0) == (hc.HTTP != "") {
			return w.failAt(fmt.Sprintf("health.checks[%d]", i), "needs either exec or http")
		}
	}
	if len(c.Health.Checks) == 0 && !c.Health.UpdatePath {
		at := w.at["health.update_path"]
		return &Error{
			File: at.file, Line: at.line, Key: "health",
			Reason: "no checks configured: every release would pass: add health.checks, or leave update_path on",
		}
	}
	return nil
}

// NeedSlots reports which slot is not configured.
func (c *Config) NeedSlots() error {
	for i, path := range []string{"slots.a.device", "slots.b.device"} {
		if c.Slots[i].Device != "" {
			continue
		}
		return &Error{
			File: strings.Join(c.files, ", "), Key: path,
			Reason: "not set: name both slots, as `slots: {a: PARTLABEL=root-a, b: PARTLABEL=root-b}` in " + DefaultPath + " or in a file named by --config",
		}
	}
	return nil
}

// NeedSource reports what is missing to read a release from S3.
func (c *Config) NeedSource() error {
	missing := func(key, why string) error {
		return &Error{Key: key, Reason: fmt.Sprintf("not set: %s: add it to the configuration, or set %s%s", why, envPrefix, strings.ToUpper(key))}
	}
	switch {
	case c.Bucket == "":
		return missing("bucket", "the bucket that holds the release")
	case c.Region == "" && c.Endpoint == "":
		return missing("region", "the region of the bucket")
	case c.AccessKey != "" && c.SecretKey == "":
		return missing("secretkey", "the other half of accesskey")
	case c.AccessKey == "" && c.SecretKey != "":
		return missing("accesskey", "the other half of secretkey")
	}
	return nil
}
