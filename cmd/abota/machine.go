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

// scriptWords are what abota's boot scripts say of this boot on the kernel command
// line.
type scriptWords struct {
	contract, trial bool
	note            string // abota.env: empty, "lost" or "exhausted"
}

func readScriptWords() (w scriptWords, err error) {
	line, err := kernelLine()
	_, w.contract = argument(line, "abota.contract")
	_, w.trial = argument(line, "abota.trial")
	w.note, _ = argument(line, "abota.env")
	return w, err
}

// machineHost is where slots are looked for.
func machineHost() slot.Host {
	if machine == "/" {
		return slot.Host{InPlace: keepsPlace}
	}
	return slot.Host{InPlace: keepsPlace, Proc: onMachine("proc"), Sys: onMachine("sys"), Dev: onMachine("dev")}
}
