package main

import (
	"abota/updater"
	"abota/updater/config"
)

// loaderStatus is how the boot table is kept, for `abota status`.
type loaderStatus struct {
	// Kind is that of the configuration, also where it was detected.
	Kind string `json:"kind"`
	// Note is what whoever relies on it should know, or empty.
	Note string `json:"note,omitempty"`
}

// untested is said of kinds for which no loader could be run.
const untested = "conformance-only: no loader that reads this table has been run in abota's tests"

// loaderOf is the kind in use, and what is to be known of it.
func loaderOf(cfg *config.Config, s updater.Status) *loaderStatus {
	l := &loaderStatus{Kind: pointerKind(cfg, [2]string{s.Slots[0].Device, s.Slots[1].Device})}
	switch {
	case l.Kind == config.KindGPT, l.Kind == config.KindTryBoot:
		l.Note = untested
	case len(cfg.Bootloader.Env) == 1:
		l.Note = "single copy: a power cut while the environment is written can lose the boot table"
	}
	return l
}

func (l loaderStatus) line() string {
	if l.Note == "" {
		return l.Kind
	}
	return l.Kind + " (" + l.Note + ")"
}
