package main

import (
	"context"
	_ "embed"
	"flag"
	"fmt"

	"abota/cmd/internal/cli"
)

// The files that make init run `abota boot` and `abota run`. They are kept beside the command
// so that a device maker's image and this binary never disagree.
var (
	//go:embed init/abota.service
	systemdUnit string
	//go:embed init/abota-failed.service
	systemdFailedUnit string
	//go:embed init/abota-complete.service
	systemdCompleteUnit string
	//go:embed init/abota-app.conf
	systemdAppDropIn string
	//go:embed init/abota.sysv
	sysvScript string
	//go:embed init/abota-agent.service
	systemdAgentUnit string
	//go:embed init/abota-agent.sysv
	sysvAgentScript string
)

func printInit(c *command, _ *flag.FlagSet) func(context.Context, []string) error {
	return func(_ context.Context, args []string) error {
		kinds := map[string]string{
			"systemd": systemdUnit, "systemd-failed": systemdFailedUnit, "systemd-complete": systemdCompleteUnit, "sysv": sysvScript,
			"systemd-agent": systemdAgentUnit, "systemd-app": systemdAppDropIn, "sysv-agent": sysvAgentScript,
		}
		if len(args) != 1 || kinds[args[0]] == "" {
			return cli.Usage("init takes systemd, systemd-failed, systemd-complete, systemd-agent, systemd-app, sysv or sysv-agent")
		}
		fmt.Fprint(c.Stdout, kinds[args[0]])
		return nil
	}
}
