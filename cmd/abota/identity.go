package main

import (
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
)

// identityFiles are where a Linux device says which one it is.
var identityFiles = []string{"/etc/machine-id", "/proc/device-tree/serial-number"}

func keptIdentity(stateDir string) string { return filepath.Join(stateDir, "identity") }

// knownIdentity is empty where nothing says it yet.
func knownIdentity(stateDir string) string {
	for _, path := range append(identityFiles, keptIdentity(stateDir)) {
		text, err := os.ReadFile(path)
		id := strings.Trim(string(text), "\x00 \n")
		if err == nil && id != "" && id != "uninitialized" {
			return id
		}
	}
	return ""
}

// deviceIdentity tells this device from every other, by what the system says
// or else by a number drawn once and kept in the state directory.
func deviceIdentity(stateDir string, log *slog.Logger) string {
	if id := knownIdentity(stateDir); id != "" {
		return id
	}
	number := make([]byte, 16)
	rand.Read(number)
	id := hex.EncodeToString(number)
	if err := renameio.WriteFile(keptIdentity(stateDir), []byte(id+"\n"), 0o600); err != nil {
		log.Warn("this device has no identity that lasts, so its wave changes with every start", "error", err)
	}
	return id
}
