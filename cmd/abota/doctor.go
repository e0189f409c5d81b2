package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"abota/updater/config"
	"abota/updater/doctor"
)

// errAtRisk: as things are, an update should not be started.
var errAtRisk = errors.New("an update would be at risk")

// examine is `abota doctor`: it looks at everything that an update depends on,
// and changes nothing but a file of its own in the state directory, which it
// removes again.
func examine(c *command, _ *flag.FlagSet) action {
	return func(ctx context.Context, _ []string) error {
		cfg, err := c.load()
		if err != nil {
			return err
		}
		if err := cfg.NeedSlots(); err != nil {
			return err
		}
		found := doctor.Examine(c.facts(ctx, cfg))
		c.showFindings(found)
		if doctor.AtRisk(found) {
			return fmt.Errorf("%w: %s", errAtRisk, tally(found))
		}
		return nil
	}
}

func (c *command) showFindings(found []doctor.Finding) {
	for _, f := range found {
		c.Say("%-8s %-13s %s", f.Level, f.Check, oneLine(f.String()))
	}
	if len(found) == 0 {
		c.Say("nothing found that an update would suffer from")
	}
	if c.JSON {
		c.Result(map[string]any{
			"schema": 1, "at_risk": doctor.AtRisk(found), "findings": found,
			"errors": doctor.Count(found, doctor.Error), "warnings": doctor.Count(found, doctor.Warning),
		})
	}
}

func tally(found []doctor.Finding) string {
	return fmt.Sprintf("%s, %s", plural(doctor.Count(found, doctor.Error), "error"), plural(doctor.Count(found, doctor.Warning), "warning"))
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// warnOfRisks says before an update what it would suffer from. It stops none:
// what endangers the device the engine refuses by itself, and a device that
// cannot be reached any more but by its next release must not be kept from it.
// Who wants it stopped makes `abota doctor` the hook before_install.
func (c *command) warnOfRisks(ctx context.Context, cfg *config.Config) {
	for _, f := range doctor.Examine(c.facts(ctx, cfg)) {
		if f.Level == doctor.Error {
			c.log.Warn("this update is at risk", "check", f.Check, "finding", oneLine(f.String()))
		}
	}
}
