// Command abota updates the firmware of an A/B device: it streams a release
// into the slot that is not booted, proves it, moves the boot pointer, and
// comes back when the new system is not healthy. Init runs `abota boot` at
// every boot.
package main

import (
	"context"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	// A log that nobody reads any more must not end an install. What a restart
	// leaves running with abota's pipe as its output inherits this, and needs it.
	signal.Ignore(syscall.SIGPIPE)
	// The HTTP library's own remarks belong to nobody's output.
	log.SetOutput(io.Discard)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
