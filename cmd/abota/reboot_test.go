package main

import (
	"bytes"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"abota/bootctl"
)

// asking is a backend whose loader learns of a trial from the reboot.
type asking struct {
	bootctl.Backend
	argument string
	err      error
}

func (a asking) RebootArgument(booted bootctl.Slot) (string, error) {
	if booted == bootctl.B {
		return "", a.err
	}
	return a.argument, a.err
}

func TestTheRebootAsksForATrialWhereTheLoaderWantsIt(t *testing.T) {
	for name, c := range map[string]struct {
		backend bootctl.Backend
		booted  bootctl.Slot
		want    string
		logged  string
	}{
		"any other loader": {struct{ bootctl.Backend }{}, bootctl.A, "", ""},
		"a trial":          {asking{argument: "0 tryboot"}, bootctl.A, "0 tryboot", ""},
		"out of a trial":   {asking{argument: "0 tryboot"}, bootctl.B, "", ""},
		"no trial":         {asking{}, bootctl.A, "", ""},
		"not known":        {asking{argument: "0 tryboot", err: errors.New("no table")}, bootctl.A, "", "no table"},
	} {
		var log bytes.Buffer
		got := rebootArgument(c.backend, c.booted, slog.New(slog.NewTextHandler(&log, nil)))
		if got != c.want || !strings.Contains(log.String(), c.logged) || (c.logged == "") != (log.Len() == 0) {
			t.Errorf("%s: %q, logged %q, want %q", name, got, log.String(), c.want)
		}
	}
}

func TestOnlySystemdIsAskedForAnArgument(t *testing.T) {
	for _, c := range []struct {
		argument string
		systemd  bool
		want     []string
	}{
		{"", true, []string{"reboot"}},
		{"", false, []string{"reboot"}},
		{"0 tryboot", true, []string{"reboot", "0 tryboot"}},
		{"0 tryboot", false, nil},
	} {
		got, ok := orderlyCommand(c.argument, c.systemd)
		if !slices.Equal(got, c.want) || ok != (c.want != nil) {
			t.Errorf("%q, systemd %v: %q, %v, want %q", c.argument, c.systemd, got, ok, c.want)
		}
	}
}
