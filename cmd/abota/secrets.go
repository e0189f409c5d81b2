package main

import (
	"bytes"
	"encoding/pem"
	"io"
	"os"
	"slices"
	"strings"

	"abota/updater/config"
)

// cloudSecrets are the variables that the SDK reads credentials from, and
// abota's own, which count even where the configuration cannot be read.
var cloudSecrets = []string{
	"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN",
	"ABOTA_ACCESSKEY", "ABOTA_SECRETKEY", "ABOTA_SESSIONTOKEN", "ABOTA_URL", "ABOTA_PROXY",
}

// secrets are all texts that abota knows of and nobody may see.
func (c *command) secrets(cfg *config.Config) []string {
	all := cfg.Secrets()
	for _, pair := range c.environ {
		name, value, _ := strings.Cut(pair, "=")
		if slices.Contains(cloudSecrets, name) {
			all = append(all, value)
		}
		if strings.HasSuffix(strings.ToUpper(name), "_PROXY") || name == "ABOTA_URL" {
			all = append(all, config.SecretsIn(value)...)
		}
	}
	for _, path := range []string{cfg.KeyFile, cfg.TLS.Key, cfg.AWSIoT.Key} {
		all = append(all, secretsOfFile(path)...)
	}
	return all
}

// maxKeyFile bounds a key file in bytes.
const maxKeyFile = 64 << 10

// secretsOfFile are a key file's content and each long line of it.
func secretsOfFile(path string) []string {
	if st, err := os.Stat(path); path == "" || err != nil || !st.Mode().IsRegular() {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return nil
	}
	all := []string{strings.TrimSpace(string(text))}
	const shortLine = 16 // what is shorter tells nothing
	if block, _ := pem.Decode(text); block == nil {
		return all
	}
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) >= shortLine && !bytes.HasPrefix(line, []byte("-----")) {
			all = append(all, string(line))
		}
	}
	return all
}
