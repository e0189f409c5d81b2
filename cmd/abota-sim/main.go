// Command abota-sim plays updates on a virtual ARM or x86 board: a real U-Boot and a
// real Linux kernel under QEMU, which take encrypted releases from a real
// MinIO, fail, and come back. It needs no hardware, no root and no cloud.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
