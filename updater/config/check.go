package config

import (
	"fmt"
	"strings"
)

// check is everything that no single key can say.
func check(w *walker, c *Config) error {
	if err := checkBootloader(w, c); err != nil {
		return err
	}
	if err := checkSlots(w, c); err != nil {
		return err
	}
	if err := checkSource(w, c); err != nil {
		return err
	}
	if err := checkAWSIoT(w, c); err != nil {
		return err
	}
	return checkHealth(w, c)
}

// checkLink ties directory slots and their link together.
func checkLink(w *walker, c *Config) error {
	dirs, kind := c.Slots[0].Dir != "" || c.Slots[1].Dir != "", c.Bootloader.Kind
	switch {
	case dirs && kind != "" && kind != KindSymlink:
		return w.failAt("bootloader.kind", "%s does not read directory slots: use %s", kind, KindSymlink)
	case !dirs && kind == KindSymlink && c.Slots[0].kind()+c.Slots[1].kind() != "":
		return w.failAt("bootloader.kind", "%s is for directory slots: give slots.a.dir and slots.b.dir", KindSymlink)
	case dirs && c.Bootloader.Link == "":
		return w.failAt("slots.a.dir", "needs bootloader.link beside it: the symbolic link that the service is started through")
	case dirs && c.Poll.Reboot == RebootByApplication:
		return w.failAt("poll.reboot", "%s is not for directory slots, whose install restarts the service: let hooks.before_reboot defer it (exit 75)", RebootByApplication)
	}
	return nil
}

func checkSource(w *walker, c *Config) error {
	switch {
	case c.URL != "" && c.Bucket != "":
		return w.failAt("url", "stands beside bucket: a release comes from one of them")
	case len(c.URLCommand) > 0 && c.Bucket != "":
		return w.failAt("url_command", "stands beside bucket: a release comes from one of them")
	case c.TLS.Cert != "" && c.TLS.Key == "":
		return w.failAt("tls.cert", "has no tls.key beside it")
	case c.TLS.Key != "" && c.TLS.Cert == "":
		return w.failAt("tls.key", "has no tls.cert beside it")
	}
	return nil
}

// failAt is the error of a key, at the place where it was set.
func (w *walker) failAt(path, format string, args ...any) error {
	at := w.at[path]
	return &Error{File: at.file, Line: at.line, Key: path, Reason: fmt.Sprintf(format, args...)}
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

// missing is the error of a key that a verb needs.
func missing(key, why string) error {
	variable := envPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
	return &Error{Key: key, Reason: fmt.Sprintf("not set: %s: add it to the configuration, or set %s", why, variable)}
}

// NeedSource reports what is missing to read a release from S3.
func (c *Config) NeedSource() error {
	switch {
	case c.URL != "", len(c.URLCommand) > 0:
		return nil
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
