package sim

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"abota/sim/awsiot"
	"abota/sim/awsiot/broker"
	"abota/sim/guest"
	"abota/sim/parts"
)

// cloud is the AWS IoT of a fleet, and what its devices have of it.
type cloud struct {
	*awsiot.Cloud
	told    *told
	devices map[string]awsiot.Device
	// keyFile has the key that opens releases, agent the init script that
	// starts the agent.
	keyFile, agent string
}

// canStream refuses boards whose firmware is larger than what a stream takes.
func canStream(kind parts.Board) error {
	if only := parts.DefaultBoard().Name; kind.Name != only {
		return fmt.Errorf("cannot make a fleet of %s boards because their firmware may be larger than the 24 MB that AWS IoT delivers by MQTT: use --board %s", kind.Name, only)
	}
	return nil
}

// openCloud starts AWS IoT with a thing for each name, all in one group.
func (w *World) openCloud(ctx context.Context, names []string) error {
	w.timeline.Note("starting AWS IoT: MinIO, control plane, signer, MQTT with %d KiB/s for each connection", broker.ConnectionThroughput>>10)
	dir := filepath.Join(w.dir, "aws")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("make AWS IoT's folder: %w", err)
	}
	c, err := awsiot.Start(ctx, awsiot.Options{Dir: dir, Host: hostAlias, Throughput: broker.ConnectionThroughput})
	if err != nil {
		return err
	}
	w.cloud = &cloud{Cloud: c, told: newTold(), devices: map[string]awsiot.Device{}, keyFile: filepath.Join(w.dir, "release.key")}
	w.store = c.Store()
	c.Broker().Set(w.cloud.told.hear)
	if err := c.PrepareAccount(); err != nil {
		return err
	}
	for _, name := range names {
		if w.cloud.devices[name], err = c.NewDevice(name, awsiot.Group); err != nil {
			return err
		}
	}
	_, err = w.publishes(ctx, "keygen", "-o", w.cloud.keyFile)
	return err
}

// publishes runs abota-publish as an engineer at the account does, and returns
// what it printed.
func (w *World) publishes(ctx context.Context, args ...string) (string, error) {
	e := w.cloud.Endpoints()
	cmd := exec.CommandContext(ctx, w.publisher, args...)
	cmd.Env = append(os.Environ(),
		"AWS_ENDPOINT_URL="+e.Control, "AWS_REGION="+e.Region,
		"AWS_ACCESS_KEY_ID="+e.AccessKey, "AWS_SECRET_ACCESS_KEY="+e.SecretKey, "AWS_SESSION_TOKEN=")
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("`abota-publish %s`: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(said.String()))
	}
	return strings.TrimSpace(string(out)), nil
}

// member is the world of one board of the fleet, in a folder of its own.
func (w *World) member(name string) (*World, error) {
	m := *w
	m.fleet, m.name, m.dir, m.timeline = nil, name, filepath.Join(w.dir, name), w.timeline.of(name)
	if err := os.Mkdir(m.dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of board %s: %w", name, err)
	}
	return &m, nil
}

// labelled puts a board's name before each line of its console.
type labelled struct {
	out   io.Writer
	label string
	part  []byte
}

// maxPart is how much of a line is waited for its end.
const maxPart = 4096

func (l *labelled) Write(p []byte) (int, error) {
	l.part = append(l.part, p...)
	for {
		end := bytes.IndexByte(l.part, '\n') + 1
		if end == 0 && len(l.part) < maxPart {
			return len(p), nil
		}
		if end == 0 {
			end = len(l.part)
		}
		if _, err := fmt.Fprintf(l.out, "%s: %s\n", l.label, bytes.TrimRight(l.part[:end], "\r\n")); err != nil {
			return 0, err
		}
		l.part = l.part[end:]
	}
}

// of is the world of one board; the whole one where no board is named.
func (w *World) of(board string) *World {
	for _, m := range w.fleet {
		if m.name == board {
			return m
		}
	}
	return w
}

// Where a board of a fleet has what is its own, on its data partition.
const (
	deviceCert      = "device.pem"
	deviceKey       = "device.key"
	releaseKey      = "release.key"
	certificatesDir = "certificates"
)

// config is where the firmware of all devices has its jobs from. Which thing a
// device is, is not in there.
func (c *cloud) config() string {
	e := c.Endpoints()
	port := func(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }
	return fmt.Sprintf(`key_file: /etc/abota/%s
mode: aws-iot
aws_iot:
  endpoint: %s:%s
  cert: %s/%s
  key: %s/%s
  ca_file: /etc/abota/ca.pem
  credentials_endpoint: %s:%s
  role_alias: %s
  certificates: /etc/abota/%s
`, releaseKey, hostAlias, port(e.MQTTS), stateDir, deviceCert, stateDir, deviceKey,
		hostAlias, port(e.Credentials), awsiot.RoleAlias, certificatesDir)
}

// firmware adds what firmware for devices of this account is shipped with.
func (c *cloud) firmware(fw *guest.Firmware) error {
	key, err := os.ReadFile(c.keyFile)
	if err != nil {
		return fmt.Errorf("read the key of releases: %w", err)
	}
	signing, err := c.SigningCertificate(awsiot.Profile)
	if err != nil {
		return err
	}
	fw.Authority, fw.Agent = string(c.Authority().PEM()), c.agent
	fw.Files = map[string]string{
		releaseKey: string(key), filepath.Join(certificatesDir, awsiot.CertName): string(signing),
	}
	return nil
}

// identify puts onto a device's data partition which thing it is, and the
// proof of it.
func (c *cloud) identify(name, state string) error {
	d, known := c.devices[name]
	if !known {
		return fmt.Errorf("cannot make board %s because it is no thing", name)
	}
	for file, source := range map[string]string{deviceCert: d.Certificate, deviceKey: d.Key} {
		text, err := os.ReadFile(source)
		if err == nil {
			err = os.WriteFile(filepath.Join(state, file), text, 0o600)
		}
		if err != nil {
			return fmt.Errorf("give board %s its certificate: %w", name, err)
		}
	}
	if err := os.WriteFile(filepath.Join(state, "device.yaml"), []byte("aws_iot: {thing: "+d.Thing+"}\n"), 0o600); err != nil {
		return fmt.Errorf("tell board %s its name: %w", name, err)
	}
	return nil
}
