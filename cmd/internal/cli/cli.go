// Package cli is what abota's commands share in how they speak to people and
// to scripts: exit codes, options, results, complaints and progress.
//
// # Guarantee
//
// Results go to stdout; complaints and progress go to stderr. A command that
// fails says why once, in one line. With --json stdout holds one JSON object,
// also when the command fails: the result if there was one, else the error,
// which stderr then does not repeat. Success whose result could not be printed
// is a failure. A progress bar never wraps on the terminal that it is shown on.
//
// # Not guaranteed
//
// Which error ends in which exit code is each command's own affair. A --json
// that stands behind a wrong option is not seen, and help is always text.
package cli

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// The exit codes. They are part of the interface: scripts and agents branch
// on them.
const (
	ExitDone           = 0
	ExitFailed         = 1
	ExitUsage          = 2
	ExitNothingToDo    = 3
	ExitRebootRequired = 4
	ExitUntrusted      = 5
	ExitTransport      = 6
	ExitRefused        = 7
	ExitUnhealthy      = 8
	ExitLocked         = 9
)

// Output is where one invocation of a command says what it has to say.
type Output struct {
	// Name is the command's.
	Name string
	// JSON asks for results and progress as JSON; --json sets it.
	JSON   bool
	Stdout io.Writer
	Stderr io.Writer
	// LinesCount makes a line of Say that got lost a failure, as a lost Result
	// always is. It is not for what init runs: that acts on the exit code, and
	// a console that takes no text says nothing about the firmware.
	LinesCount bool

	answered bool
	lost     error // the first error of stdout
}

// Result prints one JSON object on stdout.
func (o *Output) Result(v any) {
	text, err := json.Marshal(v)
	if err != nil {
		text = []byte(`{"error":{"code":1,"reason":"result cannot be encoded"}}`)
	}
	_, err = fmt.Fprintf(o.Stdout, "%s\n", text)
	o.answered = true
	o.lose(err)
}

// Say prints a line for people; with --json the result object says it all.
func (o *Output) Say(format string, args ...any) {
	if o.JSON {
		return
	}
	if _, err := fmt.Fprintf(o.Stdout, format+"\n", args...); o.LinesCount {
		o.lose(err)
	}
}

func (o *Output) lose(err error) {
	if o.lost == nil {
		o.lost = err
	}
}

// End says how the verb ended and returns the exit code: help is printed where
// it was asked for, and what is no success is complained of. A lost result
// turns ExitDone into ExitFailed; ExitRebootRequired stays, since it tells the
// caller what to do without the result.
func (o *Output) End(verb string, err error, help func(io.Writer), codeOf func(error) int) int {
	if errors.Is(err, flag.ErrHelp) {
		help(o.Stdout)
		return ExitDone
	}
	code := codeOf(err)
	switch {
	case code != ExitDone && code != ExitRebootRequired:
		o.complain(verb, code, err)
	case o.lost != nil:
		o.line(verb, fmt.Sprintf("cannot print the result: %v", o.lost))
		if code == ExitDone {
			return ExitFailed
		}
	}
	return code
}

// complain says once, in one line, why the command did not end in success.
func (o *Output) complain(verb string, code int, err error) {
	// What others wrote into an error may have several lines.
	reason := strings.Join(strings.Fields(err.Error()), " ")
	if errors.As(err, new(*UsageError)) {
		reason += " (" + o.Name + " --help says more)"
	}
	if o.JSON && !o.answered {
		o.Result(map[string]any{"error": map[string]any{"code": code, "reason": reason}})
		if o.lost == nil {
			return
		}
	}
	o.line(verb, reason)
}

func (o *Output) line(verb, reason string) {
	fmt.Fprintf(o.Stderr, "%s: %s\n", strings.TrimSpace(o.Name+" "+verb), reason)
}
