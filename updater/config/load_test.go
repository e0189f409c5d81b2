package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

// slotLines is the least that every configuration needs.
const slotLines = "slots: {a: /dev/a, b: /dev/b}\n"

// write makes a configuration file that only its owner can read.
func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// loadText loads one file with this content.
func loadText(t *testing.T, content string, more ...string) (*Config, error) {
	t.Helper()
	return Load([]string{write(t, "config.yaml", content)}, nil, more)
}

func mustLoad(t *testing.T, content string, more ...string) *Config {
	t.Helper()
	c, err := loadText(t, content, more...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestExampleSetsEveryKeyItShows(t *testing.T) {
	data, err := os.ReadFile("example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c := mustLoad(t, string(data))
	want := defaults()
	want.AccessKey, want.SecretKey = "AKIAEXAMPLE", "example/Secret+Key=#1"
	want.Region, want.Bucket = "eu-west-1", "fleet-firmware"
	want.KeyFile = "/etc/abota/firmware.key"
	want.Slots = [2]Slot{{Device: "PARTLABEL=root-a"}, {Device: "PARTLABEL=root-b"}}
	want.Bootloader.Kind = KindUBoot
	want.Bootloader.Env = []EnvCopy{{"PARTLABEL=uboot-env", 0, 0x4000}, {"PARTLABEL=uboot-env", 4 << 20, 0x4000}}
	want.Health.Checks = []Check{
		{Exec: []string{"/usr/bin/app", "--selftest"}, Timeout: 30 * time.Second},
		{HTTP: "http://127.0.0.1/healthz", Timeout: 10 * time.Second},
	}
	want.Watchdog.Device = "/dev/watchdog"
	want.files, want.seen = c.files, c.seen
	if !reflect.DeepEqual(*c, want) {
		t.Errorf("got  %#v\nwant %#v", *c, want)
	}
	if err := c.NeedSource(); err != nil {
		t.Errorf("the example cannot read a release: %v", err)
	}
}

// Uncommenting a default must change nothing, and nothing may be left out.
func TestExampleShowsEveryKeyAndTheRealDefaults(t *testing.T) {
	data, err := os.ReadFile("example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range allPaths(schema, "") {
		if name := path[strings.LastIndex(path, ".")+1:]; !strings.Contains(string(data), name+":") {
			t.Errorf("example.yaml does not show %s", path)
		}
	}
	commented := regexp.MustCompile(`(?m)^( *)# ([a-z_]+: )`)
	if n := len(commented.FindAllString(string(data), -1)); n < 11 {
		t.Fatalf("only %d commented defaults found: the test reads nothing", n)
	}
	got, want := mustLoad(t, commented.ReplaceAllString(string(data), "$1$2")), mustLoad(t, string(data))
	want.files = got.files
	if !reflect.DeepEqual(got, want) {
		t.Errorf("example.yaml shows other defaults than the real ones:\ngot  %#v\nwant %#v", *got, *want)
	}
}

// allPaths lists every key that takes a value.
func allPaths(keys []key, path string) (all []string) {
	for _, k := range keys {
		if k.set != nil {
			all = append(all, join(path, k.name))
		}
		all = append(all, allPaths(k.sub, join(path, k.name))...)
	}
	return all
}

func TestLaterFileOverridesEarlierAndListsAreReplaced(t *testing.T) {
	first := write(t, "first.yaml", slotLines+"bucket: one\nregion: r1\nhealth: {checks: [{exec: [a]}, {exec: [b]}]}\n")
	second := write(t, "second.yaml", "bucket: two\nslots: {b: /dev/c}\nhealth: {checks: [{exec: [c]}]}\n")
	c, err := Load([]string{first, second}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Bucket != "two" || c.Region != "r1" || !reflect.DeepEqual(c.Slots, [2]Slot{{Device: "/dev/a"}, {Device: "/dev/c"}}) {
		t.Errorf("merged wrongly: %+v", c)
	}
	if len(c.Health.Checks) != 1 || c.Health.Checks[0].Exec[0] != "c" {
		t.Errorf("checks were merged, not replaced: %+v", c.Health.Checks)
	}
}

func TestFlagWinsOverEnvironmentOverFile(t *testing.T) {
	file := write(t, "config.yaml", slotLines+"bucket: file\nregion: file\nendpoint: http://file\n")
	c, err := Load([]string{file},
		[]string{"ABOTA_REGION=env", "ABOTA_BUCKET=env", "PATH=/bin"},
		[]string{"bucket=flag"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Bucket != "flag" || c.Region != "env" || c.Endpoint != "http://file" {
		t.Errorf("got bucket %q, region %q, endpoint %q", c.Bucket, c.Region, c.Endpoint)
	}
}

func TestMissingDefaultFileLeavesItToTheEnvironment(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none.yaml")
	c, err := load(none, nil, []string{"ABOTA_SLOTS_A=/dev/a"}, []string{"slots.b=/dev/b"})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(c.Slots, [2]Slot{{Device: "/dev/a"}, {Device: "/dev/b"}}) {
		t.Errorf("got %+v", c.Slots)
	}
	if c, err = load(none, nil, nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.NeedSlots(); err == nil || !strings.Contains(err.Error(), DefaultPath) {
		t.Errorf("nothing configured gave %v, want advice that names %s", err, DefaultPath)
	}
}

func TestDefaultFileIsReadWhenItIsThere(t *testing.T) {
	c, err := load(write(t, "config.yaml", slotLines+"bucket: here"), nil, nil, nil)
	if err != nil || c.Bucket != "here" {
		t.Errorf("got %v, %v", c, err)
	}
}

func TestNamedFileThatIsMissingIsAnError(t *testing.T) {
	_, err := Load([]string{filepath.Join(t.TempDir(), "gone.yaml")}, nil, nil)
	wantError(t, err, "gone.yaml: cannot be read: no such file or directory: name another file with --config")
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v hides its cause", err)
	}
}

func TestFolderAndHugeFileAreErrors(t *testing.T) {
	_, err := Load([]string{t.TempDir()}, nil, nil)
	wantError(t, err, "cannot be read: is a directory")
	_, err = loadText(t, "#"+strings.Repeat("x", maxFile))
	wantError(t, err, "larger than 1024 KiB")
}

// wantError checks for an *Error of one line that holds this text.
func wantError(t *testing.T, err error, want string) {
	t.Helper()
	var ce *Error
	switch {
	case !errors.As(err, &ce):
		t.Errorf("got %v (%T), want an *Error with %q", err, err, want)
	case !strings.Contains(err.Error(), want):
		t.Errorf("got  %v\nwant %s", err, want)
	case strings.ContainsAny(err.Error(), "\n\r"):
		t.Errorf("%q is not one line", err)
	}
}
