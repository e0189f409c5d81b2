package sim

import (
	"context"
	"regexp"

	"abota/sim/guest"
)

// alone is a board that nobody gives an order: only its agent.
func alone() Scenario {
	return Scenario{
		Name:  "agent",
		About: "abota run takes a release by itself, waits for its trial, and leaves a sick one alone",
		Steps: steps(
			fromFactory(),
			agentStarts(),
			takenByItself("2", guest.Healthy),
			boots("version 2 starts from slot B, on trial", expected{slot: "B", version: "2", decision: "trial", trial: "B", good: "A"}),
			agentStarts(),
			agentSays("the agent waits for the trial", `msg=look outcome=busy error="the booted slot is on trial`),
			commits("B", "2"),
			takenByItself("3", guest.Unhealthy),
			boots("version 3 starts from slot A, on trial", expected{slot: "A", version: "3", decision: "trial", trial: "A", good: "B"}),
			fallsIll("3", "B"),
			boots("version 2 is back from slot B", expected{slot: "B", version: "2", decision: "nothing to do", good: "B", bad: "A", condemned: []string{"3"}}),
			agentStarts(),
			agentSays("the agent leaves version 3 alone", `msg=look outcome=unwanted`),
			agentStops(),
		),
	}
}

// agentStarts starts the agent by the script that abota prints for init.
func agentStarts() []Step {
	return []Step{{Title: "the agent is started", Do: func(ctx context.Context, w *World) (string, error) {
		_, err := w.guest(ctx, `abota init sysv-agent >/run/abota-agent &&
ABOTA_POLL='{interval: 3s, jitter: 1s}' PAUSE=1 sh /run/abota-agent start </dev/null >/dev/console 2>&1`, 0)
		return "abota init sysv-agent, poll every 3 s", err
	}}}
}

// takenByItself publishes a release and waits for the board to restart.
func takenByItself(version string, b guest.Behaviour) []Step {
	held := Step{Title: "a trial that follows is held", Do: func(ctx context.Context, w *World) (string, error) {
		_, err := w.guest(ctx, "touch "+hold, 0)
		return "a file on the data partition", err
	}}
	return append(append([]Step{held}, published(version, b)...), Step{Title: "the board installs it and restarts, and nobody told it to", Do: func(ctx context.Context, w *World) (string, error) {
		if _, err := w.awaitConsole(ctx, regexp.MustCompile(`msg=install outcome=waiting release=`+version+` `)); err != nil {
			return "", err
		}
		w.boot = w.seen
		_, err := w.awaitConsole(ctx, regexp.MustCompile(`reboot: Restarting system`))
		return "the agent says that it is installed, and the kernel that it restarts", err
	}})
}

// agentSays waits for a line of the agent's log.
func agentSays(title, line string) []Step {
	return []Step{{Title: title, Do: func(ctx context.Context, w *World) (string, error) {
		said, err := w.awaitConsole(ctx, regexp.MustCompile(`(`+line+`.*)$`))
		return said, err
	}}}
}

// agentStops ends the agent, after which the lock is free.
func agentStops() []Step {
	return []Step{{Title: "the agent stops when it is told to", Do: func(ctx context.Context, w *World) (string, error) {
		_, err := w.guest(ctx, `sh /run/abota-agent stop
n=0
while pgrep -f '[a]bota run' && [ $n -lt 60 ]; do sleep 1; n=$((n + 1)); done
! pgrep -f '[a]bota run' && abota status`, 0)
		return "no process is left, and abota status works", err
	}}}
}
