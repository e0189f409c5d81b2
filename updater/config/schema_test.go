package config

import (
	"reflect"
	"testing"
)

// samples hold for each key a value that it takes.
var samples = []string{
	"1", "512", "true", "1m", "word", "/a/b", "https://host/path", "host.example", "PARTLABEL=a", "BOOT_A",
	KindUBoot, VariablesRAUC, RebootNow, ModePoll, FormatCBOR, UnknownLeave,
	"[a, b]", "[/a, /b]", "[1, 2]", "[PARTLABEL=a, PARTLABEL=b]", "[Mon-Fri 02:00-04:30]",
	"{root: /dev/a}", "[{exec: [a]}]", "[{device: /dev/a, size: 512}]", "[{device: PARTLABEL=a, file: /a.efi}]",
}

// A schema that names a field which is not there, or one of another type than
// its parser makes, is only found out when the key is set.
func TestEveryKeySetsItsField(t *testing.T) {
	for _, path := range allPaths(schema, "") {
		if taken := takenBy(t, path); taken == 0 {
			t.Errorf("%s takes none of the samples: add one", path)
		}
	}
}

// takenBy sets a key to each sample, and says how many changed the
// configuration.
func takenBy(t *testing.T, path string) (taken int) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("%s: %v", path, p)
		}
	}()
	for _, sample := range samples {
		var c, blank Config
		if err := applySets(&walker{at: map[string]place{}}, &c, []string{path + "=" + sample}); err == nil && !reflect.DeepEqual(c, blank) {
			taken++
		}
	}
	return taken
}
