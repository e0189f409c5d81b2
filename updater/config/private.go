package config

import (
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"slices"
)

// othersRead is the mode bit that lets everybody read a file.
const othersRead = 0o004

// secretKeys are the keys whose value may be a secret.
var secretKeys = []string{"secretkey", "sessiontoken", "url", "proxy"}

// noteReaders notes the secrets in a file that everybody may read.
func noteReaders(w *walker, c *Config, path string, mode fs.FileMode) {
	if !mode.IsRegular() || mode&othersRead == 0 {
		return
	}
	for _, name := range secretKeys {
		at, here := w.at[name]
		if !here || at.file != path || !c.secretIn(name) {
			continue
		}
		e := exposed(path, name)
		e.Line = at.line
		c.exposed = append(c.exposed, e)
		c.Warnings = append(c.Warnings, fmt.Sprintf("%s:%d: %s: everybody on this device can read it: chmod 600 %s", path, at.line, name, path))
	}
}

// secretIn reports whether a key's value holds a secret: an address does only
// with a query or a password.
func (c *Config) secretIn(name string) bool {
	switch name {
	case "url":
		return !isPublic(c.URL)
	case "proxy":
		return !isPublic(c.Proxy)
	}
	return true
}

func isPublic(address Secret) bool {
	u, err := url.Parse(address.Reveal())
	return err == nil && u.RawQuery == "" && u.User == nil
}

func exposed(path, name string) *Error {
	return &Error{File: path, Key: name, Reason: fmt.Sprintf("cannot use it because everybody on this device can read %s: chmod 600 %s", path, path)}
}

// Private refuses secrets that everybody on this device can read, in the
// configuration and in the keys of its own certificates. A verb that uses them
// asks first; what only looks or goes back must not depend on it.
func (c *Config) Private() error {
	if len(c.exposed) > 0 {
		return c.exposed[0]
	}
	for _, key := range []struct{ name, path string }{{"tls.key", c.TLS.Key}, {"aws_iot.key", c.AWSIoT.Key}} {
		if key.path == "" {
			continue
		}
		// A key that is not there is for who reads it to say.
		if info, err := os.Stat(key.path); err == nil && info.Mode().IsRegular() && info.Mode()&othersRead != 0 {
			return exposed(key.path, key.name)
		}
	}
	return nil
}

// seen are secrets that were read.
type seen struct{ secrets []string }

// remember keeps the secrets of now, which the next file may replace.
func (c *Config) remember() {
	if all := c.Secrets(); len(all) > 0 {
		c.seen = &seen{all}
	}
}

// Secrets are the texts of the configuration that nobody may see, for who has
// to take them out of something that others wrote.
func (c *Config) Secrets() []string {
	var all []string
	if c.seen != nil {
		all = slices.Clone(c.seen.secrets)
	}
	all = append(all, c.AccessKey.Reveal(), c.SecretKey.Reveal(), c.SessionToken.Reveal(), c.URL.Reveal(), c.Proxy.Reveal())
	addresses := []string{c.URL.Reveal(), c.Proxy.Reveal()}
	for _, check := range c.Health.Checks {
		addresses = append(addresses, check.HTTP)
	}
	for _, address := range addresses {
		all = append(all, SecretsIn(address)...)
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(s string) bool { return s == "" })
}

// shortValue is what is too short to be a secret in a query, in bytes: as the
// number of seconds that a signature holds.
const shortValue = 8

// SecretsIn are the parts of an address that nobody may see: its query, each
// long value in it, and a password, or what stands alone in its place, as
// tokens do.
func SecretsIn(address string) []string {
	u, err := url.Parse(address)
	if err != nil {
		return []string{address}
	}
	var all []string
	if u.RawQuery != "" {
		all = append(all, u.RawQuery)
	}
	for _, values := range u.Query() {
		all = append(all, slices.DeleteFunc(values, func(v string) bool { return len(v) < shortValue })...)
	}
	if password, set := u.User.Password(); set {
		all = append(all, password)
	} else if token := u.User.Username(); token != "" {
		all = append(all, token)
	}
	return all
}

// Public is the configuration as others may see it, with its types hiding what
// is secret: programs lose their arguments, and addresses their query and
// their password.
func (c *Config) Public() Config {
	p := *c
	for _, argv := range []*[]string{
		&p.URLCommand, &p.Bootloader.Restart,
		&p.Hooks.BeforeInstall, &p.Hooks.BeforeReboot, &p.Hooks.AfterCommit, &p.Hooks.AfterRollback,
	} {
		*argv = withoutArguments(*argv)
	}
	p.Health.Checks = slices.Clone(p.Health.Checks)
	for i := range p.Health.Checks {
		check := &p.Health.Checks[i]
		check.Exec, check.HTTP = withoutArguments(check.Exec), withoutSecrets(check.HTTP)
	}
	return p
}

func withoutArguments(argv []string) []string {
	if len(argv) < 2 {
		return argv
	}
	return []string{argv[0], fmt.Sprintf("(%d arguments)", len(argv)-1)}
}

func withoutSecrets(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return hidden
	}
	if u.RawQuery != "" {
		u.RawQuery = hidden
	}
	if _, set := u.User.Password(); !set && u.User != nil {
		u.User = url.User("xxxxx") // as Redacted writes it
	}
	return u.Redacted()
}
