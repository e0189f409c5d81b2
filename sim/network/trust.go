package network

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"time"

	"abota/sim/front"
)

// certificate is what the front shows of itself.
type certificate struct {
	// stranger has it issued by an authority that the device does not know.
	stranger bool
	// host is what it is for, 127.0.0.1 when empty.
	host string
	// from and until are relative to now; both zero is valid now.
	from, until time.Duration
	// demands asks the device for one too.
	demands bool
}

// speak makes the TLS configuration of a scene's front, nil for none. What it
// shows can be exchanged while it runs.
func (s *scene) speak() (*tls.Config, error) {
	if s.row.tls == nil {
		return nil, nil
	}
	first, err := s.issue(*s.row.tls)
	if err != nil {
		return nil, err
	}
	well, err := s.issue(certificate{})
	if err != nil {
		return nil, err
	}
	s.tls.Store(first)
	s.heal = func() error {
		s.tls.Store(well)
		return nil
	}
	return &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return s.tls.Load(), nil
	}}, nil
}

func (s *scene) issue(c certificate) (*tls.Config, error) {
	ca, host := s.ca, "127.0.0.1"
	if c.stranger {
		ca = s.stranger
	}
	if c.host != "" {
		host = c.host
	}
	if c.from == 0 && c.until == 0 {
		c.from, c.until = -time.Minute, time.Hour
	}
	now := time.Now()
	pair, _, _, err := ca.Issue(front.Leaf{Hosts: []string{host}, NotBefore: now.Add(c.from), NotAfter: now.Add(c.until)})
	if err != nil {
		return nil, err
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}}
	if c.demands {
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, s.clients()
	}
	return config, nil
}

// clients is the authority of the devices' own certificates: the fleet's.
func (s *scene) clients() *x509.CertPool { return s.ca.Pool() }

// equip gives the device a certificate of its own, in device.pem and
// device.key of its folder.
func (s *scene) equip() error {
	now := time.Now()
	_, cert, key, err := s.ca.Issue(front.Leaf{NotBefore: now.Add(-time.Minute), NotAfter: now.Add(time.Hour)})
	return errors.Join(err,
		os.WriteFile(filepath.Join(s.dir, "device.pem"), cert, 0o600),
		os.WriteFile(filepath.Join(s.dir, "device.key"), key, 0o600))
}
