package main

import (
	"context"
	"flag"
	"strings"

	"abota/cmd/abota-publish/ota"
	"abota/cmd/internal/cli"
)

// otaVerb is one of those behind "ota".
type otaVerb struct {
	name  string
	job   bool   // it takes a job's id
	flags string // that are its own
	run   func(ctx context.Context, c *command, o *otaFlags, job string) error
}

// otaFlags are those of all of them.
type otaFlags struct {
	access ota.Access
	list   ota.ListOptions
	cancel ota.CancelOptions
}

var otaVerbs = []otaVerb{
	{"list", false, "status all", func(ctx context.Context, c *command, o *otaFlags, _ string) error {
		return ota.List(ctx, &c.Output, o.access, o.list)
	}},
	{"show", true, "", func(ctx context.Context, c *command, o *otaFlags, job string) error {
		return ota.Show(ctx, &c.Output, o.access, job)
	}},
	{"cancel", true, "force comment reason-code", func(ctx context.Context, c *command, o *otaFlags, job string) error {
		return ota.Cancel(ctx, &c.Output, o.access, job, o.cancel)
	}},
	{"delete", true, "force", func(ctx context.Context, c *command, o *otaFlags, job string) error {
		return ota.Delete(ctx, &c.Output, o.access, job, o.cancel.Force)
	}},
}

// ownFlags are those that only some of the verbs behind "ota" have.
const ownFlags = "status all force comment reason-code"

func manageOTA(c *command, flags *flag.FlagSet) action {
	var o otaFlags
	registerAccess(flags, &o.access)
	flags.StringVar(&o.list.Status, "status", "", "")
	flags.BoolVar(&o.list.All, "all", false, "")
	flags.BoolVar(&o.cancel.Force, "force", false, "")
	flags.StringVar(&o.cancel.Comment, "comment", "", "")
	flags.StringVar(&o.cancel.Reason, "reason-code", "", "")
	return func(ctx context.Context, args []string) error {
		for _, v := range otaVerbs {
			if v.name == args[0] {
				return v.call(ctx, c, flags, &o, args[1:])
			}
		}
		return cli.Usage("%q is not list, show, cancel or delete", args[0])
	}
}

func (v otaVerb) call(ctx context.Context, c *command, flags *flag.FlagSet, o *otaFlags, args []string) (err error) {
	flags.Visit(func(f *flag.Flag) {
		if has(ownFlags, f.Name) && !has(v.flags, f.Name) {
			err = cli.Usage("ota %s has no --%s", v.name, f.Name)
		}
	})
	job := strings.Join(args, " ")
	switch {
	case err != nil:
		return err
	case v.job && len(args) != 1:
		return cli.Usage("ota %s takes the id of one job", v.name)
	case !v.job && len(args) != 0:
		return cli.Usage("ota %s takes nothing more", v.name)
	}
	return v.run(ctx, c, o, job)
}

// has reports whether the list of words has one of them.
func has(list, word string) bool {
	return strings.Contains(" "+list+" ", " "+word+" ")
}
