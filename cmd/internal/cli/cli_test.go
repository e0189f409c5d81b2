package cli

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"testing"
)

func help(w io.Writer) { fmt.Fprintln(w, "usage: tool") }

var errReboot = errors.New("reboot")

func codeOf(err error) int {
	switch err {
	case nil:
		return ExitDone
	case errReboot:
		return ExitRebootRequired
	}
	return ExitRefused
}

func TestEndComplainsInOneLine(t *testing.T) {
	for _, row := range []struct {
		verb           string
		err            error
		json           bool
		code           int
		stdout, stderr string
	}{
		{"go", nil, true, ExitDone, "", ""},
		{"go", flag.ErrHelp, true, ExitDone, "usage: tool\n", ""},
		{"go", errors.New("two\n  lines"), false, ExitRefused, "", "tool go: two lines\n"},
		{"go", errors.New("no"), true, ExitRefused, `{"error":{"code":7,"reason":"no"}}` + "\n", ""},
		{"go", errReboot, false, ExitRebootRequired, "", ""},
		{"go", errReboot, true, ExitRebootRequired, "", ""},
		{"", Usage("%q is wrong", "x"), false, ExitRefused, "", "tool: \"x\" is wrong (tool --help says more)\n"},
		{"go", fmt.Errorf("outer: %w", Usage("inner")), true, ExitRefused, `{"error":{"code":7,"reason":"outer: inner (tool --help says more)"}}` + "\n", ""},
	} {
		var stdout, stderr bytes.Buffer
		o := Output{Name: "tool", JSON: row.json, Stdout: &stdout, Stderr: &stderr}
		if code := o.End(row.verb, row.err, help, codeOf); code != row.code || stdout.String() != row.stdout || stderr.String() != row.stderr {
			t.Errorf("%v: exit code %d, stdout %q, stderr %q", row.err, code, stdout.String(), stderr.String())
		}
	}
}

func TestAResultIsTheOnlyObjectOnStdout(t *testing.T) {
	var stdout, stderr bytes.Buffer
	o := Output{Name: "tool", JSON: true, Stdout: &stdout, Stderr: &stderr}
	o.Say("for people")
	o.Result(map[string]int{"n": 1})
	o.End("go", errors.New("later"), help, codeOf)
	if stdout.String() != "{\"n\":1}\n" || stderr.String() != "tool go: later\n" {
		t.Errorf("stdout %q, stderr %q", stdout.String(), stderr.String())
	}
}

// full takes nothing, and says differently why each time.
type full struct{ writes int }

func (f *full) Write([]byte) (int, error) {
	f.writes++
	return 0, fmt.Errorf("full %d", f.writes)
}

func TestALostResultIsAFailure(t *testing.T) {
	result := func(o *Output) { o.Result("done") }
	say := func(o *Output) { o.Say("done"); o.Say("more") }
	for _, row := range []struct {
		name       string
		json, unit bool // unit: what init runs
		print      func(o *Output)
		err        error
		code       int
		stderr     string
	}{
		{"result", true, true, result, nil, ExitFailed, "tool go: cannot print the result: full 1\n"},
		{"lines", false, false, say, nil, ExitFailed, "tool go: cannot print the result: full 1\n"},
		{"lines of what init runs", false, true, say, nil, ExitDone, ""},
		{"reboot required", true, false, result, errReboot, ExitRebootRequired, "tool go: cannot print the result: full 1\n"},
		{"failure after the result", true, false, result, errors.New("no"), ExitRefused, "tool go: no\n"},
		{"failure that stdout did not take", true, false, func(*Output) {}, errors.New("no"), ExitRefused, "tool go: no\n"},
		{"nothing to print", true, false, func(*Output) {}, nil, ExitDone, ""},
	} {
		var stderr bytes.Buffer
		o := Output{Name: "tool", JSON: row.json, LinesCount: !row.unit, Stdout: &full{}, Stderr: &stderr}
		row.print(&o)
		if code := o.End("go", row.err, help, codeOf); code != row.code || stderr.String() != row.stderr {
			t.Errorf("%s: exit code %d, stderr %q", row.name, code, stderr.String())
		}
	}
}

func TestOptionsStandAnywhere(t *testing.T) {
	for _, args := range [][]string{
		{"--json", "go", "-o", "file", "a", "b"},
		{"go", "a", "--json", "b", "-o=file"},
		{"go", "-o", "file", "a", "--json", "b"},
	} {
		var o Output
		verb, rest, err := Verb(o.Flags(), args)
		if err != nil || verb != "go" {
			t.Fatalf("%q: verb %q, %v", args, verb, err)
		}
		flags := o.Flags()
		out := flags.String("o", "", "")
		words, err := Words(flags, rest)
		if err != nil || !slices.Equal(words, []string{"a", "b"}) || *out != "file" || !o.JSON {
			t.Errorf("%q: words %q, -o %q, JSON %t, %v", args, words, *out, o.JSON, err)
		}
	}
}

func TestWrongOptionsAreUsageErrors(t *testing.T) {
	var o Output
	_, _, none := Verb(o.Flags(), nil)
	_, _, before := Verb(o.Flags(), []string{"--no-such", "go"})
	_, behind := Words(o.Flags(), []string{"a", "--json=perhaps"})
	for _, err := range []error{none, before, behind} {
		if !errors.As(err, new(*UsageError)) {
			t.Errorf("%v is no usage error", err)
		}
	}
	if _, err := Words(o.Flags(), []string{"a", "--help"}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("%v", err)
	}
}
