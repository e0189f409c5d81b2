package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"abota/sim"
	"abota/sim/awsiot/faults"
	"abota/sim/network"
	"abota/sim/parts"
)

// The exit codes.
const (
	exitSeen   = 0
	exitFailed = 1
	exitUsage  = 2
)

const usage = `usage: abota-sim [OPTIONS] VERB [ARGUMENTS]

  list              name the scenarios
  scenario NAME…    play scenarios; 0 only when every step was seen in the guest
  network [quick]   play every fault of networks and servers to the host's abota
  aws-faults [quick|WORDS…]  the same for jobs of AWS IoT: networks, documents,
                    cancels, power cuts; WORDS are in the names of rows to play
  fetch             get what all boards need into the cache, for runs without network
  crash FORM        take the power away from updates at every place, and judge
                    what is left; FORM is short or long
  boards [quick] [BOARD…]  a table of what happens to updates on each board, with
                    seconds; quick leaves cases out on all but the default one
  bootcuts [quick] [LOADER…]  boot every state that a power cut leaves of a boot
                    table: uboot, grub, grub-ext4, sdboot
  fleet [DEVICES]   1,000 simulated agents in a rollout by AWS IoT that stops
                    itself, and then the fix
  up                start a board and its object store, and stay until Ctrl-C
  up --aws          start an AWS IoT instead: control plane, MQTT, signer, S3

Options, before or after the verb:
  --board BOARD     arm64 (the default), amd64 and armhf have U-Boot; amd64-grub,
                    amd64-sdboot, arm64-sdboot and amd64-efi UEFI and that loader
                    (--arch is the same)
  --abota PATH      a static abota for that processor, instead of building one
  --console         show the board's serial console
  --keep            keep the work folder (it is kept anyway when a step fails)
  --json            up: print one line with every endpoint and key; boards: print
                    a line for each case
  --dir DIR         up --aws: make this the work folder
  --seed N          crash, bootcuts, fleet: which samples, noise, devices and moments (1)
  --guests N        crash, boards, bootcuts: how many boards may run at once, 1 or 2 (2)
  --state DIR       crash, bootcuts: where results are kept, to go on from
                    (build/crash, build/bootcuts)
`

// command is one invocation.
type command struct {
	board         parts.Board
	abota         string
	console, keep bool
	json, aws     bool
	dir           string
	crashing      crashOptions
	stdout        io.Writer
	stderr        io.Writer
}

var (
	// errUsage is a wrong command line.
	errUsage = errors.New("wrong usage")
	// errNotSeen is a scenario that failed; its timeline has said why.
	errNotSeen = errors.New("not every step was seen")
	// errInterrupted is somebody's Ctrl-C.
	errInterrupted = errors.New("interrupted")
)

// run is the whole command; it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c := &command{stdout: stdout, stderr: stderr}
	words, err := c.parse(args)
	if err == nil {
		err = c.dispatch(ctx, words)
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		return exitSeen
	case errors.Is(err, errUsage):
		fmt.Fprintf(stderr, "abota-sim: %v (abota-sim --help says more)\n", err)
		return exitUsage
	case err != nil:
		fmt.Fprintf(stderr, "abota-sim: %v\n", err)
		return exitFailed
	}
	return exitSeen
}

// parse takes options before, between and after the words.
func (c *command) parse(args []string) (words []string, err error) {
	flags := flag.NewFlagSet("abota-sim", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	c.board = parts.DefaultBoard()
	find := func(name string) (err error) {
		c.board, err = parts.FindBoard(name)
		return err
	}
	flags.Func("board", "", find)
	flags.Func("arch", "", find) // its name when boards differed by nothing else
	flags.StringVar(&c.abota, "abota", "", "")
	flags.BoolVar(&c.console, "console", false, "")
	flags.BoolVar(&c.keep, "keep", false, "")
	flags.BoolVar(&c.json, "json", false, "")
	flags.BoolVar(&c.aws, "aws", false, "")
	flags.StringVar(&c.dir, "dir", "", "")
	c.crashing.add(flags)
	for {
		if err := flags.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, err
			}
			return nil, fmt.Errorf("%w: %w", errUsage, err)
		}
		if flags.NArg() == 0 {
			return words, nil
		}
		words, args = append(words, flags.Arg(0)), flags.Args()[1:]
	}
}

func (c *command) dispatch(ctx context.Context, words []string) error {
	switch {
	case len(words) == 0:
		return fmt.Errorf("%w: no verb given", errUsage)
	case c.aws && (words[0] != "up" || len(words) != 1):
		return fmt.Errorf("%w: --aws belongs to up alone, not to %q", errUsage, words)
	case c.aws:
		return c.upAWS(ctx)
	case c.dir != "":
		return fmt.Errorf("%w: --dir belongs to up --aws", errUsage)
	case words[0] == "list" && len(words) == 1:
		return c.list()
	case words[0] == "scenario" && len(words) > 1:
		return c.scenarios(ctx, words[1:])
	case words[0] == "network" && len(words) == 1:
		return network.Run(ctx, c.stdout, false)
	case words[0] == "network" && len(words) == 2 && words[1] == "quick":
		return network.Run(ctx, c.stdout, true)
	case words[0] == "aws-faults" && len(words) == 2 && words[1] == "quick":
		return faults.Run(ctx, c.stdout, true)
	case words[0] == "aws-faults":
		return faults.Run(ctx, c.stdout, false, words[1:]...)
	case words[0] == "fetch" && len(words) == 1:
		return sim.Fetch(ctx, sim.NewTimeline(c.stdout))
	case words[0] == "crash" && len(words) == 2:
		return c.crash(ctx, words[1])
	case words[0] == "boards":
		return c.boards(ctx, words[1:])
	case words[0] == "bootcuts":
		return c.bootcuts(ctx, words[1:])
	case words[0] == "fleet" && len(words) <= 2:
		return c.fleet(ctx, words[1:])
	case words[0] == "up" && len(words) == 1:
		return c.play(ctx, sim.Factory(), c.stayUp)
	}
	return fmt.Errorf("%w: cannot make sense of %q", errUsage, words)
}

func (c *command) list() error {
	for _, s := range sim.Scenarios() {
		fmt.Fprintf(c.stdout, "%-14s  %s\n", s.Name, s.About)
	}
	return nil
}

func (c *command) scenarios(ctx context.Context, names []string) error {
	for _, name := range names {
		s, err := sim.FindScenario(name)
		if err == nil {
			err = s.Suits(c.board)
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errUsage, err)
		}
	}
	for _, name := range names {
		s, err := sim.FindScenario(name)
		if err != nil {
			return err
		}
		if err := c.play(ctx, s, nil); err != nil {
			return err
		}
	}
	return nil
}

// play builds a world in a work folder of its own, plays a scenario in it, and
// then does what follows.
func (c *command) play(ctx context.Context, s sim.Scenario, then func(context.Context, *sim.World, *sim.Timeline) error) error {
	out := c.stdout
	if c.json {
		out = c.stderr
	}
	timeline := sim.NewTimeline(out)
	dir, err := os.MkdirTemp("", "abota-sim-")
	if err != nil {
		return fmt.Errorf("make a work folder: %w", err)
	}
	timeline.Note("scenario %s on %s: %s", s.Name, c.board.Name, s.About)
	opts := sim.Options{Dir: dir, Board: c.board, Abota: c.abota, Setting: s.Setting, Timeline: timeline}
	if c.console {
		opts.Console = c.stderr
	}
	w, err := sim.NewWorld(ctx, opts)
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	err = c.playIn(ctx, w, s, timeline)
	if err == nil && then != nil {
		err = then(ctx, w, timeline)
	}
	command := w.CommandLine()
	closed := w.Close()
	if errors.Is(err, errNotSeen) || c.keep {
		fmt.Fprintf(c.stderr, "The work folder is kept: %s\nThis starts the board on its disk as it is now:\n  %s\n", dir, command)
		return errors.Join(err, closed)
	}
	return errors.Join(err, closed, os.RemoveAll(dir))
}

// playIn plays a scenario and says how it ended.
func (c *command) playIn(ctx context.Context, w *sim.World, s sim.Scenario, timeline *sim.Timeline) error {
	err := s.Play(ctx, w)
	if ctx.Err() != nil {
		return errInterrupted
	}
	timeline.Verdict(s, err)
	if err == nil {
		return nil
	}
	const lines = 25
	fmt.Fprintf(c.stderr, "The last lines of the serial console:\n")
	for _, line := range w.ConsoleTail(lines) {
		fmt.Fprintf(c.stderr, "  | %s\n", line)
	}
	return errNotSeen
}

// stayUp serves the world until it is interrupted.
func (c *command) stayUp(ctx context.Context, w *sim.World, timeline *sim.Timeline) error {
	return w.Serve(ctx, func(e sim.Endpoints) {
		if c.json {
			if err := json.NewEncoder(c.stdout).Encode(e); err != nil {
				timeline.Note("cannot print the endpoints: %v", err)
			}
			return
		}
		fmt.Fprintf(c.stdout, `
The board is up. Ctrl-C ends it.

  S3        %s   region %s   bucket %s
  keys      %s / %s
  a shell   curl -s %[6]s/run -d 'abota status'
  release   curl -s -X POST '%[6]s/publish?version=2&behaviour=healthy'
  plug      curl -s -X POST %[6]s/power/cut   or   %[6]s/power/on

`, e.S3.Endpoint, e.S3.Region, e.S3.Bucket, e.S3.AccessKey, e.S3.SecretKey, e.Control)
	})
}
