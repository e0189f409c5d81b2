package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"abota/cmd/internal/cli"
)

// A slot that is one of abota's own files would be overwritten by what it says of
// that slot, after it was proven.
func TestSlotIsNoneOfAbotasOwnFiles(t *testing.T) {
	d := newDamagedDevice(t)
	d.bucket.offer(madeRelease(t, "next"))
	path := filepath.Join(d.dir, "config.yaml")
	text, err := os.ReadFile(path)
	must(t, err)
	hard, soft := filepath.Join(d.dir, "hard"), filepath.Join(d.dir, "soft")
	must(t, os.Link(filepath.Join(d.dir, "state/journal"), hard))
	must(t, os.Symlink("state/table", soft))
	for own, slots := range map[string][]string{
		"journal": {"b: " + d.dir + "/state/journal", "b: " + hard, "b: {parts: {root: {file: " + hard + "}}}"},
		"table":   {"b: " + soft, "b: {parts: {root: " + soft + "}}"},
		"lock":    {"b: " + d.dir + "/state/lock"},
	} {
		file := filepath.Join(d.dir, "state", own)
		before, err := os.ReadFile(file)
		must(t, err)
		for _, b := range slots {
			must(t, os.WriteFile(path, []byte(strings.Replace(string(text), "b: "+d.dir+"/b.img", b, 1)), 0o600))
			code, complaint := d.install()
			if code != cli.ExitUsage || !strings.Contains(complaint, "that is abota's own "+own) {
				t.Errorf("%s: exit %d: %s", b, code, complaint)
			}
			if after, err := os.ReadFile(file); err != nil || string(after) != string(before) {
				t.Errorf("%s: the %s was changed, %v", b, own, err)
			}
		}
	}
	must(t, os.WriteFile(path, text, 0o600))
	if code, complaint := d.install(); code != cli.ExitDone {
		t.Errorf("slots of their own: exit %d: %s", code, complaint)
	}
}
