package loader

import (
	"os"
	"strings"
	"testing"

	"abota/sim/parts"
)

func TestSettingsOfEveryBoardAreInTheBootScript(t *testing.T) {
	text, err := os.ReadFile("../../bootctl/uboot/boot.cmd")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range parts.Boards() {
		got, err := settle(string(text), kind.Script)
		if err != nil {
			t.Errorf("%s: %v", kind.Name, err)
			continue
		}
		for name, value := range kind.Script {
			if !strings.Contains(got, "\nsetenv "+name+" "+value+"\n") {
				t.Errorf("%s: the script does not set %s to %s", kind.Name, name, value)
			}
		}
		if strings.Count(got, "\n") != strings.Count(string(text), "\n") {
			t.Errorf("%s: lines came or went", kind.Name)
		}
	}
	for _, script := range []string{"", "setenv x 1\nsetenv x 2\n", "setenv xy 1\n"} {
		if _, err := settle(script, map[string]string{"x": "3"}); err == nil {
			t.Errorf("a setting was found in %q", script)
		}
	}
}
