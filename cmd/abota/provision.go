package main

import (
	"context"
	"flag"
	"strings"
	"unicode"

	"abota/cmd/internal/cli"
	"abota/updater"
)

// provision writes the first boot table and journal: on the device that runs,
// or, with --image, into a disk image at the factory.
func provision(c *command, flags *flag.FlagSet) action {
	var opts updater.ProvisionOptions
	flags.BoolVar(&opts.Both, "both", false, "")
	flags.BoolVar(&opts.Force, "force", false, "")
	flags.StringVar(&opts.Version, "release", "", "")
	image := flags.String("image", "", "")
	root := flags.String("root", "", "")
	stateDir := flags.String("state-dir", "", "")
	return func(ctx context.Context, _ []string) error {
		if *stateDir != "" {
			c.sets = append(c.sets, "state_dir="+*stateDir)
		}
		open := func() (*device, error) {
			return c.openWith(func(d *device) error {
				d.unmade = true
				return d.build(ctx, c, writing)
			})
		}
		if strings.ContainsFunc(opts.Version, unicode.IsControl) {
			return cli.Usage("--release %q has control characters", opts.Version)
		}
		if *image != "" {
			if *stateDir == "" && *root == "" {
				return cli.Usage("provision --image needs --state-dir: the folder that becomes state_dir on the data partition")
			}
			opts.Factory = true
			open = func() (*device, error) {
				return c.openImage(ctx, factory{image: *image, root: *root, ownState: *stateDir != ""})
			}
		} else if *root != "" {
			return cli.Usage("provision --root is for --image: on the device all is where it is")
		}
		d, err := open()
		if err != nil {
			return err
		}
		defer d.Close()
		// The factory is where it can still be put right.
		if err := d.cfg.Private(); err != nil {
			return err
		}
		opts.Digest, opts.TakeOver = d.digest, takesOver(d.Backend)
		if b, ok := d.Backend.(interface{ Astray() error }); ok {
			opts.Astray = b.Astray
		}
		s, err := d.Provision(ctx, opts)
		if err != nil {
			return err
		}
		c.showStatus(statusJSON{Status: s})
		return nil
	}
}
