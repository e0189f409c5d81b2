package network

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"abota/sim/front"
)

// trusts are servers that prove who they are, or do not.
func trusts() []row {
	const refused = "certificate is not accepted"
	return []row{
		{name: "TLS, the fleet's authority", tls: &certificate{}},
		{name: "TLS, unknown authority", tls: &certificate{stranger: true}, exit: 6, says: refused},
		{name: "TLS, another host's certificate", tls: &certificate{host: "other.test"}, exit: 6, says: refused},
		{name: "TLS, expired certificate", tls: &certificate{from: -2 * time.Hour, until: -time.Hour}, exit: 6, says: refused},
		{
			name: "TLS, valid in an hour", tls: &certificate{from: time.Hour, until: 2 * time.Hour},
			says: "clock is behind",
		},
		{name: "TLS, unknown, valid in an hour", tls: &certificate{stranger: true, from: time.Hour, until: 2 * time.Hour}, exit: 6, says: "unknown authority"},
		{
			name: "TLS, wants a client certificate", tls: &certificate{demands: true},
			exit: 6, says: "set tls.cert and tls.key",
		},
		{name: "TLS, is shown one", tls: &certificate{demands: true}, begin: func(_ context.Context, s *scene) error {
			if err := s.equip(); err != nil {
				return err
			}
			return s.device.say("tls: {ca_file: " + filepath.Join(s.dir, "ca.pem") + ", cert: " + filepath.Join(s.dir, "device.pem") + ", key: " + filepath.Join(s.dir, "device.key") + "}")
		}},
		{
			name: "no TLS where it is expected", begin: func(_ context.Context, s *scene) error {
				return s.device.say("endpoint: " + strings.Replace(s.front.Endpoint(), "http:", "https:", 1))
			},
			exit: 6, says: "does not speak TLS",
			help: func(s *scene) []string { return []string{"--endpoint", s.front.Endpoint()} },
		},
	}
}

// proxySecret is the proxy's password, which nobody may see.
const proxySecret = "swordfish"

// proxies are HTTP proxies between device and server.
func proxies() []row {
	const login = "fleet:" + proxySecret
	// through puts a proxy in between, that may want a password, and tells
	// the device of it with a login.
	through := func(wanted, given string) func(context.Context, *scene) error {
		return func(_ context.Context, s *scene) error {
			user, password, _ := strings.Cut(wanted, ":")
			p, err := front.NewForward(user, password)
			if err != nil {
				return err
			}
			s.forward = p
			s.ends = append(s.ends, p.Close)
			return s.device.say("proxy: " + p.URL(given))
		}
	}
	withPassword := func(s *scene) []string { return []string{"--set", "proxy=" + s.forward.URL(login)} }
	return []row{
		{name: "HTTP proxy", begin: through("", "")},
		{name: "HTTP proxy with password", begin: through(login, login)},
		{
			name: "HTTP proxy, no password given", begin: through(login, ""),
			exit: 2, says: "the proxy wants a name and a password", help: withPassword,
		},
		{name: "TLS through a proxy with password", tls: &certificate{}, begin: through(login, login)},
		{
			name: "TLS through it, wrong password", tls: &certificate{}, begin: through(login, "fleet:wrong"),
			exit: 2, says: "the proxy wants a name and a password", help: withPassword,
		},
		{
			name: "HTTP proxy that is not there", begin: func(_ context.Context, s *scene) error {
				p, err := front.NewForward("", "")
				if err != nil {
					return err
				}
				p.Close()
				return s.device.say("proxy: " + p.URL(""))
			},
			exit: 6, says: "connection refused", help: func(*scene) []string { return []string{"--set", "proxy="} },
		},
		{
			name: "HTTP proxy that cannot reach it", begin: func(ctx context.Context, s *scene) error {
				s.front.Refuse()
				return through("", "")(ctx, s)
			},
			exit: 6, says: "the server says 500",
		},
	}
}
