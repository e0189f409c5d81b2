package sim

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestVariableOfTheSimulatorIsNoSettingOfAbota(t *testing.T) {
	if strings.HasPrefix(BuiltEnv, "ABOTA_") {
		t.Errorf("abota takes %s for a setting, and refuses it", BuiltEnv)
	}
}

func TestWhatWasBuiltIsUsedInPlaceOfTheSources(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(BuiltEnv, dir)
	want := filepath.Join(dir, "bin", runtime.GOARCH, "abota")
	for path, text := range map[string]string{want: "a program", filepath.Join(dir, "cmd/abota/init/x"): "a script"} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	m, err := FindModule(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, arch := range []string{"", runtime.GOARCH} {
		if got, err := m.Build(t.Context(), "abota", arch, t.TempDir()); err != nil || got != want {
			t.Errorf("GOARCH %q: got %q, %v, want %q", arch, got, err, want)
		}
	}
	if got, err := m.read("cmd/abota/init/x"); err != nil || string(got) != "a script" {
		t.Errorf("got %q, %v", got, err)
	}
	for _, row := range [][2]string{{"abota", "vax"}, {"abota-publish", ""}} {
		if _, err := m.Build(t.Context(), row[0], row[1], t.TempDir()); err == nil || !strings.Contains(err.Error(), BuiltEnv) {
			t.Errorf("%q: got %v, want a refusal that names %s", row, err, BuiltEnv)
		}
	}
}
