// Command abota-publish is the release side of abota: it makes keys, encrypts
// images into the classic release (a Fernet token over a zip, its MD5, its
// key), uploads that to S3, and shows what a release holds. It also makes the
// jobs of AWS IoT that update devices, and sees to them: package ota says how.
//
// # Guarantee
//
// Memory is constant, whatever the size of a file. Every file is written whole
// or not at all, and so is the folder that pack makes; an interrupted command
// leaves nothing half-made. Decrypted data appears only once all of it was
// authenticated. push changes the checksum, which is what devices look at,
// only after everything else is in place.
//
// # Not guaranteed
//
// The classic format says nothing about who made a release beyond who has its
// key, and has no downgrade protection. Killing the command outright (SIGKILL,
// power) can leave a hidden temporary file beside the output.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends it at once
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
