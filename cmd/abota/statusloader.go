package main

import "abota/updater/config"

// loaderStatus is how the boot table is kept, for `abota status`.
type loaderStatus struct {
	// Kind is that of the configuration, also where it was detected.
	Kind string `json:"kind"`
	// Storage is where the table is kept, where there is a choice.
	Storage string `json:"storage,omitempty"`
	// Variables names the updater whose variables hold it, where not abota.
	Variables string `json:"variables,omitempty"`
	// Note is what whoever relies on it should know, or empty.
	Note string `json:"note,omitempty"`
}

// untested is said of kinds for which no loader could be run.
const untested = "conformance-only: no loader that reads this table has been run in abota's tests"

// readBy is the kind in use, and what is to be known of it.
func (d *device) readBy() *loaderStatus {
	l := &loaderStatus{Kind: d.kind}
	if l.Kind == config.KindGPT || l.Kind == config.KindTryBoot {
		l.Note = untested
	}
	if b, ok := d.Backend.(interface{ Storage() string }); ok {
		l.Storage = b.Storage()
	}
	if b, ok := d.Backend.(speaker); ok {
		l.Variables = b.Foreign()
	}
	if b, ok := d.Backend.(interface{ Warning() string }); ok && b.Warning() != "" {
		l.Note = b.Warning()
	}
	return l
}

func (l loaderStatus) line() string {
	text := l.Kind
	if l.Storage != "" {
		text += ", " + l.Storage
	}
	if l.Variables != "" {
		text += ", in the variables of " + l.Variables
	}
	if l.Note != "" {
		text += " (" + l.Note + ")"
	}
	return text
}
