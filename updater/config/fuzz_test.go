package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func FuzzParse(f *testing.F) {
	for _, path := range corpusFiles(f) {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, w := defaults(), &walker{at: map[string]place{}}
		err := parse(w, &c, schema, "f", data)
		if err == nil {
			err = check(w, &c)
		}
		if err == nil {
			return
		}
		var ce *Error
		if !errors.As(err, &ce) || ce.File != "f" || ce.Reason == "" {
			t.Fatalf("%v (%T) names no file or no reason", err, err)
		}
		if strings.ContainsAny(err.Error(), "\n\r") {
			t.Fatalf("%q is not one line", err)
		}
		if last := strings.Count(string(data), "\n") + strings.Count(string(data), "\r") + 2; ce.Line > last && !strings.ContainsAny(string(data), "\u0085\u2028\u2029") {
			t.Fatalf("%v names line %d of %d", err, ce.Line, last)
		}
	})
}

// FuzzDeviceFile: whatever a device says of itself, it is no error, and only
// its own keys change.
func FuzzDeviceFile(f *testing.F) {
	f.Add([]byte("accesskey:own\nsecretkey:hush\nendpoint: http://own:9000\n"))
	f.Add([]byte("slots: {a: /dev/x}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := defaults()
		c.StateDir = t.TempDir()
		path := filepath.Join(c.StateDir, DeviceFile)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		got := loadDevice(&c, func(device string) (*Config, error) {
			with, w := c, &walker{at: map[string]place{}}
			return &with, addDevice(w, &with, device)
		})
		want := c
		want.AccessKey, want.SecretKey, want.SessionToken = got.AccessKey, got.SecretKey, got.SessionToken
		want.Endpoint, want.DeviceID, want.Group, want.Warnings = got.Endpoint, got.DeviceID, got.Group, got.Warnings
		if !reflect.DeepEqual(*got, want) || (got.AccessKey == "") != (got.SecretKey == "") {
			t.Fatalf("%q made %+v", data, *got)
		}
	})
}

// FuzzOlderLine: whatever the value is, the older notation gives exactly what
// stands between the colon and the end of the line.
func FuzzOlderLine(f *testing.F) {
	f.Add("xyz.zip")
	f.Add(`a:b#c=d"e\f`)
	f.Add("x\u2028y")
	f.Fuzz(func(t *testing.T, value string) {
		want := strings.TrimRight(value, " \t\r")
		if want == "" || strings.ContainsAny(value, "\n") || want[0] == ' ' || want[0] == '\t' {
			t.Skip("not the older notation")
		}
		c, w := defaults(), &walker{at: map[string]place{}}
		err := parse(w, &c, schema, "f", []byte("region:r\nkey_file:"+value+"\nbucket:b"))
		if _, refused := text(want); refused != nil || !isValid(want) {
			if err == nil {
				t.Fatalf("%q was accepted", want)
			}
			return
		}
		if err != nil || c.KeyFile != want || c.Region != "r" || c.Bucket != "b" {
			t.Fatalf("%q gave %q, %v", want, c.KeyFile, err)
		}
	})
}

func isValid(s string) bool { return strings.ToValidUTF8(s, "") == s }

// corpusFiles are the files that the fuzzer starts from. None would mean that
// it explores nothing that resembles a configuration.
func corpusFiles(tb testing.TB) []string {
	tb.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "corpus", "*.yaml"))
	if err != nil {
		tb.Fatal(err)
	}
	if len(paths) == 0 {
		tb.Fatal("testdata/corpus holds no *.yaml")
	}
	return append(paths, "example.yaml")
}

func TestFuzzCorpusHoldsThePublishedConfig(t *testing.T) {
	found := false
	for _, path := range corpusFiles(t) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found = found || string(data) == seedConfig
	}
	if !found {
		t.Error("no file of the corpus is the older scripts' configuration, byte for byte")
	}
}
