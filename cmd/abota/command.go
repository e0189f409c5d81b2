package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"abota/cmd/internal/cli"
)

// command is one invocation and its options.
type command struct {
	cli.Output
	configs []string
	sets    []string
	booted  string
	verbose bool
	// byInit says that init runs this, and not a person.
	byInit bool
	// rateLimit is how many bytes a second downloads may take; 0 is no limit.
	rateLimit int64
	// checksum is what the operator says of the release, nil for what its
	// source says; an empty one is a script's mistake.
	checksum *string

	stdin io.Reader

	// verb is what this invocation does.
	verb    string
	environ []string
	log     *slog.Logger
}

// verb is one thing that abota can do.
type verb struct {
	name, args, help string
	// run registers its flags on the set, and returns what to do once they
	// are parsed.
	run func(c *command, flags *flag.FlagSet) func(ctx context.Context, args []string) error
	// max is how many arguments it takes at most.
	max int
}

// verbs in the order of the help text.
var verbs = []verb{
	{"install", "[SOURCE]", "install the offered release into the other slot", install, 1},
	{"check", "[SOURCE]", "say whether the source offers another release, or which jobs are pending", check, 1},
	{"info", "[SOURCE]", "prove a release and say what it holds, installing nothing", info, 1},
	{"status", "", "show slots, boot order and what is under way", status, 0},
	{"boot", "", "what init runs at every boot: prove a new release, keep it or go back", boot, 0},
	{"run", "", "the long-lived agent: look for releases, or take the jobs of AWS IoT, install and start them", runAgent, 0},
	{"mark", "good|bad|active [SLOT]", "confirm, give up or prefer a slot (default: the booted one)", mark, 2},
	{"rollback", "", "go back to the other slot and condemn the release that runs", rollback, 0},
	{"doctor", "", "say what an update would suffer from, and what to do about it", examine, 0},
	{"log", "", "show what happened to this device's updates", showLog, 0},
	{"report", "", "collect what support needs into one archive, without secrets", makeReport, 0},
	{"provision", "", "write the first boot table and journal, on the device or at the factory", provision, 0},
	{"init", "KIND", "print what makes init run abota: systemd, systemd-failed, systemd-complete, sysv, systemd-agent, sysv-agent, systemd-app", printInit, 1},
	{"version", "", "print the version", version, 0},
	{"force-reboot", "", "", forceAfter, 1},
}

const usageHead = `usage: abota [OPTIONS] VERB [ARGUMENTS]

abota updates an A/B device from an encrypted release, and comes back from a
bad one.

`

const usageTail = `
Options, before or after the verb:
  --config FILE    configuration, may be repeated (default /etc/abota/config.yaml, or $ABOTA_CONFIG)
  --set KEY=VALUE  override one configuration key, e.g. --set slots.b.device=/dev/mmcblk0p3
  --bucket, --endpoint, --slot-a, --slot-b VALUE
                   short for --set bucket=, endpoint=, slots.a.device=, slots.b.device=
  --key-file FILE  short for --set key_file=: the key on this device
  --booted A|B     which slot runs, where the kernel command line does not say it
  --json           one JSON object on stdout; progress and log as JSON lines on stderr
  -v               more on stderr

Options of verbs:
  install, check, info
            --checksum SUM       what the release's file has to be: its MD5, or
                                 sha256: and its SHA-256
  install   --reboot             restart into the new slot at once
            --reboot-exit-code   exit with 4 instead of 0 when a reboot is required
            --reinstall          also a release that is condemned or held
  rollback  --reboot             restart into the other slot at once
  boot      --init               what the unit and the script pass: outside of a
                                 trial no error makes init reboot the device
            --select             only set the link of directory slots, before what
                                 runs from them is started
            --await              only wait until the slot that runs is confirmed, for
                                 boot-complete.target
  run       --init               what the unit and the script pass: stderr is a log
  report    -o FILE              where to, or - for stdout
  provision --image FILE         into a disk image, with --state-dir DIR for the
                                 folder that becomes state_dir
            --root DIR           with --image: the folder that stands for the
                                 device's /. Files that the bootloader reads are
                                 made below it (for grub /boot/efi/abota/0/env
                                 becomes DIR/boot/efi/abota/0/env), state_dir too
            --both               both slots hold an image that may boot
            --release VERSION    the factory image's version
            --force              replace a boot table that is there; without it one
                                 that RAUC, Mender or SWUpdate left is taken over
                                 as it is

Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 nothing to do,
4 reboot required (with --reboot-exit-code), 5 untrusted or corrupt,
6 try again later (transport, or put off by a hook), 7 refused, or an update
would be at risk (doctor), 8 unhealthy and rolled back, 9 locked.

SOURCE is s3://BUCKET[/PREFIX], an http or https address of the release's file,
a folder, the release's file in a folder, or - for standard input. Checksum and
key lie beside the file. Standard input, and an address with a query (as
pre-signed ones have), hold the file alone: they need --key-file.
`

func usage(w io.Writer) {
	fmt.Fprint(w, usageHead)
	for _, v := range verbs {
		if v.help == "" {
			continue // not for people
		}
		fmt.Fprintf(w, "  %-30s %s\n", strings.TrimSpace(v.name+" "+v.args), v.help)
	}
	fmt.Fprint(w, usageTail)
}

// run is the whole command; it returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := &command{
		stdin:   stdin,
		Output:  cli.Output{Name: "abota", Stdout: stdout, Stderr: stderr},
		environ: os.Environ(), booted: os.Getenv("ABOTA_BOOTED"),
	}
	name, err := c.dispatch(ctx, args)
	return c.End(name, err, usage, exitCode)
}

// dispatch parses the command line and runs the verb.
func (c *command) dispatch(ctx context.Context, args []string) (string, error) {
	name, rest, err := cli.Verb(c.flagSet(), args)
	if err != nil {
		return "", err
	}
	for _, v := range verbs {
		if v.name == name {
			return name, c.runVerb(ctx, v, rest)
		}
	}
	return "", cli.Usage("%q is not a verb", name)
}

func (c *command) runVerb(ctx context.Context, v verb, args []string) error {
	flags := c.flagSet()
	do := v.run(c, flags)
	words, err := cli.Words(flags, args)
	if err != nil {
		return err
	}
	if len(words) > v.max {
		return cli.Usage("%q is one argument too many", words[v.max])
	}
	c.verb = v.name
	c.log = newLog(c.Stderr, c.JSON, c.verbose, c.byInit)
	// A console that takes no more lines must not fail a boot.
	c.LinesCount = v.name != "boot"
	return do(ctx, words)
}

// flagSet has the options that every verb takes.
func (c *command) flagSet() *flag.FlagSet {
	flags := c.Flags()
	flags.Func("config", "", func(s string) error { c.configs = append(c.configs, s); return nil })
	flags.Func("set", "", func(s string) error { c.sets = append(c.sets, s); return nil })
	for option, key := range map[string]string{"bucket": "bucket", "endpoint": "endpoint", "slot-a": "slots.a.device", "slot-b": "slots.b.device", "key-file": "key_file"} {
		flags.Func(option, "", func(s string) error {
			if s == "" && option == "key-file" {
				// A script's empty variable must not mean the key in the bucket.
				return errors.New("names no file")
			}
			c.sets = append(c.sets, key+"="+s)
			return nil
		})
	}
	flags.StringVar(&c.booted, "booted", c.booted, "")
	flags.BoolVar(&c.verbose, "v", c.verbose, "")
	return flags
}

// configPaths are the files to read: named by option, or by $ABOTA_CONFIG as
// a list with colons, or none for the default.
func (c *command) configPaths() []string {
	if len(c.configs) > 0 {
		return c.configs
	}
	if list := os.Getenv("ABOTA_CONFIG"); list != "" {
		return strings.FieldsFunc(list, func(r rune) bool { return r == ':' })
	}
	return nil
}
