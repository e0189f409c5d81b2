package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"time"
)

// What AWS IoT allows in names, and in the messages of a stream.
var (
	thingNames  = regexp.MustCompile(`^[a-zA-Z0-9:_-]{1,128}$`)
	roleAliases = regexp.MustCompile(`^[a-zA-Z0-9=,@-]{1,128}$`)
)

const (
	minBlock, maxBlock = 256, 128 << 10
	// maxKeepAlive is the longest that the service waits for.
	maxKeepAlive = 1200 * time.Second
)

// hostPort is a host with a port or without.
func hostPort(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	u, err := url.Parse("//" + s)
	if err != nil || u.Hostname() == "" || u.Host != s {
		return "", errors.New("is not a host: write it as example-ats.iot.eu-west-1.amazonaws.com, with :PORT or without")
	}
	if _, _, err := net.SplitHostPort(s); u.Port() == "" && err == nil {
		return "", fmt.Errorf("%q ends in a colon: add the port, or leave the colon out", s)
	}
	return s, nil
}

func thingName(s string) (string, error) {
	if s != "" && !thingNames.MatchString(s) {
		return "", fmt.Errorf("%q is not 1 to 128 letters, digits, colons, hyphens and underscores", s)
	}
	return s, nil
}

func roleAlias(s string) (string, error) {
	if s != "" && !roleAliases.MatchString(s) {
		return "", fmt.Errorf("%q is not 1 to 128 letters, digits and =,@-", s)
	}
	return s, nil
}

func blockSize(s string) (int64, error) {
	n, err := size(s)
	if err == nil && (n < minBlock || n > maxBlock) {
		return 0, fmt.Errorf("%q is not from %d bytes to %dK", s, minBlock, maxBlock>>10)
	}
	return n, err
}

func keepAlive(s string) (time.Duration, error) {
	d, err := wholeSeconds(s)
	if err == nil && d > maxKeepAlive {
		return 0, fmt.Errorf("%q is longer than %s, the most that AWS IoT allows", s, maxKeepAlive)
	}
	return d, err
}

// ThingName is what the device is called at AWS IoT.
func (c *Config) ThingName() string {
	if c.AWSIoT.Thing != "" {
		return c.AWSIoT.Thing
	}
	return c.DeviceID
}

// MQTTClientID is the agent's own, which no other program shares.
func (c *Config) MQTTClientID() string {
	if c.AWSIoT.ClientID != "" {
		return c.AWSIoT.ClientID
	}
	return c.ThingName() + "-abota"
}

// checkSuffix is what the client ID has more of what looks beside the agent.
const checkSuffix = "-check"

// MQTTCheckClientID is the client ID of what looks beside the agent, as the
// health check does: a second connection with the agent's own ID would end the
// agent's.
func (c *Config) MQTTCheckClientID() string { return c.MQTTClientID() + checkSuffix }

// maxClientID is the longest client ID at AWS IoT, in bytes.
const maxClientID = 128

// NeedAWSIoT reports what is missing to take jobs from AWS IoT.
func (c *Config) NeedAWSIoT() error {
	for _, k := range []struct{ key, value, why string }{
		{"aws_iot.endpoint", c.AWSIoT.Endpoint, "the host that `aws iot describe-endpoint --endpoint-type iot:Data-ATS` prints"},
		{"aws_iot.thing", c.ThingName(), "the device's name at AWS IoT (or device_id)"},
		{"aws_iot.cert", c.AWSIoT.Cert, "the file of the device's certificate"},
		{"aws_iot.key", c.AWSIoT.Key, "the file of the certificate's key"},
	} {
		if k.value == "" {
			return missing(k.key, k.why)
		}
	}
	return nil
}

// checkAWSIoT is what no single key can say.
func checkAWSIoT(w *walker, c *Config) error {
	i := c.AWSIoT
	switch {
	case i.Cert != "" && i.Key == "":
		return w.failAt("aws_iot.cert", "has no aws_iot.key beside it")
	case i.Key != "" && i.Cert == "":
		return w.failAt("aws_iot.key", "has no aws_iot.cert beside it")
	case i.RoleAlias != "" && i.CredentialsEndpoint == "":
		return w.failAt("aws_iot.role_alias", "has no aws_iot.credentials_endpoint beside it")
	case i.CredentialsEndpoint != "" && i.RoleAlias == "":
		return w.failAt("aws_iot.credentials_endpoint", "has no aws_iot.role_alias beside it")
	case i.RoleAlias != "" && i.Cert == "":
		return w.failAt("aws_iot.role_alias", "needs aws_iot.cert and aws_iot.key beside it: the certificate is what opens the provider")
	case c.Mode == ModeAWSIoT && c.ThingName() != "" && !thingNames.MatchString(c.ThingName()):
		return w.failAt("device_id", "%q cannot be a thing's name: set aws_iot.thing", c.DeviceID)
	case c.Mode == ModeAWSIoT && len(c.MQTTCheckClientID()) > maxClientID:
		return w.failAt("aws_iot.client_id", "%q is longer than %d characters, which leaves no room for what looks beside the agent: set a shorter one", c.MQTTClientID(), maxClientID-len(checkSuffix))
	}
	return nil
}
