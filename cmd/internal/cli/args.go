package cli

import (
	"errors"
	"flag"
	"fmt"
	"io"
)

// UsageError is a wrong command line: it ends in ExitUsage, and the complaint
// points to --help.
type UsageError struct{ err error }

// Usage makes a UsageError.
func Usage(format string, args ...any) error { return &UsageError{fmt.Errorf(format, args...)} }

func (e *UsageError) Error() string { return e.err.Error() }
func (e *UsageError) Unwrap() error { return e.err }

// Flags is a set of options that has --json already.
func (o *Output) Flags() *flag.FlagSet {
	flags := flag.NewFlagSet(o.Name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.BoolVar(&o.JSON, "json", o.JSON, "")
	return flags
}

// Verb takes the options before the first word, which is the verb, and returns
// what follows it. Errors are a UsageError or flag.ErrHelp.
func Verb(flags *flag.FlagSet, args []string) (verb string, rest []string, err error) {
	if err := parse(flags, args); err != nil {
		return "", nil, err
	}
	if flags.NArg() == 0 {
		return "", nil, Usage("no verb given")
	}
	return flags.Arg(0), flags.Args()[1:], nil
}

// Words takes options before, between and after the words, and returns the
// words. Errors are a UsageError or flag.ErrHelp.
func Words(flags *flag.FlagSet, args []string) (words []string, err error) {
	for {
		if err := parse(flags, args); err != nil {
			return nil, err
		}
		if args = flags.Args(); len(args) == 0 {
			return words, nil
		}
		words, args = append(words, args[0]), args[1:]
	}
}

func parse(flags *flag.FlagSet, args []string) error {
	err := flags.Parse(args)
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return err
	}
	return Usage("%w", err)
}
