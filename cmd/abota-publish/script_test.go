package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"abota/cmd/internal/cli"
	"abota/sim/store"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"abota-publish": main})
}

const scripts = "testdata/script/*.txtar"

// scriptFiles are the scripts that need a store, or those that do not.
func scriptFiles(t *testing.T, needStore bool) []string {
	t.Helper()
	all, err := filepath.Glob(scripts)
	if err != nil {
		t.Fatal(err)
	}
	files := slices.DeleteFunc(all, func(f string) bool {
		return strings.HasPrefix(filepath.Base(f), "push") != needStore
	})
	if len(files) == 0 {
		t.Fatalf("there are no such scripts in %s", scripts)
	}
	return files
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Files: scriptFiles(t, false), Condition: condition, Cmds: commands, RequireExplicitExec: true})
}

// TestPushScripts gives each script a real store, keys to it in the
// environment as AWS's tools have them, and a bucket name of its own.
func TestPushScripts(t *testing.T) {
	s := store.ForTest(t)
	testscript.Run(t, testscript.Params{
		Files: scriptFiles(t, true), Condition: condition, Cmds: commands, RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			bucket := strings.ReplaceAll(filepath.Base(env.WorkDir), "script-", "")
			env.Setenv("BUCKET", bucket)
			env.Setenv("AWS_ENDPOINT_URL", s.Endpoint())
			env.Setenv("AWS_REGION", s.Region())
			env.Setenv("AWS_ACCESS_KEY_ID", s.Keys().AccessKey)
			env.Setenv("AWS_SECRET_ACCESS_KEY", s.Keys().SecretKey)
			return nil
		},
	})
}

const python3 = "/usr/bin/python3"

// condition: [python] holds where the old script's libraries are installed.
func condition(cond string) (bool, error) {
	if cond != "python" {
		return false, fmt.Errorf("unknown condition %q", cond)
	}
	return exec.Command(python3, "-c", "import boto3, cryptography").Run() == nil, nil
}

var commands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	// mode FILE OCTAL wants these permissions.
	"mode": func(ts *testscript.TestScript, neg bool, args []string) {
		info, err := os.Stat(ts.MkAbs(args[0]))
		ts.Check(err)
		if got := fmt.Sprintf("%#o", info.Mode().Perm()); (got == args[1]) == neg {
			ts.Fatalf("%s has mode %s", args[0], got)
		}
	},
	// only DIR NAME… wants exactly these names, hidden ones included.
	"only": func(ts *testscript.TestScript, _ bool, args []string) {
		entries, err := os.ReadDir(ts.MkAbs(args[0]))
		ts.Check(err)
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if slices.Sort(args[1:]); !slices.Equal(names, args[1:]) {
			ts.Fatalf("%s holds %q, want %q", args[0], names, args[1:])
		}
	},
	// big FILE BYTES makes a file that deflate cannot shrink much.
	"big": func(ts *testscript.TestScript, _ bool, args []string) {
		var size int
		_, err := fmt.Sscan(args[1], &size)
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(args[0]), noise(size), 0o644))
	},
	// flip FILE changes one byte in the middle.
	"flip": func(ts *testscript.TestScript, _ bool, args []string) {
		data := []byte(ts.ReadFile(args[0]))
		data[len(data)/2] ^= 1
		ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o644))
	},
	// json FILE KEY VALUE wants a line of JSON with that value.
	"json": func(ts *testscript.TestScript, _ bool, args []string) {
		var object map[string]any
		ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &object))
		if got := fmt.Sprint(object[args[1]]); got != args[2] {
			ts.Fatalf("%s is %q, want %q", args[1], got, args[2])
		}
	},
}

func noise(size int) []byte {
	data := make([]byte, size)
	x := uint32(1)
	for i := range data {
		x = x*1664525 + 1013904223
		data[i] = byte(x >> 24)
	}
	return data
}

// tripped is a context that ends after so many looks at it.
type tripped struct {
	context.Context
	looks int
}

func (c *tripped) Err() error {
	if c.looks--; c.looks < 0 {
		return context.Canceled
	}
	return nil
}

// TestInterruptedCommandsLeaveNothing interrupts each verb that writes in the
// middle of its input.
func TestInterruptedCommandsLeaveNothing(t *testing.T) {
	for _, args := range [][]string{
		{"pack", "image", "-o", "release", "--new-key"},
		{"encrypt", "image"},
		{"encrypt", "image", "--in-place"},
		{"decrypt", "token"},
		{"decrypt", "token", "--in-place"},
		{"checksum", "token", "-o", "checksum.txt"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			dir := t.TempDir()
			t.Chdir(dir)
			image := noise(1 << 20)
			if err := os.WriteFile("image", image, 0o644); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			for _, prepare := range [][]string{{"keygen"}, {"encrypt", "image", "-o", "token"}} {
				if code := run(t.Context(), prepare, nil, &out, &out); code != cli.ExitDone {
					t.Fatalf("%q: %s", prepare, out.String())
				}
			}
			before := snapshot(t, dir)
			if code := run(&tripped{t.Context(), 3}, args, nil, &out, &out); code != cli.ExitFailed || !strings.Contains(out.String(), "interrupted") {
				t.Errorf("exit code %d, output %s", code, out.String())
			}
			if after := snapshot(t, dir); after != before {
				t.Errorf("before:\n%s\nafter:\n%s", before, after)
			}
		})
	}
}

// snapshot is every name below dir with a digest of its content.
func snapshot(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			fmt.Fprintln(&b, path)
			return err
		}
		data, err := os.ReadFile(path)
		sum := newDigests()
		_, _ = sum.Write(data)
		fmt.Fprintln(&b, path, sum.checksum())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestEngineIsNotImported(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	if !slices.Contains(deps, "abota/updater/fernet") {
		t.Fatal("the list of imports is not one")
	}
	for _, engine := range []string{"abota/updater", "abota/bootctl", "abota/sim"} {
		if slices.Contains(deps, engine) {
			t.Errorf("the publisher imports %s", engine)
		}
	}
}
