package bootcuts

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// script is a program in QEMU's place.
func script(t *testing.T, text string) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "emulator")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return []string{path}
}

func TestEmulateEndsWithWhatItLooksFor(t *testing.T) {
	text, err := emulate(t.Context(), script(t, `printf 'user space A: x\033[2J\r\n'; exec sleep 1000`), userLine)
	if err != nil {
		t.Fatal(err)
	}
	if found := userLine.FindStringSubmatch(text); found == nil || found[1] != "A" || found[2] != "x" {
		t.Errorf("the console shows %q", text)
	}
}

func TestEmulateSaysWhyItFails(t *testing.T) {
	_, err := emulate(t.Context(), script(t, "echo no such machine >&2; exit 1"), regexp.MustCompile("never"))
	if err == nil || !strings.Contains(err.Error(), "no such machine") {
		t.Errorf("got %v, want what the emulator complains of", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := emulate(ctx, script(t, "exec sleep 1000"), nil); err == nil {
		t.Error("an interrupted run is taken for one that ended")
	}
}

func TestEmulateReturnsWhatEndedByItself(t *testing.T) {
	text, err := emulate(t.Context(), script(t, "echo off"), regexp.MustCompile("never"))
	if err != nil || text != "off\n" {
		t.Errorf("got %q and %v", text, err)
	}
}
