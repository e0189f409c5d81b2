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
	"abota/bootctl/record":      {"abota/bootctl"},
	"abota/bootctl/bootscript":  {"abota/bootctl"},
	"abota/bootctl/symlink":     {"abota/bootctl"},
	"abota/bootctl/gpt":         {"abota/bootctl", "abota/bootctl/inplace"},
	"abota/bootctl/tryboot":     {"abota/bootctl", "abota/bootctl/inplace"},
	"abota/bootctl/bootctltest": {"abota/bootctl", "abota/sim/cutdisk"},
	"abota/sim":                 {"abota/sim", "abota/updater", "abota/bootctl", "abota/cmd/abota"},

	"abota/cmd/abota-publish/ota": {"abota/cmd/internal/cli"},
}

// TestImportsGoOneWay: cmd → updater → its leaves and bootctl; leaves import
// no sibling.
func TestImportsGoOneWay(t *testing.T) {
	packages := list(t, "abota/...")
	if len(packages) < 10 {
		t.Fatalf("only %d packages found", len(packages))
	}
	for _, p := range packages {
		for _, imported := range p.Imports {
			if strings.HasPrefix(imported, "abota/") && !mayImport(p.ImportPath, imported) {
				t.Errorf("%s imports %s", p.ImportPath, imported)
			}
		}
	}
}

func mayImport(from, to string) bool {
	if to == "abota/updater/release" && strings.HasPrefix(from, "abota/updater") || strings.HasPrefix(from, "abota/cmd/abota") && to == "abota/updater/release" {
		return true
	}
	if strings.HasPrefix(from, "abota/sim/") {
		from = "abota/sim"
	}
	for _, prefix := range allowed[from] {
		deep := from == "abota/cmd/abota" || from == "abota/cmd/abota-sim" || from == "abota/sim"
		if to == prefix || deep && strings.HasPrefix(to, prefix+"/") {
			return true
		}
	}
	return false
}

// TestImportsOfTheDevice: what ships on the device holds nothing of the
// simulator, of the publisher, or of the SDK's own configuration.
func TestImportsOfTheDevice(t *testing.T) {
	forbidden := []string{
		"abota/sim", "abota/bootctl/bootctltest", "abota/bootctl/bootscript", "github.com/minio/", "github.com/aws/aws-sdk-go-v2/config",
		"github.com/aws/aws-sdk-go-v2/service/iot", "github.com/aws/aws-sdk-go-v2/service/signer", "github.com/aws/aws-sdk-go-v2/service/sts",
		"github.com/mochi-mqtt", "github.com/fxamacker/cbor", "github.com/gorilla/websocket", "testing",
	}
	device := list(t, "abota/cmd/abota")[0]
	if len(device.Deps) < 50 {
		t.Fatalf("only %d dependencies found", len(device.Deps))
	}
	for _, dep := range device.Deps {
		for _, f := range forbidden {
			if dep == f || strings.HasPrefix(dep, strings.TrimSuffix(f, "/")+"/") {
				t.Errorf("the device binary imports %s", dep)
			}
		}
	}
}
