package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
)

// DeviceFile is the name of the device's own configuration in StateDir, which
// outlives every image. It may set only what deviceKeys names: one that says
// anything else, or that cannot be used for another reason, is left out as a
// whole with a warning, because it must not keep a device from its next
// release.
const DeviceFile = "device.yaml"

// deviceSchema is what a device may say of itself. Slots, bootloader, trust
// and health are for the image alone.
var deviceSchema = append(
	pick(schema, "accesskey", "secretkey", "sessiontoken", "endpoint", "device_id", "group"),
	key{name: "aws_iot", field: "AWSIoT", sub: pick(pick(schema, "aws_iot")[0].sub, "endpoint", "thing", "client_id", "cert", "key", "credentials_endpoint")},
)

// credentials belong together: one half of one pair and one of another open
// nothing.
var credentials = []string{"accesskey", "secretkey", "sessiontoken"}

func pick(from []key, names ...string) []key {
	keys := make([]key, len(names))
	for i, name := range names {
		k, ok := findName(from, name)
		if !ok {
			panic("config: no such key: " + name)
		}
		keys[i] = k
	}
	return keys
}

// addDevice sets what the device's own file says. On an error nothing is set.
func addDevice(w *walker, c *Config, path string) error {
	// Anything else than a file may never end.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return &Error{File: path, Reason: "is not a regular file"}
	}
	data, mode, err := readFile(path)
	if err != nil {
		return &Error{File: path, Err: err, Reason: fmt.Sprintf("cannot be read: %v", cause(err))}
	}
	alone := &walker{at: map[string]place{}}
	said := Config{}
	if err := parse(alone, &said, deviceSchema, path, data); err != nil {
		return err
	}
	if noteReaders(alone, &said, path, mode); len(said.exposed) > 0 {
		return said.exposed[0]
	}
	if err := checkCredentials(alone, &said); err != nil {
		return err
	}
	c.takeDevice(alone, &said)
	maps.Copy(w.at, alone.at)
	return nil
}

func checkCredentials(w *walker, said *Config) error {
	for _, name := range credentials {
		if _, set := w.at[name]; set && (said.AccessKey == "" || said.SecretKey == "") {
			return w.failAt(name, "stands alone: set accesskey and secretkey together, and sessiontoken only with them")
		}
	}
	return nil
}

// takeDevice takes over what the file set; credentials as a whole.
func (c *Config) takeDevice(w *walker, said *Config) {
	if said.AccessKey != "" {
		c.AccessKey, c.SecretKey, c.SessionToken = said.AccessKey, said.SecretKey, said.SessionToken
	}
	for name, field := range map[string][2]*string{
		"endpoint": {&c.Endpoint, &said.Endpoint}, "device_id": {&c.DeviceID, &said.DeviceID}, "group": {&c.Group, &said.Group},
		"aws_iot.endpoint": {&c.AWSIoT.Endpoint, &said.AWSIoT.Endpoint}, "aws_iot.thing": {&c.AWSIoT.Thing, &said.AWSIoT.Thing},
		"aws_iot.client_id": {&c.AWSIoT.ClientID, &said.AWSIoT.ClientID}, "aws_iot.cert": {&c.AWSIoT.Cert, &said.AWSIoT.Cert},
		"aws_iot.key": {&c.AWSIoT.Key, &said.AWSIoT.Key}, "aws_iot.credentials_endpoint": {&c.AWSIoT.CredentialsEndpoint, &said.AWSIoT.CredentialsEndpoint},
	} {
		if _, set := w.at[name]; set {
			*field[0] = *field[1]
		}
	}
}

// loadDevice loads once more with the device's own file between the images'
// files and the variables. Where that ends in an error, what was loaded
// without it stays, and is warned of.
func loadDevice(c *Config, read func(device string) (*Config, error)) *Config {
	path := filepath.Join(c.StateDir, DeviceFile)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return c
	}
	with, err := read(path)
	if err != nil {
		c.Warnings = append(c.Warnings, fmt.Sprintf("going on without %s: %v", path, err))
		return c
	}
	return with
}
