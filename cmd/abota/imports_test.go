package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func list(t *testing.T, pattern string) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", pattern).Output()
	if err != nil {
		t.Fatalf("go list %s: %v", pattern, err)
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// allowed says which packages of this module each room may import. A room that
// is not named is a leaf and may import none, but for the release that they
// all speak of.
var allowed = map[string][]string{
	"abota/cmd/abota":           {"abota/cmd/internal/cli", "abota/updater", "abota/bootctl"},
	"abota/cmd/abota-publish":   {"abota/cmd/internal/cli", "abota/cmd/abota-publish/ota", "abota/updater/fernet", "abota/updater/unpack", "abota/updater/config"},
	"abota/cmd/abota-sim":       {"abota/cmd/internal/cli", "abota/sim"},
	"abota/updater":             {"abota/bootctl", "abota/updater/slot", "abota/updater/tree", "abota/updater/source", "abota/updater/hook"},
	"abota/updater/hook":        {"abota/updater/program"},
	"abota/updater/health":      {"abota/updater/program"},
	"abota/updater/unpack":      {"abota/updater/unpack/inflate"},
	"abota/updater/classic":     {"abota/updater/fernet", "abota/updater/unpack", "abota/updater/source", "abota/updater/readahead"},
	"abota/updater/raw":         {"abota/updater/source", "abota/updater/readahead"},
	"abota/bootctl/dialect":     {"abota/bootctl"},
	"abota/bootctl/uboot":       {"abota/bootctl", "abota/bootctl/dialect", "abota/bootctl/inplace"},
	"abota/bootctl/efi":         {"abota/bootctl"},
	"abota/bootctl/sdboot":      {"abota/bootctl"},
	"abota/bootctl/grub":        {"abota/bootctl", "abota/bootctl/dialect", "abota/bootctl/inplace"},
