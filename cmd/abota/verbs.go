package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"abota/bootctl"
	"abota/cmd/internal/cli"
	"abota/updater"
	"abota/updater/config"
	"abota/updater/hook"
	"abota/updater/release"
)

type action = func(context.Context, []string) error

func install(c *command, flags *flag.FlagSet) action {
	c.takeChecksum(flags)
	var opts updater.InstallOptions
	flags.BoolVar(&opts.Reinstall, "reinstall", false, "")
	andReboot := flags.Bool("reboot", false, "")
	codeFour := flags.Bool("reboot-exit-code", false, "")
	return func(ctx context.Context, args []string) error {
		cfg, err := c.load()
		if err != nil {
			return err
		}
		if byJobs(cfg, args) {
			return errTakesJobs()
		}
		d, err := c.openFor(ctx, cfg, writing, args)
		if err != nil {
			return err
		}
		defer d.Close()
		c.warnOfRisks(ctx, cfg)
		bar := progress{c.Progress("")}
		d.Progress = bar.show
		out, err := d.Install(ctx, opts)
		bar.End()
		switch {
		case errors.Is(err, updater.ErrNothingToDo) && *andReboot && d.Service == nil && out.RebootRequired && out.Slot != d.Booted:
			// Installed before, and its reboot was deferred or forgotten.
			_ = c.nothingToDo(out, err)
			return d.Restart(ctx)
		case errors.Is(err, updater.ErrNothingToDo):
			return c.nothingToDo(out, err)
		case errors.Is(err, hook.ErrDeferred) && c.JSON:
			c.Result(outcome(out, "deferred"))
			return err
		case err != nil:
			return err
		}
		if out.RebootRequired {
			c.Say("installed release %s in slot %s (%s): it boots next, on trial", out.Release.Name(), out.Slot, cli.Size(out.Size))
		} else {
			c.Say("installed release %s in slot %s (%s): it runs, and is confirmed", out.Release.Name(), out.Slot, cli.Size(out.Size))
		}
		if c.JSON {
			c.Result(outcome(out, "installed"))
		}
		if !out.RebootRequired {
			return nil
		}
		if *andReboot {
			return d.Restart(ctx)
		}
		if *codeFour {
			return errRebootRequired
		}
		c.Say("reboot to start it")
		return nil
	}
}

// outcome is an install or check as JSON.
func outcome(out updater.Outcome, result string) map[string]any {
	said := map[string]any{
		"result": result, "release": out.Release, "slot": out.Slot, "reboot_required": out.RebootRequired,
		"sha256": out.SHA256, "size": out.Size,
	}
	if out.Committed {
		said["committed"] = true
	}
	if len(out.Parts) > 1 {
		said["parts"] = out.Parts
	}
	return said
}

// nothingToDo is an answer, not a failure, but has its own exit code.
func (c *command) nothingToDo(out updater.Outcome, err error) error {
	if c.JSON {
		c.Result(outcome(out, "nothing to do"))
	}
	return err
}

func check(c *command, flags *flag.FlagSet) action {
	c.takeChecksum(flags)
	return func(ctx context.Context, args []string) error {
		cfg, err := c.load()
		if err != nil {
			return err
		}
		if byJobs(cfg, args) {
			return c.checkJobs(ctx, cfg)
		}
		d, err := c.openFor(ctx, cfg, reading, args)
		if err != nil {
			return err
		}
		defer d.Close()
		out, err := d.Check(ctx, updater.InstallOptions{})
		if errors.Is(err, updater.ErrNothingToDo) {
			return c.nothingToDo(out, err)
		}
		if err != nil {
			return err
		}
		c.Say("release %s is offered by %s; install would write slot %s", out.Release.Name(), out.Release.Source, out.Slot)
		if c.JSON {
			c.Result(outcome(out, "available"))
		}
		return nil
	}
}

// openFor opens the device with the release that the arguments name.
func (c *command) openFor(ctx context.Context, cfg *config.Config, how access, args []string) (*device, error) {
	d, err := c.openOn(cfg, func(d *device) error { return d.build(ctx, c, how) })
	if err != nil {
		return nil, err
	}
	r, err := c.release(d.cfg, args)
	if err != nil {
		d.Close()
		return nil, err
	}
	d.Engine.Release = offered{r}
	return d, nil
}

func info(c *command, flags *flag.FlagSet) action {
	c.takeChecksum(flags)
	return func(ctx context.Context, args []string) error {
		cfg, err := c.load()
		if err != nil {
			return err
		}
		if byJobs(cfg, args) {
			return cli.Usage("releases come as jobs of AWS IoT here (mode: aws-iot): `abota check` says what is pending, or give a SOURCE")
		}
		r, err := c.release(cfg, args)
		if err != nil {
			return err
		}
		id, parts, err := c.prove(ctx, offered{r})
		if err != nil {
			return err
		}
		c.Say("release   %s\nsource    %s\nsize      %s\nchecksum  %s\nidentity  %s (SHA-256)", named(id), id.Source, cli.Size(id.Size), checksumText(id.Checksum), id.SHA256)
		for _, p := range parts {
			c.Say("holds     %q, %s%s", p.Name, cli.Size(p.Size), partFor(cfg, p.Name))
		}
		const unprotected = "the classic format has no downgrade protection: an older release installs like a newer one"
		c.Say("note      %s", unprotected)
		if c.JSON {
			c.Result(map[string]any{"release": id, "parts": parts, "downgrade_protection": false})
		}
		return nil
	}
}

// partFor says which part of a slot of several an entry is for.
func partFor(cfg *config.Config, entry string) string {
	if len(cfg.Slots[bootctl.A].Group()) < 2 {
		return ""
	}
	return fmt.Sprintf(" (part %s)", updater.PartOf(entry))
}

// checksumText says of what kind a checksum is.
func checksumText(sum string) string {
	switch {
	case sum == "":
		return "none given"
	case strings.Contains(sum, ":"):
		return sum
	}
	return sum + " (MD5)"
}

// prove reads a release to its end, which proves it, and keeps nothing.
func (c *command) prove(ctx context.Context, r updater.Release) (release.ID, []release.Part, error) {
	payload, err := r.Open(ctx)
	if err != nil {
		return release.ID{}, nil, err
	}
	defer payload.Close()
	bar := progress{c.Progress("")}
	defer bar.End()
	var parts []release.Part
	for {
		part, err := payload.Next()
		if errors.Is(err, io.EOF) {
			return payload.ID(), parts, nil
		}
		if err != nil {
			return release.ID{}, nil, err
		}
		counted := &counter{bar: bar, payload: payload}
		if part.Size, err = io.Copy(counted, payload); err != nil {
			return release.ID{}, nil, err
		}
		parts = append(parts, part)
	}
}

// counter shows progress for bytes that go nowhere.
type counter struct {
	bar     progress
	payload updater.Payload
	n       int64
}

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	c.bar.show(updater.Progress{Release: c.payload.ID(), Fetched: c.payload.Fetched(), Written: c.n})
	return len(p), nil
}

func boot(c *command, flags *flag.FlagSet) action {
	flags.BoolVar(&c.byInit, "init", false, "")
	selectOnly := flags.Bool("select", false, "")
	await := flags.Bool("await", false, "")
	return func(ctx context.Context, _ []string) error {
		if *await {
			return c.awaitVerdict(ctx)
		}
		if *selectOnly {
			return c.selectSlot(ctx)
		}
		init := connectInit(os.Getenv, c.log)
		defer init.close()
		report, err := c.boot(ctx, init)
		if err != nil && c.byInit && !mustGoBack(report.Action, err) {
			c.log.Error("abota boot failed, but this is no trial: staying up", "error", err)
			return nil
		}
		return err
	}
}

// mustGoBack reports whether init may reboot the device because of an error:
// only in a trial. Rebooting a confirmed slot would heal nothing and take a
// working device down.
func mustGoBack(action updater.Action, err error) bool {
	switch action {
	case updater.Trial, updater.FinishRollback, updater.Leave:
		return true
	case updater.Unknown:
		return trialByLoader(err)
	}
	return false
}

// trialByLoader decides where nothing else could be read. The product's boot
// script says it on the kernel command line, and others in variables. What starts
// because all is exhausted is what a reboot would start again. Under any
// other loader a configuration that cannot be used counts as the fault of a new
// image.
func trialByLoader(err error) bool {
	script, readErr := readScriptWords()
	if readErr == nil && script.contract {
		return script.note != "exhausted" && (script.trial || trialByVariables())
	}
	return exitCode(err) == cli.ExitUsage
}

func (c *command) boot(ctx context.Context, init *initLink) (updater.BootReport, error) {
	d, err := c.open(ctx, booting)
	if err != nil {
		return updater.BootReport{}, err
	}
	defer d.Close()
	// Also where an unhealthy slot has to stay, for want of another.
	defer d.feedOn(ctx, init)
	report, err := d.Boot(ctx)
	if err != nil {
		return report, err
	}
	c.Say("slot %s booted: %s (%s)", report.Booted, report.Action, report.Why)
	if report.Committed {
		c.Say("slot %s is confirmed", report.Booted)
	}
	if c.JSON {
		c.Result(map[string]any{"booted": report.Booted, "decision": report.Action.String(), "why": report.Why, "committed": report.Committed, "table_rebuilt": report.Rebuilt})
	}
	return report, nil
}

func mark(c *command, _ *flag.FlagSet) action {
	return func(ctx context.Context, args []string) error {
		if len(args) == 0 {
			return cli.Usage("mark takes good, bad or active, and a slot")
		}
		d, err := c.open(ctx, writing)
		if err != nil {
			return err
		}
		defer d.Close()
		target := d.Booted
		if len(args) == 2 {
			if target, err = bootctl.ParseSlot(args[1]); err != nil {
				return cli.Usage("%w", err)
			}
		}
		as := map[string]func(bootctl.Slot) (updater.MarkResult, error){"good": d.MarkGood, "bad": d.MarkBad, "active": d.MarkActive}[args[0]]
		if as == nil {
			return cli.Usage("a slot cannot be marked %q: use good, bad or active", args[0])
		}
		result, err := as(target)
		if err != nil {
			return err
		}
		err = c.follow(ctx, d, &result)
		d.RunOwed(ctx)
		return errors.Join(c.marked(result, args[0]), err)
	}
}

func rollback(c *command, flags *flag.FlagSet) action {
	andReboot := flags.Bool("reboot", false, "")
	return func(ctx context.Context, _ []string) error {
		d, err := c.open(ctx, rescuing)
		if err != nil {
			return err
		}
		defer d.Close()
		result, err := d.Rollback()
		if err != nil {
			return err
		}
		err = c.follow(ctx, d, &result)
		if err := errors.Join(c.marked(result, "active"), err); err != nil || !*andReboot || !result.RebootRequired {
			return err
		}
		return d.RestartAnyway(ctx)
	}
}

// follow starts a directory slot that was made the first choice.
func (c *command) follow(ctx context.Context, d *device, result *updater.MarkResult) error {
	moved, err := d.Follow(ctx)
	if moved {
		result.RebootRequired = false
		c.Say("slot %s runs", d.Booted)
	}
	return err
}

func (c *command) marked(result updater.MarkResult, as string) error {
	c.Say("slot %s is marked %s", result.Slot, as)
	if result.RebootRequired {
		c.Say("the other slot starts at the next reboot")
	}
	if c.JSON {
		c.Result(map[string]any{"slot": result.Slot, "marked": as, "reboot_required": result.RebootRequired})
	}
	return nil
}

func version(c *command, _ *flag.FlagSet) action {
	return func(context.Context, []string) error {
		v := buildVersion()
		c.Say("abota %s", v)
		if c.JSON {
			c.Result(map[string]any{"version": v})
		}
		return nil
	}
}

// buildVersion is the module's version, or the commit that it was built from.
func buildVersion() string {
	built, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return built.Main.Version
}
