package main

import (
	"os"
	"path/filepath"
	"time"

	"abota/updater/slot"
)

// machine is below which folder the kernel and the system show themselves.
// Tests point it at a made-up one.
var machine = "/"

// wallClock is the time that the machine shows.
var wallClock = time.Now

func onMachine(path string) string { return filepath.Join(machine, path) }

// kernelLine is the kernel command line.
func kernelLine() ([]byte, error) { return os.ReadFile(onMachine("proc/cmdline")) }

// machineHost is where slots are looked for.
func machineHost() slot.Host {
	if machine == "/" {
		return slot.Host{InPlace: keepsPlace}
	}
	return slot.Host{InPlace: keepsPlace, Proc: onMachine("proc"), Sys: onMachine("sys"), Dev: onMachine("dev")}
}
